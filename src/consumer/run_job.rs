//! One job's life: read the ticket, show InProgress, run the pipeline, show the result.
//!
//! `end` is how a job leaves, `show` what is written about it. What must stay true: whatever happens, the job ends in
//! exactly one of finish, hand back, or abandon (the lease is somebody else's); a result is recorded in the store before it is shown, so a crash in between shows it again and
//! never runs the steps again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::end::{self, End, LATER};
use super::live::{self, LiveComment, Worth};
use super::record::Record;
use super::{Parts, SOURCE};
use super::{heartbeat, show};
use crate::claim::taken_back;
use crate::config::{Action, Pipeline, Project, Retry, Step};
use crate::job::{JobLease, RunResult, Verdict, Withdrawal};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::{cancelled_unrun, claimed_ago, dropped_unrun};
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
    stop: &'a Stop,
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

    fn ways(&self) -> Ways {
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
            self.live.say(platform, said, Worth::IfThere).await;
            return Ok(Some(End::Finish));
        }
        let why = match lifecycle {
            Some(Lifecycle::Enqueued | Lifecycle::InProgress) => return Ok(None),
            Some(state @ (Lifecycle::Done | Lifecycle::Failed)) => format!("the ticket shows {state} already"),
            Some(Lifecycle::Pending) | None => "the ticket was reset".to_owned(),
        };
        info!("{why}: the job is dropped unrun");
        self.live.say(platform, dropped_unrun(&self.lease.job, &why), Worth::IfThere).await;
        self.record.because(why);
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

    async fn run(
        &self,
        project: &Project,
        tracker: &Arc<dyn Platform>,
        ticket: &Ticket,
        pipeline: &Arc<Pipeline>,
    ) -> Result<End, GivenUp> {
        let platform = tracker.as_ref();
        let show = || platform.transition(self.lease, Some(Lifecycle::InProgress));
        self.writer.try_first(show).await?;
        info!("running {} for {}", pipeline.name, self.lease.job.key);
        let config = self.parts.config.current();
        let request = RunRequest {
            job: &self.lease.job,
            attempt: self.lease.attempt,
            ticket,
            pipeline,
            secrets: &config.secrets,
            mask: show::mask(&config),
            hands: Hands {
                platform: Arc::clone(tracker),
                source: project.source.clone(),
                forge: self.parts.trackers.forge_of(project).map_err(GivenUp::Refused)?,
                writer: self.writer.clone(),
            },
            stop: self.stop.clone(),
            right: Arc::new(self.lease.clone()),
            progress: self.record.steps_begin(ticket),
        };
        let record = self.record.clone().keep(self.parts.clone(), self.lease.clone());
        let recording = AbortOnDropHandle::new(tokio::spawn(record.in_current_span()));
        self.tell_while_it_runs(tracker, pipeline);
        let mut run = std::pin::pin!(self.parts.runner.run(request));
        let report = tokio::select! {
            report = &mut run => report,
            reason = self.watch(project, platform) => {
                self.stop.ask(reason);
                run.await
            }
        };
        drop(recording);
        self.live.stop();
        if let Some(pause) = again_in(pipeline, &report) {
            self.record.because(why(&report));
            return self.try_again(platform, pipeline, (pause, &report)).await;
        }
        self.after_run(platform, pipeline, &report).await
    }

    /// A task that ends by itself after [`LiveComment::end`]: to break it off would leave open whether its last request
    /// arrives after the result.
    fn tell_while_it_runs(&self, tracker: &Arc<dyn Platform>, pipeline: &Arc<Pipeline>) {
        let (platform, pipeline, progress) = (Arc::clone(tracker), Arc::clone(pipeline), self.record.progress());
        let telling = self.live.clone().keep(platform, pipeline, self.ways(), progress);
        tokio::spawn(telling.in_current_span());
    }

    /// The run failed and its pipeline gives it another attempt: nothing is recorded, the ticket waits again. The attempt
    /// counts also when the label cannot be written, or a platform that is away would make it run again and again.
    async fn try_again(
        &self,
        platform: &dyn Platform,
        pipeline: &Pipeline,
        (pause, report): (Duration, &RunReport),
    ) -> Result<End, GivenUp> {
        info!("the run failed: it is begun again in {} s", pause.as_secs());
        match self.transition(platform, Some(Lifecycle::Enqueued)).await {
            Err(GivenUp::LeaseLost) => return Err(GivenUp::LeaseLost),
            Err(error) => warn!(?error, "could not show that the ticket waits again; its next consumer does not mind"),
            Ok(()) => {}
        }
        let why = live::masked(self.parts, &why(report));
        // Who comes back at once tells it with what is next.
        let worth = if pause >= self.parts.pace.running_after { Worth::Anyway } else { Worth::IfKnown };
        self.live.say(platform, self.live.run(pipeline, self.ways()).failed(&why, pause), worth).await;
        Ok(End::HandBack(ReleaseReason::Broken, pause))
    }

    async fn after_run(
        &self,
        platform: &dyn Platform,
        pipeline: &Pipeline,
        report: &RunReport,
    ) -> Result<End, GivenUp> {
        log_end(report);
        self.record.because(why(report));
        match report.verdict() {
            Some(verdict) => {
                let comment = report::comment(report, &show::mask(&self.parts.config.current()), self.ways());
                self.conclude(platform, RunResult { verdict, comment }).await
            }
            None if report.outcome == Outcome::Stopped(StopReason::ShuttingDown) => {
                self.put_back(platform, pipeline).await
            }
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
    async fn put_back(&self, platform: &dyn Platform, pipeline: &Pipeline) -> Result<End, GivenUp> {
        info!("the process ends: the ticket is put back");
        if let Err(error) = self.transition(platform, Some(Lifecycle::Enqueued)).await {
            warn!(?error, "could not show that the ticket waits again; its next consumer does not mind");
        }
        self.live.say(platform, self.live.run(pipeline, self.ways()).put_back(), Worth::IfKnown).await;
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

fn log_end(report: &RunReport) {
    let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
    match &report.outcome {
        Outcome::Done => info!(duration_ms, "run ended: done"),
        Outcome::Failed(failure) => info!(duration_ms, "run ended: failed, {failure}"),
        Outcome::Stopped(reason) => info!(duration_ms, "run ended early: {}", reason),
    }
}

/// Why the run ended as it did; empty when it went well.
fn why(report: &RunReport) -> String {
    match &report.outcome {
        Outcome::Done => String::new(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(reason) => reason.to_string(),
    }
}

fn failed(comment: String) -> RunResult {
    RunResult { verdict: Verdict::Failed, comment }
}
