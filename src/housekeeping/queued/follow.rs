//! Looking after tickets whose jobs have left the line since they were told that they wait.
//!
//! Who calls: `queued`, in each pass. What must stay true: a ticket is not left in a line that its job was dropped from; it
//! is set right under its claim lock, and only what is there already is edited.

use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tracing::debug;

use super::{LIMIT, Place, Queued, Told};
use crate::claim;
use crate::housekeeping::PROJECTS_AT_ONCE;
use crate::job::{ClaimLock, Job, JobState, Withdrawal, WriteRight};
use crate::pipeline::report::live::{cancelled_unrun, marker};
use crate::platform::{Comment, Platform, Writing};
use crate::run_record::RunState;
use crate::store;
use crate::ticket::TicketKey;

/// Passes in which a ticket is looked after whose job was dropped: ten minutes of the usual pause.
const FOLLOWED: u32 = 40;

impl Queued {
    /// Whoever takes a job says the next word; whoever drops it says the last one, and does not wait for ever for a word
    /// of ours that is on its way.
    pub(super) async fn follow_all(&mut self, left: Vec<Told>) -> store::Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        let keys: Vec<TicketKey> = left.iter().map(|told| told.job.key.clone()).collect();
        let states = match self.parts.store.job_states(&keys).await {
            Ok(states) => states,
            Err(error) => {
                self.told.extend(left.into_iter().map(by_run));
                return Err(error);
            }
        };
        let this = &*self;
        let followed: Vec<Option<Told>> = stream::iter(left.into_iter().zip(states))
            .map(|(told, state)| async move {
                match state {
                    // Out of sight: too far behind, or it waits for its next attempt. In line again its place is news.
                    Some(JobState::Queued | JobState::Claiming) => Some(Told { position: 0, ..told }),
                    Some(JobState::Running) => None,
                    None => this.follow(told).await,
                }
            })
            .buffer_unordered(PROJECTS_AT_ONCE)
            .collect()
            .await;
        self.told.extend(followed.into_iter().flatten().map(by_run));
        Ok(())
    }

    /// `Some`: the ticket could not be set right, and the next pass tries again.
    async fn follow(&self, told: Told) -> Option<Told> {
        let is_settled = match self.settle(&told).await {
            Ok(is_settled) => is_settled,
            Err(error) => {
                let (project, ticket) = (&told.job.key.project, &told.job.key.ticket);
                debug!(project, ticket.id = ticket, %error, "a dropped job's comment still says that it waits");
                false
            }
        };
        let followed = told.followed + 1;
        (!is_settled && followed < FOLLOWED).then_some(Told { followed, ..told })
    }

    /// True when nothing is left to do here.
    async fn settle(&self, told: &Told) -> Result<bool, claim::Error> {
        let (key, config) = (&told.job.key, self.parts.config.current());
        let Some(project) = config.projects.get(&key.project) else { return Ok(true) };
        let Ok(platform) = self.parts.trackers.of(project) else { return Ok(true) };
        if told.comment == Place::Nowhere || key.platform != project.tracker.platform() {
            return Ok(true);
        }
        let Some(withdrawal) = self.dropped(&told.job).await? else { return Ok(true) };
        let Some(lock) = self.parts.store.lock_claim(key).await? else { return Ok(false) };
        let said = cancelled_unrun(&told.job, &withdrawal, claim::ways(&config, project));
        let comment = Comment::new(marker(&told.job.run_id), said).writing(Writing::EditOnly);
        let setting_right = timeout(LIMIT, self.set_right(&lock, platform.as_ref(), &comment));
        let set_right = tokio::select! {
            set_right = setting_right => set_right.ok(),
            () = self.parts.stop.cancelled() => None,
        };
        // It may be on its way: the lock is left to expire.
        let Some(set_right) = set_right else { return Ok(false) };
        claim::release(self.parts.store.as_ref(), lock).await;
        set_right.map(|()| true)
    }

    /// The withdrawal that dropped this very run while it waited. One that stopped it while it ran is told with its result.
    async fn dropped(&self, job: &Job) -> store::Result<Option<Withdrawal>> {
        let store = &self.parts.store;
        let Some(run) = store.run(&job.run_id).await? else { return Ok(None) };
        let withdrawn = store.withdrawals(std::slice::from_ref(&job.key)).await?.pop().flatten();
        let is_cancelled = |state: RunState| state == RunState::Cancelled;
        let was_stopped = run.attempts.iter().any(|attempt| is_cancelled(attempt.state));
        let is_it = |withdrawal: &Withdrawal| run.reason == withdrawal.to_string();
        Ok(withdrawn.filter(|withdrawal| is_cancelled(run.state) && !was_stopped && is_it(withdrawal)))
    }

    /// The comment, then the label, if nobody has claimed the ticket anew: that forgets the withdrawal.
    async fn set_right(
        &self,
        lock: &ClaimLock,
        platform: &dyn Platform,
        comment: &Comment,
    ) -> Result<(), claim::Error> {
        platform.comment(lock, comment).await?;
        let keys = std::slice::from_ref(lock.ticket());
        if self.parts.store.job_states(keys).await? == [None] {
            self.parts.claims.settle_withdrawn(lock, keys, platform).await?;
        }
        Ok(())
    }
}

fn by_run(told: Told) -> (String, Told) {
    (told.job.run_id.clone(), told)
}
