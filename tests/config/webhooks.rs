//! What webhooks and triggers need: secrets from the environment, statuses, keywords, and what is said about mistakes.

use agent_smith::config::{Config, Env, Loaded, Severity, parse};
use agent_smith::ticket::PlatformKind;
use secrecy::ExposeSecret;

fn load(text: &str, variables: &[(&str, &str)]) -> Loaded {
    let tokens = ["GITHUB_TOKEN", "GITLAB_TOKEN", "AZURE_DEVOPS_TOKEN", "JIRA_TOKEN", "JIRA_EMAIL"];
    let env: Env = tokens.into_iter().map(|name| (name, "tok")).chain(variables.iter().copied()).collect();
    parse("f.yml", text, &env).unwrap_or_else(|broken| panic!("{broken}"))
}

/// One project on this platform with these lines in its trigger section.
fn project(kind: &str, trigger: &str) -> String {
    let tickets = match kind {
        "github" => "type: GitHub, url: https://github.com/o/r",
        "gitlab" => "type: GitLab, url: https://gitlab.com, project: g/n",
        "azuredevops" => "type: AzureDevOps, organization: o, project: p",
        _ => "type: Jira, url: https://o.atlassian.net, project: P",
    };
    format!("projects:\n  p:\n    tickets: {{ {tickets} }}\n    {kind}_trigger: {{ {trigger} }}\n")
}

fn clean(text: &str, variables: &[(&str, &str)]) -> Config {
    let loaded = load(text, variables);
    assert_eq!(loaded.problems, [], "{text}");
    loaded.config
}

#[test]
fn a_platform_has_the_secrets_of_the_environment_the_current_one_first() {
    let variables = [
        ("GITHUB_WEBHOOK_SECRET_PREVIOUS", "old"),
        ("GITHUB_WEBHOOK_SECRET", " new,with comma \n"),
        ("JIRA_WEBHOOK_SECRET", "  "),
    ];
    let webhooks = clean(&project("github", ""), &variables).webhooks;
    let secrets = |platform| webhooks.secrets_of(platform).iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>();
    assert_eq!(secrets(PlatformKind::GitHub), ["new,with comma", "old"]);
    assert!(secrets(PlatformKind::Jira).is_empty() && secrets(PlatformKind::GitLab).is_empty());
    assert_eq!((webhooks.allow_unsigned, webhooks.max_body_bytes), (false, 2 * 1024 * 1024));
    let shown = format!("{webhooks:?}");
    assert!(!shown.contains("new") && !shown.contains("old"), "{shown}");
}

#[test]
fn a_projects_own_secrets_come_from_the_environment_only() {
    let trigger = "webhook_secret: \"${OWN}\", webhook_secret_previous: \"${BEFORE}\"";
    let config = clean(&project("github", trigger), &[("OWN", "own"), ("BEFORE", "before")]);
    let secrets = config.projects["p"].webhook_secrets.as_slice();
    assert_eq!(secrets.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), ["own", "before"]);
    for (trigger, said) in [
        ("webhook_secret: hunter2", "may not stand in the file"),
        ("webhook_secret: \"x${OWN}\"", "may not stand in the file"),
        ("webhook_secret: \"${OWN}${OWN}\"", "may not stand in the file"),
        ("webhook_secret: \"${EMPTY}\"", "empty secret"),
        ("webhook_secret_previous: \"${OWN}\"", "give both"),
    ] {
        let loaded = load(&project("github", trigger), &[("OWN", "geheim"), ("EMPTY", " ")]);
        let all: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(said)), "{trigger}: {all:?}");
        assert!(all.iter().all(|one| !one.contains("geheim") && !one.contains("hunter2")), "{trigger}: {all:?}");
        assert!(loaded.left_out.contains_key("p"), "{trigger}");
    }
    let damaged = load(&project("gitlab", "webhook_secret: \"${OWN}\""), &[("OWN", "whsec_###")]);
    assert!(damaged.left_out["p"].contains("base64"), "{:?}", damaged.left_out);
}

