//! Who put the label there: what each platform's history says, and what a claim makes of it.

use std::sync::Arc;

use agent_smith::claim::{Claim, ClaimService, Order, Rejection, Request};
use agent_smith::job::AskedBy;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::{Error, Labelling};
use agent_smith::sim::board::{NewTicket, Role};
use agent_smith::sim::{Fault, Times};
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::ticket::{Labels, PlatformKind};

use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};

on_every_platform!(
    the_latest_addition_counts_in_any_case,
    a_label_from_the_start_is_the_creators,
    a_long_history_is_read_from_its_end,
    a_history_that_lags_is_read_again,
    programs_are_told_from_people,
    what_cannot_be_asked_is_an_error,
    a_label_counts_by_who_put_it_there,
    the_list_is_the_whole_answer,
    a_history_that_does_not_tell_stops_only_a_list,
    changes_that_bury_a_label_do_not_let_it_count,
    what_we_marked_pending_asks_for_whoever_asked_before,
    asking_costs_one_request_and_the_role_one_more,
    an_order_does_not_ask_whose_the_label_is,
);

const PENDING: &str = "agent-smith:pending";

async fn who(rig: &Rig, number: u64, labels: &[&str]) -> Option<Labelling> {
    rig.platform.who_labelled(&rig.id(number), labels).await.unwrap()
}

/// That it was `login` and this label.
async fn is(rig: &Rig, number: u64, labels: &[&str], (login, label): (&str, &str)) {
    let told = who(rig, number, labels).await.unwrap();
    assert_eq!((told.by.id, told.label.as_str()), (rig.account(login).await.id, label));
}

fn add(rig: &Rig, number: u64, login: &str, label: &str) {
    rig.board.acting_as(login).add_label(rig.tracker, number, label).unwrap();
}

fn remove(rig: &Rig, number: u64, login: &str, label: &str) {
    rig.board.acting_as(login).remove_label(rig.tracker, number, label).unwrap();
}

/// True for the platform that tells nothing about the rights of others.
fn tells_no_rights(rig: &Rig) -> bool {
    rig.platform.kind() == PlatformKind::AzureDevOps
}

async fn the_latest_addition_counts_in_any_case(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    add(&rig, number, "olaf", "Agent-Smith");
    add(&rig, number, "rita", "other");
    is(&rig, number, &[TRIGGER], ("olaf", TRIGGER)).await;
    remove(&rig, number, "rita", "Agent-Smith");
    add(&rig, number, "ada", "Agent-Smith");
    remove(&rig, number, "rita", "other");
    is(&rig, number, &[TRIGGER], ("ada", TRIGGER)).await;
    add(&rig, number, "bob", PENDING);
    rig.board.acting_as("rita").comment(rig.tracker, number, "agent-smith").unwrap();
    is(&rig, number, &[TRIGGER, PENDING], ("bob", PENDING)).await;
    let before = rig.arrived();
    is(&rig, number, &[TRIGGER], ("ada", TRIGGER)).await;
    // The other request of GitLab's asks who that is.
    assert!(rig.arrived() - before <= 2, "a short history is one request");
}

async fn a_label_from_the_start_is_the_creators(rig: Rig) {
    let carl = rig.board.acting_as("carl");
    let number = carl.open_ticket(rig.tracker, NewTicket::titled("Labelled").label(TRIGGER).label("bug")).unwrap();
    is(&rig, number, &[TRIGGER], ("carl", TRIGGER)).await;
    add(&rig, number, "ada", PENDING);
    is(&rig, number, &[TRIGGER], ("carl", TRIGGER)).await;
    // Nor has a ticket a history that was brought from elsewhere.
    rig.board.forget_history(rig.tracker);
    is(&rig, number, &[TRIGGER], ("carl", TRIGGER)).await;
}

