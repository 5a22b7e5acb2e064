//! What an edit of the file does to the configuration in force.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use agent_smith::config::{Env, Live, Refresh};
use tempfile::TempDir;

struct File {
    _dir: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("agentsmith.yml");
        fs::write(&path, text).expect("written");
        Self { _dir: dir, path }
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).expect("written");
    }

    fn start(&self) -> Live {
        let env: Env = [("GITHUB_TOKEN", "t")].into_iter().collect();
        Live::start(&self.path, env).expect("usable").0
    }
}

fn project(name: &str, more: &str) -> String {
    format!("  {name}:\n    tickets: {{ type: GitHub, url: https://github.com/o/{name} }}\n{more}")
}

fn names(live: &Live) -> Vec<String> {
    live.current().projects.keys().cloned().collect()
}

fn pause(live: &Live, name: &str) -> Duration {
    live.current().projects[name].polling.interval
}

const PAUSE_30: &str = "    polling: { interval_seconds: 30 }\n";
const PAUSE_45: &str = "    polling: { interval_seconds: 45 }\n";
const SPOILED: &str = "    polling: { interval_seconds: 0 }\n";

#[test]
fn an_edit_takes_effect_at_the_next_refresh() {
    let file = File::new(&format!("projects:\n{}", project("a", PAUSE_30)));
    let live = file.start();
    assert_eq!(live.refresh(), Refresh::Unchanged);
    let clone = live.clone();
    file.write(&format!("projects:\n{}", project("a", PAUSE_45)));
    let Refresh::Reloaded { changed, added, removed, problems } = live.refresh() else { panic!("not reloaded") };
    assert_eq!((changed, added, removed, problems), (vec!["a".to_owned()], vec![], vec![], vec![]));
    assert_eq!(pause(&clone, "a"), Duration::from_secs(45));
    assert_eq!((live.refresh(), live.trouble()), (Refresh::Unchanged, None));

    file.write(&format!("projects:\n{}{}", project("b", ""), project("c", "")));
    let Refresh::Reloaded { changed, added, removed, .. } = live.refresh() else { panic!("not reloaded") };
    assert_eq!((changed, added, removed), (vec![], vec!["b".to_owned(), "c".to_owned()], vec!["a".to_owned()]));
    file.write(&format!("# a comment\nprojects:\n{}{}", project("b", ""), project("c", "")));
    assert_eq!(live.refresh(), Refresh::Unchanged);
}

#[test]
fn an_old_file_is_not_read_again() {
    let file = File::new(&format!("projects:\n{}", project("a", PAUSE_30)));
    let age = |seconds| {
        let handle = fs::File::options().write(true).open(&file.path).expect("opened");
        handle.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("aged");
    };
    age(60);
    let live = file.start();
    assert_eq!(live.refresh(), Refresh::Unchanged);
    // The same size, an old time, but another inode: as a tool that keeps times would replace it.
    let other = file.path.with_extension("new");
    fs::write(&other, format!("projects:\n{}", project("a", PAUSE_45))).expect("written");
    let handle = fs::File::options().write(true).open(&other).expect("opened");
    handle.set_modified(fs::metadata(&file.path).and_then(|data| data.modified()).expect("time")).expect("aged");
    fs::rename(&other, &file.path).expect("renamed");
    assert!(matches!(live.refresh(), Refresh::Reloaded { .. }));
    assert_eq!(pause(&live, "a"), Duration::from_secs(45));
}

#[test]
fn a_broken_edit_changes_nothing_and_is_told_once() {
    let good = format!("projects:\n{}", project("a", PAUSE_30));
    let file = File::new(&good);
    let live = file.start();
    for broken in ["projects: [\n", "", "projects: {}\nnonsense: 1\n", "\u{0}"] {
        file.write(broken);
        let Refresh::Broken { reason } = live.refresh() else { panic!("{broken:?} was accepted") };
        assert!(reason.contains("agentsmith.yml:"), "{reason}");
        assert_eq!(live.refresh(), Refresh::Unchanged);
        assert!(live.trouble().is_some_and(|trouble| trouble.contains(&reason)));
        assert_eq!(names(&live), ["a"]);
    }
    file.write(&good);
    assert!(matches!(live.refresh(), Refresh::Reloaded { .. }), "the repair is worth a line in the log");
    assert_eq!((live.refresh(), live.trouble()), (Refresh::Unchanged, None));
}

#[test]
fn a_missing_file_is_a_broken_edit_until_it_is_back() {
    let good = format!("projects:\n{}", project("a", PAUSE_30));
    let file = File::new(&good);
    let live = file.start();
    fs::remove_file(&file.path).expect("removed");
    assert!(matches!(live.refresh(), Refresh::Broken { reason } if reason.contains("no such file")));
    assert_eq!((live.refresh(), names(&live)), (Refresh::Unchanged, vec!["a".to_owned()]));
    file.write(&good);
    assert!(matches!(live.refresh(), Refresh::Reloaded { .. }));
    assert_eq!(live.trouble(), None);
}

