//! However a run is stopped, its whole tree is gone in time: looked up in `/proc`, for children that ignore SIGTERM, have
//! a session of their own and are nobody's children any more.
//!
//! The heartbeat is far too slow to help: what is stopped was stopped by the request itself.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_smith::app::App;
use agent_smith::claim::Recall;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{Board, Role};
use agent_smith::store::Withdrawn;
use tokio::time::Instant;

use crate::support::process::{command, processes_with};
use crate::support::world::{Door, Settings, World, eventually};
use crate::{Backend, Stored};

const TRACKER: &str = "org/api";
/// The promise: from the moment a stop is seen.
const PROMISE: Duration = Duration::from_secs(10);
/// How long a shutdown lets a run go on.
const GRACE: Duration = Duration::from_secs(1);

/// A ticket whose run has a tree of three.
struct Scene {
    world: World,
    stored: Stored,
    app: App,
    number: u64,
    mark: String,
}

impl Scene {
    async fn new() -> Self {
        let (world, stored) = (World::with(&[TRACKER]).await, Backend::Embedded.open());
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // A number that is good as an argument of `sleep` and in no other command line.
        let mark = format!("79{:08}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let step =
            format!("trap '' TERM INT HUP; (setsid sh -c '(sleep {mark} &) ; exec sleep {mark}' &) ; sleep {mark}");
        world.write_config(&Settings {
            projects: world.project("api", TRACKER),
            heartbeat_ttl_seconds: 600,
            heartbeat_renew_seconds: 250,
            grace_seconds: GRACE.as_secs(),
            ..Settings::steps(&[&step])
        });
        world.board.set_role(TRACKER, "wim", Role::Writer).unwrap();
        let number = world.ask(TRACKER, "Stop it");
        let app = world.start(stored.store.clone(), "one").await;
        let scene = Self { world, stored, app, number, mark };
        eventually("the tree has grown", async || (scene.sleeping() == 3).then_some(())).await;
        scene
    }

    fn door(&self) -> Door {
        self.world.door(self.stored.store.clone())
    }

    fn sleeping(&self) -> usize {
        let line = format!("sleep\0{}\0", self.mark);
        let is_sleep =
            |pid: &&u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|seen| seen == line.as_bytes());
        processes_with(&self.mark).iter().filter(is_sleep).count()
    }

    async fn is_gone_within(&self, asked: Instant, limit: Duration) {
        eventually("nothing of it runs", async || processes_with(&self.mark).is_empty().then_some(())).await;
        assert!(asked.elapsed() < limit, "{:?}", asked.elapsed());
    }

    /// The ticket says so too, and whoever it was.
    async fn ends_cancelled(self, asked: Instant, because: &str) {
        self.is_gone_within(asked, PROMISE).await;
        let says = |body: &str| body.contains("**cancelled**") && body.contains(because);
        let told =
            |board: &Board| board.ticket(TRACKER, self.number).unwrap().comments.iter().any(|one| says(&one.body));
        self.world.reached(told).await;
        self.world.shows(TRACKER, self.number, None).await;
        self.stored.is_left_clean("api", &[self.number]).await;
        assert!(self.app.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_trigger_label_is_removed() {
    let scene = Scene::new().await;
    let asked = Instant::now();
    scene.world.board.remove_label(TRACKER, scene.number, "agent-smith").unwrap();
    let recall = Recall::TicketChanged { by: Some("bob") };
    assert_eq!(scene.door().withdraw("api", scene.number, recall).await, Withdrawn::Stopping);
    scene.ends_cancelled(asked, "removed by `bob`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_ticket_is_closed() {
    let scene = Scene::new().await;
    let asked = Instant::now();
    scene.world.board.close(TRACKER, scene.number).unwrap();
    let recall = Recall::TicketChanged { by: Some("bob") };
    assert_eq!(scene.door().withdraw("api", scene.number, recall).await, Withdrawn::Stopping);
    scene.ends_cancelled(asked, "the ticket was closed by `bob`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_somebody_says_so_in_a_comment() {
    let scene = Scene::new().await;
    let asked = Instant::now();
    scene.door().comment(TRACKER, scene.number, "wim", "/agent-smith cancel").await;
    scene.ends_cancelled(asked, "cancelled by `wim`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_an_operator_cancels_it() {
    let scene = Scene::new().await;
    let asked = Instant::now();
    let name = format!("api#{}", scene.number);
    let mut cancel = command(&["runs", "cancel", &name]);
    cancel.env("AGENTSMITH_SERVER", format!("http://{}", scene.app.address));
    let ended = tokio::task::spawn_blocking(move || cancel.output().unwrap()).await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    scene.ends_cancelled(asked, "cancelled by `an operator`").await;
}

/// Handed back, so that the ticket waits again and no comment says anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_shuts_down() {
    let scene = Scene::new().await;
    let asked = Instant::now();
    scene.app.shutdown().begin();
    let Scene { world, stored, app, number, mark } = scene;
    let gone = eventually("nothing of it runs", async || processes_with(&mark).is_empty().then(Instant::now));
    let (ended, gone) = tokio::join!(app.stop(), gone);
    assert!(ended, "everything ends in time");
    assert!(gone - asked < GRACE + PROMISE, "{:?}", gone - asked);
    assert!(world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await.comments.is_empty());
    assert_eq!(stored.store.counts().await.unwrap().queued, 1);
}
