//! The routes of Azure DevOps' face and how it is started.

use std::io;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{self, get, post};
use axum::{Router, middleware};
use url::form_urlencoded::byte_serialize;

use super::face::Face;
use super::guard::{SignIn, guard};
use super::hooks::dialect;
use super::problem::Problem;
use super::{comments, items, patch, projects, pulls, query, updates};
use crate::sim::board::Board;
use crate::sim::faults::Faults;
use crate::sim::git::Repositories;
use crate::sim::hooks::Hooks;
use crate::sim::pages;
use crate::sim::quota::Quota;
use crate::sim::server::{Paths, SimServer};

/// Largest request body: the longest comment with every character escaped, and room.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How a simulated Azure DevOps is set up.
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
    /// The organization, or the collection, whose API base `SimServer::api_url` gives. Trackers are named
    /// `organization/project`.
    pub organization: String,
    /// Where the API is served besides the root, such as `/tfs`; empty for the root alone.
    pub prefix: String,
    /// The newest api-version: 7.1 in the cloud, 6.0 on Server 2020, 5.0 on Server 2019.
    pub newest: (u32, u32),
    /// What a token that is not accepted is answered with.
    pub sign_in: SignIn,
    /// Requests in one window; the last tenth of them is delayed, further ones are refused. `None`: no limits, as on a
    /// server by default.
    pub quota: Option<u32>,
    /// How long a window is.
    pub quota_window: Duration,
    /// The wait on answers that are delayed.
    pub delay: Duration,
    /// Results of a query above which it is refused.
    pub most_results: usize,
    /// The token's owner may create tags that the project does not have yet; Stakeholders may not.
    pub may_create_tags: bool,
    /// `CONTAINS` finds parts of tags, as it does in other text fields.
    pub contains_parts: bool,
    /// State of an open ticket, and of a closed one.
    pub states: (String, String),
}

/// A personal access token in the cloud.
impl Default for SimOptions {
    fn default() -> Self {
        Self {
            port: 0,
            token: "simulated-azure-devops-token".to_owned(),
            repositories: None,
            login: "smith".to_owned(),
            organization: "org".to_owned(),
            prefix: String::new(),
            newest: (7, 1),
            sign_in: SignIn::default(),
            // Azure DevOps counts units of work, 200 in five minutes; a request of ours costs about a hundredth of one.
            quota: Some(20_000),
            quota_window: Duration::from_secs(300),
            delay: Duration::from_secs(5),
            most_results: 20_000,
            may_create_tags: true,
            contains_parts: false,
            states: ("New".to_owned(), "Closed".to_owned()),
        }
    }
}

/// Serves `board` as Azure DevOps on 127.0.0.1 until the result is stopped or dropped.
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
        states: (options.states.0.into(), options.states.1.into()),
        newest: options.newest,
        sign_in: options.sign_in,
        delay: options.delay,
        most_results: options.most_results,
        may_create_tags: options.may_create_tags,
        contains_parts: options.contains_parts,
    };
    // Links in deliveries lead to the prefix, where there is one.
    let hooks = Hooks::new(board.clone(), dialect(Face { prefix: options.prefix.as_str().into(), ..face.clone() }));
    let pages = pages::router(board, PAGES);
    let at_root = api().route_layer(middleware::from_fn_with_state(face.clone(), guard)).with_state(face.clone());
    let mut router = Router::new().merge(at_root).merge(pages);
    if !options.prefix.is_empty() {
        let face = Face { prefix: options.prefix.as_str().into(), ..face };
        let below = api()
            .fallback(async || Problem::no_route())
            .layer(middleware::from_fn_with_state(face.clone(), guard))
            .with_state(face);
        router = router.nest(&options.prefix, below);
    }
    let router = router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let router = Repositories::behind(options.repositories, &options.token, router);
    let api = format!("{}/{}", options.prefix, encoded(&options.organization));
    SimServer::start(options.port, router, faults, hooks, Paths { api, page: PAGES.tracker }).await
}

/// Where Azure DevOps has its pages.
const PAGES: pages::PagePaths = pages::PagePaths {
    platform: "Azure DevOps",
    tracker: |tracker| format!("/{}", tracker.split('/').map(encoded).collect::<Vec<_>>().join("/")),
    ticket: |tracker, ticket| match &ticket.change {
        Some(change) => {
            let tracker = tracker.split('/').map(encoded).collect::<Vec<_>>().join("/");
            format!("/{tracker}/_git/{}/pullrequest/{}", encoded(&change.repository), ticket.number)
        }
        None => format!("/{}", ticket_path(tracker, ticket.number)),
    },
    tracker_route: "/{owner}/{repo}",
    ticket_routes: &[
        "/{owner}/{repo}/_workitems/edit/{number}",
        "/{owner}/{repo}/_git/{repository}/pullrequest/{number}",
    ],
};

/// The path of a work item's page, without the slash at the beginning.
pub(super) fn ticket_path(tracker: &str, number: u64) -> String {
    let tracker = tracker.split('/').map(encoded).collect::<Vec<_>>().join("/");
    format!("{tracker}/_workitems/edit/{number}")
}

pub(super) fn encoded(part: &str) -> String {
    byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}

fn api() -> Router<Face> {
    let project = "/{owner}/{repo}/_apis/wit";
    let mut routes = Router::new()
        .route("/{owner}/_apis/projects/{project}", get(projects::read))
        .route("/{owner}/_apis/connectionData", get(projects::connection))
        .route(&format!("{project}/wiql"), post(query::run))
        .route(&format!("{project}/workitemsbatch"), post(items::batch))
        .route(&format!("{project}/workitemtypes/{{kind}}/states"), get(items::states));
    let repository = "/{owner}/{repo}/_apis/git/repositories/{repository}";
    routes = routes
        .route(&format!("{repository}/pullrequests"), get(pulls::list).post(pulls::open))
        .route(&format!("{repository}/pullrequests/{{number}}"), get(pulls::read).patch(pulls::edit));
    // Azure DevOps does not mind the case; both are documented.
    for name in ["workitems", "workItems"] {
        routes = routes
            .route(&format!("/{{owner}}/_apis/wit/{name}/{{number}}"), get(items::read_anywhere))
            .route(&format!("{project}/{name}/{{number}}"), get(items::read).patch(patch::update))
            .route(&format!("{project}/{name}/{{number}}/updates"), get(updates::list))
            .route(&format!("{project}/{name}/{{number}}/comments"), get(comments::list).post(comments::write))
            .route(&format!("{project}/{name}/{{number}}/comments/{{comment}}"), routing::patch(comments::edit));
    }
    routes.method_not_allowed_fallback(async || Problem::no_route())
}
