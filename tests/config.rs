//! `agentsmith.yml` from the outside: what is accepted, what is refused and where, and what an edit does.

mod config {
    mod accepts;
    mod any_text;
    mod live;
    mod mistakes;
    mod trackers;
    mod webhooks;
}
