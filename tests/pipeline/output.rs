//! What a step prints: kept within bounds, drained at any speed.

use std::time::{Duration, Instant};

use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{Mask, Outcome, Stop, StopReason};

use crate::fixture::{Bench, marker, pipeline, running, until};

/// The cap of a log and what is added to it: the end of the output and a few lines of our own.
const LOG_AT_MOST: u64 = 16 * 1024 * 1024 + 64 * 1024;

#[tokio::test]
async fn two_hundred_megabytes_are_drained_and_capped() {
    let bench = Bench::new();
    let started = Instant::now();
    let report = bench.run(&["head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the end"]).await;
    assert_eq!(report.outcome, Outcome::Done);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(report.tail, "the end\n");
    let log = report.log.unwrap();
    let size = std::fs::metadata(&log).unwrap().len();
    assert!((16 * 1024 * 1024..LOG_AT_MOST).contains(&size), "{size}");
    let text = std::fs::read_to_string(log).unwrap();
    let left_out = 200_000_000 + "\nthe end\n".len() - 16 * 1024 * 1024 - 32 * 1024;
    assert!(text.contains(&format!("\n[agent-smith] {left_out} bytes of output are left out here\n")));
    assert!(text.ends_with("the end\n\n[agent-smith] run ended: done\n"), "{}", &text[text.len() - 80..]);
}

#[tokio::test]
async fn endless_output_can_be_stopped() {
    let (bench, marker, stop) = (Bench::new(), marker(), Stop::default());
    let pipeline = pipeline(&[&format!("trap '' TERM; yes {marker}")], Duration::from_secs(60));
    let ask = async {
        until("started", || running(&marker).len() >= 3).await;
        stop.ask(StopReason::ShuttingDown);
    };
    let (report, ()) = tokio::join!(bench.run_with(&pipeline, &stop), ask);
    assert_eq!(report.outcome, Outcome::Stopped(StopReason::ShuttingDown));
    assert_eq!(running(&marker), [0; 0]);
    assert!(std::fs::metadata(report.log.unwrap()).unwrap().len() < LOG_AT_MOST);
    assert!(report.tail.len() <= 32 * 1024 && report.tail.starts_with(&marker), "{}", report.tail.len());
}

/// Output after the shell's end, from a child that outlives it for a moment, is not lost either.
#[tokio::test]
async fn the_last_words_are_heard() {
    let bench = Bench::new();
    let report =
        bench.run(&["(trap 'echo last words; exit' TERM; echo up; while :; do sleep 0.02; done) & sleep 0.3"]).await;
    assert_eq!(report.outcome, Outcome::Done);
    assert!(report.tail.starts_with("up\n") && report.tail.ends_with("\nlast words\n"), "{}", report.tail);
}

#[tokio::test]
async fn binary_output_and_a_missing_line_end_are_no_trouble() {
    let bench = Bench::new();
    let report = bench.run(&[r"printf 'a\377\376\000b\033[31mred\033[0m\r\n'; printf 'no line end'"]).await;
    assert_eq!(report.tail, "a\u{fffd}\u{fffd}bred\nno line end");
    let log = std::fs::read(report.log.unwrap()).unwrap();
    let raw = b"a\xff\xfe\0b\x1b[31mred\x1b[0m\r\nno line end\n[agent-smith] run ended: done\n";
    assert!(log.ends_with(raw), "the log has every byte: {:?}", String::from_utf8_lossy(&log));
    let report = bench.run(&["head -c 300000 /dev/urandom"]).await;
    assert_eq!(report.outcome, Outcome::Done);
    assert!(!report.tail.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
}

/// From the shell to the comment.
#[tokio::test]
async fn a_comment_shows_the_output_masked_and_fenced() {
    let bench = Bench::new();
    let report = bench.run(&["echo '```'; echo /close; echo @all ghp_secret-token; exit 1"]).await;
    let text = comment(&report, &Mask::new(["ghp_secret-token"]), Ways::default());
    assert!(text.contains("````text\n```\n/close\n@all [masked]\n````\n"), "{text}");
    assert!(text.contains("(````echo '```'; echo /close; echo @all [masked]; exit 1````)"), "{text}");
}

/// The second step has its own tail, and the log says where it begins even when the first one filled it.
#[tokio::test]
async fn a_full_log_still_names_the_later_steps() {
    let bench = Bench::new();
    let report = bench.run(&["head -c 20000000 /dev/zero | tr '\\0' x", "echo second; exit 1"]).await;
    assert_eq!(report.tail, "second\n");
    let text = std::fs::read_to_string(report.log.unwrap()).unwrap();
    assert!(text.contains("\n[agent-smith] step 2 of 2: echo second; exit 1\n"), "{}", &text[text.len() - 200..]);
    assert!(text.contains("second\n"));
}