async fn a_long_history_is_read_from_its_end(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    remove(&rig, number, "olaf", TRIGGER);
    add(&rig, number, "ada", TRIGGER);
    for _ in 0..230 {
        add(&rig, number, "rita", "noise");
        remove(&rig, number, "rita", "noise");
    }
    rig.platform.read(&rig.id(number)).await.unwrap();
    let before = rig.arrived();
    let told = who(&rig, number, &[TRIGGER]).await.unwrap();
    let requests = rig.arrived() - before;
    assert_eq!(told.by.id, rig.account("ada").await.id);
    // Data Center gives all of it with the issue.
    let has_pages = !rig.counts_pages();
    let expected = if has_pages { 3..=6 } else { 1..=1 };
    assert!(expected.contains(&requests), "page by page, and no further: {requests}");

    remove(&rig, number, "rita", TRIGGER);
    add(&rig, number, "bob", TRIGGER);
    let (before, told) = (rig.arrived(), who(&rig, number, &[TRIGGER]).await.unwrap());
    let requests = rig.arrived() - before;
    assert_eq!(told.by.id, rig.account("bob").await.id);
    assert!(requests <= 2, "the newest first: {requests}");

    // There is an end to it, and then nobody is named.
    if !has_pages {
        return;
    }
    for _ in 0..1_010 {
        add(&rig, number, "rita", "noise");
        remove(&rig, number, "rita", "noise");
    }
    rig.platform.read(&rig.id(number)).await.unwrap();
    let (before, told) = (rig.arrived(), who(&rig, number, &[TRIGGER]).await);
    let requests = rig.arrived() - before;
    assert!(told.is_none() && requests <= 12, "{told:?} after {requests} requests");
}

/// Two platforms answer from copies that may be a moment old, and say of a label that was there from the start that it came.
async fn a_history_that_lags_is_read_again(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    add(&rig, number, "ada", TRIGGER);
    if matches!(rig.platform.kind(), PlatformKind::GitHub | PlatformKind::GitLab) {
        let nothing = Fault::Answer {
            status: 200,
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: "[]".to_owned(),
        };
        rig.faults().fail(rig.history(), Times::Next(1), nothing);
    }
    is(&rig, number, &[TRIGGER], ("ada", TRIGGER)).await;
}

async fn programs_are_told_from_people(rig: Rig) {
    let number = rig.ticket(&[]);
    let name = if rig.platform.kind() == PlatformKind::GitLab { "project_7_bot_9d01" } else { "helper[bot]" };
    add(&rig, number, name, TRIGGER);
    let told = who(&rig, number, &[TRIGGER]).await.unwrap();
    // On Data Center a program has an account like everybody.
    assert_eq!(told.by.is_bot, !rig.counts_pages(), "{told:?}");
    add(&rig, number, "ada", "other");
    let told = who(&rig, number, &["other"]).await.unwrap();
    assert!(!told.by.is_bot, "{told:?}");
}

async fn what_cannot_be_asked_is_an_error(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    let id = rig.id(number);
    rig.faults().fail(rig.history(), Times::Always, Fault::status(503));
    assert!(matches!(rig.platform.who_labelled(&id, &[TRIGGER]).await, Err(Error::Transport(_))));
    rig.faults().clear();
    rig.faults().fail(rig.history(), Times::Always, Fault::Garbage);
    assert!(matches!(rig.platform.who_labelled(&id, &[TRIGGER]).await, Err(Error::Malformed { .. })));
    rig.faults().clear();
    rig.faults().fail(rig.history(), Times::Always, Fault::status(403));
    let refused = rig.platform.who_labelled(&id, &[TRIGGER]).await;
    assert!(matches!(refused, Err(Error::Unauthorized { .. } | Error::Refused { .. })), "{refused:?}");
    rig.faults().clear();
    rig.board.hide_tracker(rig.tracker, true).unwrap();
    assert!(rig.platform.who_labelled(&id, &[TRIGGER]).await.is_err());
}

/// The door for a project with this list.
struct Door {
    rig: Rig,
    claims: ClaimService,
}

impl Door {
    fn of(rig: Rig) -> Self {
        rig.board.set_role(rig.tracker, "ada", Role::Writer).unwrap();
        rig.board.set_role(rig.tracker, "lea", Role::Labeller).unwrap();
        Self { rig, claims: ClaimService::new(Arc::new(EmbeddedStore::new())) }
    }

    /// A ticket that `login` labelled.
    fn labelled_by(&self, login: &str) -> u64 {
        let number = self.rig.ticket(&["bug"]);
        add(&self.rig, number, login, TRIGGER);
        number
    }

    async fn offer(&self, number: u64, allowed: Option<&[String]>) -> Claim {
        let (config, project) = self.rig.project(allowed.map(<[String]>::to_vec));
        let (platform, ticket) = (self.rig.platform.as_ref(), self.rig.id(number));
        let request = Request { config: &config, project: &project, platform, ticket: &ticket, asked_by: None };
        self.claims.claim(&request).await.unwrap()
    }

