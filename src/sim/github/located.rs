//! From the path of a request to the tracker it means.
//!
//! Every handler below a repository takes a [`Located`], so none can forget who calls, whether the token may see the
//! repository, or where a renamed one is now.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use http::{Method, StatusCode};

use super::face::Face;
use super::guard::Caller;
use super::problem::Problem;
use crate::sim::board::{Board, BoardError, TicketView, TrackerView};

/// A repository that the caller may see.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) tracker: TrackerView,
    pub(super) caller: Caller,
    /// The board, acting as the caller.
    pub(super) board: Board,
    params: HashMap<String, String>,
    /// What follows the repository in the path.
    rest: String,
}

impl Located {
    /// The repository `tracker`, for what is said of it without a request.
    pub(super) fn of(tracker: TrackerView, caller: Caller, board: Board) -> Self {
        Self { tracker, caller, board, params: HashMap::new(), rest: String::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.tracker.name
    }

    /// The ticket number in the path.
    pub(super) fn number(&self) -> Result<u64, Problem> {
        self.param("number").parse().map_err(|_| Problem::not_found())
    }

    /// A decoded part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The ticket in the path.
    pub(super) fn ticket(&self) -> Result<TicketView, Problem> {
        self.board.look(self.name(), self.number()?).map_err(|error| self.problem(error))
    }

    /// The API URL of this repository by its id, the form that survives a rename.
    pub(super) fn by_id(&self) -> String {
        format!("{}/repositories/{}", self.caller.api, self.tracker.id)
    }

    /// The board's refusal; a transferred ticket is a redirect if the caller may see where it went.
    pub(super) fn problem(&self, error: BoardError) -> Problem {
        let BoardError::Transferred { tracker, number } = error else { return Problem::from_board(error) };
        match self.board.tracker(&tracker).filter(|tracker| !tracker.hidden) {
            Some(to) => {
                let below = self.rest.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
                let api = &self.caller.api;
                Problem::moved(format!("{api}/repositories/{}/issues/{number}{below}", to.id), false)
            }
            None => Problem::not_found(),
        }
    }
}

impl FromRequestParts<Face> for Located {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let Path(params) = Path::<HashMap<String, String>>::from_request_parts(parts, face)
            .await
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Bad Request"))?;
        // The guard puts it there on every route of the API.
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::not_found)?;
        let board = face.board.clone();
        let (found, asked, depth) = match (params.get("id"), params.get("owner"), params.get("repo")) {
            (Some(id), _, _) => (id.parse().ok().and_then(|id| board.tracker_by_id(id)), None, 3),
            (None, Some(owner), Some(repo)) => {
                let name = format!("{owner}/{repo}");
                (board.tracker(&name), Some(name), 4)
            }
            _ => (None, None, 0),
        };
        // Trackers are private: without credentials there is nothing to see.
        let visible = found.filter(|tracker| !tracker.hidden && caller.login.is_some());
        let tracker = visible.ok_or_else(Problem::not_found)?;
        let rest = parts.uri.path().splitn(depth, '/').nth(depth - 1).unwrap_or_default();
        let rest = rest.split_once('/').map(|(_, rest)| format!("/{rest}")).unwrap_or_default();
        let located = Self { tracker, caller, board, params, rest };
        if asked.is_some_and(|asked| !asked.eq_ignore_ascii_case(located.name())) {
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let keep_method = !matches!(parts.method, Method::GET | Method::HEAD);
            return Err(Problem::moved(format!("{}{}{query}", located.by_id(), located.rest), keep_method));
        }
        Ok(located)
    }
}
