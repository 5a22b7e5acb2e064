//! The routes of GitHub's face and how it is started.

use std::io;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, patch, post};
use axum::{Router, middleware};

use super::face::Face;
use super::guard::guard;
use super::hooks::dialect;
use super::problem::Problem;
use super::{account, comments, events, issues, labels, pulls, repository};
use crate::sim::board::Board;
use crate::sim::faults::Faults;
use crate::sim::git::Repositories;
use crate::sim::hooks::Hooks;
use crate::sim::pages;
use crate::sim::quota::Quota;
use crate::sim::server::{Paths, SimServer};

/// Largest request body: the longest comment with every character escaped, and room.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How a simulated GitHub is set up.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The one token that is good.
    pub token: String,
    /// Repositories that git finds at their pages' addresses.
    pub repositories: Option<Repositories>,
    /// The login that the token belongs to; what it writes is recorded under this name.
    pub login: String,
    /// Where the API is served besides the root, without a slash at the end; empty for the root alone.
    pub prefix: String,
    /// Requests in one window; `None` shows no limits at all, as GitHub Enterprise Server does by default.
    pub quota: Option<u32>,
    /// How long a window is.
    pub quota_window: Duration,
}

/// A personal access token on GitHub: 5,000 requests an hour.
impl Default for SimOptions {
    fn default() -> Self {
        Self {
            port: 0,
            token: "simulated-github-token".to_owned(),
            repositories: None,
            login: "smith".to_owned(),
            prefix: "/api/v3".to_owned(),
            quota: Some(5_000),
            quota_window: Duration::from_secs(3_600),
        }
    }
}

/// Serves `board` as GitHub on 127.0.0.1 until the result is stopped or dropped.
///
/// # Errors
/// When the port is taken.
pub async fn serve(board: Board, options: SimOptions) -> io::Result<SimServer> {
    let quota = options.quota.map(|limit| Quota::new(limit, options.quota_window));
    let faults = Faults::new(quota);
    let face = Face {
        board: board.acting_as(&options.login),
        faults: faults.clone(),
        token: options.token.as_str().into(),
        login: options.login.into(),
        prefix: "".into(),
        repositories: options.repositories.clone(),
    };
    // Links in deliveries lead to the prefix, where there is one.
    let hooks = Hooks::new(board.clone(), dialect(Face { prefix: options.prefix.as_str().into(), ..face.clone() }));
    let pages = pages::router(board, PAGES);
    let at_root = api().route_layer(middleware::from_fn_with_state(face.clone(), guard)).with_state(face.clone());
    let mut router = Router::new().merge(at_root).merge(pages);
    if !options.prefix.is_empty() {
        let face = Face { prefix: options.prefix.as_str().into(), ..face };
        let below = api()
            .fallback(async || Problem::not_found())
            .layer(middleware::from_fn_with_state(face.clone(), guard))
            .with_state(face);
        router = router.nest(&options.prefix, below);
    }
    let router = router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let router = Repositories::behind(options.repositories, &options.token, router);
    SimServer::start(options.port, router, faults, hooks, Paths { api: options.prefix, page: PAGES.tracker }).await
}

/// Where GitHub has its pages.
const PAGES: pages::PagePaths = pages::PagePaths {
    platform: "GitHub",
    tracker: |tracker| format!("/{tracker}"),
    ticket: |tracker, ticket| {
        let kind = if ticket.is_pull_request { "pull" } else { "issues" };
        format!("/{tracker}/{kind}/{}", ticket.number)
    },
    tracker_route: "/{owner}/{repo}",
    ticket_routes: &["/{owner}/{repo}/issues/{number}", "/{owner}/{repo}/pull/{number}"],
};

fn api() -> Router<Face> {
    let mut routes = Router::new().route("/user", get(account::user)).route("/rate_limit", get(account::rate_limit));
    // The second form is the one in `Link` and `Location` headers.
    for repo in ["/repos/{owner}/{repo}", "/repositories/{id}"] {
        routes = routes
            .route(repo, get(repository::read))
            .route(&format!("{repo}/issues"), get(issues::list).post(issues::open))
            .route(&format!("{repo}/issues/{{number}}"), get(issues::read).patch(issues::edit))
            .route(
                &format!("{repo}/issues/{{number}}/labels"),
                get(labels::of_issue).post(labels::add).put(labels::replace).delete(labels::remove_all),
            )
            .route(&format!("{repo}/issues/{{number}}/labels/{{name}}"), delete(labels::remove))
            .route(&format!("{repo}/issues/{{number}}/comments"), get(comments::list).post(comments::write))
            .route(&format!("{repo}/issues/{{number}}/events"), get(events::list))
            .route(&format!("{repo}/issues/comments/{{comment}}"), patch(comments::edit))
            .route(&format!("{repo}/issues/comments/{{comment}}/reactions"), post(comments::react))
            .route(&format!("{repo}/collaborators/{{login}}/permission"), get(account::permission))
            .route(&format!("{repo}/pulls"), get(pulls::list).post(pulls::open))
            .route(&format!("{repo}/pulls/{{number}}"), get(pulls::read).patch(pulls::edit))
            .route(&format!("{repo}/labels"), get(labels::list).post(labels::create))
            .route(&format!("{repo}/labels/{{name}}"), get(labels::read));
    }
    // GitHub says 404 to a method that a path does not have.
    routes.method_not_allowed_fallback(async || Problem::not_found())
}
