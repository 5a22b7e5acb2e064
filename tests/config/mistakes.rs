//! Every kind of mistake, with its place and what is said about it.

use agent_smith::config::{About, Broken, Env, Loaded, Problem, Severity, Source, parse};
use secrecy::ExposeSecret;

/// Enough of an environment that nothing but the mistake in question is reported.
fn env() -> Env {
    let names = ["GITHUB_TOKEN", "GITLAB_TOKEN", "AZURE_DEVOPS_TOKEN", "JIRA_TOKEN"];
    let extra = [("JIRA_EMAIL", "me@example.com"), ("MY_SECRET", "s3cr3t-value"), ("HOME", "/home/me")];
    names.into_iter().map(|name| (name, "tok")).chain(extra).collect()
}

fn problems(text: &str) -> Vec<Problem> {
    match parse("f.yml", text, &env()) {
        Ok(Loaded { problems, .. }) => problems,
        Err(broken) => broken.problems().to_vec(),
    }
}

/// A good GitHub project in which a test replaces one part.
const PROJECT: &str = "\
projects:
  p:
    tickets:
      type: GitHub
      url: https://github.com/org/repo
      auth: token
    pipeline: fix-bug
    github_trigger:
      default_pipeline: fix-bug
      pipeline_from_label:
        agent-smith: fix-bug
        security: security-scan
    polling:
      enabled: true
      interval_seconds: 30
pipelines:
  mine:
    timeout_seconds: 60
    steps:
      - run: make
  fix-bug: { steps: [{ run: ./fix }] }
  security-scan: { steps: [{ run: ./scan }] }
agent:
  queue:
    max_parallel_jobs: 2
  leader:
    lease_seconds: 30
    renew_seconds: 10
  lifecycle:
    heartbeat_ttl_seconds: 120
";