#[test]
fn a_project_that_an_edit_spoils_goes_on_as_it_was() {
    let file = File::new(&format!("projects:\n{}{}", project("a", PAUSE_30), project("b", PAUSE_30)));
    let live = file.start();
    file.write(&format!("projects:\n{}{}{}", project("a", SPOILED), project("b", PAUSE_45), project("new", SPOILED)));
    assert!(matches!(live.refresh(), Refresh::Reloaded { .. }));
    assert_eq!(names(&live), ["a", "b"]);
    assert_eq!((pause(&live, "a"), pause(&live, "b")), (Duration::from_secs(30), Duration::from_secs(45)));
    assert_eq!(live.outdated().keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(live.left_out().keys().collect::<Vec<_>>(), ["new"]);
    let trouble = live.trouble().expect("trouble");
    assert!(trouble.contains("`a` runs as before") && trouble.contains("`new` is left out"), "{trouble}");

    // And again: the last good form is still the one before the first bad edit.
    file.write(&format!("projects:\n{}", project("a", "    nonsense: 1\n")));
    live.refresh();
    assert_eq!((names(&live), pause(&live, "a")), (vec!["a".to_owned()], Duration::from_secs(30)));
    file.write(&format!("projects:\n{}", project("a", PAUSE_45)));
    live.refresh();
    assert_eq!((pause(&live, "a"), live.trouble()), (Duration::from_secs(45), None));
}

#[test]
fn a_pipeline_that_an_edit_spoils_goes_on_and_one_that_is_removed_does_not() {
    let uses = "    pipeline: mine\n";
    let pipeline = |steps: &str| format!("pipelines:\n  mine: {{ steps: {steps} }}\n");
    let file = File::new(&format!("projects:\n{}{}", project("a", uses), pipeline("[ { run: make } ]")));
    let live = file.start();
    let before = live.current();
    file.write(&format!("projects:\n{}{}", project("a", uses), pipeline("[]")));
    live.refresh();
    assert_eq!(
        (names(&live), live.current().pipelines["mine"].clone()),
        (vec!["a".to_owned()], before.pipelines["mine"].clone())
    );
    assert!(live.outdated()["a"].contains("`mine`"));

    file.write(&format!("projects:\n{}", project("a", uses)));
    live.refresh();
    assert_eq!(names(&live), Vec::<String>::new());
    assert!(live.left_out()["a"].contains("unknown pipeline `mine`"));
}

#[test]
fn a_link_that_is_turned_to_another_file_is_an_edit() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, more) in [("one", PAUSE_30), ("two", PAUSE_45)] {
        fs::write(dir.path().join(name), format!("projects:\n{}", project("a", more))).expect("written");
    }
    let path = dir.path().join("agentsmith.yml");
    symlink("one", &path).expect("linked");
    let (live, _) = Live::start(&path, Env::default()).expect("usable");
    symlink("two", dir.path().join("next")).expect("linked");
    fs::rename(dir.path().join("next"), &path).expect("renamed");
    assert!(matches!(live.refresh(), Refresh::Reloaded { .. }));
    assert_eq!(pause(&live, "a"), Duration::from_secs(45));
}

#[test]
fn a_fixed_configuration_stays_and_a_bad_start_is_refused() {
    let file = File::new(&format!("projects:\n{}", project("a", "")));
    let fixed = Live::fixed((*file.start().current()).clone());
    file.write("projects: {}\n");
    assert_eq!((fixed.refresh(), names(&fixed)), (Refresh::Unchanged, vec!["a".to_owned()]));

    let missing = file.path.with_file_name("nowhere.yml");
    assert!(Live::start(&missing, Env::default()).expect_err("missing").to_string().contains("nowhere.yml"));
}

#[test]
fn validate_tells_clean_files_from_bad_and_missing_ones() {
    use agent_smith::cli::validate::validate;
    let file = File::new(&format!("projects:\n{}", project("a", "")));
    let env: Env = [("GITHUB_TOKEN", "t")].into_iter().collect();
    assert_eq!(validate(&file.path, &env, false), 0);
    assert_eq!(validate(&file.path, &Env::default(), false), 0, "a warning is no error");
    file.write(&format!("projects:\n{}", project("a", SPOILED)));
    assert_eq!(validate(&file.path, &env, false), 1);
    file.write("projects: [\n");
    assert_eq!(validate(&file.path, &env, false), 1);
    fs::write(&file.path, b"projects: {}\n# \xff\n").expect("written");
    assert_eq!(validate(&file.path, &env, false), 1);
    assert_eq!(validate(&file.path.with_file_name("nowhere.yml"), &env, false), 2);
    assert_eq!(validate(file.path.parent().expect("a directory"), &env, false), 2);
}
