//! What names a tracker, and where its API is.

use agent_smith::config::{Env, Loaded, Place, parse};

const TOKENS: [(&str, &str); 5] = [
    ("GITHUB_TOKEN", "t"),
    ("GITLAB_TOKEN", "t"),
    ("AZURE_DEVOPS_TOKEN", "t"),
    ("JIRA_TOKEN", "t"),
    ("JIRA_EMAIL", "m@x"),
];

fn load(tickets: &str, env: &[(&str, &str)]) -> Loaded {
    let env: Env = TOKENS.into_iter().chain(env.iter().copied()).collect();
    parse("f.yml", &format!("projects: {{ p: {{ tickets: {{ {tickets} }} }} }}\n"), &env).expect("usable")
}

/// API base, page and place of a tracker, as one line.
fn named(tickets: &str, env: &[(&str, &str)]) -> String {
    let loaded = load(tickets, env);
    let Some(project) = loaded.config.projects.get("p") else { panic!("{tickets}: {:?}", loaded.problems) };
    let tracker = &project.tracker;
    let place = match &tracker.place {
        Place::GitHub { owner, repo } => format!("{owner}/{repo}"),
        Place::GitLab { path } => path.clone(),
        Place::AzureDevOps { project, open_states } => format!("{project} [{}]", open_states.join(" ")),
        Place::Jira { project } => project.clone().unwrap_or_else(|| "*".into()),
    };
    let plain = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    format!("{} {} {place}", plain(&tracker.api_url), plain(&tracker.web_url))
}

fn refused(tickets: &str, env: &[(&str, &str)]) -> String {
    let loaded = load(tickets, env);
    let reason = loaded.left_out.get("p").cloned();
    reason.unwrap_or_else(|| panic!("{tickets}: accepted as {:?}", loaded.config.projects))
}

#[test]
fn github() {
    for (tickets, expected) in [
        ("url: https://github.com/o/r", "https://api.github.com https://github.com/o/r o/r"),
        ("url: https://github.com/o/r.git/", "https://api.github.com https://github.com/o/r o/r"),
        ("url: http://www.github.com/o/r", "https://api.github.com http://www.github.com/o/r o/r"),
        ("url: https://ghe.example:8443/o/r.x", "https://ghe.example:8443/api/v3 https://ghe.example:8443/o/r.x o/r.x"),
        ("url: http://127.0.0.1:9/o/r", "http://127.0.0.1:9/api/v3 http://127.0.0.1:9/o/r o/r"),
        (
            "url: https://github.com/o/r, api_url: http://127.0.0.1:9/x/",
            "http://127.0.0.1:9/x https://github.com/o/r o/r",
        ),
    ] {
        assert_eq!(named(&format!("type: GitHub, {tickets}"), &[]), expected);
    }
    for tickets in [
        "url: https://github.com",
        "url: https://github.com/o/r?x=1",
        "url: https://github.com/o/.git",
        "api_url: http://x",
    ] {
        refused(&format!("type: GitHub, {tickets}"), &[]);
    }
}

#[test]
fn gitlab() {
    let own = [("GITLAB_URL", "https://git.example/sub/")];
    for (tickets, env, expected) in [
        ("project: g/n", &[][..], "https://gitlab.com/api/v4 https://gitlab.com/g/n g/n"),
        ("project: g/s/n", &own, "https://git.example/sub/api/v4 https://git.example/sub/g/s/n g/s/n"),
        ("url: https://h.example, project: g/n", &own, "https://h.example/api/v4 https://h.example/g/n g/n"),
        ("url: https://h.example/gl/, project: g/n", &[], "https://h.example/gl/api/v4 https://h.example/gl/g/n g/n"),
        ("url: https://gitlab.com/g/n", &[], "https://gitlab.com/api/v4 https://gitlab.com/g/n g/n"),
        ("url: https://gitlab.com/g/s/n.git", &[], "https://gitlab.com/api/v4 https://gitlab.com/g/s/n g/s/n"),
        ("url: https://gitlab.com/g/n/-/issues", &[], "https://gitlab.com/api/v4 https://gitlab.com/g/n g/n"),
        ("url: https://gitlab.com/g/n, project: g/n", &[], "https://gitlab.com/api/v4 https://gitlab.com/g/n g/n"),
        ("url: https://git.example/sub/g/n", &own, "https://git.example/sub/api/v4 https://git.example/sub/g/n g/n"),
        (
            "url: https://h.example/gl/g/n, api_url: https://h.example/gl/api/v4",
            &[],
            "https://h.example/gl/api/v4 https://h.example/gl/g/n g/n",
        ),
        (
            "project: g/n, api_url: http://127.0.0.1:9/api/v4",
            &[],
            "http://127.0.0.1:9/api/v4 https://gitlab.com/g/n g/n",
        ),
    ] {
        assert_eq!(named(&format!("type: GitLab, {tickets}"), env), expected, "{tickets}");
    }
    for tickets in [
        "auth: token",
        "url: https://gitlab.com",
        "url: https://gitlab.com/n",
        "project: n",
        "url: https://gitlab.com/g, project: a/b",
    ] {
        refused(&format!("type: GitLab, {tickets}"), &[]);
    }
    assert!(refused("type: GitLab, project: g/n", &[("GITLAB_URL", "nonsense")]).contains("GITLAB_URL"));
}

