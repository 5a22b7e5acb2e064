//! Every number of this room, each with its reason.
//!
//! What must stay true: reading and [`TAKE_OVER`] together stay below the 10 s that GitHub and GitLab wait for an answer.

use std::time::Duration;

/// For the whole body. 25 MB within it are 40 Mbit/s; a delivery of a usual size arrives in one packet or two.
pub(super) const READ_BODY: Duration = Duration::from_secs(5);
/// After so long the delivery is answered 202 and goes on in the background: a claim is three to five calls of the
/// platform, which takes a second or two for them when it is well.
pub(super) const TAKE_OVER: Duration = Duration::from_secs(3);
/// Deliveries of one platform between their head and their answer. GitHub sends one for each label of a bulk edit; a
/// claim that takes a second still lets twenty through in each.
pub(super) const AT_ONCE: usize = 64;
/// Bodies in memory at once, in KiB: as many as fit of the usual size, five of the largest.
pub(super) const BODIES_KIB: usize = 128 * 1024;
/// Deliveries being handled, in the background or not. Each is an event without its body, a few kB.
pub(super) const HANDLED: usize = 1_000;
/// For one delivery in all, waiting for its turn included: 1,000 claims of one project at one a second.
pub(super) const HANDLING: Duration = Duration::from_secs(20 * 60);
/// How long a delivery stays held that nobody goes on holding: after a crash it may be sent again this much later.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// How often a hold is renewed; one failed renewal does not lose it.
pub(super) const RENEW_HOLD: Duration = Duration::from_secs(20);
/// Pause between two looks for the answer that somebody else is working on.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The same once nobody waits for the answer any more: a thousand that wait ask the store a thousand times a second.
pub(super) const LOOK_AGAIN_LATER: Duration = Duration::from_secs(1);
/// How long an answer is remembered. GitHub keeps its deliveries for redelivery for three days.
pub(super) const REMEMBERED: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Levels of JSON. The deepest of the four platforms' deliveries has nine.
pub(super) const JSON_DEPTH: usize = 64;
/// Attempts of a claim once the delivery is in the background and nobody waits for it.
pub(super) const ATTEMPTS: u32 = 5;
/// First pause between two of them, and the longest.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// What a sender that has to come again is told, in seconds: outages and floods are over in seconds or take minutes.
pub(super) const RETRY_AFTER_SECONDS: u32 = 10;
/// Characters of a reason: a line that a person reads in the sender's list of deliveries.
pub(super) const REASON_CHARS: usize = 500;
/// How far a signed time may be from ours. Source: GitLab, "Webhooks", signing tokens.
pub(super) const SIGNED_TIME: Duration = Duration::from_secs(300);
/// Signatures in one header. GitLab sends one, and two while a token is being replaced.
pub(super) const SIGNATURES: usize = 8;
/// After a refusal before the body was read: what is read and thrown away of it, so that the sender gets to see the
/// answer instead of a broken connection.
pub(super) const THROWN_AWAY: (usize, Duration) = (1024 * 1024, Duration::from_secs(1));