#[test]
fn triggers_that_could_never_fire_are_errors() {
    for (kind, trigger, said) in [
        ("github", "assignee_name: me", "`assignee_name` means nothing for tickets of type GitHub"),
        ("jira", "assignee_name: \" \"", "is empty"),
        ("github", "trigger_statuses: [In Progress]", "write `open`"),
        ("gitlab", "trigger_statuses: [closed]", "write `open`"),
        ("azuredevops", "trigger_statuses: [Resolved]", "none of the open states (New, Active, Committed)"),
        ("jira", "trigger_statuses: [\"\"]", "this status is empty"),
        ("jira", "trigger_statuses: []", "at least 1"),
        ("github", "comment_keyword: x", "3 to 100 characters"),
        ("github", "trigger_status: [open]", "did you mean `trigger_statuses`"),
    ] {
        let loaded = load(&project(kind, trigger), &[]);
        let all: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(said)), "{kind} {trigger}: {all:?}");
        assert!(loaded.left_out.contains_key("p"), "{kind} {trigger}");
    }
}

#[test]
fn statuses_compare_without_case_and_none_means_any() {
    let trigger = |kind: &str, text: &str| clean(&project(kind, text), &[]).projects["p"].trigger.clone();
    let any = trigger("jira", "");
    assert!(any.takes_status("Whatever"));
    let some = trigger("jira", "trigger_statuses: [To Do, Ready], assignee_name: Smith, comment_keyword: \"@smith\"");
    assert!(some.takes_status("to do") && some.takes_status("READY") && !some.takes_status("In Progress"));
    assert_eq!((some.assignee_name.as_deref(), some.comment_keyword.as_deref()), (Some("Smith"), Some("@smith")));
    // Each of the two has its own word for it.
    assert!(trigger("gitlab", "trigger_statuses: [Open]").takes_status("opened"));
    assert!(trigger("github", "trigger_statuses: [opened]").takes_status("open"));
    assert!(trigger("azuredevops", "trigger_statuses: [active]").takes_status("Active"));
}

#[test]
fn accepting_unsigned_deliveries_is_said_with_the_names() {
    let text = project("github", "") + "webhooks: { allow_unsigned: true, max_body_bytes: 25000000 }\n";
    let said = |variables: &[(&str, &str)]| {
        let loaded = load(&text, variables);
        assert_eq!(loaded.problems.len(), 1, "{:?}", loaded.problems);
        assert_eq!(loaded.problems[0].severity, Severity::Warning);
        assert!(loaded.config.webhooks.allow_unsigned);
        loaded.problems[0].message.clone()
    };
    let open = said(&[]);
    assert!(open.contains("from GitHub are accepted") && open.contains("GITHUB_WEBHOOK_SECRET"), "{open}");
    assert!(!open.contains("Jira"), "{open}");
    assert!(said(&[("GITHUB_WEBHOOK_SECRET", "s")]).contains("no effect"));
}

#[test]
fn whose_word_counts_is_a_list_of_identifiers() {
    let listed = |kind: &str, list: &str| {
        let config = clean(&project(kind, &format!("allowed_actors: {list}")), &[]);
        config.projects["p"].trigger.allowed_actors.clone()
    };
    assert_eq!(clean(&project("github", ""), &[]).projects["p"].trigger.allowed_actors, None);
    assert_eq!(listed("github", "[]"), Some(vec![]), "nobody");
    let github = Some(vec!["octocat".to_owned(), "my-app[bot]".to_owned()]);
    assert_eq!(listed("github", "[\" octocat \", \"my-app[bot]\"]"), github);
    assert_eq!(listed("gitlab", "[\"4711\"]"), Some(vec!["4711".to_owned()]));
    for (kind, list, said) in [
        ("gitlab", "[ann]", "GitLab tells accounts apart by their number"),
        ("jira", "[\" \"]", "this account is empty"),
    ] {
        let loaded = load(&project(kind, &format!("allowed_actors: {list}")), &[]);
        let all: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|problem| problem.contains(said)), "{said}: {all:?}");
    }
}
