//! The routes of Jira's face and how it is started.

use std::io;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use axum::{Router, middleware};

use super::face::{Face, Version};
use super::guard::guard;
use super::hooks::dialect;
use super::options::{Deployment, SimOptions};
use super::problem::Problem;
use super::{account, changelog, comments, issues, search, transitions};
use crate::sim::board::Board;
use crate::sim::faults::Faults;
use crate::sim::hooks::Hooks;
use crate::sim::pages;
use crate::sim::quota::Quota;
use crate::sim::server::{Paths, SimServer};

/// Largest request body: far above the longest comment with every character escaped.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Serves `board` as Jira on 127.0.0.1 until the result is stopped or dropped. Its page, and what `agentsmith.yml` names
/// as `url`, is the site: [`SimServer::url`] and the context path.
///
/// # Errors
/// When the port is taken.
pub async fn serve(board: Board, options: SimOptions) -> io::Result<SimServer> {
    let (port, prefix) = (options.port, options.prefix.clone());
    let quota = options.quota.map(|limit| Quota::new(limit, options.quota_window));
    let faults = Faults::new(quota);
    let face = Face {
        board: board.acting_as(&options.login),
        faults: faults.clone(),
        options: Arc::new(options),
        version: Version::Two,
        writes: Arc::default(),
        documents: Arc::default(),
    };
    let hooks = Hooks::new(board.clone(), dialect(face.clone()));
    let pages = pages::router(board, PAGES);
    let mut router = Router::new().merge(pages.clone());
    if !prefix.is_empty() {
        router = router.nest(&prefix, pages);
    }
    for version in [Version::Two, Version::Three] {
        router =
            router.nest(&format!("{prefix}/rest/api/{}", version.segment()), api(Face { version, ..face.clone() }));
    }
    let router = router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let paths = Paths { api: format!("{prefix}/rest/api/3"), page: PAGES.tracker };
    SimServer::start(port, router, faults, hooks, paths).await
}

/// Where Jira has its pages. A tracker is a project of the site, and it is the site that a person configures.
const PAGES: pages::PagePaths = pages::PagePaths {
    platform: "Jira",
    tracker: |tracker| format!("/projects/{tracker}"),
    ticket: |tracker, ticket| format!("/browse/{tracker}-{}", ticket.number),
    tracker_route: "/projects/{tracker}",
    ticket_routes: &["/browse/{key}"],
};

fn api(face: Face) -> Router {
    let mut routes = Router::new();
    let is_cloud = face.options.deployment == Deployment::Cloud;
    if is_cloud || face.version == Version::Two {
        routes = routes
            .route("/myself", get(account::myself))
            .route("/serverInfo", get(account::server_info))
            .route("/mypermissions", get(account::my_permissions))
            .route("/user/permission/search", get(account::permitted))
            .route("/project/{key}", get(account::project))
            .route("/issue/{issue}", get(issues::read).put(issues::edit))
            .route("/issue/{issue}/transitions", get(transitions::list).post(transitions::carry_out))
            .route("/issue/{issue}/comment", get(comments::list).post(comments::write))
            .route("/issue/{issue}/comment/{comment}", put(comments::edit));
        routes = match is_cloud {
            true => routes
                .route("/issue/{issue}/changelog", get(changelog::list))
                .route("/search/jql", post(search::by_token).get(search::by_token_in_query))
                .route("/search", post(search::removed).get(search::removed)),
            false => routes.route("/search", post(search::counted)),
        };
    }
    routes
        .fallback(async || Problem::no_such_path())
        .layer(middleware::from_fn_with_state(face.clone(), guard))
        .with_state(face)
}
