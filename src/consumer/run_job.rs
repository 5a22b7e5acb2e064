//! One job's life: read the ticket, show InProgress, run the pipeline, show the result.
//!
//! `end` is how a job leaves, `show` what is written about it. What must stay true: whatever happens, the job ends in
//! exactly one of finish, hand back, or abandon (the lease is somebody else's); a result is recorded in the store before it is shown, so a crash in between shows it again and
//! never runs the steps again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::budget::UsedUp;
use super::end::{self, End, LATER};
use super::record::Record;
use super::{Parts, SOURCE};
use super::{heartbeat, show};
use crate::claim::taken_back;
use crate::clock;
use crate::config::{Action, Pipeline, Project, Retry, Step};
use crate::job::{JobLease, RunResult, Verdict, Withdrawal};
use crate::lifecycle::Lifecycle;
use crate::pipeline::{GivenUp, Hands, Outcome, RunReport, RunRequest, Stop, StopReason, Writer, report};
use crate::platform::Platform;
use crate::store::{ReleaseReason, StopHints};
use crate::ticket::Ticket;

/// A job older than this is not kept waiting for a project that is not in the file: an edit that was a mistake, or one
/// that spreads over the replicas, is over by then.
const WITHOUT_PROJECT: Duration = Duration::from_secs(300);

/// Longest pause before a failed run is begun again. Whoever waits for more has looked already.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

/// Carries out one taken job, whatever happens.
pub(super) async fn run_job(parts: Parts, lease: JobLease, hints: StopHints) {
    let key = &lease.job.key;
    let span = info_span!(
        "job", ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
        pipeline = lease.job.pipeline, job.id = lease.job.run_id, job.attempt = lease.attempt
    );
    async {
        let stop = Stop::default();
        // The heartbeat must not outlive the job, however the job's task ends.
        let beat = AbortOnDropHandle::new(tokio::spawn(
            heartbeat::keep(parts.clone(), lease.clone(), stop.clone(), hints).in_current_span(),
        ));
        let record = Record::begin();
        let end = match JobRun::new(&parts, &lease, &stop, &record).carry_out().await {
            Ok(end) => {
                if matches!(end, End::Finish) {
                    parts.health.take_back(SOURCE, &format!("project:{}", lease.job.key.project));
                }
                end
            }
            Err(given_up) => {
                end::complain(&parts, &lease, &given_up);
                record.because(end::in_words(&given_up));
                given_up.into()
            }
        };
        record.end(&parts, &lease, &end).await;
        end::leave(&parts, &lease, end).await;
        drop(beat);
    }
    .instrument(span)
    .await;
}

/// A job in the hands of this consumer. `show` has what it writes to the ticket.
pub(super) struct JobRun<'a> {
    pub(super) parts: &'a Parts,
    pub(super) lease: &'a JobLease,
    pub(super) writer: Writer,
    pub(super) stop: &'a Stop,
    pub(super) record: &'a Record,
}

impl<'a> JobRun<'a> {
    fn new(parts: &'a Parts, lease: &'a JobLease, stop: &'a Stop, record: &'a Record) -> Self {
        Self { parts, lease, writer: parts.writer(lease), stop, record }
    }

    async fn carry_out(&self) -> Result<End, GivenUp> {
        let config = self.parts.config.current();
        let Some(project) = config.projects.get(&self.lease.job.key.project) else {
            return Ok(self.without_project());
        };
        let tracker = match self.parts.trackers.of(project) {
            Ok(tracker) => tracker,
            Err(error) => return Err(GivenUp::Refused(error)),
        };
        let platform = tracker.as_ref();
        let ticket = self.read(platform).await?;
        self.record.read(&ticket);
        if let Some(result) = &self.lease.earlier_result {
            return self.show_earlier(platform, result, &ticket).await;
        }
        if let Some(withdrawal) = &self.lease.stop_asked {
            info!("not run again, because {withdrawal}");
            self.record.because(withdrawal.to_string());
            let comment = report::cancelled_unfinished(&self.lease.job.pipeline, withdrawal);
            return self.conclude(platform, RunResult { verdict: Verdict::Cancelled, comment }).await;
        }
        let pipeline = config.pipelines.get(&self.lease.job.pipeline);
        let by_us = pipeline.is_some_and(|pipeline| self.may_have_closed(pipeline, &ticket));
        if !by_us && let Some(end) = self.drop_unrun(project, platform, &ticket).await? {
            return Ok(end);
        }
        match self.refusal(pipeline.map(Arc::as_ref), &ticket) {
            Some(result) => self.conclude(platform, result).await,
            None => match pipeline {
                Some(pipeline) => self.run(project, &tracker, &ticket, pipeline).await,
                None => Ok(End::Finish),
            },
        }
    }

