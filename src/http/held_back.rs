//! Why a job waits although a consumer is free: a limit on how many runs are under way.
//!
//! Who calls: the answer to `/agent-smith status`, and the record of one run. What must stay true: it tells, and decides
//! nothing; what runs is counted by the store at that moment.

use crate::config::Config;
use crate::job::JobState;
use crate::run_record::{RunRecord, RunState};
use crate::store::{JobView, Store};

/// The limit that holds a job back, as a clause; `None` when none does, or it does not wait.
pub(super) fn because(config: &Config, job: &JobView) -> Option<String> {
    let (project, pipeline) = (config.projects.get(&job.job.key.project), config.pipelines.get(&job.job.pipeline));
    let limits = [
        ("project", project.and_then(|project| project.concurrency), job.beside.of_project),
        ("pipeline", pipeline.and_then(|pipeline| pipeline.concurrency), job.beside.of_pipeline),
    ];
    let full = limits.into_iter().filter(|_| job.state == JobState::Queued).find_map(|(what, most, running)| {
        let most = most?.get();
        (running >= most).then_some((what, most, running))
    });
    full.map(|(what, most, running)| format!("its {what} has {running} of at most {most} runs under way"))
}

/// The record of a run that says why it waits.
pub(super) async fn explained(config: &Config, store: &dyn Store, mut run: RunRecord) -> RunRecord {
    if run.state == RunState::Queued
        && run.reason.is_empty()
        && let Ok(Some(job)) = store.look(&run.key).await
        && job.job.run_id == run.run_id
        && let Some(because) = because(config, &job)
    {
        run.reason = format!("it waits, because {because}");
    }
    run
}
