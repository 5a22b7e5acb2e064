//! Work that seems lost: a ticket whose label says that it is queued or under way, and that has no job.
//!
//! Who calls: the reconcilers, which hold the ticket's lock and have just read it. What must stay true: such a label, set
//! by somebody else than us, starts no run that a trigger label of theirs would not start; a run of ours is made again
//! although its platform does not tell whose the label is. A claim that is half made was judged before it was recorded.

use tokio::time::timeout_at;

use super::{Admitted, Claim, ClaimService, Error, Rejection, Request, carries_trigger};
use crate::job::{AskedBy, ClaimLock, Job, WriteRight};
use crate::pipeline::resolve;
use crate::ticket::Ticket;

impl ClaimService {
    /// Whether the lifecycle label of such a ticket counts: one that we set does, and one that somebody set by hand who
    /// may start runs.
    ///
    /// # Errors
    /// When the platform could not be asked now.
    pub async fn counts_as_lost(
        &self,
        lock: &ClaimLock,
        request: &Request<'_>,
        ticket: &Ticket,
    ) -> Result<Admitted, Error> {
        let asking = self.admission.of_lost(request.project, request.platform, ticket);
        Ok(timeout_at(lock.valid_until(), asking).await.map_err(|_late| Error::TooSlow)??)
    }

    /// Queues a ticket whose label says Enqueued and that has no job, unless that label does not count.
    ///
    /// # Errors
    /// When the store or the platform could not be asked.
    pub async fn requeue(&self, lock: &ClaimLock, request: &Request<'_>, ticket: &Ticket) -> Result<Claim, Error> {
        let pipeline = resolve::pipeline_for(request.project, &ticket.labels);
        if !request.config.pipelines.contains_key(&pipeline) {
            return Ok(Claim::Rejected(Rejection::UnknownPipeline(pipeline)));
        }
        if let Admitted::No(reason) = self.counts_as_lost(lock, request, ticket).await? {
            return Ok(Claim::Rejected(Rejection::Actor(reason)));
        }
        let asked_by = match carries_trigger(request.project, &ticket.labels) {
            true => AskedBy::TriggerLabel,
            false => AskedBy::PendingLabel,
        };
        let job = Job::new(lock.ticket().clone(), pipeline, asked_by);
        if let Some(refusal) = self.record(lock, request.config, request.project, &job).await? {
            return Ok(refusal);
        }
        self.store.publish_claim(&job).await?;
        Ok(Claim::Claimed(job))
    }
}
