//! When each project is due. Pure: time is passed in.
//!
//! A project is due `interval` after its last poll began, ± its jitter, drawn anew each time. A new project is due at
//! once; a held-back one when its platform allows it. What must stay true: a project that is under way is not due, and
//! no project influences another's time.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Polling;
use crate::runner::with_jitter;

/// The due times of all polled projects.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    polling: Polling,
    due: Instant,
    under_way: bool,
}

impl Schedule {
    /// Takes over the projects of the current configuration: new ones are due now, changed intervals count from now,
    /// missing ones are forgotten.
    pub(super) fn sync<'a>(&mut self, projects: impl Iterator<Item = (&'a str, Polling)>, now: Instant) {
        let polled: HashMap<&str, Polling> = projects.filter(|(_, polling)| polling.enabled).collect();
        self.entries.retain(|name, _| polled.contains_key(name.as_str()));
        for (name, polling) in polled {
            match self.entries.get_mut(name) {
                Some(entry) if entry.polling == polling => {}
                Some(entry) => {
                    entry.polling = polling;
                    entry.due = entry.due.min(now + polling.interval);
                }
                None => {
                    self.entries.insert(name.to_owned(), Entry { polling, due: now, under_way: false });
                }
            }
        }
    }

    /// The projects to poll now; each counts as under way until [`Schedule::done`].
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let due = self.entries.iter_mut().filter(|(_, entry)| !entry.under_way && entry.due <= now);
        due.map(|(name, entry)| {
            entry.under_way = true;
            entry.due = now + with_jitter(entry.polling.interval, entry.polling.jitter_percent);
            name.clone()
        })
        .collect()
    }

    /// A poll ended; the platform asked to be left alone for `held_back`, if it did.
    pub(super) fn done(&mut self, name: &str, held_back: Option<Duration>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.under_way = false;
            if let Some(pause) = held_back {
                entry.due = entry.due.max(now + pause);
            }
        }
    }

    /// How long until the next project is due; `None` when none waits.
    pub(super) fn until_next(&self, now: Instant) -> Option<Duration> {
        let waiting = self.entries.values().filter(|entry| !entry.under_way);
        waiting.map(|entry| entry.due.saturating_duration_since(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(seconds: u64) -> Polling {
        Polling { enabled: true, interval: Duration::from_secs(seconds), jitter_percent: 10 }
    }

    fn schedule(projects: &[(&str, Polling)], now: Instant) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.sync(projects.iter().copied(), now);
        schedule
    }

    #[test]
    fn a_new_project_is_due_at_once_and_then_after_its_interval() {
        let now = Instant::now();
        let mut schedule = schedule(&[("a", every(60))], now);
        assert_eq!(schedule.take_due(now), ["a"]);
        assert_eq!(schedule.until_next(now), None, "under way is not due");
        schedule.done("a", None, now);
        let next = schedule.until_next(now).unwrap();
        assert!((54..=66).contains(&next.as_secs()), "{next:?}");
        assert_eq!(schedule.take_due(now + Duration::from_secs(53)), Vec::<String>::new());
        assert_eq!(schedule.take_due(now + Duration::from_secs(67)), ["a"]);
    }

    #[test]
    fn a_slow_project_delays_nobody() {
        let now = Instant::now();
        let mut schedule = schedule(&[("slow", every(1)), ("quick", every(1))], now);
        assert_eq!(schedule.take_due(now).len(), 2);
        schedule.done("quick", None, now);
        assert_eq!(schedule.take_due(now + Duration::from_secs(2)), ["quick"]);
    }

    #[test]
    fn a_held_back_project_waits_as_long_as_it_was_told() {
        let now = Instant::now();
        let mut schedule = schedule(&[("a", every(10)), ("b", every(10))], now);
        schedule.take_due(now);
        schedule.done("a", Some(Duration::from_secs(600)), now);
        schedule.done("b", None, now);
        assert_eq!(schedule.take_due(now + Duration::from_secs(20)), ["b"]);
        assert_eq!(schedule.take_due(now + Duration::from_secs(601)), ["a"]);
    }

    #[test]
    fn projects_come_and_go_with_the_configuration() {
        let now = Instant::now();
        let mut schedule = schedule(&[("a", every(3600))], now);
        schedule.take_due(now);
        schedule.done("a", None, now);
        let off = Polling { enabled: false, ..every(1) };
        schedule.sync([("a", every(5)), ("b", every(60)), ("c", off)].into_iter(), now);
        assert_eq!(schedule.take_due(now), ["b"], "new is due, changed is not yet, disabled is not polled");
        assert_eq!(schedule.take_due(now + Duration::from_secs(6)), ["a"]);
        schedule.sync(std::iter::empty(), now);
        assert_eq!(schedule.until_next(now), None);
    }
}
