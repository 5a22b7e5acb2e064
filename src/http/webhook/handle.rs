//! Finds out what a delivery asks for, of which project, and has it granted once.
//!
//! Who calls: `route`, in a task that outlives the request. What must stay true: what asks for nothing touches neither the
//! store nor a ticket; a delivery speaks only for the trackers that its secret is good for.

use super::answer::Answer;
use super::delivery::Delivery;
use super::event::Event;
use super::grant::Granting;
use super::receiver::{Receiver, Stored};
use super::tracker::{self, OneTracker};
use super::verify::Standing;
use super::wishes;
use crate::config::Project;
use crate::platform;
use crate::store;

/// Whether nobody waits for the answer any more.
pub(super) type Alone<'a> = &'a (dyn Fn() -> bool + Send + Sync);

impl Receiver {
    /// Finds out what a delivery asks for, and does it once.
    pub(super) async fn handle(&self, delivery: &Delivery, alone: Alone<'_>) -> Answer {
        let (config, event) = (self.parts.config.current(), &delivery.event);
        if tracker::has_to_ask(event, &config)
            && let Err(away) = self.stored_in_reach()
        {
            return away;
        }
        let found = tracker::find(delivery.platform, event, &config, &self.parts.trackers).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => return Answer::unavailable("platform_unavailable", error.to_string()),
        };
        if found.is_empty() {
            return Answer::ignored(format!("no project watches {}", tracker::in_words(&event.tracker)));
        }
        let covered: Vec<OneTracker> =
            found.into_iter().filter(|projects| projects.iter().any(|one| delivery.standing.covers(one))).collect();
        if covered.is_empty() {
            return Answer::unauthorized(beyond(&delivery.standing, event));
        }
        if event.actor.is_some()
            && wishes::depend_on_who(event)
            && let Err(away) = self.stored_in_reach()
        {
            return away;
        }
        let (mut asked, mut idle) = (Vec::new(), None);
        for projects in covered {
            let moved = wishes::may_be_a_move_of_ours(event, &config, &projects);
            let matters = moved || wishes::depend_on_who(event);
            let by_us = match self.is_ours(&projects[0], event, matters).await {
                Ok(by_us) => by_us,
                Err(error) => return Answer::unavailable("platform_unavailable", error.to_string()),
            };
            let mut wishes = wishes::of(event, &projects, by_us);
            if moved && by_us {
                wishes = wishes.of_our_own_move();
            }
            match wishes.nothing.take() {
                Some(reason) => idle = idle.or(Some(reason)),
                None => asked.push((projects, wishes)),
            }
        }
        if asked.is_empty() {
            return Answer::ignored(idle.unwrap_or_default());
        }
        let stored = match self.stored_in_reach() {
            Ok(stored) => stored,
            Err(away) => return away,
        };
        let granting = Granting { receiver: self, stored, config: &config, event, alone };
        match delivery.once(&stored.store, self.parts.shutdown.soft(), granting.grant(asked)).await {
            Ok(answer) => answer,
            Err(error) => stored.failed(&error),
        }
    }

    /// The store, unless it is away. Looked at before the platform is asked anything: its answer takes time and would be
    /// for nothing.
    fn stored_in_reach(&self) -> Result<&Stored, Answer> {
        let none = || Answer::unavailable("redis_unavailable", "there is no store: REDIS_URL is not set");
        let stored = self.parts.stored.as_ref().ok_or_else(none)?;
        if stored.availability.is_up() { Ok(stored) } else { Err(stored.away()) }
    }

    /// Whether our own account did it, where that makes a difference. When nobody can tell, it did: the poll finds what a
    /// person wanted, and nothing finds a loop of our own making.
    async fn is_ours(&self, project: &Project, event: &Event, matters: bool) -> platform::Result<bool> {
        let Some(actor) = event.actor.as_ref().filter(|_| matters) else { return Ok(true) };
        let Ok(platform) = self.parts.trackers.of(project) else { return Ok(true) };
        match platform.me().await {
            Ok(me) => Ok(me.is_same(actor)),
            Err(error) if error.is_temporary() => Err(error),
            Err(_) => Ok(true),
        }
    }
}

impl Stored {
    fn away(&self) -> Answer {
        match self.store.kind() {
            "redis" => Answer::unavailable("redis_unavailable", "redis does not answer; it is being retried"),
            _ => Answer::unavailable("store_unavailable", "the store does not answer"),
        }
    }

    /// The answer after an error of the store.
    pub(super) fn failed(&self, error: &store::Error) -> Answer {
        self.availability.report(error);
        match error {
            store::Error::Unavailable(_) => self.away(),
            store::Error::Malformed(_) => Answer::unavailable("store_malformed", error.to_string()),
            store::Error::Full(_) => Answer::unavailable("queue_full", error.to_string()),
        }
    }
}

fn beyond(standing: &Standing, event: &Event) -> String {
    let names = match standing {
        Standing::Only(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        Standing::EveryProject | Standing::Unsigned => String::new(),
    };
    format!("the secret of {names} is not good for {}", tracker::in_words(&event.tracker))
}
