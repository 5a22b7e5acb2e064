//! `GET /runs/{id}/log`: what an attempt printed, from its file on this machine, and what it still prints.
//!
//! What must stay true: no path comes from a request or from the store, only from the names of our own files; one that is
//! followed ends with the attempt, or when the process does; memory holds one chunk of a log.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::Refusal;
use super::limits::{CHUNK, LOG_PAUSE, STATE_PAUSE};
use super::routes::Desk;
use crate::pipeline::log_path;
use crate::run_record::{AttemptRecord, RunRecord, RunState};
use crate::store::Store;

/// What may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    attempt: Option<u32>,
    #[serde(default)]
    follow: bool,
}

/// The log, as a stream of text.
pub(super) async fn log(
    desk: &Desk,
    store: Arc<dyn Store>,
    run: RunRecord,
    question: &Question,
    place: OwnedSemaphorePermit,
) -> Result<Response, Refusal> {
    let attempt = attempt_of(&run, question.attempt)?;
    if attempt.host != desk.parts.host {
        let reason = format!(
            "attempt {} of run {} ran on {}, and this is {}: ask the server there",
            attempt.attempt, run.run_id, attempt.host, desk.parts.host
        );
        return Err(Refusal::conflict("other_host", reason));
    }
    let path = log_path(&desk.parts.config.current().agent.data_dir, &run.run_id, attempt.attempt);
    let file = File::open(&path).await.map_err(|error| unreadable(&run, attempt, &error))?;
    let follows = question.follow && attempt.state == RunState::Running;
    let of = Of { run_id: run.run_id.clone(), epoch: attempt.epoch };
    let end = desk.parts.shutdown.hard().clone();
    let follow = follows.then(|| Follow { store, of, looked: Instant::now(), end, last: false });
    let reading = Reading { path, file, at: 0, follow, _place: place };
    let chunks = stream::unfold(reading, |mut reading| async move {
        let chunk = reading.next().await.transpose()?;
        Some((chunk, reading))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn attempt_of(run: &RunRecord, number: Option<u32>) -> Result<&AttemptRecord, Refusal> {
    let attempt = match number {
        Some(number) => run.attempts.iter().find(|attempt| attempt.attempt == number),
        None => run.attempts.iter().rev().find(|attempt| attempt.log.is_some()).or(run.attempts.last()),
    };
    attempt.ok_or_else(|| match (number, run.attempts.is_empty()) {
        (Some(number), false) => Refusal::not_found(format!("run {} has no attempt {number}", run.run_id)),
        _ => Refusal::not_found(format!("run {} is {} and has printed nothing yet", run.run_id, run.state.as_str())),
    })
}

fn unreadable(run: &RunRecord, attempt: &AttemptRecord, error: &std::io::Error) -> Refusal {
    let which = format!("the log of attempt {} of run {}", attempt.attempt, run.run_id);
    match (error.kind(), &attempt.log) {
        (_, None) => Refusal::not_found(format!("{which} does not exist: none of its steps began")),
        (std::io::ErrorKind::NotFound, Some(path)) => Refusal::not_found(format!(
            "{which} is not here any more: old logs make room for new ones; or {path} is in another data directory"
        )),
        _ => Refusal::unavailable("log_unreadable", format!("{which} cannot be read: {error}")),
    }
}

/// Which attempt: another one may have its number by now.
struct Of {
    run_id: String,
    epoch: u64,
}

/// What is needed to know when the end of the file is the end.
struct Follow {
    store: Arc<dyn Store>,
    of: Of,
    looked: Instant,
    end: CancellationToken,
    /// The attempt is over: what is in the file now is all of it.
    last: bool,
}

/// A log that is being read.
struct Reading {
    path: PathBuf,
    file: File,
    at: u64,
    follow: Option<Follow>,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    /// The next chunk; `None` at the end.
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = self.file.read(&mut chunk).await?;
            if read > 0 {
                self.at += read as u64;
                chunk.truncate(read);
                return Ok(Some(chunk.into()));
            }
            let Some(follow) = &mut self.follow else { return Ok(None) };
            if follow.last {
                return Ok(None);
            }
            tokio::select! {
                () = follow.end.cancelled() => follow.last = true,
                () = tokio::time::sleep(LOG_PAUSE) => follow.look().await,
            }
            self.begin_again_if_replaced().await?;
        }
    }

    /// An attempt that was handed back gives its log's name to the next.
    async fn begin_again_if_replaced(&mut self) -> std::io::Result<()> {
        if tokio::fs::metadata(&self.path).await.is_ok_and(|meta| meta.len() < self.at) {
            self.at = self.file.seek(SeekFrom::Start(0)).await?;
        }
        Ok(())
    }
}

impl Follow {
    /// Finds out now and then whether the attempt is over. A store that does not answer is no evidence.
    async fn look(&mut self) {
        if self.looked.elapsed() < STATE_PAUSE {
            return;
        }
        self.looked = Instant::now();
        if let Ok(run) = self.store.run(&self.of.run_id).await {
            let attempts = run.map(|run| run.attempts).unwrap_or_default();
            self.last = !attempts.iter().any(|one| one.epoch == self.of.epoch && one.state == RunState::Running);
        }
    }
}
