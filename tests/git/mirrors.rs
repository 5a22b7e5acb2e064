//! What is fetched, how often, and what happens to a mirror that is broken.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use agent_smith::pipeline::{Outcome, StopReason};

use crate::fixture::{Attempt, BRANCH, WHOLE, World, done, log};

const CHECKOUT: &str = "[{checkout: {}}, {run: 'cat bug.txt src/lib.txt'}]";

fn mirror(world: &World) -> PathBuf {
    let entries = fs::read_dir(world.root.path().join("data/mirrors")).unwrap();
    let mut mirrors =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "git"));
    let only = mirrors.next().unwrap();
    assert!(mirrors.next().is_none());
    only
}

#[tokio::test]
async fn a_second_checkout_asks_what_is_new_and_fetches_nothing() {
    let world = World::new().await;
    for number in 0..20 {
        world.write("main", &[("big.txt", &format!("{number}").repeat(1000))], "Grow");
    }
    done(&world.run(CHECKOUT).await);
    assert!(world.calls() > 1);
    let blobs =
        crate::fixture::git(&mirror(&world), &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]);
    assert_eq!(blobs.lines().filter(|kind| *kind == "blob").count(), 3, "of the newest commit alone");
    done(&world.run(CHECKOUT).await);
    assert_eq!(world.calls(), 1, "the question where the branches are");
    // What is new is fetched, and no more.
    world.write("main", &[("bug.txt", "worse\n")], "Spoil");
    let report = world.run(CHECKOUT).await;
    done(&report);
    assert!(log(&report).contains("worse\nlibrary\n"));
}

#[tokio::test]
async fn a_server_that_knows_no_filter_sends_everything() {
    let world = World::new().await;
    world.repositories.without_filter();
    done(&world.run(WHOLE).await);
    done(&world.run(WHOLE).await);
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "fixed");
}

/// Each of these once stopped every later checkout in some tool.
#[tokio::test]
async fn a_broken_mirror_is_made_anew() {
    let world = World::new().await;
    done(&world.run(CHECKOUT).await);
    let path = mirror(&world);
    type Spoil<'a> = Box<dyn Fn() + 'a>;
    let spoil: [(&str, Spoil<'_>); 5] = [
        ("a pack without its end", Box::new(|| packs(&path, |pack| fs::write(pack, b"PACK").unwrap()))),
        ("no packs", Box::new(|| packs(&path, |pack| fs::remove_file(pack).unwrap()))),
        ("an old lock", Box::new(|| fs::write(path.join("refs/heads/main.lock"), "").unwrap())),
        ("no HEAD that is one", Box::new(|| fs::write(path.join("HEAD"), "garbage").unwrap())),
        ("a branch that is none", Box::new(|| fs::write(path.join("refs/heads/main"), "garbage").unwrap())),
    ];
    for (number, (what, spoil)) in spoil.iter().enumerate() {
        spoil();
        world.write("main", &[("bug.txt", &format!("worse {number}\n"))], "Spoil");
        let report = world.run(CHECKOUT).await;
        done(&report);
        assert!(log(&report).contains(&format!("worse {number}\nlibrary\n")), "{what}: {}", log(&report));
    }
}

fn packs(mirror: &std::path::Path, spoil: impl Fn(&std::path::Path)) {
    for entry in fs::read_dir(mirror.join("objects/pack")).unwrap().flatten() {
        let mut permissions = entry.metadata().unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        fs::set_permissions(entry.path(), permissions).unwrap();
        spoil(&entry.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_begin_together_share_one_mirror() {
    let world = World::new().await;
    let other = crate::fixture::runner(world.root.path());
    let attempt = Attempt::default();
    let (a, b, c) = tokio::join!(world.run(CHECKOUT), world.run(CHECKOUT), world.attempt(&other, CHECKOUT, &attempt),);
    [a, b, c].iter().for_each(done);
    mirror(&world);
}

/// Another process fetches: this one waits, and is stopped like any other.
#[tokio::test]
async fn a_mirror_in_use_is_waited_for() {
    let world = World::new().await;
    done(&world.run(CHECKOUT).await);
    let lock = fs::File::open(mirror(&world).with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let waits = async {
        let logs = world.root.path().join("data/logs");
        let waiting =
            |entry: fs::DirEntry| fs::read_to_string(entry.path()).unwrap().contains("waiting for another run");
        while !fs::read_dir(&logs).unwrap().flatten().any(waiting) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let attempt = Attempt::default();
    let (stopped, ()) = tokio::join!(world.attempt(&world.runner, CHECKOUT, &attempt), async {
        waits.await;
        attempt.stop.ask(StopReason::ShuttingDown);
    });
    assert_eq!(stopped.outcome, Outcome::Stopped(StopReason::ShuttingDown));
    let next = world.run(CHECKOUT);
    let mut next = std::pin::pin!(next);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut next).await.is_err(), "it went on without the lock");
    lock.unlock().unwrap();
    done(&next.await);
}