    /// Another replica may know the project, or an edit brings it back: nothing was tried, so that no attempt counts,
    /// and the age of the claim bounds how long we wait. A dropped job is queued again when the project is back,
    /// because the ticket still shows its label.
    fn without_project(&self) -> End {
        let project = &self.lease.job.key.project;
        if claimed_ago(&self.lease.job.run_id) > WITHOUT_PROJECT {
            error!("project {project} is not in agentsmith.yml; its job is dropped");
            self.record.because("its project is not in agentsmith.yml");
            return End::Finish;
        }
        warn!("project {project} is not in agentsmith.yml; its job waits {} s", LATER.as_secs());
        End::HandBack(ReleaseReason::HandedBack, LATER)
    }

    async fn read(&self, platform: &dyn Platform) -> Result<Ticket, GivenUp> {
        let id = &self.lease.job.key.ticket;
        self.writer.try_first(|| platform.read(id)).await
    }

    /// The run is over, whatever became of the ticket since. A label that is terminal, or that a person has reset, is
    /// left as it is.
    async fn show_earlier(&self, platform: &dyn Platform, result: &RunResult, ticket: &Ticket) -> Result<End, GivenUp> {
        info!("an earlier attempt had finished; showing its result");
        self.record.result(result.verdict);
        self.record.because("an earlier attempt had finished; its result was shown");
        match Lifecycle::of(&ticket.labels) {
            Some(Lifecycle::Enqueued | Lifecycle::InProgress) => self.show(platform, result).await,
            Some(Lifecycle::Done) => self.move_and_comment(platform, result).await.map(|()| End::Finish),
            Some(_) | None => self.comment(platform, result).await.map(|()| End::Finish),
        }
    }

    /// True when the ticket stands closed where an earlier attempt of this run may have moved it.
    fn may_have_closed(&self, pipeline: &Pipeline, ticket: &Ticket) -> bool {
        let moves_there = |step: &Step| matches!(&step.action, Action::SetStatus(status) if status.to_lowercase() == ticket.state.to_lowercase());
        self.lease.attempt > 1
            && !ticket.open
            && Lifecycle::of(&ticket.labels) == Some(Lifecycle::InProgress)
            && pipeline.steps.iter().any(moves_there)
    }

    /// Tickets that ask for no run any more.
    async fn drop_unrun(
        &self,
        project: &Project,
        platform: &dyn Platform,
        ticket: &Ticket,
    ) -> Result<Option<End>, GivenUp> {
        let lifecycle = Lifecycle::of(&ticket.labels);
        if let Some(cause) = taken_back(project, self.lease.job.asked_by, ticket)
            && !lifecycle.is_some_and(Lifecycle::is_terminal)
        {
            let why = Withdrawal::new(cause, None).to_string();
            info!("{why}: the job is dropped unrun");
            self.record.because(why);
            self.transition(platform, None).await?;
            return Ok(Some(End::Finish));
        }
        match lifecycle {
            Some(Lifecycle::Enqueued | Lifecycle::InProgress) => Ok(None),
            Some(state @ (Lifecycle::Done | Lifecycle::Failed)) => {
                info!("the ticket shows {state} already: the job is dropped unrun");
                self.record.because(format!("the ticket shows {state} already"));
                Ok(Some(End::Finish))
            }
            Some(Lifecycle::Pending) | None => {
                info!("the ticket was reset: the job is dropped unrun");
                self.record.because("the ticket was reset");
                Ok(Some(End::Finish))
            }
        }
    }

