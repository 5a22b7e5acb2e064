//! What only Redis shows: names of keys, entries that cannot be read, permissions, the price of waiting.

use std::collections::BTreeSet;
use std::time::Duration;

use agent_smith::job::{Cause, JobState, Verdict, Withdrawal};
use agent_smith::store::LeaseName::{Housekeeping, Poller};
use agent_smith::store::redis::RedisStore;
use agent_smith::store::{Error, Recorded, ReleaseReason, Renewal, Store, Withdrawn};
use redis::aio::MultiplexedConnection;

use crate::fixture::{
    LONG, SHORT, assert_nothing_left, bounded, drain, enqueue, eventually, key, new_job, raw, record, result, take,
};
use crate::support::redis::RedisServer;

const QUEUE: &str = "{agentsmith:queue:jobs}";

async fn start() -> (RedisServer, RedisStore, MultiplexedConnection) {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).expect("a good address");
    let redis = raw(&server).await;
    (server, store, redis)
}

/// Sends a command given as words.
async fn send<T: redis::FromRedisValue>(redis: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query_async(redis).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

#[tokio::test]
async fn keys_have_their_public_names() {
    let (server, store, mut redis) = start().await;
    bounded(async {
        assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
        assert!(store.acquire_lease(Housekeeping, "a", LONG).await.unwrap().is_obtained());
        enqueue(&store, "p", "1").await;
        let lease = take(&store, LONG).await;
        enqueue(&store, "p", "2").await;
        enqueue(&store, "p", "4").await;
        let cancelled = Withdrawal::new(Cause::Cancelled, Some("ann lee"));
        assert!(matches!(store.withdraw(&key("p", "4"), &cancelled).await.unwrap(), Withdrawn::Dropped(_)));
        let lock = store.lock_claim(&key("p", "3")).await.unwrap().expect("free");
        assert_eq!(store.record_claim(&lock, &new_job("p", "3")).await.unwrap(), Recorded::New);

        let keys: BTreeSet<String> = send(&mut redis, &["KEYS", "*"]).await;
        let names = [
            "agentsmith:leader:poller",
            "agentsmith:leader:housekeeping",
            "agentsmith:claim-lock:github:p:3",
            "agentsmith:heartbeat:github:p:1",
            "agentsmith:queue:jobs",
            "{agentsmith:queue:jobs}:ring",
            "{agentsmith:queue:jobs}:claiming",
            "{agentsmith:queue:jobs}:running",
            "{agentsmith:queue:jobs}:epoch",
            "{agentsmith:queue:jobs}:generation",
            "{agentsmith:queue:jobs}:withdrawn",
            "{agentsmith:queue:jobs}:runs",
            "{agentsmith:queue:jobs}:ended-runs",
            "{agentsmith:queue:jobs}:project:p",
            "{agentsmith:queue:jobs}:job:github:p:1",
            "{agentsmith:queue:jobs}:job:github:p:2",
            "{agentsmith:queue:jobs}:job:github:p:3",
        ];
        let is_run = |key: &&String| key.starts_with("{agentsmith:queue:jobs}:run:");
        assert_eq!(keys.iter().filter(is_run).count(), 4, "one for each claim");
        let others: BTreeSet<String> = keys.iter().filter(|key| !is_run(key)).cloned().collect();
        assert_eq!(others, names.map(String::from).into());
        assert_eq!(send::<String>(&mut redis, &["GET", "agentsmith:leader:poller"]).await, "a");
        assert_eq!(
            send::<String>(&mut redis, &["GET", "agentsmith:heartbeat:github:p:1"]).await,
            format!("box-1/{}", lease.epoch)
        );
        for name in &names[..4] {
            assert!(send::<i64>(&mut redis, &["PTTL", name]).await > 0, "{name} expires");
        }
        let lock_ttl: i64 = send(&mut redis, &["PTTL", "agentsmith:claim-lock:github:p:3"]).await;
        assert!((1..=30_000).contains(&lock_ttl));

        let note: String = send(&mut redis, &["HGET", "{agentsmith:queue:jobs}:withdrawn", "github:p:4"]).await;
        assert!(note.ends_with(" cancelled ann lee") && note.starts_with(|c: char| c.is_ascii_digit()), "{note}");
        assert_eq!(store.withdrawals(&[key("p", "4")]).await.unwrap(), [Some(cancelled.clone())]);
        assert_eq!(store.withdraw(&key("p", "1"), &cancelled).await.unwrap(), Withdrawn::Stopping);
        let job = "{agentsmith:queue:jobs}:job:github:p:1";
        let stop: (String, String) = send(&mut redis, &["HMGET", job, "stop", "stop_by"]).await;
        assert_eq!(stop, ("cancelled".to_owned(), "ann lee".to_owned()));
        for ticket in ["1", "4"] {
            store.forget_withdrawal(&key("p", ticket)).await.unwrap();
        }

        store.unlock_claim(lock).await.unwrap();
        let claim = store.half_made_claims(Duration::ZERO, 1).await.unwrap().remove(0).job;
        assert!(store.drop_claim(&claim).await.unwrap());
        assert!(store.finish(&lease).await.unwrap());
        assert_eq!(drain(&store).await, ["2"]);
        assert!(store.release_lease(Poller, "a").await.unwrap());
        assert!(store.release_lease(Housekeeping, "a").await.unwrap());
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn unlocking_an_expired_lock_leaves_the_next_one_alone() {
    let (server, store, mut redis) = start().await;
    bounded(async {
        let expired = store.lock_claim(&key("p", "1")).await.unwrap().expect("free");
        let _: i64 = send(&mut redis, &["PEXPIRE", "agentsmith:claim-lock:github:p:1", "0"]).await;
        let current = store.lock_claim(&key("p", "1")).await.unwrap().expect("expired");
        store.unlock_claim(expired).await.unwrap();
        assert!(store.lock_claim(&key("p", "1")).await.unwrap().is_none());
        store.unlock_claim(current).await.unwrap();
        assert_nothing_left(&server).await;
    })
    .await;
}

/// Five ways to be unreadable; none of them stops the job behind it.
#[tokio::test]
async fn unreadable_entries_are_set_aside_with_a_reason() {
    let (_server, store, mut redis) = start().await;
    bounded(async {
        for ticket in ["gone", "list", "word", "number", "good"] {
            enqueue(&store, "p", ticket).await;
        }
        let job = |ticket: &str| format!("{QUEUE}:job:github:p:{ticket}");
        let _: i64 = send(&mut redis, &["DEL", &job("gone"), &job("list")]).await;
        let _: i64 = send(&mut redis, &["RPUSH", &job("list"), "x"]).await;
        let _: i64 = send(&mut redis, &["HSET", &job("word"), "asked_by", "a-ghost"]).await;
        let _: i64 = send(&mut redis, &["HSET", &job("number"), "attempt", "many"]).await;
        let _: i64 = send(&mut redis, &["LPUSH", &format!("{QUEUE}:project:p"), "stray"]).await;

        assert_eq!(take(&store, LONG).await.job.key.ticket, "good");
        let aside: Vec<String> = send(&mut redis, &["LRANGE", &format!("{QUEUE}:set-aside"), "0", "-1"]).await;
        let reasons = ["not a queued job", "no pipeline", "not a hash", "a-ghost", "not a number"];
        for reason in reasons {
            assert_eq!(aside.iter().filter(|entry| entry.contains(reason)).count(), 1, "{reason}: {aside:?}");
        }
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.queued, counts.running, counts.set_aside), (0, 1, reasons.len() as u64));
        // Its ticket is free again, so the label on it can bring it back.
        enqueue(&store, "p", "gone").await;
        assert_eq!(drain(&store).await, ["gone"]);
    })
    .await;
}

#[tokio::test]
async fn unreadable_entries_do_not_stop_housekeeping() {
    let (_server, store, mut redis) = start().await;
    bounded(async {
        for ticket in ["lapsed-bad", "lapsed"] {
            enqueue(&store, "p", ticket).await;
            take(&store, SHORT).await;
        }
        let _: i64 = send(&mut redis, &["DEL", &format!("{QUEUE}:job:github:p:lapsed-bad")]).await;
        for ticket in ["claim-bad", "claim"] {
            assert_eq!(record(&store, &new_job("p", ticket)).await, Recorded::New);
        }
        let _: i64 = send(&mut redis, &["HDEL", &format!("{QUEUE}:job:github:p:claim-bad"), "run_id"]).await;
        // An entry of a state we do not know, as a later version might leave it.
        let _: i64 = send(&mut redis, &["HSET", "agentsmith:queue:jobs", "github:p:future", "paused"]).await;

        let claims = store.half_made_claims(Duration::ZERO, 10).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.job.key.ticket.as_str()).collect::<Vec<_>>(), ["claim"]);
        let recovered = eventually("the leases lapse", || async {
            Some(store.recover_lapsed(10).await.unwrap()).filter(|recovered| !recovered.is_empty())
        })
        .await;
        assert_eq!(recovered[0].key.ticket, "lapsed");
        assert_eq!(store.job_states(&[key("p", "future")]).await.unwrap(), [None]);
        enqueue(&store, "p", "future").await;
        assert_eq!(store.counts().await.unwrap().set_aside, 3);
        assert_eq!(drain(&store).await, ["lapsed", "future"]);
    })
    .await;
}