#[test]
fn azure_devops() {
    for (tickets, expected) in [
        (
            "organization: org, project: My Project",
            "https://dev.azure.com/org https://dev.azure.com/org/My%20Project My Project [New Active Committed]",
        ),
        (
            "url: https://dev.azure.com/org, project: p, open_states: [To Do]",
            "https://dev.azure.com/org https://dev.azure.com/org/p p [To Do]",
        ),
        (
            "url: https://dev.azure.com/org/p, project: p, open_states: [N]",
            "https://dev.azure.com/org https://dev.azure.com/org/p p [N]",
        ),
        (
            "url: https://dev.azure.com, organization: org, project: p, open_states: [N]",
            "https://dev.azure.com/org https://dev.azure.com/org/p p [N]",
        ),
        (
            "url: https://org.visualstudio.com, organization: org, project: p, open_states: [N]",
            "https://org.visualstudio.com https://org.visualstudio.com/p p [N]",
        ),
        (
            "url: http://tfs.example:8080/tfs/Main, project: p, open_states: [N]",
            "http://tfs.example:8080/tfs/Main http://tfs.example:8080/tfs/Main/p p [N]",
        ),
        (
            "organization: org, project: p, open_states: [N], api_url: http://127.0.0.1:9/org",
            "http://127.0.0.1:9/org https://dev.azure.com/org/p p [N]",
        ),
    ] {
        assert_eq!(named(&format!("type: AzureDevOps, {tickets}"), &[]), expected, "{tickets}");
    }
    for tickets in [
        "organization: org",
        "project: p",
        "organization: https://dev.azure.com/org, project: p",
        "organization: one, url: https://dev.azure.com/two, project: p",
        "url: https://dev.azure.com, project: p",
        "organization: org, project: p, open_states: []",
        "organization: org, project: p, open_states: ['']",
    ] {
        refused(&format!("type: AzureDevOps, {tickets}"), &[]);
    }
}

#[test]
fn jira() {
    let site = [("JIRA_URL", "https://jira.example/ctx/")];
    for (tickets, env, expected) in [
        (
            "url: https://o.atlassian.net/, project: proj",
            &[][..],
            "https://o.atlassian.net/rest/api/3 https://o.atlassian.net PROJ",
        ),
        ("url: https://o.atlassian.net", &site, "https://o.atlassian.net/rest/api/3 https://o.atlassian.net *"),
        ("project: A_1", &site, "https://jira.example/ctx/rest/api/3 https://jira.example/ctx A_1"),
        (
            "url: http://127.0.0.1:9, api_url: http://127.0.0.1:9/rest/api/2",
            &[],
            "http://127.0.0.1:9/rest/api/2 http://127.0.0.1:9 *",
        ),
    ] {
        assert_eq!(named(&format!("type: Jira, {tickets}"), env), expected, "{tickets}");
    }
    for tickets in ["project: P", "url: https://o.atlassian.net/browse/P-1", "url: https://j.example, project: my-proj"]
    {
        refused(&format!("type: Jira, {tickets}"), &[]);
    }
    let env: Env = [("JIRA_TOKEN", "t")].into_iter().collect();
    let loaded = parse("f.yml", "projects: { p: { tickets: { type: Jira, url: https://o.atlassian.net } } }\n", &env)
        .expect("usable");
    assert!(
        loaded.problems[0].message.contains("JIRA_EMAIL") && loaded.config.projects["p"].tracker.credentials.is_none()
    );
}

