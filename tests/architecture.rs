//! The ladder of `src/lib.rs`, kept by a test: modules import downwards only, and nothing is left off the ladder.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and what it may import. A module that is not listed here fails the test, so the list stays complete.
const MAY_IMPORT: [(&str, &[&str]); 26] = [
    ("ticket", &[]),
    ("clock", &[]),
    ("lifecycle", &["ticket"]),
    ("job", &["ticket"]),
    ("run_record", &["ticket", "job"]),
    ("health", &["clock"]),
    ("shutdown", &[]),
    ("telemetry", &["clock"]),
    ("runner", &[]),
    ("config", &["ticket", "lifecycle", "job", "clock"]),
    ("platform", &["config", "ticket", "lifecycle", "job", "clock"]),
    ("store", &["config", "ticket", "lifecycle", "job", "run_record", "clock"]),
    ("pipeline", &["platform", "config", "runner", "ticket", "lifecycle", "job", "run_record", "clock"]),
    ("sim", &["ticket", "lifecycle", "clock"]),
    ("availability", &["store", "health", "runner"]),
    ("claim", &["platform", "store", "pipeline", "config", "ticket", "lifecycle", "job", "clock"]),
    ("leader", &["availability", "store", "health", "config", "runner"]),
    ("project_health", &["platform", "health", "clock"]),
    (
        "poll",
        &[
            "project_health",
            "claim",
            "availability",
            "platform",
            "store",
            "health",
            "config",
            "runner",
            "ticket",
            "lifecycle",
            "job",
            "clock",
        ],
    ),
    (
        "housekeeping",
        &[
            "project_health",
            "claim",
            "pipeline",
            "availability",
            "platform",
            "store",
            "health",
            "config",
            "runner",
            "ticket",
            "lifecycle",
            "job",
            "run_record",
        ],
    ),
    (
        "consumer",
        &[
            "project_health",
            "claim",
            "pipeline",
            "availability",
            "platform",
            "store",
            "health",
            "config",
            "runner",
            "shutdown",
            "ticket",
            "lifecycle",
            "job",
            "run_record",
            "clock",
        ],
    ),
    (
        "http",
        &[
            "claim",
            "pipeline",
            "run_record",
            "availability",
            "platform",
            "store",
            "health",
            "config",
            "runner",
            "shutdown",
            "ticket",
            "lifecycle",
            "job",
            "clock",
        ],
    ),
    (
        "app",
        &[
            "http",
            "leader",
            "poll",
            "housekeeping",
            "consumer",
            "claim",
            "pipeline",
            "availability",
            "platform",
            "store",
            "health",
            "config",
            "runner",
            "shutdown",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "poll",
            "claim",
            "pipeline",
            "platform",
            "store",
            "health",
            "config",
            "shutdown",
            "telemetry",
            "sim",
            "lifecycle",
            "job",
            "run_record",
            "ticket",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// Words that only some rooms may use, with the rooms that may.
const RESERVED: [(&str, &[&str]); 6] = [
    ("redis::", &["store"]),
    ("octocrab::", &["platform"]),
    ("gitlab::api::", &["platform"]),
    ("reqwest::", &["platform", "cli"]),
    ("std::env::", &["config", "cli"]),
    ("crate::sim", &["sim", "cli"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level module that a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(source_root()).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The file without comments and without its own tests; string literals that hold `crate::` do not occur.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("\n#[cfg(test)]\n").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Names directly behind `crate::` (or `agent_smith::` in the binary), groups in braces included.
fn imports_of(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for marker in ["crate::", "agent_smith::"] {
        for (at, _) in code.match_indices(marker) {
            let rest = &code[at + marker.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let mut depth = 0;
                let end = group
                    .char_indices()
                    .find(|(_, c)| match c {
                        '{' => {
                            depth += 1;
                            false
                        }
                        '}' if depth == 0 => true,
                        '}' => {
                            depth -= 1;
                            false
                        }
                        _ => false,
                    })
                    .map_or(group.len(), |(end, _)| end);
                found.extend(top_level_names(&group[..end]));
            } else {
                found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    found
}

fn top_level_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut name) = (0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            _ if depth == 0 => name.push(c),
            _ => {}
        }
    }
    names.push(name);
    names
        .iter()
        .map(|name| name.trim().split("::").next().unwrap().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&source_root()) {
        let module = module_of(&file);
        let mut imports = imports_of(&code_of(&file));
        imports.remove(&module);
        edges.entry(module).or_default().extend(imports);
    }
    edges
}

#[test]
fn imports_go_down_the_ladder_only() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut forbidden = Vec::new();
    for (module, imports) in edges() {
        let Some(may) = allowed.get(module.as_str()) else {
            forbidden.push(format!("{module} is not on the ladder"));
            continue;
        };
        for import in imports.iter().filter(|import| !may.contains(&import.as_str())) {
            forbidden.push(format!("{module} imports {import}"));
        }
    }
    assert!(forbidden.is_empty(), "against the ladder:\n  {}", forbidden.join("\n  "));
}

#[test]
fn the_ladder_itself_has_no_cycle() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    fn reaches(allowed: &BTreeMap<&str, &[&str]>, from: &str, to: &str) -> bool {
        allowed[from].iter().any(|next| *next == to || reaches(allowed, next, to))
    }
    for module in allowed.keys() {
        assert!(!reaches(&allowed, module, module), "{module} reaches itself");
    }
    assert!(!reaches(&allowed, "platform", "store") && !reaches(&allowed, "store", "platform"));
}

#[test]
fn only_one_room_speaks_to_each_neighbour() {
    let mut misplaced = Vec::new();
    for file in sources(&source_root()) {
        let (module, code) = (module_of(&file), code_of(&file));
        for (word, rooms) in RESERVED {
            let own_module = format!("crate::{}", "store::redis::");
            let used = code.replace(&own_module, "").replace("store::redis::", "").contains(word);
            if used && !rooms.contains(&module.as_str()) {
                misplaced.push(format!("{} uses {word}", file.display()));
            }
        }
    }
    assert!(misplaced.is_empty(), "in the wrong room:\n  {}", misplaced.join("\n  "));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources(&source_root())
        .into_iter()
        .filter(|file| !fs::read_to_string(file).unwrap().starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "no //! at the top: {silent:?}");
}

#[test]
fn the_reader_of_imports_sees_groups_and_nesting() {
    let code = "use crate::{ticket, store::{self, redis::X}, config::Live};\nlet x = crate::clock::now();";
    let expected: BTreeSet<String> = ["ticket", "store", "config", "clock"].map(str::to_owned).into();
    assert_eq!(imports_of(code), expected);
}
