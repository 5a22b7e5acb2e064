//! Labels that only we write, set by somebody else: no way around whose label counts.

use agent_smith::housekeeping::{Enqueued, StaleJobs};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::runner::Tick;
use agent_smith::sim::board::Role;
use agent_smith::sim::{Fault, Times};
use agent_smith::ticket::PlatformKind;

use crate::house::{Backend, House};
use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};

on_every_platform!(
    an_outsiders_enqueued_is_taken_away,
    an_outsiders_in_progress_is_taken_away,
    what_we_wrote_or_somebody_entitled_is_repaired,
    what_is_set_by_hand_does_not_hide_a_wish_that_counts,
    a_trigger_that_does_not_count_is_not_laundered,
    a_history_that_does_not_tell_stops_no_repair,
    a_question_that_failed_is_asked_again,
    a_repair_costs_one_question_and_none_where_everybody_counts,
);

/// The labels that a reconciler acts on.
const LOST: [Lifecycle; 2] = [Lifecycle::Enqueued, Lifecycle::InProgress];

/// The actors of the project, as the file lists them; `None`: no list.
async fn house(rig: Rig, listed: Option<&str>) -> House {
    for writer in ["ada", "smith"] {
        rig.board.set_role(rig.tracker, writer, Role::Writer).unwrap();
    }
    rig.board.set_role(rig.tracker, "lea", Role::Labeller).unwrap();
    let list = match listed {
        Some("*") => Some("*".to_owned()),
        Some(login) => Some(rig.account(login).await.id),
        None => None,
    };
    let house = House::with(rig, Backend::Embedded, "true");
    if let Some(id) = list {
        let polling = "    polling:";
        let section =
            house.rig.section("api").replace(polling, &format!("      allowed_actors: [\"{id}\"]\n{polling}"));
        house.write_config(&section, "true");
    }
    house
}

impl House {
    /// A ticket to which each of these added a label, in this order.
    fn labelled(&self, by: &[(&str, &str)]) -> u64 {
        let number = self.rig.ticket(&["bug"]);
        for (login, label) in by {
            self.rig.board.acting_as(login).add_label(self.rig.tracker, number, label).unwrap();
        }
        number
    }

    /// One pass of both reconcilers.
    async fn reconciles(&self) {
        StaleJobs::new(self.housekeeping()).tick().await;
        Enqueued::new(self.housekeeping()).tick().await;
    }

    async fn polls(&self) {
        let mut poller = self.poller();
        poller.tick().await;
        poller.settle().await;
    }

    fn shows(&self, number: u64) -> Option<Lifecycle> {
        Lifecycle::of(&self.ticket(number).labels)
    }

    /// It never showed that a run was asked for or under way but for what others set.
    fn is_untouched(&self, number: u64) -> bool {
        let history = self.rig.board.history_of(self.rig.tracker, number);
        !history.iter().any(|entry| format!("{entry:?}").contains("LabelAdded(\"agent-smith:pending\")"))
    }
}

/// True for the platform that tells nothing about the rights of others: whoever may set a tag may edit.
fn tells_no_rights(house: &House) -> bool {
    house.rig.platform.kind() == PlatformKind::AzureDevOps
}

async fn is_taken_away(rig: Rig, state: Lifecycle) {
    let house = house(rig, None).await;
    let outsiders = [house.labelled(&[("olaf", state.label())]), house.labelled(&[("lea", state.label())])];
    house.reconciles().await;
    if tells_no_rights(&house) {
        assert_eq!(house.queued().await, 2);
        return;
    }
    house.polls().await;
    assert_eq!(house.queued().await, 0);
    for number in outsiders {
        assert_eq!(house.rig.labels(number), ["bug"]);
        assert!(house.is_untouched(number));
    }
    house.is_left_clean(&outsiders).await;
}

async fn an_outsiders_enqueued_is_taken_away(rig: Rig) {
    is_taken_away(rig, Lifecycle::Enqueued).await;
}

async fn an_outsiders_in_progress_is_taken_away(rig: Rig) {
    is_taken_away(rig, Lifecycle::InProgress).await;
}

async fn what_we_wrote_or_somebody_entitled_is_repaired(rig: Rig) {
    let house = house(rig, Some("ada")).await;
    let mut repaired = Vec::new();
    for state in LOST {
        repaired.push(house.labelled(&[("smith", state.label())]));
        repaired.push(house.labelled(&[("ada", state.label())]));
        repaired.push(house.labelled(&[("ada", TRIGGER), ("smith", state.label())]));
    }
    let refused = LOST.map(|state| house.labelled(&[("olaf", state.label())]));
    house.reconciles().await;
    assert_eq!(house.queued().await, repaired.len());
    for number in repaired {
        assert_eq!(house.shows(number), Some(Lifecycle::Enqueued));
    }
    for number in refused {
        assert_eq!(house.rig.labels(number), ["bug"], "a list is strict on every platform");
    }
}

