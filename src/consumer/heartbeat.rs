//! Keeps a job's lease while the job is carried out, and learns with it that somebody asked the run to stop.
//!
//! What must stay true: the run is stopped before the store may give its job away, and at once when the store says
//! that somebody else has it, or that its request was taken back. A hint makes the next look at the store come at once;
//! that each renewal looks anyway is the sure path.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Parts;
use crate::job::{JobLease, WriteRight};
use crate::pipeline::{Stop, StopReason};
use crate::store::{Renewal, StopHints};

/// Pause after a renewal that got no answer, while the lease still lasts.
const RETRY: Duration = Duration::from_secs(1);

/// A look at the store that was brought about by a hint comes at most this often: a burst of announcements, or a
/// connection for them that breaks again and again, must not become a burst of renewals.
const HINT_PAUSE: Duration = Duration::from_millis(100);

/// Renews until dropped; asks the run to stop when the lease is lost or the request for the run was taken back.
pub(super) async fn keep(parts: Parts, lease: JobLease, stop: Stop, mut hints: StopHints) {
    let mut next = Instant::now() + parts.config.current().agent.lifecycle.heartbeat_renew;
    let mut hint_counts_from = Instant::now();
    loop {
        let hint = async {
            hints.about(&lease.job.key).await;
            tokio::time::sleep_until(hint_counts_from).await;
        };
        tokio::select! {
            () = tokio::time::sleep_until(next.min(lease.valid_until())) => {}
            () = hint, if stop.asked().is_none() => hint_counts_from = Instant::now() + HINT_PAUSE,
        }
        if !lease.is_valid() {
            warn!(
                project = lease.job.key.project,
                ticket.id = lease.job.key.ticket,
                "the lease ran out; stopping the run"
            );
            stop.ask(StopReason::LeaseLost);
            return;
        }
        let times = parts.config.current().agent.lifecycle;
        let renewal =
            tokio::time::timeout_at(lease.valid_until(), parts.store.renew(&lease, times.heartbeat_ttl)).await;
        next = Instant::now() + times.heartbeat_renew;
        match renewal {
            Ok(Ok(Renewal::Renewed)) => {}
            Ok(Ok(Renewal::StopAsked(withdrawal))) => {
                let why = withdrawal.to_string();
                if stop.ask(StopReason::Withdrawn(withdrawal)) {
                    info!("stopping the run, because {why}");
                }
            }
            Ok(Ok(Renewal::Restored)) => info!("the store came back empty; the job is registered again"),
            Ok(Ok(Renewal::Lost)) => {
                lease.revoke();
                warn!(
                    project = lease.job.key.project,
                    ticket.id = lease.job.key.ticket,
                    "somebody else has the job; stopping the run"
                );
                stop.ask(StopReason::LeaseLost);
                return;
            }
            Ok(Err(error)) => {
                parts.availability.report(&error);
                next = Instant::now() + RETRY;
            }
            Err(_late) => next = Instant::now(),
        }
    }
}
