//! A limit of one run counts over all replicas.

use agent_smith::lifecycle::Lifecycle;

use crate::support::world::{Settings, World};
use crate::{Cluster, TRACKER, noting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_runs_one_at_a_time_over_two_replicas() {
    let settings = |world: &World| {
        // The folder is there while a run is under way; a second one cannot make it.
        let alone = world.path("alone").display().to_string();
        let step = noting(world, &format!("mkdir {alone} || exit 9; sleep 0.2; rmdir {alone}"));
        Settings::steps(&[&step])
    };
    let cluster = Cluster::new(settings).await;
    let world = &cluster.world;
    world.write_config_text(&std::fs::read_to_string(world.config_path()).unwrap().replacen(
        "    polling:",
        "    concurrency: 1\n    polling:",
        1,
    ));
    let numbers: Vec<u64> = (0..6).map(|n| world.ask(TRACKER, &format!("Ticket {n}"))).collect();
    let _replicas = (cluster.replica("one").await, cluster.replica("two").await);
    for number in &numbers {
        world.ends(TRACKER, *number, Lifecycle::Done).await;
    }
    let runs = cluster.runs_by_ticket();
    assert!(runs.len() == 6 && runs.values().all(|times| *times == 1), "{runs:?}");
}
