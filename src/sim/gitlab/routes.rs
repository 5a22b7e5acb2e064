//! The routes of GitLab's face and how it is started.

use std::io;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use axum::{Router, middleware};

use super::face::{Face, SimOptions};
use super::guard::guard;
use super::hooks::dialect;
use super::problem::Problem;
use super::{issues, label_events, labels, merges, notes, project};
use crate::sim::board::Board;
use crate::sim::faults::Faults;
use crate::sim::git::Repositories;
use crate::sim::hooks::Hooks;
use crate::sim::pages;
use crate::sim::quota::Quota;
use crate::sim::server::{Paths, SimServer};

/// Largest request body: the longest comment with every byte escaped in a form, and room.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Serves `board` as GitLab on 127.0.0.1 until the result is stopped or dropped.
///
/// # Errors
/// When the port is taken.
pub async fn serve(board: Board, options: SimOptions) -> io::Result<SimServer> {
    let faults = Faults::new(options.quota.map(|limit| Quota::new(limit, options.quota_window)));
    let (port, prefix) = (options.port, options.prefix.clone());
    let (repositories, token) = (options.repositories.clone(), options.token.clone());
    let face = Face::new(&board, faults.clone(), options);
    let hooks = Hooks::new(board.clone(), dialect(face.clone()));
    let api = api()
        .fallback(async || Problem::no_route())
        .layer(middleware::from_fn_with_state(face.clone(), guard))
        .with_state(face);
    let base = format!("{prefix}/api/v4");
    let mut router = Router::new().nest(&base, api).merge(pages::router(board.clone(), PAGES));
    if !prefix.is_empty() {
        router = router.nest(&prefix, pages::router(board, PAGES));
    }
    let router = router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let router = Repositories::behind(repositories, &token, router);
    SimServer::start(port, router, faults, hooks, Paths { api: base, page: PAGES.tracker }).await
}

/// Where GitLab has its pages.
const PAGES: pages::PagePaths = pages::PagePaths {
    platform: "GitLab",
    tracker: |tracker| format!("/{tracker}"),
    ticket: |tracker, ticket| {
        let kind = if ticket.is_pull_request { "merge_requests" } else { "issues" };
        format!("/{tracker}/-/{kind}/{}", ticket.number)
    },
    tracker_route: "/{owner}/{repo}",
    ticket_routes: &[
        "/{owner}/{repo}/-/issues/{number}",
        "/{owner}/{repo}/-/work_items/{number}",
        "/{owner}/{repo}/-/merge_requests/{number}",
    ],
};

fn api() -> Router<Face> {
    Router::new()
        .route("/user", get(project::user))
        .route("/projects/{id}", get(project::read))
        .route("/projects/{id}/labels", get(labels::list).post(labels::create))
        .route("/projects/{id}/issues", get(issues::list).post(issues::open))
        .route("/projects/{id}/issues/{iid}", get(issues::read).put(issues::edit))
        .route("/projects/{id}/issues/{iid}/notes", get(notes::list).post(notes::write))
        .route("/projects/{id}/issues/{iid}/notes/{note}", put(notes::edit))
        .route("/projects/{id}/issues/{iid}/notes/{note}/award_emoji", post(notes::award))
        .route("/projects/{id}/issues/{iid}/resource_label_events", get(label_events::list))
        .route("/projects/{id}/merge_requests", get(merges::list).post(merges::open))
        .route("/projects/{id}/merge_requests/{iid}", get(merges::read).put(merges::edit))
        .route("/projects/{id}/members/all/{user}", get(project::member))
        .method_not_allowed_fallback(async || Problem::error(http::StatusCode::METHOD_NOT_ALLOWED, "405 Not Allowed"))
}
