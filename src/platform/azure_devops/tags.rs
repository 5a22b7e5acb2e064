//! The tags of a work item: one string, separated by semicolons.
//!
//! Pure. Who calls: listings, reads and transitions. What must stay true: a tag that is not ours comes out of a
//! transition with the bytes and at the place it had.

use crate::lifecycle::Lifecycle;
use crate::ticket::Labels;

/// The tags in `System.Tags`, such as `Bug; agent-smith`, in their order. No value: no tags.
pub(super) fn tags(value: Option<&str>) -> impl Iterator<Item = &str> {
    value.unwrap_or_default().split(';').map(str::trim).filter(|tag| !tag.is_empty())
}

/// The same as a set.
pub(super) fn labels(value: Option<&str>) -> Labels {
    tags(value).collect()
}

/// The value that shows `to` and no other lifecycle tag; `None` when `value` does already.
///
/// A tag that is there keeps its spelling, because a tag is spelled as it was the first time in the whole project.
pub(super) fn showing(value: Option<&str>, to: Option<Lifecycle>) -> Option<String> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut shown = to.is_none();
    let mut changed = false;
    for tag in tags(value) {
        match Lifecycle::from_label(tag) {
            Some(state) if Some(state) == to && !shown => {
                shown = true;
                wanted.push(tag);
            }
            Some(_) => changed = true,
            None => wanted.push(tag),
        }
    }
    if let Some(state) = to.filter(|_| !shown) {
        wanted.push(state.label());
        changed = true;
    }
    changed.then(|| wanted.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Lifecycle::{Done, Enqueued, Pending};
    use proptest::prelude::*;

    #[test]
    fn a_string_is_many_tags() {
        assert_eq!(tags(Some("Bug; agent-smith ;; a b;")).collect::<Vec<_>>(), ["Bug", "agent-smith", "a b"]);
        assert_eq!(tags(None).count(), 0);
        assert_eq!(tags(Some(" ; ")).count(), 0);
    }

    #[test]
    fn one_lifecycle_tag_is_shown_and_nothing_else_is_touched() {
        let show = |value, to| showing(Some(value), to);
        assert_eq!(showing(None, Some(Enqueued)).as_deref(), Some("agent-smith:enqueued"));
        assert_eq!(
            show("Ä b; agent-smith:pending; x", Some(Enqueued)).as_deref(),
            Some("Ä b; x; agent-smith:enqueued")
        );
        assert_eq!(show("Agent-Smith:Done; agent-smith:pending", Some(Done)).as_deref(), Some("Agent-Smith:Done"));
        assert_eq!(show("agent-smith:failed", None).as_deref(), Some(""));
        assert_eq!(show("agent-smith:paused; agent-smith:done", None).as_deref(), Some("agent-smith:paused"));
        assert_eq!(
            show("agent-smith:pending; AGENT-SMITH:PENDING", Some(Pending)).as_deref(),
            Some("agent-smith:pending")
        );
    }

    #[test]
    fn what_is_shown_already_is_no_change() {
        assert_eq!(showing(Some("x;AGENT-SMITH:DONE"), Some(Done)), None);
        assert_eq!(showing(Some("x;y"), None), None);
        assert_eq!(showing(None, None), None);
    }

    proptest! {
        #[test]
        fn tags_of_people_keep_their_bytes_and_their_order(
            value in "([a-cA-C ]{0,3}|agent-smith:(done|pending|x)|Agent-Smith:Failed|;|; ){0,12}",
            to in prop::option::of(prop::sample::select(Lifecycle::ALL.to_vec())),
        ) {
            let theirs = |value: &str| -> Vec<String> {
                tags(Some(value)).filter(|tag| Lifecycle::from_label(tag).is_none()).map(str::to_owned).collect()
            };
            let after = showing(Some(&value), to).unwrap_or_else(|| value.clone());
            prop_assert_eq!(theirs(&value), theirs(&after));
            prop_assert_eq!(tags(Some(&after)).filter_map(Lifecycle::from_label).collect::<Vec<_>>(), Vec::from_iter(to));
            prop_assert_eq!(showing(Some(&after), to), None);
        }
    }
}
