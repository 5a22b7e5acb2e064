//! Tickets that a poll claimed although a webhook should have offered them first: the sign of a broken hook.
//!
//! Who calls: the poll loop. A hook that does not arrive makes no error anywhere in this program, so this is where an
//! operator gets to see it: on `/health` as `webhooks:<project>`, and in the log. What must stay true: a poll that is
//! merely faster than the webhook is no alarm, nor is what was labelled while nobody may have listened.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::project::{Offer, Outcome};
use crate::claim::Claim;
use crate::clock;
use crate::config::{Config, Project};
use crate::health::{Health, State};
use crate::job::AskedBy;
use crate::lifecycle::Lifecycle;
use crate::store::{self, OFFER_REMEMBERED, Store};
use crate::ticket::TicketKey;

/// Who says it on `/health`.
const SOURCE: &str = "poll";
/// How long a webhook may come after the poll. The platforms send within seconds, and have been minutes late on bad days
/// without being broken.
const GRACE: Duration = Duration::from_secs(120);
/// Tickets that wait for their webhook at once. A thousand that are missing tell the same as more.
const MOST_WAITING: usize = 1_000;

/// What was found by polls alone.
#[derive(Debug)]
pub(super) struct Missed {
    grace: Duration,
    waiting: Vec<Waiting>,
    /// Projects whose last poll was complete: only what came after it may be missed.
    polled: HashSet<String>,
    found: HashMap<String, Found>,
}

/// A ticket whose webhook may still come.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    key: TicketKey,
    /// The project has a secret of its own: it has a hook for certain.
    own_secret: bool,
}

#[derive(Debug)]
struct Found {
    count: u64,
    last: TicketKey,
    at: String,
    /// When the last one was claimed.
    since: Instant,
}

impl Default for Missed {
    fn default() -> Self {
        Self { grace: GRACE, waiting: Vec::new(), polled: HashSet::new(), found: HashMap::new() }
    }
}

impl Missed {
    /// Takes note of what a poll of a project has claimed.
    pub(super) fn note(&mut self, config: &Config, name: &str, outcome: &Outcome, now: Instant) {
        let complete = outcome.failures.is_empty() && outcome.store_failure.is_none() && !outcome.goes_on;
        let knew_before = match complete {
            true => !self.polled.insert(name.to_owned()),
            false => {
                self.polled.remove(name);
                false
            }
        };
        let Some(project) = config.projects.get(name).filter(|project| expects_webhooks(config, project)) else {
            return;
        };
        if !knew_before {
            return;
        }
        let claimed = outcome.offers.iter().filter_map(|(candidate, offer)| match offer {
            // What was put back by us, or asked for with Pending, has no webhook that had to come.
            Offer::Answered(Claim::Claimed(job))
                if job.asked_by == AskedBy::TriggerLabel && Lifecycle::of(&candidate.labels).is_none() =>
            {
                let key = TicketKey::new(project.tracker.platform(), name, &candidate.id);
                Some(Waiting { since: now, key, own_secret: !project.webhook_secrets.is_empty() })
            }
            _ => None,
        });
        let room = MOST_WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(claimed.take(room));
    }

    /// Judges the tickets that have waited long enough, and takes back what is over.
    ///
    /// # Errors
    /// When the store did not answer; then they are judged later.
    pub(super) async fn look(&mut self, store: &dyn Store, health: &Health, now: Instant) -> store::Result<()> {
        let due = self.waiting.partition_point(|one| one.since + self.grace <= now);
        if due > 0 {
            let keys: Vec<TicketKey> = self.waiting[..due].iter().map(|one| one.key.clone()).collect();
            let offered = store.offered(&keys).await?;
            let mut hooked = Vec::with_capacity(due);
            for one in &self.waiting[..due] {
                let ever = store.since_last_offer(one.key.platform, &one.key.project, OFFER_REMEMBERED).await?;
                hooked.push(one.own_secret || ever.is_some());
            }
            let judged: Vec<Waiting> = self.waiting.drain(..due).collect();
            for ((one, _), hooked) in judged.into_iter().zip(offered).zip(hooked).filter(|((_, offered), _)| !offered) {
                self.miss(health, one, hooked);
            }
        }
        let mut mended = Vec::new();
        for (name, found) in &self.found {
            let ago = store.since_last_offer(found.last.platform, name, OFFER_REMEMBERED).await?;
            if ago.is_some_and(|ago| ago < now.saturating_duration_since(found.since)) {
                mended.push(name.clone());
            }
        }
        for name in mended {
            self.found.remove(&name);
            health.take_back(SOURCE, &line(&name));
        }
        Ok(())
    }