    /// A result that stands before anything has run.
    fn refusal(&self, pipeline: Option<&Pipeline>, ticket: &Ticket) -> Option<RunResult> {
        let (job, attempt) = (&self.lease.job, self.lease.attempt);
        let Some(pipeline) = pipeline else {
            self.record.because(format!("there is no pipeline {}", job.pipeline));
            return Some(failed(report::unknown_pipeline(&job.pipeline)));
        };
        let started_before = attempt > 1 && Lifecycle::of(&ticket.labels) == Some(Lifecycle::InProgress);
        if attempt > pipeline.attempts {
            self.record.because(format!("given up: {} attempts broke off", pipeline.attempts));
            return Some(failed(report::gave_up(&job.pipeline, pipeline.attempts)));
        }
        (started_before && pipeline.retry == Retry::Never).then(|| {
            self.record.because("an attempt broke off, and the pipeline says `retry: never`");
            failed(report::not_retried(&job.pipeline, attempt - 1))
        })
    }

    async fn run(
        &self,
        project: &Project,
        tracker: &Arc<dyn Platform>,
        ticket: &Ticket,
        pipeline: &Pipeline,
    ) -> Result<End, GivenUp> {
        let platform = tracker.as_ref();
        let show = || platform.transition(self.lease, Some(Lifecycle::InProgress));
        self.writer.try_first(show).await?;
        let config = self.parts.config.current();
        let hands = self.hands(project, tracker)?;
        let allowance = match self.allowance(pipeline, ticket).await? {
            Ok(allowance) => allowance,
            Err(used_up) => return self.conclude(platform, self.not_begun(used_up)).await,
        };
        let pipeline = &*allowance.within(pipeline);
        info!("running {} for {}", pipeline.name, self.lease.job.key);
        let request = RunRequest {
            job: &self.lease.job,
            attempt: self.lease.attempt,
            ticket,
            pipeline,
            secrets: &config.secrets,
            mask: show::mask(&config),
            hands,
            stop: self.stop.clone(),
            right: Arc::new(self.lease.clone()),
            progress: self.record.steps_begin(ticket),
        };
        let record = self.record.clone().keep(self.parts.clone(), self.lease.clone());
        let recording = AbortOnDropHandle::new(tokio::spawn(record.in_current_span()));
        let mut run = std::pin::pin!(self.parts.runner.run(request));
        let report = tokio::select! {
            report = &mut run => report,
            reason = self.watch(project, platform) => {
                self.stop.ask(reason);
                run.await
            }
        };
        drop(recording);
        let again_in = again_in(pipeline, &report);
        match (again_in, allowance.used_up(&report, again_in)) {
            (Some(pause), None) => {
                self.record.because(end::why(&report));
                self.try_again(platform, pause).await
            }
            (_, used_up) => self.after_run(platform, &report, used_up).await,
        }
    }

    /// What the run may reach outside of its workspace.
    fn hands(&self, project: &Project, tracker: &Arc<dyn Platform>) -> Result<Hands, GivenUp> {
        Ok(Hands {
            platform: Arc::clone(tracker),
            source: project.source.clone(),
            forge: self.parts.trackers.forge_of(project).map_err(GivenUp::Refused)?,
            writer: self.writer.clone(),
        })
    }

    /// The run failed and its pipeline gives it another attempt: nothing is recorded, the ticket waits again. The attempt
    /// counts also when the label cannot be written, or a platform that is away would make it run again and again.
    async fn try_again(&self, platform: &dyn Platform, pause: Duration) -> Result<End, GivenUp> {
        info!("the run failed: it is begun again in {} s", pause.as_secs());
        match self.transition(platform, Some(Lifecycle::Enqueued)).await {
            Err(GivenUp::LeaseLost) => return Err(GivenUp::LeaseLost),
            Err(error) => warn!(?error, "could not show that the ticket waits again; its next consumer does not mind"),
            Ok(()) => {}
        }
        Ok(End::HandBack(ReleaseReason::Broken, pause))
    }

    async fn after_run(
        &self,
        platform: &dyn Platform,
        report: &RunReport,
        used_up: Option<UsedUp>,
    ) -> Result<End, GivenUp> {
        end::log(report);
        let used_up = used_up.map(UsedUp::in_words);
        self.record.because(used_up.iter().fold(end::why(report), |why, used_up| format!("{why}; {used_up}")));
        match report.verdict() {
            Some(verdict) => {
                let comment = report::comment(report, &show::mask(&self.parts.config.current()));
                let note = used_up.map(|used_up| report::not_begun_again(&used_up));
                let comment = std::iter::once(comment).chain(note).collect::<Vec<_>>().join("\n\n");
                self.conclude(platform, RunResult { verdict, comment }).await
            }
            None if report.outcome == Outcome::Stopped(StopReason::ShuttingDown) => self.put_back(platform).await,
            None => Ok(End::Abandon),
        }
    }

