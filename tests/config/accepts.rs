//! What is accepted, and what it means.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use agent_smith::config::{
    Action, Budget, Config, Env, KeepWorkspace, Limits, Loaded, Place, Retry, Source, SourceHost, Step, parse, schema,
};

fn env() -> Env {
    [("GITHUB_TOKEN", "tok"), ("ORG", "my-org"), ("PAUSE", "45"), ("POLL", "true"), ("STATE_DIRECTORY", "/state")]
        .into_iter()
        .collect()
}

fn load(text: &str) -> Loaded {
    match parse("f.yml", text, &env()) {
        Ok(loaded) => loaded,
        Err(broken) => panic!("{broken}"),
    }
}

fn clean(text: &str) -> Config {
    let loaded = load(text);
    assert_eq!(loaded.problems, []);
    loaded.config
}

/// The example of the public description of the file format, word for word.
const PUBLIC_EXAMPLE: &str = "\
projects:
  my-api:
    source: { type: GitHub, url: https://github.com/org/my-api, auth: token }   # GitHub | GitLab | AzureRepos | Local (path:)
    tickets:
      type: GitHub            # GitHub | GitLab | AzureDevOps | Jira   (case does not matter)
      url: https://github.com/org/my-api
      auth: token
    pipeline: fix-bug         # the project's default pipeline
    github_trigger:           # or gitlab_trigger / azuredevops_trigger / jira_trigger
      default_pipeline: fix-bug
      pipeline_from_label:    # ORDER MATTERS: the first key that is a label of the ticket wins
        agent-smith: fix-bug
        security-review: security-scan
    polling: { enabled: true, interval_seconds: 30, jitter_percent: 15 }   # defaults: false, 60, 10

pipelines:                    # built-in presets exist (fix-bug, add-feature, security-scan …); the same name here replaces one
  fix-bug:
    timeout_seconds: 3600
    steps:
      - run: ./scripts/fix.sh

agent:
  queue:
    max_parallel_jobs: 4            # jobs this process runs at once
    consume_block_seconds: 5        # longest single wait on an empty queue
    shutdown_grace_seconds: 30
    redis_retry_interval_seconds: 30
  leader:    { lease_seconds: 30, renew_seconds: 10 }
  lifecycle: { heartbeat_ttl_seconds: 120, heartbeat_renew_seconds: 30, stale_scan_seconds: 60, reconcile_interval_seconds: 600 }

secrets:                      # optional: names for values that come from the environment
  github_token: ${GITHUB_TOKEN}
";

#[test]
fn the_public_example_means_what_it_says() {
    let config = clean(PUBLIC_EXAMPLE);
    let project = &config.projects["my-api"];
    assert_eq!(project.tracker.place, Place::GitHub { owner: "org".into(), repo: "my-api".into() });
    assert_eq!(project.tracker.api_url.as_str(), "https://api.github.com/");
    assert!(
        matches!(&project.source, Some(Source::Remote { host: SourceHost::GitHub, url, .. }) if url.path() == "/org/my-api")
    );
    assert_eq!(project.trigger.labels(), ["agent-smith", "security-review"]);
    assert_eq!((project.polling.interval, project.polling.jitter_percent), (Duration::from_secs(30), 15));
    let pipeline = &config.pipelines["fix-bug"];
    assert_eq!(
        (pipeline.built_in, pipeline.retry, pipeline.timeout),
        (false, Retry::OnCrash, Duration::from_secs(3600))
    );
    assert_eq!(pipeline.steps, [Step::new(Action::Run { command: "./scripts/fix.sh".into() })]);
    assert!(config.pipelines["security-scan"].built_in && config.pipelines["add-feature"].built_in);
    assert_eq!(config.agent.data_dir, Path::new("/state"));
}

#[test]
fn what_is_not_written_has_the_documented_default() {
    let minimal = "projects: { p: { tickets: { type: GitHub, url: https://github.com/o/r } } }\n";
    let config = clean(minimal);
    let written = clean(PUBLIC_EXAMPLE);
    assert_eq!(config.agent, written.agent);
    assert!(!config.webhooks.allow_unsigned);
    let polling = config.projects["p"].polling;
    assert_eq!((polling.enabled, polling.interval, polling.jitter_percent), (false, Duration::from_secs(60), 10));
    assert_eq!(config.pipelines["fix-bug"].timeout, Duration::from_secs(3600));

    // A section with nothing below it counts as an empty one.
    let empty = "webhooks:\nagent:\n  queue:\npipelines:\nsecrets:\nprojects:\n  p:\n    tickets: { type: GitHub, url: https://github.com/o/r }\n    github_trigger:\n    polling:\n";
    assert_eq!(clean(empty), config);
}

#[test]
fn limits_and_budgets_mean_what_they_say() {
    let config = clean(
        "projects: { p: { tickets: { type: GitHub, url: https://github.com/o/r }, pipeline: mine, concurrency: 2 } }
pipelines:
  mine: { concurrency: 1000, budget: { wall_seconds: 90 }, steps: [{ run: make }] }
  other: { budget: { attempts_per_day: 3 }, steps: [{ run: make }] }
",
    );
    let (mine, other) = (&config.pipelines["mine"], &config.pipelines["other"]);
    assert_eq!(config.projects["p"].concurrency, NonZeroUsize::new(2));
    assert_eq!((mine.concurrency, other.concurrency), (NonZeroUsize::new(1000), None));
    assert_eq!(mine.budget, Budget { wall: Some(Duration::from_secs(90)), attempts_per_day: None });
    assert_eq!(other.budget, Budget { wall: None, attempts_per_day: NonZeroUsize::new(3) });
    assert!(config.pipelines["fix-bug"].budget.is_unlimited(), "none, unless somebody asks for one");
}

#[test]
fn short_times_are_valid() {
    let config = clean(&format!(
        "{}agent: {{ queue: {{ shutdown_grace_seconds: 0, consume_block_seconds: 1 }}, leader: {{ lease_seconds: 3, renew_seconds: 1 }}, \
         lifecycle: {{ heartbeat_ttl_seconds: 3, heartbeat_renew_seconds: 1, stale_scan_seconds: 1, reconcile_interval_seconds: 1 }} }}\n",
        "projects: { p: { tickets: { type: GitHub, url: https://github.com/o/r }, polling: { interval_seconds: 1 } } }\n"
    ));
    assert_eq!(config.agent.leader.lease, Duration::from_secs(3));
}

#[test]
fn type_words_ignore_case_and_the_order_of_labels_is_kept() {
    let labels = ["zeta", "10", "alpha", "9", "true", "Beta: x"];
    let map: String = labels.iter().map(|label| format!("\"{label}\": fix-bug, ")).collect();
    for word in ["github", "GITHUB", "gitHub"] {
        let config = clean(&format!(
            "projects: {{ p: {{ tickets: {{ type: {word}, url: https://github.com/o/r }}, source: {{ type: Local, path: /srv/r }}, github_trigger: {{ pipeline_from_label: {{ {map} }} }} }} }}\n"
        ));
        assert_eq!(config.projects["p"].trigger.labels(), labels);
    }
}

#[test]
fn values_are_expanded_and_steps_are_not() {
    let config = clean(
        "projects:\n  p:\n    tickets: { type: GitHub, url: 'https://github.com/${ORG}/r' }\n    polling: { enabled: \"${POLL}\", interval_seconds: \"${PAUSE}\" }\n\
         pipelines:\n  mine:\n    steps:\n      - run: echo ${NOT_SET} $HOME ${ORG}\n",
    );
    let project = &config.projects["p"];
    assert_eq!(project.tracker.web_url.as_str(), "https://github.com/my-org/r");
    assert!(project.polling.enabled && project.polling.interval == Duration::from_secs(45));
    assert_eq!(
        config.pipelines["mine"].steps,
        [Step::new(Action::Run { command: "echo ${NOT_SET} $HOME ${ORG}".into() })]
    );
}

#[test]
fn anchors_and_merges_work() {
    let config = clean(
        "projects:\n  a:\n    tickets: { type: GitHub, url: https://github.com/o/a }\n    polling: &often { enabled: true, interval_seconds: 5 }\n\
         \x20 b:\n    tickets: { type: GitHub, url: https://github.com/o/b }\n    polling: { <<: *often, interval_seconds: 9 }\n\
         \x20 c:\n    tickets: { type: GitHub, url: https://github.com/o/c }\n    polling: *often\n",
    );
    let pauses: Vec<u64> = config.projects.values().map(|project| project.polling.interval.as_secs()).collect();
    assert_eq!(pauses, [5, 9, 5]);
    assert!(config.projects["b"].polling.enabled);
}

#[test]
fn the_example_file_is_clean() {
    let text = include_str!("../../agentsmith.yml.example");
    assert_eq!(clean(text).projects.keys().collect::<Vec<_>>(), ["my-api"]);

    // And so are the projects in it that are commented out.
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with("  ")).unwrap_or(line).to_owned() + "\n")
        .collect();
    let env: Env = ["GITHUB_TOKEN", "GITLAB_TOKEN", "AZURE_DEVOPS_TOKEN", "JIRA_EMAIL", "JIRA_TOKEN"]
        .into_iter()
        .map(|name| (name, "x"))
        .collect();
    let loaded = parse("f.yml", &uncommented, &env).expect("usable");
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.config.projects.keys().collect::<Vec<_>>(), ["my-api", "on-gitlab", "on-azure", "on-jira"]);
}