    /// A hook that has worked, or that has a secret of its own, is broken. Of one that may not exist, because only the
    /// platform has a secret, it is said and no more.
    fn miss(&mut self, health: &Health, Waiting { since, key, .. }: Waiting, hooked: bool) {
        if hooked {
            warn!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
                "found by the poll: no webhook told of this ticket"
            );
        }
        let count = self.found.get(&key.project).map_or(0, |found| found.count) + 1;
        let found = Found { count, at: clock::utc_now(), since, last: key };
        let (tickets, last, at) = (if count == 1 { "ticket" } else { "tickets" }, &found.last.ticket, &found.at);
        let (state, cure) = match hooked {
            true => (State::Degraded, "see the deliveries that the platform lists for its hook"),
            false => (State::Up, "no webhook of this project has come so far"),
        };
        let reason = format!("{count} {tickets} found by poll whose webhook never came, last {last} at {at}; {cure}");
        // The line above is in the log already.
        health.note_as_quietly(SOURCE, &line(&found.last.project), state, reason);
        self.found.insert(found.last.project.clone(), found);
    }

    /// Forgets projects that are not in force any more.
    pub(super) fn keep_only(&mut self, config: &Config, health: &Health) {
        self.polled.retain(|name| config.projects.contains_key(name));
        self.waiting.retain(|one| config.projects.contains_key(&one.key.project));
        self.found.retain(|name, _| {
            let known = config.projects.contains_key(name);
            if !known {
                health.take_back(SOURCE, &line(name));
            }
            known
        });
    }
}

fn line(project: &str) -> String {
    format!("webhooks:{project}")
}

