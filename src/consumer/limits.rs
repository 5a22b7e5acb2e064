//! The limits of the configuration in force, as the store wants them with each take.
//!
//! Pure. Who calls: the consumer. What must stay true: without limits nothing is built.

use crate::config::Config;
use crate::store::Concurrency;

/// How many runs may be under way at once.
pub(super) fn concurrency(config: &Config) -> Concurrency {
    let projects = config.projects.iter().filter_map(|(name, project)| Some((name, project.concurrency?)));
    let pipelines = config.pipelines.iter().filter_map(|(name, pipeline)| Some((name, pipeline.concurrency?)));
    let limits = projects.fold(Concurrency::NONE, |limits, (name, most)| limits.of_project(name, most));
    pipelines.fold(limits, |limits, (name, most)| limits.of_pipeline(name, most))
}
