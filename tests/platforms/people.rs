//! Who the token is, who may write, and what is said to somebody who gave an order.

use agent_smith::job::Entitled;
use agent_smith::platform::{Comment, Error, Reaction};
use agent_smith::sim::board::Role;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::ticket::PlatformKind;

use crate::on_every_platform;
use crate::rig::Rig;

on_every_platform!(
    the_token_says_who_it_is_and_is_asked_once,
    who_cannot_be_asked_is_an_error_and_asked_again,
    who_may_write_is_told_by_the_platform,
    what_the_platform_does_not_say_is_no_yes,
    a_reaction_is_shown_where_there_are_any,
    an_answer_needs_no_lease,
);

/// The one platform that tells nothing about others.
fn tells_nothing(rig: &Rig) -> bool {
    rig.platform.kind() == PlatformKind::AzureDevOps
}

async fn the_token_says_who_it_is_and_is_asked_once(rig: Rig) {
    let before = rig.arrived();
    let me = rig.platform.me().await.unwrap();
    assert!(me.is_same(&rig.account("smith").await), "{me:?}");
    assert!(!me.is_same(&rig.account("ann").await) && !me.is_bot, "{me:?}");
    let asked = rig.arrived();
    assert_eq!(rig.platform.me().await.unwrap(), me);
    assert_eq!(rig.arrived(), asked, "it is remembered");
    assert!(asked > before);
}

async fn who_cannot_be_asked_is_an_error_and_asked_again(rig: Rig) {
    let stranger = rig.with_token(Some("wrong"));
    assert!(matches!(stranger.me().await, Err(Error::Unauthorized { .. })));
    let nobody = rig.with_token(None);
    assert!(matches!(nobody.me().await, Err(Error::Unauthorized { .. })));
    rig.faults().fail(Match::any(), Times::Always, Fault::status(503));
    assert!(matches!(rig.platform.me().await, Err(Error::Transport(_))));
    rig.faults().clear();
    assert!(rig.platform.me().await.unwrap().is_called("smith"), "a failure is not remembered");
}

async fn who_may_write_is_told_by_the_platform(rig: Rig) {
    let (number, roles) = (rig.ticket(&[]), [Role::Reader, Role::Labeller, Role::Writer, Role::Admin]);
    for (login, role) in ["ray", "lea", "wim", "ada"].into_iter().zip(roles) {
        rig.board.set_role(rig.tracker, login, role).unwrap();
    }
    let expected = [("olaf", false), ("ray", false), ("lea", false), ("wim", true), ("ada", true)];
    for (login, may) in expected {
        let told = rig.platform.may_write(&rig.account(login).await, &rig.id(number)).await;
        match told {
            Err(error) if tells_nothing(&rig) => {
                let text = error.to_string();
                assert!(text.contains("allowed_actors") && text.contains(login), "{text}");
            }
            told => assert_eq!(told.unwrap(), may, "{login}"),
        }
    }
}

async fn what_the_platform_does_not_say_is_no_yes(rig: Rig) {
    let number = rig.ticket(&[]);
    rig.board.set_role(rig.tracker, "ada", Role::Admin).unwrap();
    let ada = rig.account("ada").await;
    for status in [403, 500] {
        rig.faults().fail(Match::any(), Times::Always, Fault::status(status));
        assert!(rig.platform.may_write(&ada, &rig.id(number)).await.is_err(), "{status}");
        rig.faults().clear();
    }
    rig.board.hide_tracker(rig.tracker, true).unwrap();
    assert!(rig.platform.may_write(&ada, &rig.id(number)).await.is_err(), "a tracker that is not there");
}

async fn a_reaction_is_shown_where_there_are_any(rig: Rig) {
    let number = rig.ticket(&[]);
    let comment = rig.board.acting_as("ada").comment(rig.tracker, number, "/agent-smith status").unwrap().id;
    let (ada, id, place) = (Entitled::found(rig.account("ada").await), rig.id(number), comment.to_string());
    let before = rig.arrived();
    let has_reactions = matches!(rig.platform.kind(), PlatformKind::GitHub | PlatformKind::GitLab);
    for reaction in [Reaction::Seen, Reaction::Seen, Reaction::Refused] {
        assert_eq!(rig.platform.react(&ada, (&id, &place), reaction).await.unwrap(), has_reactions);
    }
    let shown: Vec<_> =
        rig.board.reactions(rig.tracker, comment).into_iter().map(|one| (one.by, one.content)).collect();
    if !has_reactions {
        assert!(shown.is_empty());
        assert_eq!(rig.arrived(), before, "nothing is asked that cannot be had");
        return;
    }
    assert_eq!(shown, [("smith".to_owned(), "eyes".to_owned()), ("smith".to_owned(), "confused".to_owned())]);
    rig.board.hide_tracker(rig.tracker, true).unwrap();
    assert_ne!(rig.platform.react(&ada, (&id, &place), Reaction::Seen).await.ok(), Some(true));
}

async fn an_answer_needs_no_lease(rig: Rig) {
    let number = rig.ticket(&["agent-smith"]);
    let labels = rig.labels(number);
    let ada = Entitled::found(rig.account("ada").await);
    let body = "It is **running**, as `ada` asked.".to_owned();
    let answer = Comment::new("answer 7", body);
    rig.platform.answer(&ada, &rig.id(number), &answer).await.unwrap();
    let ticket = rig.board.ticket(rig.tracker, number).unwrap();
    assert_eq!(ticket.comments.len(), 1);
    let written = &ticket.comments[0];
    assert!(written.body.contains("running") && written.body.contains("answer"), "with its marker: {}", written.body);
    assert_eq!((written.author.as_str(), rig.labels(number)), ("smith", labels));
}
