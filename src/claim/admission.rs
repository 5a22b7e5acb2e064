//! Who put the label on a ticket that asks for a run, and whether they may.
//!
//! Who calls: the claim, for a request that came by label, `poll --dry-run`, which only reads, and the reconcilers' door,
//! for a label that only we write. What must stay true: a list in the configuration is the whole answer, and what cannot be
//! found out is no yes to it; without a list a tracker that does not tell is worked on as before, which the log says once;
//! one that tells, and names nobody, is no yes either, so that no flood of changes buries a name; a refusal costs no call at
//! each poll; a tracker that does not tell stops no repair.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use super::actors::is_us;
use super::judge::is_trigger;
use crate::config::Project;
use crate::lifecycle::Lifecycle;
use crate::platform::{Error, Labelling, Platform, Result};
use crate::ticket::{Account, Labels, PlatformKind, Ticket, TicketKey};

/// How long a refusal is believed while the ticket is listed with the same labels: a thousand refused tickets cost less
/// than one request a second. Somebody else who adds the label again is seen after that, by webhook at once.
const REFUSED_FOR: Duration = Duration::from_secs(600);
/// How long it is believed that an account may write: a bulk edit of one person is asked about once.
const MAY_WRITE_FOR: Duration = Duration::from_secs(60);
/// Tickets whose refusal is remembered, about 3 MB; whoever is forgotten is asked about once more.
const MOST_REFUSALS: usize = 10_000;
/// Accounts that are remembered: more than label tickets in a minute.
const MOST_WRITERS: usize = 1_000;
/// Projects of which it was said that they do not tell.
const MOST_TOLD: usize = 10_000;
/// Why a label does not count whose history was read.
const NOBODY: &str = "the ticket's history does not say who labelled it, or no more";

/// Whether a label counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// It does, as far as can be found out.
    Yes,
    /// It does not: the reason in words.
    No(String),
}

/// Asks who labelled, and remembers the answers for a while.
#[derive(Debug, Default)]
pub struct Admission {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    refusals: HashMap<TicketKey, Refusal>,
    /// By tracker and account, and ticket where the right is the ticket's.
    writers: HashMap<(String, String, String), (bool, Instant)>,
    told: HashSet<(String, &'static str)>,
}

#[derive(Debug)]
struct Refusal {
    labels: Vec<String>,
    allowed_actors: Option<Vec<String>>,
    reason: String,
    since: Instant,
}

/// Who asks.
enum Asker {
    /// Somebody.
    Account(Account),
    /// We do, for a run that was asked for before and broke off.
    Ourselves,
    /// The platform tells, and names nobody.
    Nobody,
    /// The platform does not tell: why, in words.
    Untold(String),
}

/// What a ticket's history says.
enum Told {
    /// This.
    By(Labelling),
    /// Nobody: nobody was signed in, or it was too long ago.
    Nobody,
    /// It cannot be read: why, in words.
    Untold(String),
}

impl Admission {
    /// Whether the labels of this ticket ask for a run in the name of somebody who may. `labels` are all of the ticket's.
    ///
    /// # Errors
    /// When the platform could not be asked now.
    pub async fn of(
        &self,
        project: &Project,
        platform: &dyn Platform,
        ticket: &str,
        labels: &Labels,
    ) -> Result<Admitted> {
        let trigger = &project.trigger;
        if trigger.lists_anybody() {
            return Ok(Admitted::Yes);
        }
        let who = match asker(project, platform, ticket, labels).await? {
            Asker::Ourselves => return Ok(Admitted::Yes),
            Asker::Account(who) => who,
            Asker::Nobody => {
                return Ok(Admitted::No(format!(
                    "{NOBODY}; somebody who may start runs can take the label away and add it again"
                )));
            }
            Asker::Untold(why) if trigger.allowed_actors.is_some() => {
                return Ok(Admitted::No(format!("cannot tell who labelled it, and allowed_actors is set: {why}")));
            }
            Asker::Untold(why) => {
                self.tell_once(project, "who labelled cannot be told, so every label counts", &why);
                return Ok(Admitted::Yes);
            }
        };
        self.of_account(project, platform, ticket, &who).await
    }

    /// Whether a ticket's label that only we write, and that nothing in the store explains, stands for a run that was asked
    /// for: we set it, for a run that was lost, or somebody did by hand who may start runs. One that does not is put up
    /// with while a Pending beside it asks for a run.
    ///
    /// # Errors
    /// When the platform could not be asked now.
    pub(super) async fn of_lost(
        &self,
        project: &Project,
        platform: &dyn Platform,
        ticket: &Ticket,
    ) -> Result<Admitted> {
        if project.trigger.lists_anybody() {
            return Ok(Admitted::Yes);
        }
        let Some(shown) = Lifecycle::of(&ticket.labels) else { return Ok(Admitted::Yes) };
        let counts = self.of_shown(project, platform, ticket, shown).await?;
        let has_pending = ticket.labels.contains(Lifecycle::Pending.label());
        // Taking the other away would take this away too, and with it a wish that counts.
        if matches!(counts, Admitted::No(_))
            && has_pending
            && self.of(project, platform, &ticket.id, &ticket.labels).await? == Admitted::Yes
        {
            return Ok(Admitted::Yes);
        }
        Ok(counts)
    }

