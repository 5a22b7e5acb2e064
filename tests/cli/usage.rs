//! Help, versions, and command lines that make no sense.

use crate::fixture::run;

const COMMANDS: [&str; 7] = ["server", "demo", "validate", "pipelines", "poll", "schema", "health"];

#[tokio::test]
async fn every_command_explains_itself_and_says_its_version() {
    let overview = run(&["--help"]).await.with(0);
    for command in COMMANDS {
        overview.out.contains(command).then_some(()).unwrap();
        let help = run(&[command, "--help"]).await.with(0);
        assert!(help.out.contains(&format!("Usage: agent-smith {command}")), "{}", help.out);
        // A flag is followed by what it does, on the same line or the next.
        let lines: Vec<&str> = help.out.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("--")) {
            let explained = line.trim().contains("  ") || lines[index + 1].trim().len() > 10;
            assert!(explained, "{command}: {line}");
        }
        run(&[command, "--version"]).await.with(0).prints(&[env!("CARGO_PKG_VERSION")]);
    }
    overview.prints(&["AGENTSMITH_CONFIG", "REDIS_URL", "GITHUB_TOKEN", "RUST_LOG", "Exit codes", "poll --dry-run"]);
    run(&["--version"]).await.with(0).prints(&[env!("CARGO_PKG_VERSION")]);
}

#[tokio::test]
async fn the_documentation_knows_every_command_option_and_variable() {
    let page = include_str!("../../docs/command-line.md");
    let overview = run(&["--help"]).await.with(0).out;
    let variables = overview.lines().filter_map(|line| line.split_whitespace().next());
    let variables = variables.filter(|word| word.len() > 4 && word.chars().all(|c| c == '_' || c.is_ascii_uppercase()));
    let mut words: Vec<String> = variables.map(str::to_owned).collect();
    assert!(words.len() >= 5, "{words:?}");
    for command in COMMANDS {
        words.push(format!("agent-smith {command}"));
        let help = run(&[command, "--help"]).await.with(0).out;
        let options = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        words.extend(options.filter_map(|option| Some(format!("--{}", option.split_whitespace().next()?))));
    }
    let missing: Vec<&String> = words.iter().filter(|word| !page.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "docs/command-line.md does not mention {missing:?}");
}

#[tokio::test]
async fn usage_that_makes_no_sense_is_exit_code_2_with_the_nearest_name() {
    run(&[]).await.with(2).says(&["Usage: agent-smith"]);
    run(&["srver"]).await.with(2).says(&["srver", "'server'"]);
    run(&["server", "--prot", "1"]).await.with(2).says(&["--prot", "'--port'"]);
    run(&["server", "--port", "99999"]).await.with(2).says(&["--port", "65535"]);
    run(&["server", "--store", "memory"]).await.with(2).says(&["--store", "redis", "embedded"]);
    run(&["validate", "agentsmith.yml"]).await.with(2).says(&["unexpected argument"]);
}

#[tokio::test]
async fn the_schema_is_json_of_the_draft_that_editors_know() {
    let schema = run(&["schema"]).await.with(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["projects"].is_object());
}
