//! A token is never in the log, whatever the filter says, and never in the environment of a step.

use agent_smith::lifecycle::Lifecycle;

use crate::fixture::{TRACKER, world};
use crate::support::process::Server;
use crate::support::redis::RedisServer;
use crate::support::world::TOKEN;

const PASSWORD: &str = "geheim-4711";

#[tokio::test]
async fn no_token_and_no_password_in_the_log_nor_in_a_step() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let (world, _config) =
        world(&[&format!("env > {0}; cat \"$AGENTSMITH_TICKET_FILE\" >> {0}", seen.display())]).await;
    let redis = RedisServer::start();
    let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let () = redis::cmd("CONFIG").arg(&["SET", "requirepass", PASSWORD]).query(&mut connection).unwrap();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", redis.port());
    let env = [("REDIS_URL", url.as_str()), ("RUST_LOG", "trace"), ("GITHUB_WEBHOOK_SECRET", PASSWORD)];
    let server = Server::start_with(&world.config_path(), &env, world.path("log"), &[]).await;
    let number = world.ask(TRACKER, "With secrets around it");
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;

    let log = server.log();
    assert!(log.contains("TRACE") && log.contains("hyper"), "the filter lets everything through");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("AGENTSMITH_TICKET_ID=") && seen.contains("With secrets around it"), "{seen}");
    for secret in [TOKEN, PASSWORD] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
        assert!(!seen.contains(secret), "{seen}");
        assert!(ticket.comments.iter().all(|comment| !comment.body.contains(secret)));
    }
    assert!(!seen.contains("REDIS_URL") && !seen.contains("GITHUB_TOKEN"), "{seen}");
}
