//! The store's conformance suite: one set of rows, run on both backends, and what only one of them can show.
//!
//! A row is a function that gets an empty store and leaves it empty; the macro below turns it into one test per
//! backend. Every Redis test has a `redis-server` of its own. What must stay true: after each row nothing is left in
//! Redis but the two keys that never expire.

// An error of the store fails the row, and rows are plain functions.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "store/budget.rs"]
mod budget;
#[path = "store/claims.rs"]
mod claims;
#[path = "store/concurrency.rs"]
mod concurrency;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/housekeeping.rs"]
mod housekeeping;
#[path = "store/leases.rs"]
mod leases;
#[path = "store/on_embedded.rs"]
mod on_embedded;
#[path = "store/on_redis.rs"]
mod on_redis;
#[path = "store/on_redis_limits.rs"]
mod on_redis_limits;
#[path = "store/on_redis_outages.rs"]
mod on_redis_outages;
#[path = "store/queue.rs"]
mod queue;
#[path = "store/records.rs"]
mod records;
#[path = "store/runs.rs"]
mod runs;
#[path = "store/webhooks.rs"]
mod webhooks;
#[path = "store/withdrawals.rs"]
mod withdrawals;

macro_rules! conformance {
    ($($room:ident { $($row:ident),+ $(,)? })+) => {
        mod redis {
            $(mod $room { $(#[tokio::test] async fn $row() { crate::fixture::on_redis(crate::$room::$row).await; })+ })+
        }
        mod embedded {
            $(mod $room { $(#[tokio::test] async fn $row() { crate::fixture::on_embedded(crate::$room::$row).await; })+ })+
        }
    };
}

conformance! {
    leases {
        one_holder_at_a_time,
        a_lease_expires_and_the_next_holder_is_safe_from_the_last,
        a_renewal_extends,
        a_release_wakes_those_who_wait,
    }
    claims {
        a_claim_lock_is_a_mutex_per_ticket,
        a_lock_covers_its_own_ticket_only,
        a_claim_is_recorded_once_whatever_the_state,
        a_record_ends_once_and_only_by_its_own_run,
        a_dropped_claim_leaves_no_trace,
        half_made_claims_are_listed_by_age,
    }
    queue {
        first_in_first_out_inside_a_project,
        a_busy_project_does_not_starve_another,
        no_job_is_taken_twice,
        a_publish_ends_the_wait,
        a_wait_ends_without_a_job,
        a_dropped_take_loses_nothing,
        a_delayed_job_ends_the_wait_when_it_is_due,
        the_age_of_a_run_counts_from_its_claim,
    }
    concurrency {
        a_full_project_is_passed_over_and_keeps_its_order,
        a_full_pipeline_holds_back_no_other_job_of_its_project,
        what_only_has_an_end_to_show_waits_for_no_slot,
        no_more_run_than_may,
        a_free_slot_ends_the_wait,
        limits_may_change_while_runs_are_under_way,
        a_lapsed_lease_counts_until_it_is_recovered,
        jobs_behind_many_that_wait_are_found,
        only_some_jobs_of_a_project_are_looked_at,
        a_look_tells_what_runs_beside_a_job,
    }
    budget {
        attempts_count_once_and_up_to_the_limit,
        an_attempt_that_is_handed_back_counts_once,
        attempts_stop_counting_after_the_window,
        a_stale_epoch_begins_nothing,
        the_time_of_all_attempts_adds_up,
        a_lapsed_attempt_took_no_longer_than_its_lease,
    }
    runs {
        epochs_rise_and_attempts_count,
        a_stale_epoch_changes_nothing,
        a_lease_that_was_recovered_is_lost_before_the_next_take,
        a_job_handed_back_keeps_its_attempt_and_goes_to_the_end,
        the_first_result_stands_and_comes_back,
        a_long_comment_is_cut,
    }
    records {
        a_record_follows_its_run,
        a_stale_epoch_notes_nothing,
        an_attempt_that_was_handed_back_gives_its_number_away,
        what_never_ran_has_a_record_that_says_so,
        one_that_is_asked_to_stop_says_so,
        runs_are_listed_from_the_newest_on,
        only_the_newest_that_are_over_are_kept,
    }
    withdrawals {
        a_job_that_waits_is_dropped_whatever_it_waits_for,
        a_project_without_jobs_has_no_turn,
        a_running_job_learns_at_once_that_it_is_to_stop,
        a_stop_outlives_its_consumer,
        a_failed_run_that_was_asked_to_stop_waits_for_no_backoff,
        a_result_that_is_recorded_stands,
        a_run_that_ended_all_the_same_forgets_the_withdrawal,
        a_removed_label_takes_back_only_what_it_asked_for,
        a_withdrawal_and_a_take_never_share_a_job,
    }
    webhooks {
        a_delivery_is_held_by_one_at_a_time,
        an_answer_is_remembered_for_its_time,
        what_is_let_go_or_runs_out_may_be_held_again,
        offers_are_remembered_by_ticket,
    }
    housekeeping {
        a_lapsed_job_goes_to_the_front_with_its_attempt_counted,
        a_renewed_lease_does_not_lapse,
        recovery_is_limited_and_ends_a_wait,
        states_and_counts_tell_where_jobs_stand,
        many_states_come_in_order,
        live_jobs_are_found_under_any_project,
        a_look_tells_where_a_job_stands,
        what_waits_is_told_in_order_project_by_project,
        the_last_result_is_remembered,
    }
}