    /// Resolves when the run must end: the process ends, also while the platform hangs, or the ticket says so.
    async fn watch(&self, project: &Project, platform: &dyn Platform) -> StopReason {
        tokio::select! {
            () = self.parts.shutdown.hard().cancelled() => StopReason::ShuttingDown,
            reason = self.watch_ticket(project, platform) => reason,
        }
    }

    /// Resolves when a look at the ticket with each heartbeat finds that the request was taken back, or the job is
    /// somebody else's. A lifecycle label that somebody removed meanwhile comes back.
    async fn watch_ticket(&self, project: &Project, platform: &dyn Platform) -> StopReason {
        let id = &self.lease.job.key.ticket;
        loop {
            tokio::time::sleep(self.parts.config.current().agent.lifecycle.heartbeat_renew).await;
            let ticket = match platform.read(id).await {
                Ok(ticket) => ticket,
                Err(error) => {
                    debug!(%error, "could not look at the ticket; looking again with the next heartbeat");
                    continue;
                }
            };
            let by_us = !ticket.open && self.writer.has_moved_ticket();
            if let Some(cause) = taken_back(project, self.lease.job.asked_by, &ticket).filter(|_| !by_us) {
                return StopReason::Withdrawn(Withdrawal::new(cause, None));
            }
            if Lifecycle::of(&ticket.labels) != Some(Lifecycle::InProgress) {
                info!("the label {} is back: the ticket is being worked on", Lifecycle::InProgress);
                match self.transition(platform, Some(Lifecycle::InProgress)).await {
                    Ok(()) => {}
                    Err(GivenUp::LeaseLost) => return StopReason::LeaseLost,
                    Err(error) => debug!(?error, "could not show the label again"),
                }
            }
        }
    }

    /// The process ends before the run did: the ticket shows Enqueued again and the job waits for another consumer.
    async fn put_back(&self, platform: &dyn Platform) -> Result<End, GivenUp> {
        info!("the process ends: the ticket is put back");
        if let Err(error) = self.transition(platform, Some(Lifecycle::Enqueued)).await {
            warn!(?error, "could not show that the ticket waits again; its next consumer does not mind");
        }
        Ok(End::HandBack(ReleaseReason::HandedBack, Duration::ZERO))
    }
}

/// The pause before a failed run is begun again, if it is: doubled with each attempt, and drawn by a fifth, so that what
/// failed together does not come back together.
fn again_in(pipeline: &Pipeline, report: &RunReport) -> Option<Duration> {
    let failed = matches!(report.outcome, Outcome::Failed(_));
    if !failed || pipeline.retry != Retry::OnFailure || report.attempt >= pipeline.attempts {
        return None;
    }
    let doubled = pipeline.backoff.saturating_mul(1 << (report.attempt - 1).min(10)).min(LONGEST_BACKOFF);
    Some(doubled.mul_f64(rand::random_range(0.8..=1.2)))
}

/// How long ago a ticket was claimed, as its run id tells: by the clocks of this machine and of the one that claimed it.
/// Zero when the id does not tell.
fn claimed_ago(run_id: &str) -> Duration {
    let claimed = uuid::Uuid::parse_str(run_id).ok().and_then(|id| id.get_timestamp());
    let Some((seconds, nanos)) = claimed.map(|claimed| claimed.to_unix()) else { return Duration::ZERO };
    Duration::from_millis(clock::unix_millis()).saturating_sub(Duration::new(seconds, nanos))
}

fn failed(comment: String) -> RunResult {
    RunResult { verdict: Verdict::Failed, comment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_tells_when_its_ticket_was_claimed() {
        assert!(claimed_ago(&uuid::Uuid::now_v7().to_string()) < Duration::from_secs(60));
        // The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
        assert!(claimed_ago("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") > WITHOUT_PROJECT);
        assert_eq!(claimed_ago("no uuid"), Duration::ZERO);
    }
}
