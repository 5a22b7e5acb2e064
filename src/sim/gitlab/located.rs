//! From the path of a request to the tracker it means.
//!
//! Every handler below a project takes a [`Located`], so none can forget who calls, whether the token may see the
//! project, or where a renamed one is now. A project is named by its id or by its path in one encoded segment.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::Method;
use http::request::Parts;

use super::face::Face;
use super::guard::Caller;
use super::problem::Problem;
use crate::sim::board::{TicketView, TrackerView};

/// A project that the caller may see.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) tracker: TrackerView,
    pub(super) caller: Caller,
    /// What the handlers share; its board acts as the caller.
    pub(super) face: Face,
    /// The URL without its query, as the client wrote it.
    pub(super) url: String,
    number: String,
    params: HashMap<String, String>,
}

impl Located {
    /// A decoded part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub(super) fn name(&self) -> &str {
        &self.tracker.name
    }

    /// The number of the issue in the path.
    pub(super) fn number(&self) -> Result<u64, Problem> {
        self.number.parse().map_err(|_| Problem::bad_request("issue_iid is invalid"))
    }

    /// The ticket in the path, if the caller may see it.
    pub(super) fn ticket(&self) -> Result<TicketView, Problem> {
        let ticket = self.face.board.look(self.name(), self.number()?).map_err(Problem::from_board)?;
        if self.shows(&ticket) { Ok(ticket) } else { Err(Problem::not_found()) }
    }

    /// Merge requests are not issues and have numbers of their own; a confidential issue is shown to who may write.
    pub(super) fn shows(&self, ticket: &TicketView) -> bool {
        let may_see = self.tracker.can_write || self.is_author(ticket);
        !ticket.is_pull_request && (may_see || !(self.face.options.kind_of)(ticket).confidential)
    }

    pub(super) fn is_author(&self, ticket: &TicketView) -> bool {
        self.caller.login.as_deref() == Some(ticket.author.as_str())
    }

    /// The project's page.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.caller.instance, self.name())
    }
}

impl FromRequestParts<Face> for Located {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let Path(params) =
            Path::<HashMap<String, String>>::from_request_parts(parts, face).await.map_err(|_| Problem::no_route())?;
        // The guard puts it there on every route of the API.
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::no_route)?;
        let asked = params.get("id").cloned().unwrap_or_default();
        let by_id = asked.parse().ok();
        let found = match by_id {
            Some(id) => face.board.tracker_by_id(id),
            None => face.board.tracker(&asked),
        };
        // Trackers are private: without credentials there is nothing to see.
        let visible = found.filter(|tracker| !tracker.hidden && caller.login.is_some());
        let tracker = visible.ok_or_else(Problem::no_project)?;
        if by_id.is_none() && !asked.eq_ignore_ascii_case(&tracker.name) {
            if parts.method != Method::GET {
                return Err(Problem::moved_write());
            }
            let rest: String = parts.uri.path().split('/').skip(3).flat_map(|part| ["/", part]).collect();
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            return Err(Problem::moved(format!("{}/projects/{}{rest}{query}", caller.api(), tracker.id)));
        }
        let url = format!("{}{}", caller.api(), parts.uri.path());
        let number = params.get("iid").cloned().unwrap_or_default();
        Ok(Self { tracker, caller, face: face.clone(), url, number, params })
    }
}
