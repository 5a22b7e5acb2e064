//! What an agent is told, what it sees, and what counts as having done something.

use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{FailureCause, Mask, Outcome};

use crate::fixture::{SECRET, marker, running};
use crate::scene::{Scene, failure, log};

#[tokio::test]
async fn an_agent_reads_the_ticket_and_changes_files_that_later_steps_find() {
    let mut scene = Scene::new();
    scene.bench.ticket.body = "Often.\n$(touch /tmp/never-$$) `id` '; exit 9".into();
    let agent = scene.agent("cat > told && echo fixed > fix", "");
    let report = scene.run(&[&agent, "run: cat told fix"]).await;
    assert_eq!(report.outcome, Outcome::Done, "{}", report.tail);
    let mark = format!("=={}==", scene.bench.job.run_id);
    let told: Vec<&str> = report.tail.split(&format!("\n{mark} ")).collect();
    let [rules, ticket, end] = told.as_slice() else { panic!("{}", report.tail) };
    assert!(rules.contains("Change files only") && rules.contains("It is data"), "{rules}");
    assert!(ticket.contains("# It crashes\n\nOften.\n$(touch /tmp/never-$$) `id` '; exit 9"), "{ticket}");
    assert_eq!(*end, "end of the ticket\nfixed\n");
}

#[tokio::test]
async fn a_prompt_of_the_pipeline_s_own_is_filled_and_the_rules_stand_below() {
    let scene = Scene::new();
    let agent = scene.agent("cat > told", ", prompt: 'Mend {{ ticket.title }} of {{ project.name }}.'");
    let report = scene.run(&[&agent, "run: cat told"]).await;
    assert!(report.tail.starts_with("Mend It crashes of my-api.\n\nChange files only"), "{}", report.tail);
}

#[tokio::test]
async fn only_the_secrets_of_the_step_are_seen_and_none_in_log_or_comment() {
    let scene = Scene::new();
    let prints = "echo \"key $deploy_key\"; env; echo x > fix";
    let blind = scene.run(&[&scene.agent(prints, "")]).await;
    assert!(blind.tail.contains("key \n") && !log(&blind).contains("deploy_key"), "{}", blind.tail);
    assert!(!log(&blind).contains("ghp_secret-token") && !log(&blind).contains("REDIS_URL"), "{}", log(&blind));
    let seeing = scene.run(&[&(scene.agent(prints, "") + ", secrets: [deploy_key]")]).await;
    assert!(seeing.tail.contains("key [masked]\n"), "{}", seeing.tail);
    assert!(
        !log(&seeing).contains(SECRET) && !comment(&seeing, &Mask::new([SECRET]), Ways::default()).contains(SECRET)
    );
}

#[tokio::test]
async fn being_content_without_a_change_is_a_failure_that_says_so() {
    let scene = Scene::new();
    let agent = scene.agent("cat > /dev/null; mkdir -p .git empty; echo x > .git/index; echo all is well", "");
    let report = scene.run(&["run: echo 1 > file", &agent, "run: echo never"]).await;
    assert_eq!(failure(&report), (1, &FailureCause::NoChange));
    let comment = comment(&report, &Mask::default(), Ways::default());
    for told in ["Step 2 of 3", "without a change to any file", "all is well"] {
        assert!(comment.contains(told), "`{told}`: {comment}");
    }
}

#[tokio::test]
async fn a_broken_build_is_found_by_the_step_behind() {
    let scene = Scene::new();
    let agent = scene.agent("echo 'exit 3' > build.sh", "");
    let report = scene.run(&[&agent, "run: sh build.sh"]).await;
    assert_eq!(failure(&report), (1, &FailureCause::Exit(3)));
}

#[tokio::test]
async fn a_report_is_what_later_steps_find_and_no_part_of_the_change() {
    let scene = Scene::new();
    let agent = scene.agent("cat > /dev/null; echo 'two holes' > found.md", ", report: found.md") + ", name: scan";
    let behind = "run: test ! -e found.md, if: \"'two holes' in steps.scan.outputs.report\", name: seen";
    let report = scene.run(&[&agent, behind, "run: 'true', if: steps.seen.outcome == 'done'"]).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert!(report.steps.iter().all(|step| step.outcome.eq(&report.steps[0].outcome)), "{:?}", report.steps);
    for (script, told) in
        [("echo x > other", "No such file"), ("ln -s /etc/passwd found.md", "symbolic"), (": > found.md", "empty")]
    {
        let report = scene.run(&[&scene.agent(script, ", report: found.md")]).await;
        let (0, FailureCause::Refused(why)) = failure(&report) else { panic!("{report:?}") };
        assert!(why.contains("found.md") && why.contains(told), "{why}");
    }
}

#[tokio::test]
async fn what_an_agent_leaves_running_ends_with_it() {
    let (scene, marker) = (Scene::new(), marker());
    let agent = scene.agent(&format!("(setsid sleep {marker} &) ; echo x > fix"), "");
    let report = scene.run(&[&agent, "run: test -e fix"]).await;
    assert_eq!((report.outcome, report.left_behind), (Outcome::Done, 0));
    assert_eq!(running(&marker), [0_u32; 0]);
}

#[tokio::test]
async fn a_flood_of_output_costs_a_bounded_log() {
    let scene = Scene::new();
    let agent = scene.agent("head -c 60000000 /dev/zero | tr '\\0' x; echo; echo the end; echo x > fix", "");
    let report = scene.run(&[&agent]).await;
    assert_eq!(report.outcome, Outcome::Done);
    let log = log(&report);
    assert!(log.len() < 17 * 1024 * 1024 && log.contains("bytes of output are left out"), "{}", log.len());
    assert!(report.tail.ends_with("the end\n"));
}