/// A personal access token of Data Center belongs to its account by itself.
#[test]
fn jira_takes_a_token_without_an_account_where_atlassian_does_not_host_it() {
    let load = |url: &str, names: &[&str]| {
        let env: Env = names.iter().map(|name| (*name, "value")).collect();
        let file = format!("projects: {{ p: {{ tickets: {{ type: Jira, url: {url} }} }} }}\n");
        parse("f.yml", &file, &env).expect("usable")
    };
    let user = |loaded: &Loaded| {
        let credentials = loaded.config.projects["p"].tracker.credentials.as_ref();
        credentials.map(|credentials| credentials.user.clone())
    };
    let alone = load("https://jira.example/ctx", &["JIRA_TOKEN"]);
    assert_eq!((user(&alone), alone.problems.len()), (Some(None), 0));
    let both = load("https://jira.example/ctx", &["JIRA_TOKEN", "JIRA_EMAIL"]);
    assert_eq!(user(&both), Some(Some("value".to_owned())));
    let hosted = load("https://o.atlassian.net", &["JIRA_TOKEN"]);
    assert_eq!((user(&hosted), hosted.problems.len()), (None, 1));
    let none = load("https://jira.example", &["JIRA_EMAIL"]);
    assert!(user(&none).is_none() && none.problems[0].message.contains("JIRA_TOKEN"));
}

#[test]
fn an_api_base_that_looks_wrong_is_warned_of_and_used() {
    let loaded = load("type: GitLab, project: g/n, api_url: https://h.example/gl", &[]);
    assert_eq!(loaded.problems.len(), 1);
    assert!(!loaded.problems[0].is_error() && loaded.problems[0].message.contains("/api/v4"));
    assert_eq!(loaded.config.projects["p"].tracker.api_url.as_str(), "https://h.example/gl");
}

/// The warnings of a file with two projects, `a` before `b`.
fn overlaps(a: &str, b: &str) -> Vec<String> {
    let env: Env = TOKENS.into_iter().collect();
    let pipelines = "pipelines:\n  fix-bug: { steps: [{ run: make }] }\n";
    let text = format!("projects:\n  a: {{ {a} }}\n  b: {{ {b} }}\n{pipelines}");
    let loaded = parse("f.yml", &text, &env).expect("usable");
    assert!(loaded.left_out.is_empty(), "{:?}", loaded.problems);
    loaded.problems.iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn projects_that_want_the_same_label_of_the_same_tickets_are_warned_of() {
    let jira = |tickets: &str, labels: &str| {
        format!("tickets: {{ type: Jira, {tickets} }}, jira_trigger: {{ pipeline_from_label: {{ {labels} }} }}")
    };
    let fix = "fix: fix-bug";
    let site = jira("url: https://jira.example/ctx", fix);
    for (a, b) in [
        (site.clone(), jira("url: https://jira.example/ctx, project: PROJ", "other: fix-bug, Fix: fix-bug")),
        (jira("url: https://jira.example/ctx, project: proj", fix), site.clone()),
        (site.clone(), jira("url: 'HTTPS://JIRA.example:443/ctx/'", fix)),
        (site.clone(), jira("url: https://jira.example/ctx, api_url: https://jira.example/ctx/rest/api/2", fix)),
    ] {
        let [warning] = &overlaps(&a, &b)[..] else { panic!("{a}\n{b}: {:?}", overlaps(&a, &b)) };
        assert!(warning.contains("project `a` watches the same tickets for `"), "{warning}");
        assert!(warning.contains("runs in `a`, which comes first in the file"), "{warning}");
    }
    for (a, b) in [
        (site.clone(), jira("url: https://jira.example/ctx, project: PROJ", "other: fix-bug")),
        (site.clone(), jira("url: https://jira.example, project: PROJ", fix)),
        (jira("url: https://jira.example, project: PROJ", fix), jira("url: https://jira.example, project: OTHER", fix)),
    ] {
        assert_eq!(overlaps(&a, &b), Vec::<String>::new(), "{a}\n{b}");
    }
}