/// Whoever has given a secret has set up a hook.
fn expects_webhooks(config: &Config, project: &Project) -> bool {
    !config.webhooks.secrets_of(project.tracker.platform()).is_empty() || !project.webhook_secrets.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, parse};
    use crate::job::Job;
    use crate::store::embedded::EmbeddedStore;
    use crate::ticket::{Candidate, PlatformKind};

    const FILE: &str = "projects: { p: { tickets: { type: GitHub, url: https://github.com/o/r } } }\n";

    fn config(variables: &[(&str, &str)]) -> Config {
        parse("f.yml", FILE, &Env::from_iter(variables.iter().copied())).unwrap().config
    }

    fn with_secret() -> Config {
        config(&[("GITHUB_WEBHOOK_SECRET", "s")])
    }

    fn key(ticket: &str) -> TicketKey {
        TicketKey::new(PlatformKind::GitHub, "p", ticket)
    }

    /// A poll that claimed this ticket, which carried these labels.
    fn claimed(ticket: &str, labels: &[&str], asked_by: AskedBy) -> Outcome {
        let labels = labels.iter().copied().collect();
        let candidate =
            Candidate { id: ticket.to_owned(), title: String::new(), labels, state: "open".to_owned(), open: true };
        let job = Job::new(key(ticket), "fix-bug", asked_by);
        Outcome { offers: vec![(candidate, Offer::Answered(Claim::Claimed(job)))], ..Outcome::default() }
    }

    fn by_label(ticket: &str) -> Outcome {
        claimed(ticket, &["agent-smith"], AskedBy::TriggerLabel)
    }

    async fn later(missed: &mut Missed, store: &EmbeddedStore, health: &Health) -> Option<String> {
        tokio::time::advance(GRACE).await;
        missed.look(store, health, Instant::now()).await.unwrap();
        shown(health).map(|(_, reason)| reason)
    }

    fn shown(health: &Health) -> Option<(State, String)> {
        health.snapshot().into_iter().find(|one| one.name == "webhooks:p").map(|one| (one.state, one.reason))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_that_may_not_exist_is_no_alarm_until_it_has_worked_or_has_a_secret_of_its_own() {
        let own = "projects: { p: { tickets: { type: GitHub, url: https://github.com/o/r }, github_trigger: { webhook_secret: \"${OWN}\" } } }\n";
        let own = parse("f.yml", own, &Env::from_iter([("OWN", "a secret")])).unwrap().config;
        for (config, worked, expected) in
            [(with_secret(), false, State::Up), (with_secret(), true, State::Degraded), (own, false, State::Degraded)]
        {
            let (mut missed, store, health) = (Missed::default(), EmbeddedStore::new(), Health::default());
            if worked {
                store.note_offer(&key("0"), OFFER_REMEMBERED).await.unwrap();
            }
            missed.note(&config, "p", &Outcome::default(), Instant::now());
            missed.note(&config, "p", &by_label("1"), Instant::now());
            later(&mut missed, &store, &health).await.unwrap();
            assert_eq!(shown(&health).unwrap().0, expected, "worked: {worked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_that_no_webhook_offered_is_shown_until_one_comes() {
        let (mut missed, store, health) = (Missed::default(), EmbeddedStore::new(), Health::default());
        let config = with_secret();
        missed.note(&config, "p", &Outcome::default(), Instant::now());
        missed.note(&config, "p", &by_label("1"), Instant::now());
        missed.look(&store, &health, Instant::now()).await.unwrap();
        assert_eq!(health.snapshot(), [], "its webhook may still come");
        let shown = later(&mut missed, &store, &health).await.unwrap();
        assert!(shown.starts_with("1 ticket found by poll whose webhook never came, last 1 at "), "{shown}");
        missed.note(&config, "p", &by_label("2"), Instant::now());
        let shown = later(&mut missed, &store, &health).await.unwrap();
        assert!(shown.starts_with("2 tickets found by poll"), "{shown}");
        store.note_offer(&key("3"), OFFER_REMEMBERED).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        missed.look(&store, &health, Instant::now()).await.unwrap();
        assert_eq!(health.snapshot(), [], "the hook works again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_webhook_that_comes_a_little_before_or_after_the_poll_is_not_missed() {
        let (mut missed, store, health) = (Missed::default(), EmbeddedStore::new(), Health::default());
        let config = with_secret();
        missed.note(&config, "p", &Outcome::default(), Instant::now());
        store.note_offer(&key("1"), OFFER_REMEMBERED).await.unwrap();
        tokio::time::advance(Duration::from_secs(30)).await;
        let both = [by_label("1"), by_label("2")];
        both.iter().for_each(|outcome| missed.note(&config, "p", outcome, Instant::now()));
        tokio::time::advance(Duration::from_secs(3)).await;
        store.note_offer(&key("2"), OFFER_REMEMBERED).await.unwrap();
        assert_eq!(later(&mut missed, &store, &health).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_no_webhook_is_not_missed() {
        let (mut missed, store, health) = (Missed::default(), EmbeddedStore::new(), Health::default());
        let config = with_secret();
        missed.note(&config, "p", &by_label("first poll"), Instant::now());
        missed.note(&config, "p", &claimed("pending", &["agent-smith:pending"], AskedBy::PendingLabel), Instant::now());
        let put_back = ["agent-smith", "agent-smith:pending"];
        missed.note(&config, "p", &claimed("put back", &put_back, AskedBy::TriggerLabel), Instant::now());
        let failed = store::Error::Unavailable(String::new());
        missed.note(&config, "p", &Outcome { store_failure: Some(failed), ..Outcome::default() }, Instant::now());
        missed.note(&config, "p", &by_label("after an outage"), Instant::now());
        assert_eq!(later(&mut missed, &store, &health).await, None);
        let no_secret = self::config(&[]);
        missed.note(&no_secret, "p", &by_label("no hook"), Instant::now());
        assert_eq!(later(&mut missed, &store, &health).await, None);
    }
}