    async fn of_shown(
        &self,
        project: &Project,
        platform: &dyn Platform,
        ticket: &Ticket,
        shown: Lifecycle,
    ) -> Result<Admitted> {
        let is_shown = |label: &&str| Lifecycle::from_label(label) == Some(shown);
        let labels: Vec<&str> = ticket.labels.iter().filter(is_shown).collect();
        let why = match platform.who_labelled(&ticket.id, &labels).await {
            Ok(Some(labelling)) if is_us(platform, &labelling.by).await? => return Ok(Admitted::Yes),
            Ok(Some(labelling)) => return self.of_account(project, platform, &ticket.id, &labelling.by).await,
            Ok(None) => return Ok(Admitted::No(NOBODY.to_owned())),
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => error.to_string(),
        };
        let told = "who set a label of ours cannot be told, so work that seems lost is made again";
        self.tell_once(project, told, &why);
        Ok(Admitted::Yes)
    }

    /// Whether the label of this account counts.
    async fn of_account(
        &self,
        project: &Project,
        platform: &dyn Platform,
        ticket: &str,
        who: &Account,
    ) -> Result<Admitted> {
        let trigger = &project.trigger;
        let no = |why: &str| Admitted::No(format!("labelled by {}, {why}", who.shown()));
        if trigger.lists(&who.id) {
            return Ok(Admitted::Yes);
        }
        if trigger.allowed_actors.is_some() {
            return Ok(no("who is not one of allowed_actors"));
        }
        if who.is_bot {
            return Ok(no("which is a program, and not one of allowed_actors"));
        }
        match self.may_write(project, platform, ticket, who).await {
            Ok(true) => Ok(Admitted::Yes),
            Ok(false) => Ok(no("who may not write to the tracker")),
            Err(error) if is_untold(&error) => {
                let told = "who may write cannot be told, so the label of every person counts";
                self.tell_once(project, told, &error.to_string());
                Ok(Admitted::Yes)
            }
            Err(error) => Err(error),
        }
    }

    async fn may_write(&self, project: &Project, platform: &dyn Platform, ticket: &str, who: &Account) -> Result<bool> {
        // Jira decides it by the issue.
        let on = if platform.kind() == PlatformKind::Jira { ticket } else { "" };
        let key = (project.tracker.web_url.to_string(), who.id.clone(), on.to_owned());
        let known = self.lock().writers.get(&key).copied();
        if let Some((may, _)) = known.filter(|(_, since)| since.elapsed() < MAY_WRITE_FOR) {
            return Ok(may);
        }
        let may = platform.may_write(who, ticket).await?;
        let mut memory = self.lock();
        make_room(&mut memory.writers, MOST_WRITERS, |(_, since)| since.elapsed() < MAY_WRITE_FOR);
        memory.writers.insert(key, (may, Instant::now()));
        Ok(may)
    }

    /// Says that a tracker does not tell, the first time.
    fn tell_once(&self, project: &Project, what: &'static str, why: &str) {
        let mut memory = self.lock();
        if memory.told.len() < MOST_TOLD && memory.told.insert((project.name.clone(), what)) {
            info!(project = project.name, "{what}: {why}");
        }
    }

    /// The refusal of a ticket that a listing shows with the labels for which it was refused.
    pub(super) fn refused(&self, key: &TicketKey, project: &Project, labels: &Labels) -> Option<String> {
        let memory = self.lock();
        let refusal = memory.refusals.get(key).filter(|refusal| refusal.since.elapsed() < REFUSED_FOR)?;
        let is_same = refusal.labels == sorted(labels) && refusal.allowed_actors == project.trigger.allowed_actors;
        is_same.then(|| refusal.reason.clone())
    }

    /// Remembers a refusal. True when it is another one than the last one of this ticket, so that it is worth a line.
    pub(super) fn refuse(&self, key: &TicketKey, project: &Project, labels: &Labels, reason: &str) -> bool {
        let mut memory = self.lock();
        let is_new = memory.refusals.get(key).is_none_or(|refusal| refusal.reason != reason);
        make_room(&mut memory.refusals, MOST_REFUSALS, |refusal| refusal.since.elapsed() < REFUSED_FOR);
        let allowed_actors = project.trigger.allowed_actors.clone();
        let refusal =
            Refusal { labels: sorted(labels), allowed_actors, reason: reason.to_owned(), since: Instant::now() };
        memory.refusals.insert(key.clone(), refusal);
        is_new
    }

    /// Forgets the refusal of a ticket that was claimed.
    pub(super) fn forget(&self, key: &TicketKey) {
        self.lock().refusals.remove(key);
    }