    /// It is claimed, and shows it.
    async fn claims(&self, number: u64, allowed: Option<&[String]>) {
        let claim = self.offer(number, allowed).await;
        assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
    }

    /// It is not, for this reason, and nothing is written on it.
    async fn refuses(&self, number: u64, allowed: Option<&[String]>, why: &str) {
        let labels = self.rig.labels(number);
        let claim = self.offer(number, allowed).await;
        let Claim::Rejected(Rejection::Actor(reason)) = &claim else { panic!("{claim:?}") };
        assert!(reason.contains(why), "{why}: {reason}");
        assert_eq!(self.rig.labels(number), labels);
    }
}

async fn a_label_counts_by_who_put_it_there(rig: Rig) {
    let door = Door::of(rig);
    door.claims(door.labelled_by("ada"), None).await;
    for login in ["olaf", "lea"] {
        let number = door.labelled_by(login);
        if tells_no_rights(&door.rig) {
            // Whoever may set a tag there may edit the work item.
            door.claims(number, None).await;
            continue;
        }
        door.refuses(number, None, &format!("labelled by {login}, who may not write to the tracker")).await;
        // Somebody else does it again.
        remove(&door.rig, number, "ada", TRIGGER);
        add(&door.rig, number, "ada", TRIGGER);
        door.claims(number, None).await;
    }
    let program = if door.rig.platform.kind() == PlatformKind::GitLab { "project_7_bot_9d01" } else { "helper[bot]" };
    door.rig.board.set_role(door.rig.tracker, program, Role::Admin).unwrap();
    let number = door.labelled_by(program);
    match door.rig.counts_pages() {
        true => door.claims(number, None).await,
        false => door.refuses(number, None, "which is a program").await,
    }
}

async fn the_list_is_the_whole_answer(rig: Rig) {
    let door = Door::of(rig);
    let program = if door.rig.platform.kind() == PlatformKind::GitLab { "project_7_bot_9d01" } else { "helper[bot]" };
    let listed = [door.rig.account("olaf").await.id.to_uppercase(), door.rig.account(program).await.id];
    door.claims(door.labelled_by("olaf"), Some(&listed)).await;
    door.claims(door.labelled_by(program), Some(&listed)).await;
    door.refuses(door.labelled_by("ada"), Some(&listed), "not one of allowed_actors").await;
    door.refuses(door.labelled_by("ada"), Some(&[]), "not one of allowed_actors").await;
    // Everybody: nobody is asked about anybody.
    let number = door.labelled_by(program);
    door.rig.faults().fail(door.rig.history(), Times::Always, Fault::status(500));
    door.claims(number, Some(&["*".to_owned()])).await;
}

async fn a_history_that_does_not_tell_stops_only_a_list(rig: Rig) {
    let door = Door::of(rig);
    let listed = [door.rig.account("ada").await.id];
    for status in [403, 404, 400] {
        let (first, second) = (door.labelled_by("ada"), door.labelled_by("olaf"));
        door.rig.faults().fail(door.rig.history(), Times::Always, Fault::status(status));
        door.refuses(first, Some(&listed), "cannot tell who labelled it").await;
        door.claims(second, None).await;
        door.rig.faults().clear();
    }
    // What may pass is waited for.
    let number = door.labelled_by("ada");
    door.rig.faults().fail(door.rig.history(), Times::Always, Fault::status(503));
    let (config, project) = door.rig.project(None);
    let (platform, ticket) = (door.rig.platform.as_ref(), door.rig.id(number));
    let request = Request { config: &config, project: &project, platform, ticket: &ticket, asked_by: None };
    assert!(door.claims.claim(&request).await.is_err());
    // Seen again by a listing with the labels for which it was refused, a refused ticket costs nothing.
    door.rig.faults().clear();
    let stranger = [door.rig.account("nobody").await.id];
    door.refuses(number, Some(&stranger), "allowed_actors").await;
    let (config, project) = door.rig.project(Some(stranger.to_vec()));
    let request = Request { config: &config, project: &project, platform, ticket: &ticket, asked_by: None };
    let shown = |labels: &[&str]| labels.iter().copied().collect::<Labels>();
    let before = door.rig.arrived();
    let again = door.claims.claim_listed(&request, &shown(&[TRIGGER, "bug"])).await.unwrap();
    assert!(matches!(again, Claim::Rejected(Rejection::Actor(_))), "{again:?}");
    assert_eq!(door.rig.arrived(), before, "it was asked about again");
    // Other labels, or another list, are another question.
    let (config, project) = door.rig.project(Some(listed.to_vec()));
    let request = Request { config: &config, project: &project, platform, ticket: &ticket, asked_by: None };
    let again = door.claims.claim_listed(&request, &shown(&[TRIGGER, "bug"])).await.unwrap();
    assert!(matches!(again, Claim::Claimed(_)), "{again:?}");
}