#[tokio::test]
async fn the_list_of_what_was_set_aside_is_bounded() {
    let (_server, store, mut redis) = start().await;
    bounded(async {
        let list = format!("{QUEUE}:project:p");
        let strays: Vec<String> = (0..1_100).map(|stray| format!("stray-{stray}")).collect();
        let push: Vec<&str> = ["RPUSH", &list].into_iter().chain(strays.iter().map(String::as_str)).collect();
        let _: i64 = send(&mut redis, &push).await;
        let _: i64 = send(&mut redis, &["RPUSH", &format!("{QUEUE}:ring"), "p"]).await;
        enqueue(&store, "p", "behind").await;
        let lease = store.take("box-1", LONG, Duration::from_secs(20)).await.unwrap().expect("found behind them");
        assert_eq!(lease.job.key.ticket, "behind");
        assert_eq!(store.counts().await.unwrap().set_aside, 1_000);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_of_too_many_withdrawals_is_forgotten() {
    let (server, store, mut redis) = start().await;
    bounded(async {
        let notes: Vec<String> = (0..10_000)
            .flat_map(|ticket| [format!("github:p:{ticket}"), format!("{} cancelled ann", 5 + ticket)])
            .collect();
        let hash = format!("{QUEUE}:withdrawn");
        let set: Vec<&str> = ["HSET", &hash].into_iter().chain(notes.iter().map(String::as_str)).collect();
        let _: i64 = send(&mut redis, &set).await;
        let _: i64 = send(&mut redis, &["HSET", &hash, "github:p:17", "1 cancelled ann"]).await;
        enqueue(&store, "p", "new").await;
        let cancelled = Withdrawal::new(Cause::Cancelled, Some("ann"));
        assert!(matches!(store.withdraw(&key("p", "new"), &cancelled).await.unwrap(), Withdrawn::Dropped(_)));
        assert_eq!(send::<i64>(&mut redis, &["HLEN", &hash]).await, 10_000);
        let remembered = store.withdrawals(&[key("p", "new"), key("p", "17"), key("p", "18")]).await.unwrap();
        assert_eq!(remembered, [Some(cancelled.clone()), None, Some(cancelled)]);
        let _: i64 = send(&mut redis, &["DEL", &hash]).await;
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn a_heartbeat_without_a_job_counts_as_running() {
    let (server, store, mut redis) = start().await;
    bounded(async {
        let beat = "agentsmith:heartbeat:github:p:1";
        let _: String = send(&mut redis, &["SET", beat, "elsewhere/7", "PX", "60000"]).await;
        let states = store.job_states(&[key("p", "1"), key("p", "2")]).await.unwrap();
        assert_eq!(states, [Some(JobState::Running), None]);

        enqueue(&store, "p", "1").await;
        let lease = take(&store, SHORT).await;
        assert_eq!(send::<String>(&mut redis, &["GET", beat]).await, format!("box-1/{}", lease.epoch));
        let _: String = send(&mut redis, &["SET", beat, "elsewhere/9", "PX", "60000"]).await;
        assert!(store.finish(&lease).await.unwrap());
        assert_eq!(send::<String>(&mut redis, &["GET", beat]).await, "elsewhere/9", "only its own is taken away");

        enqueue(&store, "p", "1").await;
        let lease = take(&store, SHORT).await;
        store.renew(&lease, LONG).await.unwrap();
        assert!(send::<i64>(&mut redis, &["PTTL", beat]).await > 1_000, "a renewal shows it for the new term");
        assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
        assert_eq!(send::<i64>(&mut redis, &["EXISTS", beat]).await, 0);
        drain(&store).await;
        assert_nothing_left(&server).await;
    })
    .await;
}

/// A user with the rights that the documentation asks for, channels excepted, loses the early wake-up and nothing else.
#[tokio::test]
async fn without_channel_permissions_everything_works_but_the_early_wake_up() {
    let (server, _, mut redis) = start().await;
    bounded(async {
        let rights = "on >s3cret ~agentsmith:* ~{agentsmith:queue:jobs}:* resetchannels \
                      +@read +@write +@pubsub +@scripting +@connection +time";
        let set_user: Vec<&str> = ["ACL", "SETUSER", "smith"].into_iter().chain(rights.split_whitespace()).collect();
        let _: String = send(&mut redis, &set_user).await;
        let store = RedisStore::connect(&server.url().replace("//", "//smith:s3cret@")).expect("a good address");
        assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
        assert!(store.release_lease(Poller, "a").await.unwrap());
        enqueue(&store, "p", "1").await;
        let lease = store.take("box-1", LONG, Duration::from_secs(1)).await.unwrap().expect("queued");
        let closed = Withdrawal::new(Cause::TicketClosed, None);
        assert_eq!(store.withdraw(&lease.job.key, &closed).await.unwrap(), Withdrawn::Stopping);
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::StopAsked(closed), "the heartbeat tells it");
        let done = result(Verdict::Done, "fine");
        assert_eq!(store.record_result(&lease, &done).await.unwrap(), Some(done));
        assert!(store.release(&lease, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
        assert_eq!(drain(&store).await, ["1"]);
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let (server, _, mut redis) = start().await;
    bounded(async {
        let _: String = send(&mut redis, &["CONFIG", "SET", "requirepass", "right"]).await;
        let store = RedisStore::connect(&server.url().replace("//", "//:wr0ng@")).expect("a good address");
        let error = store.ping().await.expect_err("a wrong password");
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        let text = format!("{error} {error:?} {store:?}");
        assert!(text.contains("check user, password and permissions of REDIS_URL"), "{text}");
        assert!(!text.contains("wr0ng"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_malformed_address_names_the_variable_and_hides_the_password() {
    for url in ["", "not a url", "http://u:s3cret@host", "redis://u:s3cret@host/notanumber", "redis://u:s3c/ret@host"] {
        let error = RedisStore::connect(url).expect_err(url).to_string();
        assert!(error.contains("REDIS_URL") && error.contains("redis://"), "{url}: {error}");
        assert!(!error.contains("s3c"), "{error}");
    }
    assert!(RedisStore::connect("rediss://user:pass@nowhere.invalid:6380/2").is_ok());
}

/// An idle wait asks when it starts, when the subscription stands, and when it ends.
#[tokio::test]
async fn an_idle_wait_costs_next_to_nothing() {
    let (_server, store, mut redis) = start().await;
    bounded(async {
        let idle = async {
            assert!(store.take("box-1", LONG, Duration::from_millis(500)).await.unwrap().is_none());
        };
        idle.await;
        let stats: String = send(&mut redis, &["INFO", "commandstats"]).await;
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).expect("scripts ran");
        let calls: u32 = calls.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number");
        // One more for the first call of a script that this Redis does not know yet.
        assert!(calls <= 4, "{calls} scripts in one idle wait");
    })
    .await;
}
