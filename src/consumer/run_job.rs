//! One job's life: read the ticket, show InProgress, run the pipeline, show the result.
//!
//! `end` is how a job leaves, `show` what is written about it. What must stay true: whatever happens, the job ends in
//! exactly one of finish, hand back, or abandon (the lease is somebody else's); a result is recorded in the store before it is shown, so a crash in between shows it again and
//! never runs the steps again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, error, info, info_span, warn};

use super::end::{self, End, LATER};
use super::heartbeat;
use super::live::{self, LiveComment};
use super::record::Record;
use super::{Parts, SOURCE};
use crate::claim::taken_back;
use crate::config::{Action, Pipeline, Project, Retry, Step};
use crate::job::{JobLease, RunResult, Verdict, Withdrawal};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::{cancelled_unrun, claimed_ago, dropped_unrun};
use crate::pipeline::{GivenUp, Stop, Writer, report};
use crate::platform::Platform;
use crate::store::{ReleaseReason, StopHints};
use crate::ticket::Ticket;

/// A job older than this is not kept waiting for a project that is not in the file: an edit that was a mistake, or one
/// that spreads over the replicas, is over by then.
const WITHOUT_PROJECT: Duration = Duration::from_secs(300);

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
        let live = LiveComment::of(&parts, &lease, parts.writer(&lease));
        let _over = live.guard();
        let end = match JobRun::new(&parts, &lease, &stop, (&record, &live)).carry_out().await {
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
        live.ended().await;
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
    pub(super) live: &'a LiveComment,
}

impl<'a> JobRun<'a> {
    fn new(
        parts: &'a Parts,
        lease: &'a JobLease,
        stop: &'a Stop,
        (record, live): (&'a Record, &'a LiveComment),
    ) -> Self {
        Self { parts, lease, writer: parts.writer(lease), stop, record, live }
    }

    pub(super) fn ways(&self) -> Ways {
        live::ways(self.parts, self.lease)
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
            let comment = report::cancelled_unfinished(&self.lease.job.pipeline, withdrawal, self.ways());
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
            let withdrawal = Withdrawal::new(cause, None);
            info!("{withdrawal}: the job is dropped unrun");
            self.record.because(withdrawal.to_string());
            self.transition(platform, None).await?;
            let said = cancelled_unrun(&self.lease.job, &withdrawal, self.ways());
            self.comment_on_dropped(platform, &said).await?;
            return Ok(Some(End::Finish));
        }
        let why = match lifecycle {
            Some(Lifecycle::Enqueued | Lifecycle::InProgress) => return Ok(None),
            Some(state @ (Lifecycle::Done | Lifecycle::Failed)) => format!("the ticket shows {state} already"),
            Some(Lifecycle::Pending) | None => "the ticket was reset".to_owned(),
        };
        info!("{why}: the job is dropped unrun");
        self.record.because(why.as_str());
        self.comment_on_dropped(platform, &dropped_unrun(&self.lease.job, &why)).await?;
        Ok(Some(End::Finish))
    }

    /// A result that stands before anything has run.
    fn refusal(&self, pipeline: Option<&Pipeline>, ticket: &Ticket) -> Option<RunResult> {
        let (job, attempt) = (&self.lease.job, self.lease.attempt);
        let Some(pipeline) = pipeline else {
            self.record.because(format!("there is no pipeline {}", job.pipeline));
            return Some(failed(report::unknown_pipeline(&job.pipeline, self.ways())));
        };
        let started_before = attempt > 1 && Lifecycle::of(&ticket.labels) == Some(Lifecycle::InProgress);
        if attempt > pipeline.attempts {
            self.record.because(format!("given up: {} attempts broke off", pipeline.attempts));
            return Some(failed(report::gave_up(&job.pipeline, pipeline.attempts, self.ways())));
        }
        (started_before && pipeline.retry == Retry::Never).then(|| {
            self.record.because("an attempt broke off, and the pipeline says `retry: never`");
            failed(report::not_retried(&job.pipeline, attempt - 1, self.ways()))
        })
    }
}

fn failed(comment: String) -> RunResult {
    RunResult { verdict: Verdict::Failed, comment }
}