/// What is replaced, by what, where the mistake is then and what the message must contain.
type Row = (&'static str, &'static str, (u32, u32), &'static [&'static str]);
const TABLE: &[Row] = &[
    // Unknown keys, at every level.
    ("projects:", "project:", (1, 1), &["unknown key `project`", "did you mean `projects`"]),
    ("    polling:", "    pollling:", (13, 5), &["unknown key `pollling` in `p`", "`polling`"]),
    ("      enabled:", "      enable:", (14, 7), &["unknown key `enable` in `polling`", "`enabled`"]),
    ("interval_seconds", "interval", (15, 7), &["unknown key `interval`", "`interval_seconds`"]),
    ("      auth: token", "      zebra: token", (6, 7), &["unknown key `zebra`", "known here", "`api_url`"]),
    ("    github_trigger:", "    trigger:", (8, 5), &["unknown key `trigger`", "_trigger`"]),
    ("max_parallel_jobs", "max_parallel", (25, 5), &["unknown key `max_parallel` in `queue`", "`max_parallel_jobs`"]),
    ("      - run: make", "      - rum: make", (20, 9), &["unknown key `rum`", "`run`"]),
    // Duplicate keys.
    (
        "    pipeline: fix-bug\n",
        "    pipeline: fix-bug\n    pipeline: mine\n",
        (8, 5),
        &["`pipeline` is given twice", "line 7"],
    ),
    ("        security:", "        agent-smith:", (12, 9), &["`agent-smith` is given twice", "line 11"]),
    ("agent:", "pipelines: {}\nagent:", (23, 1), &["`pipelines` is given twice", "line 16"]),
    // Missing keys.
    ("      type: GitHub\n", "", (3, 5), &["`type` is missing in `tickets`"]),
    ("      url: https://github.com/org/repo\n", "", (3, 5), &["`url` is missing", "https://github.com/owner/repo"]),
    ("    steps:\n      - run: make\n", "", (17, 3), &["`steps` is missing in `mine`"]),
    // Wrong types.
    ("enabled: true", "enabled: yes", (14, 16), &["`enabled` must be `true` or `false`, not yes"]),
    ("enabled: true", "enabled: 1", (14, 16), &["must be `true` or `false`, not a number"]),
    ("interval_seconds: 30", "interval_seconds: soon", (15, 25), &["must be a whole number, not text"]),
    (
        "interval_seconds: 30",
        "interval_seconds: 1.5",
        (15, 25),
        &["must be a whole number, not a number that is not whole"],
    ),
    ("interval_seconds: 30", "interval_seconds:", (15, 7), &["`interval_seconds` has no value"]),
    ("    pipeline: fix-bug", "    pipeline:", (7, 5), &["`pipeline` has no value"]),
    ("    pipeline: fix-bug", "    pipeline: 12", (7, 15), &["must be text", "quotes"]),
    ("    pipeline: fix-bug", "    pipeline: [fix-bug]", (7, 15), &["must be text, not a list"]),
    (
        "    polling:\n      enabled: true\n      interval_seconds: 30",
        "    polling: on",
        (13, 14),
        &["`polling` must be a section"],
    ),
    (
        "    steps:\n",
        "    limits: { memory: 64 }\n    steps:\n",
        (19, 15),
        &["unknown key `memory` in `limits`", "`memory_mb`"],
    ),
    ("    steps:\n", "    limits: { memory_mb: 8 }\n    steps:\n", (19, 26), &["`memory_mb` must be", "16"]),
    ("    steps:\n", "    limits: { cpus: 1.5 }\n    steps:\n", (19, 21), &["must be a whole number"]),
    (
        "    steps:\n",
        "    keep_workspace: sometimes\n    steps:\n",
        (19, 21),
        &["unknown keep_workspace `sometimes`", "`on_failure`"],
    ),
    ("    steps:\n      - run: make", "    steps: make", (19, 12), &["`steps` must be a list"]),
    ("    steps:\n      - run: make", "    steps: []", (19, 12), &["needs at least 1 item"]),
    ("      - run: make", "      - make", (20, 9), &["must be a section"]),
    // Words and ranges.
    ("type: GitHub", "type: GitHbu", (4, 13), &["unknown type `GitHbu`", "did you mean `GitHub`"]),
    ("type: GitHub", "type: Bitbucket", (4, 13), &["unknown type `Bitbucket`", "`GitHub`", "`Jira`"]),
    ("interval_seconds: 30", "interval_seconds: 0", (15, 25), &["from 1 to", "not 0"]),
    ("interval_seconds: 30", "jitter_percent: 101", (15, 23), &["from 0 to 100, not 101"]),
    ("interval_seconds: 30", "interval_seconds: -5", (15, 25), &["from 1 to", "not -5"]),
    ("timeout_seconds: 60", "timeout_seconds: 3600000000", (18, 22), &["from 1 to 2592000"]),
    ("    timeout_seconds: 60", "    retry: sometimes", (18, 12), &["unknown retry `sometimes`", "`never`"]),
    ("max_parallel_jobs: 2", "max_parallel_jobs: 0", (25, 24), &["from 1 to"]),
    ("timeout_seconds: 60", "concurrency: 0", (18, 18), &["from 1 to 1000, not 0"]),
    ("    pipeline: fix-bug", "    concurrency: 1001", (7, 18), &["from 1 to 1000, not 1001"]),
    ("timeout_seconds: 60", "budget: {}", (18, 5), &["limits nothing", "`wall_seconds`", "`attempts_per_day`"]),
    ("timeout_seconds: 60", "budget: { attempts_per_day: 0 }", (18, 33), &["from 1 to 1000"]),
    ("timeout_seconds: 60", "budget: { attempts: 3 }", (18, 15), &["unknown key `attempts` in `budget`"]),
    // Times that do not fit together.
    (
        "renew_seconds: 10",
        "renew_seconds: 15",
        (28, 20),
        &["`renew_seconds` (15)", "less than half of `lease_seconds` (30)"],
    ),
    ("heartbeat_ttl_seconds: 120", "heartbeat_ttl_seconds: 60", (30, 28), &["`heartbeat_renew_seconds` (30)", "(60)"]),
    // Names.
    (
        "    pipeline: fix-bug",
        "    pipeline: fix-bugs",
        (7, 15),
        &["unknown pipeline `fix-bugs`", "did you mean `fix-bug`"],
    ),
    ("default_pipeline: fix-bug", "default_pipeline: mime", (9, 25), &["unknown pipeline `mime`", "`mine`"]),
    ("security: security-scan", "security: scan", (12, 19), &["unknown pipeline `scan`", "`security-scan`"]),
    ("  p:", "  \" p\":", (2, 3), &["white space"]),
    ("  p:", "  a/b:", (2, 3), &["may not contain `/`"]),
    ("  p:", "  \"a\\tb\":", (2, 3), &["control characters"]),
    ("  p:", "  \"\":", (2, 3), &["needs a name"]),
    // Triggers.
    (
        "github_trigger",
        "gitlab_trigger",
        (8, 5),
        &["does not belong to tickets of type GitHub", "rename it to `github_trigger`"],
    ),
    ("    polling:", "    jira_trigger: {}\n    polling:", (13, 5), &["one trigger section, `github_trigger`"]),
    ("agent-smith: fix-bug", "agent-smith:run: fix-bug", (11, 9), &["`agent-smith:run`", "state of a run"]),
    ("agent-smith: fix-bug", "\"a,b\": fix-bug", (11, 9), &["comma"]),
    ("agent-smith: fix-bug", "Security: fix-bug", (12, 9), &["`security` is the same label as `Security`"]),
    // Trackers and sources.
    ("https://github.com/org/repo", "https://github.com/org", (5, 12), &["not the page of a repository"]),
    ("https://github.com/org/repo", "https://github.com/org/repo/issues", (5, 12), &["not the page of a repository"]),
    ("https://github.com/org/repo", "github.com/org/repo", (5, 12), &["not a URL"]),
    ("https://github.com/org/repo", "ftp://github.com/org/repo", (5, 12), &["http:// or https://"]),
    ("      auth: token", "      project: x", (6, 7), &["`project` means nothing for tickets of type GitHub"]),
    ("    pipeline: fix-bug", "    source: { type: Local, url: https://x/y }", (7, 5), &["`path` is missing"]),
    ("    pipeline: fix-bug", "    source: { type: GitHub, url: 'git@github.com:o/r' }", (7, 34), &["not a URL"]),
    // The environment.
    ("https://github.com/org/repo", "https://${HOM}/org/repo", (5, 12), &["`HOM` is not set", "`HOME`"]),
    ("https://github.com/org/repo", "https://${HOST", (5, 12), &["without a closing `}`"]),
    // Commands.
    ("- run: make", "- run: ' '", (20, 9), &["empty"]),
    // Coding agents.
    ("- run: make", "- agent: {}", (20, 9), &["`type`", "`command`", "`agent.coding`"]),
    ("- run: make", "- agent: { type: claude, command: [x] }", (20, 9), &["not both"]),
    ("- run: make", "- agent: { model: x }", (20, 9), &["belong to a `type`"]),
    ("- run: make", "- agent: { type: claud }", (20, 24), &["claude"]),
    ("- run: make", "- agent: { type: claude, report: ../x }", (20, 40), &["inside of the workspace"]),
    ("- run: make", "- agent: { type: claude, prompt: '{{ ticket.titel }}' }", (20, 40), &["`ticket.title`"]),
    ("agent:\n", "agent:\n  coding: { env: { A: b } }\n", (24, 3), &["needs `type`"]),
    ("agent:\n", "agent:\n  coding: { type: codex, secrets: [KEY] }\n", (24, 36), &["`KEY`", "`secrets`"]),
];