#[test]
fn a_file_without_projects_is_told_so() {
    for text in ["projects: {}\n", "projects:\n", "agent: {}\n"] {
        let loaded = load(text);
        assert_eq!(loaded.problems.len(), 1, "{text}");
        assert!(!loaded.problems[0].is_error() && loaded.problems[0].message.contains("no project"));
    }
}

#[test]
fn the_schema_describes_every_key_for_an_editor() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in
        definitions.iter().map(|(name, definition)| (name.as_str(), definition)).chain([("File", schema)])
    {
        let Some(properties) = definition.get("properties").and_then(|properties| properties.as_object()) else {
            continue;
        };
        assert_eq!(definition["additionalProperties"], false, "{name}");
        for (key, property) in properties {
            assert!(property.get("description").is_some(), "{name}.{key} has no description: {property}");
        }
    }
    let pause = &definitions["Polling"]["properties"]["interval_seconds"];
    assert_eq!((&pause["minimum"], &pause["default"]), (&1.into(), &60.into()));
    let words = definitions["TicketsType"].to_string();
    assert!(words.contains("\"AzureDevOps\"") && words.contains("[Gg][Ii][Tt][Hh][Uu][Bb]"), "{words}");
}

#[test]
fn limits_of_a_pipeline_win_over_those_of_all_one_by_one() {
    let config = clean(
        "projects:
  a: { tickets: { type: GitHub, url: https://github.com/o/r } }
agent:
  limits: { memory_mb: 4096, processes: 512 }
pipelines:
  own:
    limits: { memory_mb: 1024, cpu_seconds: 60, file_size_mb: 100, cpus: 2 }
    keep_workspace: on_failure
    steps: [{ run: 'true' }]
  none: { keep_workspace: always, steps: [{ run: 'true' }] }
",
    );
    let of_all = Limits { memory_mb: Some(4096), processes: Some(512), ..Limits::default() };
    let own = Limits { memory_mb: Some(1024), cpu_seconds: Some(60), file_size_mb: Some(100), cpus: Some(2), ..of_all };
    let meant = |name: &str| (config.pipelines[name].limits, config.pipelines[name].keep_workspace);
    assert_eq!(meant("own"), (own, KeepWorkspace::OnFailure));
    assert_eq!(meant("none"), (of_all, KeepWorkspace::Always));
    assert_eq!(meant("fix-bug"), (of_all, KeepWorkspace::Never), "the built-in ones too");
    let without = clean("projects:\n  a: { tickets: { type: GitHub, url: https://github.com/o/r } }\n");
    assert_eq!(without.pipelines["fix-bug"].limits, Limits::default());
}
