//! The routes, who gets through to them, and how many at once.
//!
//! Made by `app`. What must stay true: nobody reaches a handler but through [`admit`]; a handler that is busy says so
//! instead of making others wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::answer::Refusal;
use super::limits::{AT_ONCE, LOGS_AT_ONCE, REFUSALS_LOGGED, STEERING};
use super::steer::Steer;
use super::{auth, find, list, log, steer};
use crate::config::Live;
use crate::http::held_back;
use crate::http::serve::Peer;
use crate::http::webhook::Stored;
use crate::platform::registry::Trackers;
use crate::run_record::RunRecord;
use crate::shutdown::Shutdown;

/// What operators are answered with.
pub struct Parts {
    /// The configuration in force.
    pub config: Live,
    /// Clients of the trackers.
    pub trackers: Trackers,
    /// The store and the claim service; `None` when there is none.
    pub stored: Option<Arc<Stored>>,
    /// Ends what is followed.
    pub shutdown: Shutdown,
    /// The name of this machine, as records give it.
    pub host: String,
}

/// Where operators ask.
pub struct Desk {
    pub(super) parts: Parts,
    at_once: Arc<Semaphore>,
    logs: Arc<Semaphore>,
    refused: Mutex<Option<Instant>>,
}

impl Desk {
    /// With these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let (at_once, logs) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(LOGS_AT_ONCE)));
        Arc::new(Self { parts, at_once, logs, refused: Mutex::default() })
    }

    fn stored(&self) -> Result<&Stored, Refusal> {
        self.parts.stored.as_deref().ok_or_else(|| {
            Refusal::unavailable("store_unavailable", "REDIS_URL is not set; set it, or start with --store embedded")
        })
    }

    async fn find(&self, name: &str) -> Result<RunRecord, Refusal> {
        find::find(self.stored()?.store.as_ref(), name).await
    }
}

/// The routes.
pub(in crate::http) fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/runs", get(list_runs))
        .route("/runs/{run}", get(show_run))
        .route("/runs/{run}/log", get(show_log))
        .route("/runs/{run}/cancel", post(cancel))
        .route("/runs/{run}/retry", post(retry))
        .route_layer(from_fn_with_state(Arc::clone(&desk), admit))
        .with_state(desk)
}

async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let token = desk.parts.config.current().operator_token.clone();
    match auth::admit(token.as_ref(), peer, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            desk.log_refusal(&refusal);
            refusal.into_response()
        }
    }
}

impl Desk {
    fn log_refusal(&self, refusal: &Refusal) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_some_and(|last| last.elapsed() < REFUSALS_LOGGED) {
            return debug!("a request for /runs was refused: {}", refusal.reason());
        }
        *refused = Some(Instant::now());
        warn!("a request for /runs was refused: {}", refusal.reason());
    }
}

fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    let busy = |_| Refusal::unavailable("busy", "too many requests at once");
    Arc::clone(places).try_acquire_owned().map_err(busy)
}

fn question<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    asked.map(|Query(question)| question).map_err(|rejection| Refusal::malformed(rejection.body_text()))
}

async fn list_runs(
    State(desk): State<Arc<Desk>>,
    asked: Result<Query<list::Question>, QueryRejection>,
) -> Result<Json<list::Page>, Refusal> {
    let _place = place(&desk.at_once)?;
    Ok(Json(list::list(desk.stored()?.store.as_ref(), question(asked)?).await?))
}

async fn show_run(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<Json<RunRecord>, Refusal> {
    let _place = place(&desk.at_once)?;
    let (run, config) = (desk.find(&name).await?, desk.parts.config.current());
    Ok(Json(held_back::explained(&config, desk.stored()?.store.as_ref(), run).await))
}

async fn show_log(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    asked: Result<Query<log::Question>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (place, asked) = (place(&desk.logs)?, question(asked)?);
    let (run, store) = (desk.find(&name).await?, Arc::clone(&desk.stored()?.store));
    log::log(&desk, store, run, &asked, place).await
}

async fn cancel(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    steered(desk, name, Steer::Cancel).await
}

async fn retry(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    steered(desk, name, Steer::Retry).await
}

/// In a task of its own, because one that breaks off half way keeps its ticket's claim lock until that expires.
async fn steered(desk: Arc<Desk>, name: String, steer: Steer) -> Result<Response, Refusal> {
    let place = place(&desk.at_once)?;
    let run = desk.find(&name).await?;
    let tasks = desk.parts.shutdown.tasks().clone();
    let work = tasks.spawn(async move {
        let _place = place;
        steer::steer(&desk, desk.stored()?, &run, steer).await
    });
    match timeout(STEERING, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_ended)) => Err(Refusal::unavailable("internal", "this broke off; it is a defect")),
        Err(_late) => {
            let reason = "the platform takes its time, and this goes on without the answer; look at the run again";
            Err(Refusal::unavailable("platform_unavailable", reason))
        }
    }
}
