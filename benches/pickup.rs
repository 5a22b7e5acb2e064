//! How fast a queued job is picked up, and how many jobs pass through, on both backends.
//!
//! `cargo bench --bench pickup`. A plain program: it starts a Redis of its own, prints p50, p99 and the longest of the
//! latency from the call that makes a job visible to the lease in the hands of an idle consumer in another task, then
//! the rate of whole jobs (claim, publish, take, finish). What must stay true: the consumer is asleep when the job
//! appears, so the figure includes being woken. Bound to reach: p99 of 5 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::job::{AskedBy, Job};
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::redis::RedisStore;
use agent_smith::ticket::{PlatformKind, TicketKey};
use tokio::sync::mpsc;

#[path = "../tests/support/redis.rs"]
#[allow(dead_code, unreachable_pub)] // The tests use the rest of it.
mod redis_server;

const PICKUPS: usize = 1_000;
const JOBS: usize = 5_000;
const CONSUMERS: usize = 4;
const PRODUCERS: usize = 4;
const TTL: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(5);
/// Long enough for the consumer to be asleep again.
const PAUSE: Duration = Duration::from_millis(2);
/// Not measured: scripts are loaded and the subscription is made.
const WARM_UP: usize = 20;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let server = redis_server::RedisServer::start();
    // Two stores: the job comes from another process than the one that waits.
    let (here, there) = (RedisStore::connect(&server.url())?, RedisStore::connect(&server.url())?);
    measure("redis", Arc::new(here), Arc::new(there)).await?;
    let embedded = Arc::new(EmbeddedStore::new());
    measure("embedded", embedded.clone(), embedded).await
}

async fn measure(name: &str, producer: Arc<dyn Store>, consumer: Arc<dyn Store>) -> Outcome {
    let mut latencies = pickups(&*producer, consumer.clone()).await?;
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    println!("{name:9} pickup      p50 {:>9.3?}  p99 {:>9.3?}  max {:>9.3?}", at(50), at(99), at(100));
    let took = throughput(producer, consumer).await?;
    let rate = JOBS as f64 / took.as_secs_f64();
    println!("{name:9} throughput  {rate:>9.0} jobs/s ({PRODUCERS} producers, {CONSUMERS} consumers)");
    Ok(())
}

async fn pickups(producer: &dyn Store, consumer: Arc<dyn Store>) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let (in_hand, mut taken_at) = mpsc::unbounded_channel();
    let consuming = tokio::spawn(async move {
        while let Some(lease) = consumer.take("bench", TTL, WAIT).await? {
            let _ = in_hand.send(Instant::now());
            consumer.finish(&lease).await?;
        }
        Ok::<_, agent_smith::store::Error>(())
    });
    let mut latencies = Vec::with_capacity(PICKUPS);
    for number in 0..WARM_UP + PICKUPS {
        tokio::time::sleep(PAUSE).await;
        let job = job(number);
        record(producer, &job).await?;
        let visible_at = Instant::now();
        producer.publish_claim(&job).await?;
        let taken = taken_at.recv().await.ok_or("the consumer ended")?;
        if number >= WARM_UP {
            latencies.push(taken.saturating_duration_since(visible_at));
        }
    }
    consuming.await??;
    Ok(latencies)
}

async fn throughput(
    producer: Arc<dyn Store>,
    consumer: Arc<dyn Store>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let (done, mut finished) = mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for share in 0..PRODUCERS {
        let producer = producer.clone();
        tasks.spawn(async move {
            for number in (share..JOBS).step_by(PRODUCERS) {
                let job = job(number);
                record(&*producer, &job).await?;
                producer.publish_claim(&job).await?;
            }
            Ok::<_, agent_smith::store::Error>(())
        });
    }
    for _ in 0..CONSUMERS {
        let (consumer, done) = (consumer.clone(), done.clone());
        tasks.spawn(async move {
            while let Some(lease) = consumer.take("bench", TTL, Duration::from_secs(1)).await? {
                consumer.finish(&lease).await?;
                let _ = done.send(Instant::now());
            }
            Ok(())
        });
    }
    let mut last = begun;
    for _ in 0..JOBS {
        last = finished.recv().await.ok_or("the consumers ended")?;
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(last - begun)
}

async fn record(store: &dyn Store, job: &Job) -> Result<(), agent_smith::store::Error> {
    let Some(lock) = store.lock_claim(&job.key).await? else { return Ok(()) };
    store.record_claim(&lock, job).await?;
    store.unlock_claim(lock).await
}

fn job(number: usize) -> Job {
    let key = TicketKey::new(PlatformKind::GitHub, format!("project-{}", number % 7), number.to_string());
    Job::new(key, "fix-bug", AskedBy::TriggerLabel)
}
