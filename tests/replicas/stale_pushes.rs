//! Two epochs of one job that both come to push: a server that was frozen wakes up, or its request arrives late, after
//! another one has done the work. What the later epoch made stands, and the earlier one adds nothing.

use std::fs;
use std::path::Path;

use agent_smith::sim::Match;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::change_requests::Way;
use crate::support::ground::Kind;
use crate::support::process::Server;
use crate::support::world::{BOUND, eventually};

/// A process and everything below it.
fn family(root: i32) -> Vec<i32> {
    let parent_of = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pids: Vec<i32> = pids.collect();
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(pids.iter().filter(|pid| parent_of(**pid) == Some(parent)));
        at += 1;
    }
    family
}

/// A server with everything below it, suspended until it is thawed or dropped.
struct Frozen(Vec<i32>);

impl Frozen {
    fn with_all_of(server: &Server) -> Self {
        let frozen = Self(family(server.pid()));
        assert!(frozen.0.len() > 2, "the server, a supervisor and what it runs: {:?}", frozen.0);
        frozen.signal(Signal::SIGSTOP);
        frozen
    }

    fn signal(&self, signal: Signal) {
        for pid in &self.0 {
            let _ = kill(Pid::from_raw(*pid), signal); // one that has ended needs none
        }
    }

    /// It wakes, gives the job up, and ends what it had started for it.
    async fn wakes_and_gives_up(&self, server: &Server) {
        self.signal(Signal::SIGCONT);
        let has_let_go = async || server.log().contains("left to its new owner").then_some(());
        eventually("the frozen server lets go of the job", has_let_go).await;
        let is_gone = |pid: &i32| !Path::new(&format!("/proc/{pid}")).exists();
        eventually("nothing of its run is left", async || self.0[1..].iter().all(is_gone).then_some(())).await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal(Signal::SIGCONT);
    }
}

/// The one commit of the ticket's branch is of the run and epoch that opened the change request.
fn belongs_together(way: &Way, number: u64) {
    let branch = way.ground.branches_of(number).remove(0);
    let range = format!("main..{branch}");
    let run = way.ground.git(&["log", "--format=%(trailers:key=Agent-Smith-Run,valueonly)", &range]);
    let request = way.ground.requests().remove(0);
    assert!(request.body.ends_with(&format!("<!-- agent-smith run {} -->", run.trim())), "{run}: {}", request.body);
}

/// Frozen with all its processes while its push is on the way. The request arrives when the branch is there already, and
/// is refused; whoever sent it writes nothing more.
async fn a_push_that_arrives_late_is_refused(kind: Kind) {
    let way = Way::new(kind, &[]).await;
    way.open_gates();
    let faults = way.ground.sim.faults();
    let hold = faults.hold(Match::new("POST", "/git-receive-pack"));
    let number = way.ask();
    let stale = way.server("stale").await;
    assert!(hold.reached(1, BOUND).await, "{}", stale.log());
    hold.let_others_pass();
    let frozen = Frozen::with_all_of(&stale);

    let other = way.server("other").await;
    way.ends_in_one_of_each(number, &other).await;
    belongs_together(&way, number);
    let made = way.ground.git(&["rev-parse", &way.ground.branches_of(number)[0]]);
    faults.forget_requests();
    drop(hold);
    let late = eventually("the late push is answered", async || {
        faults.requests().into_iter().find(|request| request.path_and_query.ends_with("/git-receive-pack"))
    })
    .await;
    assert_eq!(late.method, "POST");
    frozen.wakes_and_gives_up(&stale).await;
    way.ends_in_one_of_each(number, &other).await;
    assert_eq!(way.ground.git(&["rev-parse", &way.ground.branches_of(number)[0]]), made, "nothing was pushed over it");
    belongs_together(&way, number);
}

/// Frozen before it pushes. When it wakes, its push would still be possible by the branch, which is where it left it.
async fn one_that_wakes_before_its_push_pushes_nothing(kind: Kind) {
    let way = Way::new(kind, &[]).await;
    [1, 2, 4, 5].iter().for_each(|gate| way.open_gate(*gate));
    let number = way.ask();
    let stale = way.server("stale").await;
    let at = way.path("at-3");
    eventually("it has committed", async || at.exists().then_some(())).await;
    let frozen = Frozen::with_all_of(&stale);
    fs::remove_file(&at).unwrap();
    let other = way.server("other").await;
    eventually("the other one has committed too", async || at.exists().then_some(())).await;
    // Both may go on from here, and nothing is on the remote yet.
    assert_eq!(way.ground.branches(), ["main"]);
    let faults = way.ground.sim.faults();
    faults.forget_requests();
    frozen.wakes_and_gives_up(&stale).await;
    assert_eq!(way.ground.branches(), ["main"], "{}", stale.log());
    let writes = faults.requests().into_iter().filter(|request| request.method != "GET").collect::<Vec<_>>();
    assert!(writes.iter().all(|request| !request.path_and_query.contains("git-receive-pack")), "{writes:?}");
    way.open_gate(3);
    way.ends_in_one_of_each(number, &other).await;
    belongs_together(&way, number);
}

macro_rules! on_each_forge {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_github() {
                    super::$name(super::Kind::GitHub).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_gitlab() {
                    super::$name(super::Kind::GitLab).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_azure_devops() {
                    super::$name(super::Kind::AzureDevOps).await;
                }
            }
        )+
    };
}

on_each_forge!(a_push_that_arrives_late_is_refused, one_that_wakes_before_its_push_pushes_nothing);
