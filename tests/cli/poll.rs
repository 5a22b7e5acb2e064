//! `poll` and `poll --dry-run` against the simulated GitHub and a real Redis.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::{Fault, Match, Times};

use crate::fixture::{TRACKER, run, run_with, world};
use crate::support::redis::RedisServer;
use crate::support::world::{Settings, World, lifecycle};

/// Four tickets: two ask for a run, one has had it, one has it now.
fn fill(world: &World) -> [u64; 4] {
    let hostile = "Ends \u{1b}[31m with\r\n\"quotes\" and $(more) of a title that goes on and on";
    let ticket = |title: &str, labels: &[&str]| {
        let labels = labels.iter().fold(NewTicket::titled(title), |ticket, label| ticket.label(*label));
        world.board.open_ticket(TRACKER, labels).unwrap()
    };
    [
        ticket("Fix the footer", &["agent-smith"]),
        ticket(hostile, &["agent-smith:pending"]),
        ticket("Ran", &["agent-smith", "agent-smith:done"]),
        ticket("Runs", &["agent-smith", "agent-smith:in-progress"]),
    ]
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_claim_and_why_not_and_writes_nothing() {
    let (world, config) = world(&["true"]).await;
    let [asked, pending, ran, runs] = fill(&world);
    let before = world.board.history(TRACKER).len();
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(0);
    let line = |number: u64| {
        ended.out.lines().find(|line| line.contains(&format!("#{number} "))).unwrap_or_else(|| panic!("{ended:?}"))
    };
    assert!(line(asked).contains("Fix the footer"), "{ended:?}");
    assert!(line(asked).ends_with("would be claimed for fix-bug: it carries agent-smith"), "{ended:?}");
    assert!(line(pending).starts_with("  + ") && line(pending).contains("\"quotes\""), "{ended:?}");
    assert!(line(pending).ends_with("would be claimed for fix-bug: it carries agent-smith:pending"), "{ended:?}");
    assert!(line(ran).contains("not claimed: its label is agent-smith:done; remove it to run again"));
    assert!(line(runs).contains("already claimed: its label is agent-smith:in-progress"));
    assert!(!ended.out.contains('\u{1b}') && !ended.out.contains('\r'), "{ended:?}");
    let ended = ended.prints(&["api  https://github.com/org/api\n", "2 would be claimed; nothing was written"]);
    assert_eq!(ended.err, "");

    assert_eq!(world.board.history(TRACKER).len(), before, "the board is as it was");
    let requests = world.sim.faults().requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "{requests:?}");
    let mut told: Vec<&str> = ended.out.lines().filter_map(|line| line.strip_prefix("  > GET ")).collect();
    let mut asked: Vec<String> =
        requests.iter().map(|request| format!("{}{}", world.sim.url(), request.path_and_query)).collect();
    asked.retain(|url| url.contains("/issues?"));
    told.sort_unstable();
    asked.sort_unstable();
    assert_eq!(told, asked, "the calls are told as they are made");
}

#[tokio::test]
async fn a_dry_run_says_whose_label_does_not_count() {
    let (world, config) = world(&["true"]).await;
    world.ask(TRACKER, "Fix the footer");
    let outsider = world.board.acting_as("olaf");
    outsider.open_ticket(TRACKER, NewTicket::titled("Please").label("agent-smith")).unwrap();
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(0);
    ended.prints(&[
        "+ #1  Fix the footer  would be claimed for fix-bug: it carries agent-smith",
        "- #2  Please          not claimed: labelled by olaf, who may not write to the tracker",
        "1 would be claimed; nothing was written",
    ]);
    // What cannot be found out now is no answer.
    world.sim.faults().fail(Match::path("/issues/2/events"), Times::Always, Fault::status(502));
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(1);
    ended.prints(&["read who labelled issue 2 of org/api", "1 would be claimed"]);
}

#[tokio::test]
async fn a_project_without_tickets_says_what_was_looked_for() {
    let (_world, config) = world(&["true"]).await;
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(0);
    ended.prints(&["no open ticket asks for a run; looked for agent-smith, agent-smith:pending"]);
}

#[tokio::test]
async fn a_token_that_may_not_label_is_noticed_before_a_claim_fails() {
    let (world, config) = world(&["true"]).await;
    world.ask(TRACKER, "Fix the footer");
    world.board.set_can_write(TRACKER, false).unwrap();
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(1);
    ended.prints(&["would be claimed", "! failed: the owner of the token may not label issues of org/api", "triage"]);
}

#[tokio::test]
async fn a_wrong_token_and_an_unknown_repository_are_told_once_each() {
    let (world, config) = world(&["true"]).await;
    let ended = run_with(&["poll", "--dry-run", "--config", &config], &[("GITHUB_TOKEN", "wrong")]).await.with(1);
    let ended = ended.prints(&["! failed: GitHub does not accept the token for org/api", "GITHUB_TOKEN"]);
    assert_eq!(ended.out.matches("failed").count(), 1, "{}", ended.out);
    world.write_config(&Settings { projects: world.project("api", "org/nowhere"), ..Settings::steps(&["true"]) });
    let ended = run(&["poll", "--dry-run", "--config", &config]).await.with(1);
    let ended = ended.prints(&["! failed: issues of org/nowhere not found", "GITHUB_TOKEN"]);
    assert_eq!(ended.out.matches("failed").count(), 1, "{}", ended.out);
}

#[tokio::test]
async fn an_unknown_project_is_answered_with_the_nearest_or_all_names() {
    let world = World::with(&[TRACKER]).await;
    let projects = world.project("shop-api", TRACKER) + &world.project("website", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let config = world.config_path();
    let poll =
        async |name: &str| run(&["poll", "--dry-run", "--config", config.to_str().unwrap(), "--project", name]).await;
    poll("shopapi").await.with(2).says(&["no project `shopapi`", "did you mean `shop-api`?"]);
    poll("zebra").await.with(2).says(&["no project `zebra`", "`shop-api`, `website`"]);
    let ended = poll("website").await.with(0).prints(&["website  "]);
    assert!(!ended.out.contains("shop-api"), "{}", ended.out);
}

#[tokio::test]
async fn a_poll_claims_and_queues_and_a_second_one_finds_it_claimed() {
    let (world, config) = world(&["true"]).await;
    let redis = RedisServer::start();
    let number = world.ask(TRACKER, "Fix the footer");
    let url = redis.url();
    let poll = async || run_with(&["poll", "--config", &config, "--project", "api"], &[("REDIS_URL", &url)]).await;
    poll().await.with(0).prints(&["+ #1  Fix the footer  claimed for fix-bug as ", "1 claimed"]);
    assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    let mut connection = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let jobs: Vec<(String, String)> =
        redis::cmd("HGETALL").arg("agentsmith:queue:jobs").query(&mut connection).unwrap();
    assert_eq!(jobs, [(format!("github:api:{number}"), "queued".to_owned())]);
    poll().await.with(0).prints(&["already claimed: its label is agent-smith:enqueued", "0 claimed"]);

    // The label is gone, the job is not: the store decides.
    world.board.remove_label(TRACKER, number, "agent-smith:enqueued").unwrap();
    poll().await.with(0).prints(&["already claimed: its job is queued", "0 claimed"]);
}
