//! `POST /runs/{id}/cancel` and `POST /runs/{id}/retry`.
//!
//! What must stay true: both go through the claim service; a result that is recorded stands.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::info;

use super::answer::Refusal;
use super::routes::Desk;
use crate::claim::{Claim, Order, Recall, Request};
use crate::config::{Config, Project};
use crate::http::webhook::Stored;
use crate::job::AskedBy;
use crate::run_record::{RunRecord, RunState};
use crate::store::Withdrawn;

/// The name that tickets and logs show.
const BY: &str = "an operator";

/// What was done.
#[derive(Serialize)]
struct Done {
    result: &'static str,
    reason: String,
    run_id: String,
}

fn done(status: StatusCode, result: &'static str, reason: String, run_id: &str) -> Response {
    (status, Json(Done { result, reason, run_id: run_id.to_owned() })).into_response()
}

/// What an operator wants.
#[derive(Debug, Clone, Copy)]
pub(super) enum Steer {
    /// Stop it, or drop it while it waits.
    Cancel,
    /// Run its ticket again.
    Retry,
}

/// Does it.
pub(super) async fn steer(desk: &Desk, stored: &Stored, run: &RunRecord, steer: Steer) -> Result<Response, Refusal> {
    match steer {
        Steer::Cancel => cancel(desk, stored, run).await,
        Steer::Retry => retry(desk, stored, run).await,
    }
}

/// Takes the request back that this run is for.
async fn cancel(desk: &Desk, stored: &Stored, run: &RunRecord) -> Result<Response, Refusal> {
    let over = |word: &str| Refusal::conflict("over", format!("run {} is over already: {word}", run.run_id));
    if !run.state.is_live() {
        return Err(over(run.state.as_str()));
    }
    let config = desk.parts.config.current();
    let project = project_of(&config, run)?;
    let platform = desk.parts.trackers.of(project)?;
    let ticket = &run.key.ticket;
    let request = Request { config: &config, project, platform: platform.as_ref(), ticket, asked_by: None };
    info!(job.id = run.run_id, project = project.name, ticket.id = ticket, "an operator cancels a run");
    match stored.claims.withdraw(&request, Recall::Cancelled { by: Some(BY) }).await? {
        Withdrawn::Dropped(_) => {
            Ok(done(StatusCode::OK, "dropped", "it was waiting and is cancelled".to_owned(), &run.run_id))
        }
        Withdrawn::Stopping => {
            Ok(done(StatusCode::ACCEPTED, "stopping", "it is being stopped".to_owned(), &run.run_id))
        }
        Withdrawn::Over(verdict) => Err(over(RunState::from(verdict).as_str())),
        Withdrawn::Nothing | Withdrawn::Kept => Err(over("nothing of its ticket waits or runs")),
    }
}

/// Runs the ticket again with the same pipeline, as it is configured now; if it is gone, with what the labels ask for.
async fn retry(desk: &Desk, stored: &Stored, run: &RunRecord) -> Result<Response, Refusal> {
    let config = desk.parts.config.current();
    let project = project_of(&config, run)?;
    let platform = desk.parts.trackers.of(project)?;
    let (ticket, asked_by) = (&run.key.ticket, Some(AskedBy::Operator));
    let request = Request { config: &config, project, platform: platform.as_ref(), ticket, asked_by };
    let pipeline = config.pipelines.get_key_value(&run.pipeline).map(|(name, _)| name.as_str());
    info!(job.id = run.run_id, project = project.name, ticket.id = ticket, "an operator runs a ticket again");
    match stored.claims.claim_again(&request, Order { pipeline }).await? {
        Claim::Claimed(job) => {
            Ok(done(StatusCode::ACCEPTED, "claimed", format!("queued for {}", job.pipeline), &job.run_id))
        }
        Claim::AlreadyClaimed(why) => Err(Refusal::conflict("already_claimed", why)),
        Claim::Rejected(why) => Err(Refusal::conflict("rejected", why.to_string())),
    }
}

fn project_of<'a>(config: &'a Config, run: &RunRecord) -> Result<&'a Project, Refusal> {
    let project = config.projects.get(&run.key.project).map(AsRef::as_ref);
    project.ok_or_else(|| {
        Refusal::conflict("unknown_project", format!("project {} is not in agentsmith.yml", run.key.project))
    })
}
