//! Commands in comments, as far as platforms differ: who somebody is, how an answer looks, how a result is reset.

use std::sync::Arc;

use agent_smith::claim::ClaimService;
use agent_smith::config::{Config, Project};
use agent_smith::http::webhook::commands::{Outcome, Parts, carry_out};
use agent_smith::http::webhook::event::CommentSeen;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::Role;
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::ticket::{Account, PlatformKind};

use crate::on_every_platform;
use crate::rig::Rig;

on_every_platform!(
    a_writer_starts_and_cancels,
    a_finished_ticket_is_reset,
    outsiders_and_programs_are_ignored,
    who_is_listed_counts_and_nobody_else,
    an_answer_is_no_command,
);

struct Desk {
    rig: Rig,
    store: Arc<EmbeddedStore>,
    claims: ClaimService,
    config: Config,
    project: Arc<Project>,
    ada: Account,
}

impl Desk {
    /// Ada's word counts: by her role, or by the list where the platform tells no roles.
    async fn new(rig: Rig) -> Self {
        rig.board.set_role(rig.tracker, "ada", Role::Writer).unwrap();
        let ada = rig.account("ada").await;
        let needs_list = rig.platform.kind() == PlatformKind::AzureDevOps;
        let (config, project) = rig.project(needs_list.then(|| vec![ada.id.clone()]));
        let store = Arc::new(EmbeddedStore::new());
        let claims = ClaimService::new(store.clone());
        Self { rig, store, claims, config, project, ada }
    }

    async fn says(&self, who: &Account, number: u64, body: &str) -> Outcome {
        let comment = self.rig.board.acting_as("ada").comment(self.rig.tracker, number, body).unwrap();
        let seen = CommentSeen { id: Some(comment.id.to_string()), body: body.to_owned() };
        let parts = Parts { config: &self.config, store: self.store.as_ref(), claims: &self.claims };
        let (platform, id) = (self.rig.platform.as_ref(), self.rig.id(number));
        carry_out(&parts, &self.project, platform, &id, Some(who), &seen).await.unwrap()
    }

    /// Reactions and comments of ours on a ticket.
    fn said(&self, number: u64) -> (usize, Vec<String>) {
        let ticket = self.rig.board.ticket(self.rig.tracker, number).unwrap();
        let reactions =
            ticket.comments.iter().map(|one| self.rig.board.reactions(self.rig.tracker, one.id).len()).sum();
        let ours = ticket.comments.iter().filter(|one| one.author == "smith").map(|one| one.body.clone());
        (reactions, ours.collect())
    }

    fn lifecycle(&self, number: u64) -> Option<Lifecycle> {
        Lifecycle::of(&self.rig.board.ticket(self.rig.tracker, number).unwrap().labels)
    }
}

async fn a_writer_starts_and_cancels(rig: Rig) {
    let desk = Desk::new(rig).await;
    let number = desk.rig.ticket(&["bug"]);
    let outcome = desk.says(&desk.ada, number, "/agent-smith run security-scan").await;
    let Outcome::Claimed(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!((job.pipeline.as_str(), desk.lifecycle(number)), ("security-scan", Some(Lifecycle::Enqueued)));
    let (reactions, comments) = desk.said(number);
    assert_eq!(reactions + comments.len(), 1, "one sign that it was heard: {comments:?}");
    assert!(comments.iter().all(|text| text.contains("security-scan")), "{comments:?}");

    let outcome = desk.says(&desk.ada, number, "/agent-smith cancel").await;
    assert!(matches!(outcome, Outcome::Withdrawn(_)), "{outcome:?}");
    assert_eq!((desk.lifecycle(number), desk.rig.labels(number)), (None, vec!["bug".to_owned()]));
    let (_, comments) = desk.said(number);
    assert!(comments.last().is_some_and(|text| text.contains("cancelled") && text.contains("agent-smith run")));
    assert_eq!(desk.store.counts().await.unwrap().queued, 0);
}

async fn a_finished_ticket_is_reset(rig: Rig) {
    let desk = Desk::new(rig).await;
    for state in [Lifecycle::Done, Lifecycle::Failed] {
        let number = desk.rig.ticket(&["agent-smith", "bug", state.label()]);
        let outcome = desk.says(&desk.ada, number, "/agent-smith retry").await;
        let Outcome::Claimed(job) = outcome else { panic!("{outcome:?}") };
        assert_eq!(job.pipeline, "fix-bug", "nothing is remembered, so the labels say it");
        let mut expected = ["agent-smith", Lifecycle::Enqueued.label(), "bug"].map(str::to_owned);
        expected.sort();
        assert_eq!(desk.rig.labels(number), expected);
    }
}

async fn outsiders_and_programs_are_ignored(rig: Rig) {
    let desk = Desk::new(rig).await;
    let number = desk.rig.ticket(&[]);
    let olaf = desk.rig.account("olaf").await;
    let robot = Account { is_bot: true, ..desk.rig.account("robot").await };
    desk.rig.board.set_role(desk.rig.tracker, "robot", Role::Admin).unwrap();
    for who in [olaf, robot] {
        let outcome = desk.says(&who, number, "/agent-smith run").await;
        assert!(matches!(outcome, Outcome::Ignored(_)), "{outcome:?}");
    }
    assert_eq!((desk.said(number), desk.lifecycle(number)), ((0, vec![]), None));
}

async fn who_is_listed_counts_and_nobody_else(rig: Rig) {
    let mut desk = Desk::new(rig).await;
    let robot = Account { is_bot: true, ..desk.rig.account("robot").await };
    (desk.config, desk.project) = desk.rig.project(Some(vec![robot.id.to_uppercase()]));
    let number = desk.rig.ticket(&[]);
    let outcome = desk.says(&desk.ada, number, "/agent-smith run").await;
    assert!(matches!(&outcome, Outcome::Ignored(why) if why.contains("allowed_actors")), "{outcome:?}");
    // What somebody chose to be called is not who they are.
    let poser = Account { id: "0".to_owned(), names: vec![robot.id.clone()], is_bot: false };
    assert!(matches!(desk.says(&poser, number, "/agent-smith run").await, Outcome::Ignored(_)));
    assert!(matches!(desk.says(&robot, number, "/agent-smith run").await, Outcome::Claimed(_)));

    // Without a list, a platform that tells nothing about others says how to help.
    if desk.rig.platform.kind() == PlatformKind::AzureDevOps {
        (desk.config, desk.project) = desk.rig.project(None);
        let outcome = desk.says(&desk.ada, number, "/agent-smith cancel").await;
        assert!(matches!(&outcome, Outcome::Ignored(why) if why.contains("allowed_actors")), "{outcome:?}");
    }
}

/// I7: what we say comes back in a delivery, in the platform's own markup.
async fn an_answer_is_no_command(rig: Rig) {
    let desk = Desk::new(rig).await;
    let number = desk.rig.ticket(&[]);
    for body in ["/agent-smith", "/agent-smith run nothing", "/agent-smith cancel", "/agent-smith status"] {
        assert!(matches!(desk.says(&desk.ada, number, body).await, Outcome::Answered(_)));
    }
    let (_, comments) = desk.said(number);
    assert_eq!(comments.len(), 4);
    for text in comments {
        assert_eq!(desk.says(&desk.ada, number, &text).await, Outcome::NoCommand, "{text}");
    }
}