    /// A panic while it was held leaves a memory that is only incomplete.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever put the newest of the asking labels there. A Pending that we wrote says only that a run broke off, or is to be
/// made again: then it is whoever asked for that one.
async fn asker(project: &Project, platform: &dyn Platform, ticket: &str, labels: &Labels) -> Result<Asker> {
    let triggers: Vec<&str> = labels.iter().filter(|label| is_trigger(project, label)).collect();
    let is_pending = |label: &str| Lifecycle::from_label(label) == Some(Lifecycle::Pending);
    let pending = labels.iter().find(|label| is_pending(label));
    let asking: Vec<&str> = pending.into_iter().chain(triggers.iter().copied()).collect();
    let newest = match told(platform.who_labelled(ticket, &asking).await)? {
        Told::By(newest) => newest,
        Told::Nobody => return Ok(Asker::Nobody),
        Told::Untold(why) => return Ok(Asker::Untold(why)),
    };
    if !is_pending(&newest.label) || !is_us(platform, &newest.by).await? {
        return Ok(Asker::Account(newest.by));
    }
    if triggers.is_empty() {
        return Ok(Asker::Ourselves);
    }
    Ok(match told(platform.who_labelled(ticket, &triggers).await)? {
        Told::By(before) => Asker::Account(before.by),
        Told::Nobody => Asker::Nobody,
        Told::Untold(why) => Asker::Untold(why),
    })
}

/// Tells an answer from one that stays away.
fn told(answer: Result<Option<Labelling>>) -> Result<Told> {
    match answer {
        Ok(Some(labelling)) => Ok(Told::By(labelling)),
        Ok(None) => Ok(Told::Nobody),
        Err(error) if is_untold(&error) => Ok(Told::Untold(error.to_string())),
        Err(error) => Err(error),
    }
}

/// True for an answer that stays the same until a person acts.
fn is_untold(error: &Error) -> bool {
    matches!(error, Error::Unauthorized { .. } | Error::NotFound { .. } | Error::Refused { .. } | Error::Unsupported(_))
}

fn sorted(labels: &Labels) -> Vec<String> {
    let mut sorted: Vec<String> = labels.iter().map(str::to_lowercase).collect();
    sorted.sort();
    sorted
}

/// Drops what counts no more when a map is full; everything if that is not enough.
fn make_room<K: Eq + Hash, V>(map: &mut HashMap<K, V>, most: usize, counts: impl Fn(&V) -> bool) {
    if map.len() >= most {
        map.retain(|_, value| counts(value));
    }
    if map.len() >= most {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, parse};

    fn project(list: &str) -> std::sync::Arc<Project> {
        let file = format!(
            "projects: {{ p: {{ tickets: {{ type: GitHub, url: https://github.com/o/r }}, source: {{ type: Local, path: /srv/p }}, \
             github_trigger: {{ pipeline_from_label: {{ go: fix-bug }}{list} }} }} }}\n"
        );
        parse("f.yml", &file, &Env::default()).unwrap().config.projects["p"].clone()
    }

    fn labels(labels: &[&str]) -> Labels {
        labels.iter().copied().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_believed_for_a_while_and_for_what_it_was_about() {
        let (admission, anybody_who_may, listed) =
            (Admission::default(), project(""), project(", allowed_actors: [ada]"));
        let key = TicketKey::new(PlatformKind::GitHub, "p", "1");
        assert!(admission.refuse(&key, &anybody_who_may, &labels(&["go", "bug"]), "why"));
        assert!(!admission.refuse(&key, &anybody_who_may, &labels(&["go", "bug"]), "why"), "it was told");
        let seen = |project: &Project, set: &[&str]| admission.refused(&key, project, &labels(set));
        assert_eq!(seen(&anybody_who_may, &["BUG", "go"]).as_deref(), Some("why"));
        assert_eq!(seen(&anybody_who_may, &["go"]), None, "other labels");
        assert_eq!(seen(&listed, &["go", "bug"]), None, "another list");
        tokio::time::advance(REFUSED_FOR).await;
        assert_eq!(seen(&anybody_who_may, &["go", "bug"]), None, "it is old");
        assert!(!admission.refuse(&key, &anybody_who_may, &labels(&["go", "bug"]), "why"), "but no news");
        assert!(admission.refuse(&key, &anybody_who_may, &labels(&["go", "bug"]), "another"));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let mut map: HashMap<usize, Instant> = HashMap::new();
        let counts = |since: &Instant| since.elapsed() < MAY_WRITE_FOR;
        for n in 0..3 {
            make_room(&mut map, 3, counts);
            map.insert(n, Instant::now());
            tokio::time::advance(MAY_WRITE_FOR / 2).await;
        }
        make_room(&mut map, 3, counts);
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), [2], "what is old goes first");
        map.insert(3, Instant::now());
        make_room(&mut map, 2, counts);
        assert!(map.is_empty());
    }
}
