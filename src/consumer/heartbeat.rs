//! Keeps a job's lease while the job is carried out.
//!
//! What must stay true: the run is stopped before the store may give its job away, and at once when the store says
//! that somebody else has it.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Parts;
use crate::job::{JobLease, WriteRight};
use crate::pipeline::{Stop, StopReason};
use crate::store::Renewal;

/// Pause after a renewal that got no answer, while the lease still lasts.
const RETRY: Duration = Duration::from_secs(1);

/// Renews until dropped; asks the run to stop when the lease is lost.
pub(super) async fn keep(parts: Parts, lease: JobLease, stop: Stop) {
    let mut next = Instant::now() + parts.config.current().agent.lifecycle.heartbeat_renew;
    loop {
        tokio::time::sleep_until(next.min(lease.valid_until())).await;
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
