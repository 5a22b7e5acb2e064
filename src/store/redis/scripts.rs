//! The Lua scripts. Each file says what its KEYS and ARGV are and what it returns.
//!
//! Who calls: the files beside this one. What must stay true: a queue script gets the keys of [`keys::QUEUE`], because
//! `queue.lua` in front of it names them by position; a script that acts on a lease also gets `fence.lua`.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation};

use super::keys;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $($file:literal)+;)+) => {
        $($(#[$doc])* pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("scripts/", $file)), "\n"),+)));)+
    };
}

scripts! {
    /// Takes or extends a lease.
    ACQUIRE_LEASE = "acquire_lease.lua";
    /// Extends a lease.
    RENEW_LEASE = "renew_lease.lua";
    /// Deletes a key that still has the expected value.
    COMPARE_AND_DELETE = "compare_and_delete.lua";
    /// Records a claim.
    RECORD_CLAIM = "queue.lua" "record_claim.lua";
    /// Publishes or drops a recorded claim.
    END_CLAIM = "queue.lua" "end_claim.lua";
    /// Lists claims that are not visible.
    HALF_MADE_CLAIMS = "queue.lua" "half_made_claims.lua";
    /// Takes a job.
    TAKE = "queue.lua" "pop.lua" "take.lua";
    /// Takes a job that limits let run.
    TAKE_WITHIN = "queue.lua" "pop_within.lua" "take.lua";
    /// Sets a job aside.
    SET_ASIDE = "queue.lua" "set_aside.lua";
    /// Lets the steps of an attempt begin.
    BEGIN_ATTEMPT = "queue.lua" "fence.lua" "begin_attempt.lua";
    /// Checks a lease.
    CONFIRM = "queue.lua" "fence.lua" "confirm.lua";
    /// Extends a lease on a job.
    RENEW = "queue.lua" "fence.lua" "renew.lua";
    /// Records a result.
    RECORD_RESULT = "queue.lua" "fence.lua" "record_result.lua";
    /// Writes down how far a run is.
    RECORD_RUN = "queue.lua" "fence.lua" "record_run.lua";
    /// Tells of runs.
    RUNS = "queue.lua" "runs.lua";
    /// Ends a job.
    FINISH = "queue.lua" "fence.lua" "finish.lua";
    /// Puts a job back.
    RELEASE = "queue.lua" "fence.lua" "release.lua";
    /// Tells where a job stands.
    LOOK = "queue.lua" "look.lua";
    /// Tells which jobs wait.
    WAITING = "queue.lua" "waiting.lua";
    /// Tells how a ticket's last run ended.
    LAST_RUN = "queue.lua" "last_run.lua";
    /// Takes a request back.
    WITHDRAW = "queue.lua" "withdraw.lua";
    /// Puts jobs with lapsed leases back.
    RECOVER_LAPSED = "queue.lua" "recover_lapsed.lua";
    /// Tells how old the data are.
    GENERATION_AGE = "queue.lua" "generation_age.lua";
    /// Holds a delivery.
    HOLD_DELIVERY = "hold_delivery.lua";
    /// Records how a delivery was answered.
    ANSWER_DELIVERY = "answer_delivery.lua";
    /// Counts jobs.
    COUNTS = "queue.lua" "counts.lua";
}

/// An invocation of a queue script with its keys set.
pub(super) fn on_queue(script: &Script) -> ScriptInvocation<'_> {
    let mut call = script.prepare_invoke();
    for key in keys::QUEUE {
        call.key(key);
    }
    call
}
