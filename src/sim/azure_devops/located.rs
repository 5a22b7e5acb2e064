//! From the path of a request to the tracker it means.
//!
//! Every handler below a project takes a [`Located`], so none can forget who calls or whether the token may see it.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::face::Face;
use super::guard::{Caller, Version};
use super::problem::Problem;
use crate::sim::board::{TicketView, TrackerView};

/// A project that the caller may see.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) face: Face,
    pub(super) tracker: TrackerView,
    pub(super) caller: Caller,
    pub(super) version: Version,
    params: HashMap<String, String>,
}

/// An organization, whether or not there is one.
#[derive(Debug)]
pub(super) struct Organization {
    pub(super) face: Face,
    pub(super) name: String,
    pub(super) caller: Caller,
    params: HashMap<String, String>,
}

impl Located {
    /// The project `tracker`, for what is said of it without a request.
    pub(super) fn of(face: Face, tracker: TrackerView, caller: Caller, version: Version) -> Self {
        Self { face, tracker, caller, version, params: HashMap::new() }
    }

    /// The project's name, without the organization.
    pub(super) fn project(&self) -> &str {
        self.tracker.name.split_once('/').map_or("", |(_, project)| project)
    }

    /// The URL of the organization.
    pub(super) fn collection(&self) -> String {
        let organization = self.tracker.name.split('/').next().unwrap_or_default();
        format!("{}/{organization}", self.caller.api)
    }

    /// The work item in the path. A pull request is none.
    pub(super) fn ticket(&self) -> Result<TicketView, Problem> {
        let number = self.params.get("number").map_or("", String::as_str);
        self.look(number.parse().map_err(|_| Problem::no_item(number))?)
    }

    /// A work item of the project.
    pub(super) fn look(&self, number: u64) -> Result<TicketView, Problem> {
        let ticket = self.face.board.look(&self.tracker.name, number).ok();
        ticket.filter(|ticket| !ticket.is_pull_request).ok_or_else(|| Problem::no_item(number))
    }
}

impl Organization {
    /// A decoded part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The project that the tracker `name` is, for the shapes of answers.
    pub(super) fn at(&self, name: &str) -> Option<Located> {
        let tracker = self.face.board.tracker(name)?;
        let version = Version { number: self.face.newest, is_preview: false };
        Some(Located::of(self.face.clone(), tracker, self.caller.clone(), version))
    }

    /// The projects that the caller may see.
    pub(super) fn trackers(&self) -> Vec<TrackerView> {
        let of_it = |tracker: &TrackerView| {
            tracker.name.split_once('/').is_some_and(|(name, _)| name.eq_ignore_ascii_case(&self.name))
        };
        let mut trackers = self.face.board.trackers();
        trackers.retain(|tracker| !tracker.hidden && of_it(tracker));
        trackers
    }
}

async fn params(parts: &mut Parts, face: &Face) -> Result<HashMap<String, String>, Problem> {
    let found = Path::<HashMap<String, String>>::from_request_parts(parts, face).await;
    found.map(|Path(params)| params).map_err(|_| Problem::no_route())
}

fn caller(parts: &Parts) -> Result<Caller, Problem> {
    // The guard puts it there on every route of the API.
    parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::no_route)
}

impl FromRequestParts<Face> for Located {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let params = params(parts, face).await?;
        let caller = caller(parts)?;
        let version = *parts.extensions.get::<Version>().ok_or_else(Problem::no_route)?;
        let part = |name: &str| params.get(name).map_or("", String::as_str);
        let (organization, project) = (part("owner"), part("repo"));
        let trackers = face.board.trackers();
        let found = trackers.into_iter().find(|tracker| {
            // A former name leads nowhere, the id does.
            let is_named = tracker.name.to_lowercase() == format!("{organization}/{project}").to_lowercase();
            let is_of = tracker.name.split_once('/').is_some_and(|(name, _)| name.eq_ignore_ascii_case(organization));
            !tracker.hidden && (is_named || (is_of && super::json::guid(tracker.id) == project.to_lowercase()))
        });
        let tracker = found.ok_or_else(|| Problem::no_project(project))?;
        Ok(Self { face: face.clone(), tracker, caller, version, params })
    }
}

impl FromRequestParts<Face> for Organization {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let params = params(parts, face).await?;
        let name = params.get("owner").cloned().unwrap_or_default();
        Ok(Self { face: face.clone(), name, caller: caller(parts)?, params })
    }
}