/// Whoever may change a ticket could bury what they did under noise.
async fn changes_that_bury_a_label_do_not_let_it_count(rig: Rig) {
    if rig.counts_pages() {
        // Data Center gives all of a history at once.
        return;
    }
    let door = Door::of(rig);
    let number = door.labelled_by("olaf");
    for _ in 0..1_010 {
        add(&door.rig, number, "olaf", "noise");
        remove(&door.rig, number, "olaf", "noise");
    }
    door.refuses(number, None, "history does not say who labelled it").await;
    remove(&door.rig, number, "ada", TRIGGER);
    add(&door.rig, number, "ada", TRIGGER);
    door.claims(number, None).await;
}

/// A run broke off, or is to be made again: the mark is ours, the wish is not.
async fn what_we_marked_pending_asks_for_whoever_asked_before(rig: Rig) {
    let door = Door::of(rig);
    let listed = [door.rig.account("ada").await.id];
    let marked = |login: &str, by: &str| {
        let number = door.labelled_by(login);
        add(&door.rig, number, by, PENDING);
        number
    };
    door.claims(marked("ada", "smith"), Some(&listed)).await;
    door.refuses(marked("olaf", "smith"), Some(&listed), "labelled by").await;
    door.refuses(marked("ada", "olaf"), Some(&listed), "labelled by").await;
    door.claims(marked("olaf", "ada"), Some(&listed)).await;
    // Without a trigger label it was asked for in another way, and judged then.
    let number = door.rig.ticket(&["bug"]);
    add(&door.rig, number, "smith", PENDING);
    door.claims(number, Some(&listed)).await;
    assert_eq!(
        Lifecycle::of(&door.rig.board.ticket(door.rig.tracker, number).unwrap().labels),
        Some(Lifecycle::Enqueued)
    );
}

async fn asking_costs_one_request_and_the_role_one_more(rig: Rig) {
    let door = Door::of(rig);
    let anybody = ["*".to_owned()];
    let listed = [door.rig.account("ada").await.id];
    // The first claim pays for what is done once, such as creating labels.
    door.claims(door.labelled_by("ada"), Some(&anybody)).await;
    let mut costs = Vec::new();
    for allowed in [Some(&anybody[..]), Some(&listed), None, None] {
        let (number, before) = (door.labelled_by("ada"), door.rig.arrived());
        door.claims(number, allowed).await;
        costs.push(door.rig.arrived() - before);
    }
    // Whether somebody may write is remembered for a moment, unless it depends on the ticket.
    let (first, second) = match door.rig.platform.kind() {
        PlatformKind::GitHub | PlatformKind::GitLab => (2, 1),
        PlatformKind::AzureDevOps => (1, 1),
        PlatformKind::Jira => (2, 2),
    };
    let base = costs[0];
    assert_eq!(costs, [base, base + 1, base + first, base + second]);
}

/// Whoever gave it was judged by what they said.
async fn an_order_does_not_ask_whose_the_label_is(rig: Rig) {
    let door = Door::of(rig);
    let listed = [door.rig.account("ada").await.id];
    let number = door.labelled_by("olaf");
    door.refuses(number, Some(&listed), "not one of allowed_actors").await;
    let (config, project) = door.rig.project(Some(listed.to_vec()));
    let (platform, ticket) = (door.rig.platform.as_ref(), door.rig.id(number));
    let asked_by = Some(AskedBy::Comment);
    let request = Request { config: &config, project: &project, platform, ticket: &ticket, asked_by };
    door.rig.faults().fail(door.rig.history(), Times::Always, Fault::status(500));
    let claim = door.claims.claim_again(&request, Order::default()).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
}