async fn what_is_set_by_hand_does_not_hide_a_wish_that_counts(rig: Rig) {
    let house = house(rig, Some("ada")).await;
    let pending = Lifecycle::Pending.label();
    let by_trigger = LOST.map(|state| house.labelled(&[("ada", TRIGGER), ("olaf", state.label())]));
    let by_pending = LOST.map(|state| house.labelled(&[("ada", pending), ("olaf", state.label())]));
    let by_outsider = LOST.map(|state| house.labelled(&[("olaf", pending), ("olaf", state.label())]));
    let asked = [by_trigger, by_pending].concat();
    house.polls().await;
    assert_eq!(house.queued().await, 0, "it reads as claimed");
    house.reconciles().await;
    assert_eq!(house.queued().await, asked.len(), "also where nobody polls");
    for number in asked {
        assert_eq!(house.shows(number), Some(Lifecycle::Enqueued));
    }
    for number in by_outsider {
        assert_eq!(house.rig.labels(number), ["bug"]);
    }
}

/// A Pending of ours beside it would ask by itself once the trigger label is gone.
async fn a_trigger_that_does_not_count_is_not_laundered(rig: Rig) {
    let house = house(rig, Some("ada")).await;
    let refused = LOST.map(|state| house.labelled(&[("olaf", TRIGGER), ("olaf", state.label())]));
    house.reconciles().await;
    for number in refused {
        assert_eq!(house.shows(number), None);
        assert!(house.is_untouched(number));
        house.rig.board.acting_as("olaf").remove_label(house.rig.tracker, number, TRIGGER).unwrap();
    }
    house.polls().await;
    house.reconciles().await;
    assert_eq!(house.queued().await, 0);
}

/// Work that was lost is found again, also by a token that may not read histories.
async fn a_history_that_does_not_tell_stops_no_repair(rig: Rig) {
    let house = house(rig, Some("ada")).await;
    let mut lost = 0;
    for fault in [Fault::status(403), Fault::status(404), Fault::Garbage] {
        house.rig.faults().fail(house.rig.history(), Times::Always, fault);
        house.labelled(&[("smith", Lifecycle::Enqueued.label())]);
        let in_progress = house.labelled(&[("smith", Lifecycle::InProgress.label())]);
        house.reconciles().await;
        lost += 1;
        assert_eq!(house.queued().await, lost, "a claim of a list asks, and who cannot be told is not on it");
        assert_eq!(house.shows(in_progress), Some(Lifecycle::Pending));
        house.rig.board.close(house.rig.tracker, in_progress).unwrap();
        house.rig.faults().clear();
    }
}

async fn a_question_that_failed_is_asked_again(rig: Rig) {
    let house = house(rig, Some("ada")).await;
    let waits = LOST.map(|state| house.labelled(&[("smith", state.label())]));
    let refused = LOST.map(|state| house.labelled(&[("olaf", state.label())]));
    house.rig.faults().fail(house.rig.history(), Times::Always, Fault::status(503));
    house.reconciles().await;
    assert_eq!(house.queued().await, 0);
    for (number, state) in waits.into_iter().chain(refused).zip(LOST.into_iter().cycle()) {
        assert_eq!(house.shows(number), Some(state), "nothing is known yet");
    }
    house.is_left_clean(&[]).await;
    house.rig.faults().clear();
    house.reconciles().await;
    assert_eq!(house.queued().await, waits.len());
    for number in refused {
        assert_eq!(house.shows(number), None);
    }
}

async fn a_repair_costs_one_question_and_none_where_everybody_counts(rig: Rig) {
    let house = house(rig, Some("*")).await;
    let mut costs = Vec::new();
    for _ in 0..2 {
        house.labelled(&[("smith", Lifecycle::Enqueued.label())]);
        let before = house.rig.arrived();
        house.reconciles().await;
        costs.push(house.rig.arrived() - before);
        house.write_config(&house.rig.section("api"), "true");
    }
    assert_eq!(house.queued().await, 2);
    // Who we are is asked once for each client, and these passes have a new one.
    assert_eq!(costs[1], costs[0] + 2);
}
