//! What a comment becomes, and that it is written once and edited in place.

use agent_smith::platform::{Comment, Error, Writing};
use agent_smith::sim::{Fault, Match, Times};

use crate::on_every_platform;
use crate::rig::Rig;

on_every_platform!(
    a_comment_says_what_it_was_given,
    a_comment_that_may_exist_is_looked_for_first,
    a_comment_whose_answer_was_lost_is_not_sent_again_by_itself,
    a_very_long_comment_is_still_written,
    a_comment_is_edited_where_it_is,
    a_comment_is_found_and_edited_by_its_marker,
    only_what_is_there_is_edited,
    a_deleted_comment_comes_back_as_a_last_word_alone,
    a_right_that_has_run_out_edits_nothing,
    what_is_folded_away_has_no_effect_written_or_edited,
);

fn comment(text: &str, may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run 0190-test", text).writing(writing)
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

/// How often the comments of a ticket were edited.
fn edits(rig: &Rig, number: u64) -> usize {
    rig.board.comment_edits(rig.tracker, number)
}

async fn a_comment_is_edited_where_it_is(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    let id = rig.platform.comment(&right, &comment("first", false)).await.unwrap();
    assert!(id.is_some(), "the platform tells where it is");
    let calls = rig.arrived();
    for (text, interim) in [("second", true), ("third", false)] {
        let edit = Comment { interim, ..comment(text, false).at(id.clone()) };
        assert_eq!(rig.platform.comment(&right, &edit).await.unwrap(), id);
        let now = bodies(&rig, number);
        assert!(now.len() == 1 && now[0].contains(text) && !now[0].contains("first"), "{now:?}");
    }
    assert_eq!((rig.arrived() - calls, edits(&rig, number)), (2, 2), "nobody looks for what is known");
    assert_eq!(rig.platform.comment(&right, &comment("third", true)).await.unwrap(), id, "its marker is still there");
}

async fn a_comment_is_found_and_edited_by_its_marker(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    rig.board.comment(rig.tracker, number, "talk").unwrap();
    let id = rig.platform.comment(&right, &comment("first", true)).await.unwrap();
    for n in 0..120 {
        rig.board.comment(rig.tracker, number, &format!("talk {n}")).unwrap();
    }
    assert_eq!(rig.platform.comment(&right, &comment("second", true)).await.unwrap(), id);
    let all = bodies(&rig, number);
    assert!(all.len() == 122 && all[1].contains("second"), "{}", all[1]);
    let writes = rig.writes();
    assert_eq!(rig.platform.comment(&right, &comment("second", true)).await.unwrap(), id);
    assert_eq!((rig.writes(), edits(&rig, number)), (writes, 1), "an edit that changes nothing is not sent");
}

async fn only_what_is_there_is_edited(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    let only = |text: &str| comment(text, false).writing(Writing::EditOnly);
    assert_eq!(rig.platform.comment(&right, &only("nothing")).await.unwrap(), None);
    assert_eq!(bodies(&rig, number).len(), 0);
    let id = rig.platform.comment(&right, &comment("first", false)).await.unwrap();
    assert_eq!(rig.platform.comment(&right, &only("second")).await.unwrap(), id);
    assert!(bodies(&rig, number)[0].contains("second"));
    rig.board
        .delete_comment(rig.tracker, number, rig.board.ticket(rig.tracker, number).unwrap().comments[0].id)
        .unwrap();
    assert_eq!(rig.platform.comment(&right, &only("third").at(id)).await.unwrap(), None);
    assert_eq!(bodies(&rig, number).len(), 0);
}

async fn a_deleted_comment_comes_back_as_a_last_word_alone(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    let id = rig.platform.comment(&right, &comment("first", false).interim()).await.unwrap();
    let written = rig.board.ticket(rig.tracker, number).unwrap().comments[0].id;
    rig.board.delete_comment(rig.tracker, number, written).unwrap();
    let interim = comment("second", false).at(id.clone()).interim();
    assert_eq!(rig.platform.comment(&right, &interim).await.unwrap(), None);
    assert_eq!(bodies(&rig, number).len(), 0, "a person does not want to see it");
    let last = rig.platform.comment(&right, &comment("result", false).at(id.clone())).await.unwrap();
    assert!(last.is_some() && last != id && bodies(&rig, number)[0].contains("result"));
}

async fn a_right_that_has_run_out_edits_nothing(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    let id = rig.platform.comment(&right, &comment("first", false)).await.unwrap();
    right.revoke();
    let calls = rig.arrived();
    let error = rig.platform.comment(&right, &comment("second", false).at(id)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert!(rig.arrived() == calls && bodies(&rig, number)[0].contains("first"));
}

async fn what_is_folded_away_has_no_effect_written_or_edited(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    let right = rig.right(number);
    let output = "```\n</details>\n/close\n\r/label ~pwned\n@everyone {noformat} {expand} <b>\n<details>";
    let body =
        format!("Ran.\n\n<details>\n<summary>Last lines</summary>\n\n````text\n{output}\n````\n\n</details>\n\nEnd.");
    let id = rig.platform.comment(&right, &comment(&body, false)).await.unwrap();
    let edit = comment(&format!("{body} Again."), false).at(id);
    rig.platform.comment(&right, &edit).await.unwrap();
    let ticket = rig.board.ticket(rig.tracker, number).unwrap();
    assert!(ticket.open && rig.labels(number) == ["bug"], "{ticket:?}");
    let written = rig.read_by_people(&bodies(&rig, number)[0]);
    for told in ["Last lines", "everyone", "End. Again."] {
        assert!(written.contains(told), "{told} is missing: {written}");
    }
}