#[test]
fn the_good_project_has_no_mistakes() {
    assert_eq!(problems(PROJECT), []);
}

#[test]
fn each_mistake_is_found_at_its_place() {
    for (good, bad, (line, col), fragments) in TABLE {
        let said_here = |problem: &&Problem| {
            (problem.line, problem.col) == (*line, *col) && fragments.iter().all(|part| problem.message.contains(part))
        };
        assert!(PROJECT.contains(good), "{good:?} is not in the good project");
        let text = PROJECT.replacen(good, bad, 1);
        let found = problems(&text);
        let here = found.iter().filter(|problem| problem.is_error()).find(said_here);
        assert!(here.is_some(), "{bad:?}: no {fragments:?} at {line}:{col} in {found:#?}");
    }
}

#[test]
fn one_mistake_is_one_message() {
    for (good, bad, place, _) in TABLE {
        // A source of the wrong kind is wrong twice.
        if bad.contains("type: Local") {
            continue;
        }
        let found: Vec<Problem> =
            problems(&PROJECT.replacen(good, bad, 1)).into_iter().filter(Problem::is_error).collect();
        assert_eq!(found.len(), 1, "{bad:?} at {place:?}: {found:#?}");
    }
}

#[test]
fn a_problem_shows_the_line_and_a_caret() {
    let found = problems(&PROJECT.replacen("pipeline: fix-bug", "pipeline: fix-bgu", 1));
    let expected = "f.yml:7:15: error: unknown pipeline `fix-bgu`; did you mean `fix-bug`?
  7 |     pipeline: fix-bgu
    |               ^^^^^^^";
    assert_eq!(found.iter().map(Problem::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn all_mistakes_are_reported_at_once_in_order() {
    let text = "\
projects:
  a:
    tickets: { type: GitHub, url: 'https://github.com/o/r', colour: red }
    pipeline: nope
    polling: { enabled: maybe, jitter_percent: 200 }
  b:
    tickets: { type: Jira }
    github_trigger: { pipeline_from_label: { 'two words': fix-bug } }
pipelines:
  x: { steps: [ { run: 1 } ], timeout_seconds: 0 }
agent: { leader: { renew_seconds: 20 }, quueue: {} }
";
    let found = problems(text);
    let places: Vec<(u32, u32)> = found.iter().map(|problem| (problem.line, problem.col)).collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(places, sorted);
    let lines: Vec<u32> = places.iter().map(|place| place.0).collect();
    assert_eq!(lines, [3, 4, 5, 5, 7, 8, 8, 10, 10, 11, 11], "{found:#?}");
}

#[test]
fn a_bad_project_or_pipeline_costs_only_itself_and_those_that_need_it() {
    let text = "\
projects:
  good:
    tickets: { type: GitHub, url: https://github.com/o/good }
  bad:
    tickets: { type: GitHub, url: https://github.com/o/bad }
    poling: { enabled: true }
  needs-bad:
    tickets: { type: GitHub, url: https://github.com/o/needs }
    github_trigger: { pipeline_from_label: { x: broken } }
  last-resort:
    tickets: { type: GitHub, url: https://github.com/o/last }
    github_trigger: { default_pipeline: mine }
pipelines:
  broken: { steps: [] }
  mine: { steps: [ { run: make } ] }
";
    let loaded = parse("f.yml", text, &env()).expect("usable");
    assert_eq!(loaded.config.projects.keys().collect::<Vec<_>>(), ["good", "last-resort"]);
    assert_eq!(loaded.left_out.keys().collect::<Vec<_>>(), ["bad", "needs-bad"]);
    assert!(loaded.left_out["bad"].starts_with("f.yml:6:5: unknown key `poling`"), "{:?}", loaded.left_out);
    assert!(loaded.left_out["needs-bad"].contains("`broken`") && loaded.left_out["needs-bad"].contains("f.yml:14:"));
    assert!(!loaded.config.pipelines.contains_key("broken") && loaded.config.pipelines.contains_key("mine"));
    assert_eq!(loaded.problems[0].about, About::Project("bad".into()));

    // A broken `fix-bug` of one's own is not quietly replaced by the built-in one.
    let spoiled = text.replace("  broken:", "  fix-bug:").replace("x: broken", "x: mine");
    let loaded = parse("f.yml", &spoiled, &env()).expect("usable");
    assert_eq!(loaded.config.projects.keys().collect::<Vec<_>>(), ["last-resort"]);
    assert!(!loaded.config.pipelines.contains_key("fix-bug"));
}

#[test]
fn a_mistake_outside_projects_breaks_the_file_and_so_does_broken_yaml() {
    for (text, place, fragment) in [
        ("projects: {}\nagentt: {}\n", "f.yml:2:1", "unknown key `agentt`"),
        ("projects: []\n", "f.yml:1:11", "`projects` must be a section"),
        ("projects:\n  a: [\n", "f.yml:2:6", "unclosed bracket"),
        ("", "f.yml:1:1", "empty"),
        ("# nothing\n", "f.yml:1:1", "empty"),
        ("just text\n", "f.yml:1:1", "the file must be a section"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1", "second document"),
    ] {
        let broken = parse("f.yml", text, &env()).expect_err(text);
        let told = broken.to_string();
        assert!(told.starts_with(place) && told.contains(fragment), "{text:?}: {told}");
    }
    let large = format!("# {}\nprojects: {{}}\n", "x".repeat(1 << 20));
    assert!(parse("f.yml", &large, &env()).expect_err("large").to_string().contains("larger than 1048576 bytes"));
}

#[test]
fn a_secret_that_is_not_set_costs_nothing_else() {
    let loaded =
        parse("f.yml", &format!("{PROJECT}secrets:\n  mine: ${{NOT_THERE}}\n  known: ${{MY_SECRET}}\n"), &env());
    let loaded = loaded.expect("usable");
    assert_eq!(loaded.config.projects.len(), 1);
    let [problem] = loaded.problems.as_slice() else { panic!("{:?}", loaded.problems) };
    assert_eq!((problem.about.clone(), problem.line, problem.col), (About::Secret("mine".into()), 32, 9));
    assert!(loaded.config.secrets.get("known").is_some() && loaded.config.secrets.get("mine").is_none());
}

/// A run of it would be refused, each time.
#[test]
fn a_checkout_needs_a_source() {
    let project = |keys: &str| {
        format!(
            "projects:\n  p:\n    tickets: {{ type: GitHub, url: 'https://github.com/o/r' }}\n{keys}\npipelines:\n  mine: {{ steps: [{{ checkout: {{}} }}] }}\n  plain: {{ steps: [{{ run: make }}] }}\n"
        )
    };
    let found = |keys: &str| -> Vec<(u32, u32, bool)> {
        let found = problems(&project(keys));
        assert!(found.iter().all(|problem| problem.message.contains("`source`")), "{found:#?}");
        found.iter().map(|problem| (problem.line, problem.col, problem.is_error())).collect()
    };
    assert_eq!(found("    pipeline: mine"), [(4, 15, true)]);
    assert_eq!(found("    pipeline: security-scan"), [(4, 15, true)], "a built-in one too");
    assert_eq!(found("    github_trigger: { default_pipeline: mine }"), [(4, 41, true)]);
    let labels = "    pipeline: plain\n    github_trigger: { pipeline_from_label: { a: plain, b: mine, c: mine } }";
    assert_eq!(found(labels), [(5, 59, true)], "each pipeline once");
    assert_eq!(found(""), [], "it names none");
    assert_eq!(found("    github_trigger: { pipeline_from_label: { a: plain } }"), [], "nothing it names needs one");
    assert_eq!(found("    pipeline: mine\n    source: { type: Local, path: /srv/p }"), []);
}

/// What git is called with is the source's own, which may not be the tracker's.
#[test]
fn a_source_has_the_credentials_of_its_own_host() {
    let with = |source: &str| {
        PROJECT.replace("    pipeline: fix-bug", &format!("    source: {source}\n    pipeline: fix-bug"))
    };
    let on_gitlab = with("{ type: GitLab, url: https://gitlab.com/g/p }");
    let token = |loaded: &Loaded| match &loaded.config.projects["p"].source {
        Some(Source::Remote { credentials, .. }) => {
            credentials.as_ref().map(|has| has.token.expose_secret().to_owned())
        }
        other => panic!("{other:?}"),
    };
    let github: Env = [("GITHUB_TOKEN", "hub")].into_iter().collect();
    let loaded = parse("f.yml", &on_gitlab, &github).expect("usable");
    let [warning] = loaded.problems.as_slice() else { panic!("{:?}", loaded.problems) };
    assert!(warning.severity == Severity::Warning && warning.message.contains("GITLAB_TOKEN"), "{warning:?}");
    assert_eq!(token(&loaded), None);
    let both: Env = [("GITHUB_TOKEN", "hub"), ("GITLAB_TOKEN", " lab\n")].into_iter().collect();
    let loaded = parse("f.yml", &on_gitlab, &both).expect("usable");
    assert_eq!((token(&loaded).as_deref(), loaded.problems.len()), (Some("lab"), 0));
    let odd: Env = [("GITHUB_TOKEN", "hub"), ("GITLAB_TOKEN", "l\u{e4}b")].into_iter().collect();
    assert!(parse("f.yml", &on_gitlab, &odd).expect("usable").left_out["p"].contains("GITLAB_TOKEN"));
    // Over ssh there is no token, and where the tracker's is missing too it is said once.
    let loaded = parse("f.yml", &with("{ type: GitLab, url: ssh://git@gitlab.com/g/p }"), &github).expect("usable");
    assert_eq!((token(&loaded), loaded.problems.len()), (None, 0));
    let on_github = with("{ type: GitHub, url: https://github.com/o/r }");
    assert_eq!(parse("f.yml", &on_github, &Env::default()).expect("usable").problems.len(), 1);
    assert_eq!(token(&parse("f.yml", &on_github, &github).expect("usable")).as_deref(), Some("hub"));
}

/// What could only fail when the run gets there.
#[test]
fn steps_that_need_the_source_come_after_the_checkout() {
    for (steps, expected) in [
        ("[{commit: {}}]", Some("a `commit` step needs a `checkout` step before it")),
        ("[{open_change_request: {}}]", Some("a `open_change_request` step needs a `checkout` step before it")),
        ("[{push: {}}, {checkout: {}}]", Some("a `push` step needs a `checkout` step before it")),
        ("[{checkout: {base: 'a..b'}}]", Some("`base` is no name of a branch")),
        ("[{checkout: {base: main, keep_work: true}}, {commit: {message: '{{ ticket.title }}'}}, {push: {}}]", None),
    ] {
        let loaded = parse("f.yml", &format!("pipelines: {{ x: {{ steps: {steps} }} }}"), &env()).expect("usable");
        let said: Vec<&str> = loaded.problems.iter().map(|problem| problem.message.as_str()).collect();
        match expected {
            Some(expected) => assert!(said.iter().any(|message| message.contains(expected)), "{steps}: {said:?}"),
            None => assert_eq!(said, ["no project is defined: there is nothing to do"]),
        }
    }
}

#[test]
fn credentials_that_are_not_set_are_a_warning_and_unusable_ones_an_error() {
    let none = Env::default();
    let loaded = parse("f.yml", PROJECT, &none).expect("usable");
    let [warning] = loaded.problems.as_slice() else { panic!("{:?}", loaded.problems) };
    assert_eq!((warning.severity, warning.line, warning.col), (Severity::Warning, 6, 13));
    assert!(warning.message.contains("GITHUB_TOKEN"));
    assert!(loaded.config.projects["p"].tracker.credentials.is_none());

    for bad in ["tok en", "tok\u{e4}n", "a\nb"] {
        let env: Env = [("GITHUB_TOKEN", bad)].into_iter().collect();
        let loaded = parse("f.yml", PROJECT, &env).expect("usable");
        assert!(loaded.left_out["p"].contains("GITHUB_TOKEN") && !loaded.left_out["p"].contains(bad), "{bad}");
    }
    let padded: Env = [("GITHUB_TOKEN", " tok\n")].into_iter().collect();
    let loaded = parse("f.yml", PROJECT, &padded).expect("usable");
    assert_eq!(loaded.problems, []);
    assert!(loaded.config.projects["p"].tracker.credentials.is_some());
}

#[test]
fn projects_that_share_tickets_and_labels_are_warned_of() {
    let text = "\
projects:
  one:
    tickets: { type: GitHub, url: https://github.com/o/r }
    github_trigger: { pipeline_from_label: { fix: fix-bug } }
  two:
    tickets: { type: github, url: https://GitHub.com/O/R.git/ }
    github_trigger: { pipeline_from_label: { other: fix-bug, FIX: fix-bug } }
  three:
    tickets: { type: GitHub, url: https://github.com/o/other }
    github_trigger: { pipeline_from_label: { fix: fix-bug } }
pipelines:
  fix-bug: { steps: [{ run: make }] }
";
    let loaded = parse("f.yml", text, &env()).expect("usable");
    let [warning] = loaded.problems.as_slice() else { panic!("{:#?}", loaded.problems) };
    assert_eq!((warning.severity, warning.line, warning.col), (Severity::Warning, 7, 62));
    assert!(warning.message.contains("`one`") && warning.message.contains("`FIX`"), "{}", warning.message);
    assert_eq!(loaded.config.projects.len(), 3);
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = "s3cr3t-value";
    let mut texts = vec![
        PROJECT.replace("auth: token", &format!("auth: {secret}")),
        PROJECT.replace("auth: token", &format!("auth:\n        {secret}")),
        PROJECT.replace("auth: token", &format!("token: {secret}")),
        PROJECT.replace("    pipeline: fix-bug", &format!("    source: {{ typ: x, auth: {secret} }}")),
        PROJECT.replace("https://github.com/", &format!("https://me:{secret}@github.com/o/")),
        PROJECT.replace("https://github.com/", &format!("https://{secret}@github.com/")),
        format!("{PROJECT}secrets: {{ key: {secret}, other: [1] }}\n"),
        format!("{PROJECT}secrets:\n  key: {secret}\n  key: again\n"),
        format!("{PROJECT}secrets: {{ password: {secret}, x: [\n"),
    ];
    for (good, bad) in [
        ("type: GitHub", "type: ${MY_SECRET}"),
        ("pipeline: fix-bug", "pipeline: ${MY_SECRET}"),
        ("security-scan", "${MY_SECRET}"),
        ("https://github.com/org/repo", "${MY_SECRET}"),
        ("interval_seconds: 30", "interval_seconds: ${MY_SECRET}"),
        ("enabled: true", "enabled: ${MY_SECRET}"),
        ("timeout_seconds: 60", "retry: ${MY_SECRET}"),
    ] {
        texts.push(PROJECT.replacen(good, bad, 1));
    }
    for text in texts {
        let result = parse("f.yml", &text, &env());
        let found = result.as_ref().map_or_else(|broken| broken.problems().to_vec(), |loaded| loaded.problems.clone());
        assert!(found.iter().any(Problem::is_error), "no mistake in {text}");
        let shown = found.iter().map(|problem| format!("{problem} {problem:?}")).collect::<String>();
        assert!(!shown.contains(secret), "{text}\n{shown}");
        assert!(!format!("{result:?}").contains(secret), "{text}");
    }
    assert!(!format!("{:?}", env()).contains(secret));
    let loaded = parse("f.yml", &format!("{PROJECT}secrets: {{ key: '${{MY_SECRET}}' }}\n"), &env()).expect("usable");
    assert!(!format!("{loaded:?}").contains(secret) && loaded.config.secrets.get("key").is_some());
}

#[test]
fn bombs_are_refused_with_a_place() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    let deep = format!("projects: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [bomb, deep] {
        let Err(Broken::Mistakes(found)) = parse("f.yml", &text, &env()) else { panic!("accepted") };
        assert!(found.len() == 1 && found[0].message.contains("more than"), "{found:?}");
    }
}

#[test]
fn mistakes_of_steps_are_told_where_they_stand() {
    let steps = "pipelines:\n  q:\n    steps:\n      - run: a\n        name: Build\n      - run: b\n        name: one\n      - run: c\n        \
                 name: one\n        if: steps.oen.outcome == 'done'\n      - run: d\n        env: { AGENTSMITH_X: '1', 'a-b': '2' }\n        \
                 secrets: [knwon, known]\n";
    let file = format!("{}secrets:\n  known: ${{MY_SECRET}}\n", PROJECT.replacen("pipelines:\n", steps, 1));
    let loaded = parse("f.yml", &file, &env()).expect("usable");
    let told: Vec<&str> = loaded.problems.iter().map(|problem| problem.message.as_str()).collect();
    for (expected, index) in [
        ("a step's name has small letters", 0),
        ("an earlier step is named `one` already", 1),
        ("the condition: no step before this one is named `oen`; did you mean `one`?", 2),
        ("names that begin with AGENTSMITH_ are set by agent-smith", 3),
        ("`a-b` cannot be an environment variable", 4),
        ("`knwon` is not a name under `secrets` that has a value; did you mean `known`?", 5),
    ] {
        assert!(told[index].contains(expected), "{index}: {told:#?}");
    }
    assert_eq!(told.len(), 6);
    assert!(loaded.problems.iter().all(|problem| problem.about == About::Pipeline("q".into()) && problem.line > 16));
}

#[test]
fn a_pipeline_of_more_steps_than_a_report_can_name_is_refused() {
    let steps =
        |count| format!("projects: {{}}\npipelines:\n  q:\n    steps:\n{}", "      - run: 'true'\n".repeat(count));
    assert!(parse("f.yml", &steps(100), &env()).expect("usable").config.pipelines.contains_key("q"));
    let loaded = parse("f.yml", &steps(101), &env()).expect("usable");
    let told: Vec<&str> = loaded.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(told.iter().any(|told| told.contains("`steps` has at most 100 items, and this has 101")), "{told:?}");
    assert!(!loaded.config.pipelines.contains_key("q"));
}

/// GitHub and GitLab know two statuses; the others have workflows that only they know.
#[test]
fn a_status_that_no_ticket_can_have_is_a_mistake() {
    let said = |kind: &str, trigger: &str| {
        let tickets = if kind == "github" {
            "type: GitHub, url: 'https://github.com/o/r'"
        } else {
            "type: Jira, url: 'https://j.example', project: P"
        };
        let text = format!(
            "projects: {{ p: {{ tickets: {{ {tickets} }}, {kind}_trigger: {{ {trigger} }} }} }}\npipelines: {{ x: {{ steps: [{{set_status: In Review}}] }} }}"
        );
        let loaded = parse("f.yml", &text, &env()).expect("usable");
        let errors = loaded.problems.iter().filter(|problem| problem.is_error());
        errors.map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    let released = said("github", "done_status: Released");
    assert!(released[0].contains("is `open` or `closed`, and never `Released`"), "{released:?}");
    let step = said("github", "default_pipeline: x");
    assert!(step[0].contains("has a step `set_status`: a ticket on GitHub is `open` or `closed`"), "{step:?}");
    assert_eq!(said("github", "done_status: ' '").len(), 1);
    for good in ["done_status: Closed", "done_status: open"] {
        assert_eq!(said("github", good), [""; 0]);
    }
    assert_eq!(said("jira", "done_status: Released, default_pipeline: x"), [""; 0]);
}
