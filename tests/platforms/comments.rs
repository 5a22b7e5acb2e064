//! What a comment becomes, and that it is written once.

use agent_smith::platform::Comment;
use agent_smith::sim::{Fault, Match, Times};

use crate::on_every_platform;
use crate::rig::Rig;

on_every_platform!(
    a_comment_says_what_it_was_given,
    a_comment_that_may_exist_is_looked_for_first,
    a_comment_whose_answer_was_lost_is_not_sent_again_by_itself,
    a_very_long_comment_is_still_written,
);

fn comment(text: &str, may_exist: bool) -> Comment {
    Comment { marker: "run 0190-test".to_owned(), body: text.to_owned(), may_exist }
}

fn bodies(rig: &Rig, number: u64) -> Vec<String> {
    rig.board.ticket(rig.tracker, number).unwrap().comments.iter().map(|one| one.body.clone()).collect()
}

async fn a_comment_says_what_it_was_given(rig: Rig) {
    let number = rig.ticket(&[]);
    let text = "agent-smith ran pipeline `fix-bug`: **failed**.\n\nLast lines:\n\n````text\n/close\n@everyone <b>\n```\n````\n";
    rig.platform.comment(&rig.right(number), &comment(text, false)).await.unwrap();
    let written = bodies(&rig, number);
    assert_eq!(written.len(), 1);
    let written = rig.read_by_people(&written[0]);
    for told in ["fix-bug", "failed", "Last lines", "everyone"] {
        assert!(written.contains(told), "{told} is missing: {written}");
    }
}

async fn a_comment_that_may_exist_is_looked_for_first(rig: Rig) {
    let number = rig.ticket(&[]);
    for n in 0..120 {
        rig.board.comment(rig.tracker, number, &format!("talk {n}")).unwrap();
    }
    rig.platform.comment(&rig.right(number), &comment("once", true)).await.unwrap();
    rig.platform.comment(&rig.right(number), &comment("once", true)).await.unwrap();
    assert_eq!(bodies(&rig, number).len(), 121);
}

async fn a_comment_whose_answer_was_lost_is_not_sent_again_by_itself(rig: Rig) {
    let number = rig.ticket(&[]);
    // Whatever is found out about the server is found out before.
    rig.platform.read(&rig.id(number)).await.unwrap();
    for method in ["POST", "PATCH"] {
        rig.faults().fail(Match::new(method, ""), Times::Always, Fault::LoseAnswer);
    }
    rig.platform.comment(&rig.right(number), &comment("once", false)).await.unwrap_err();
    rig.faults().clear();
    assert_eq!(bodies(&rig, number).len(), 1);
    rig.platform.comment(&rig.right(number), &comment("once", true)).await.unwrap();
    assert_eq!(bodies(&rig, number).len(), 1);
}

async fn a_very_long_comment_is_still_written(rig: Rig) {
    let number = rig.ticket(&[]);
    let text = format!("start\n\n```\n{}\n```\n\nend", "0123456789 abcdef\n".repeat(3_300));
    rig.platform.comment(&rig.right(number), &comment(&text, false)).await.unwrap();
    assert_eq!(bodies(&rig, number).len(), 1);
}
