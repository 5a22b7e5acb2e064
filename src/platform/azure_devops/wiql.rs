//! The text of a query in WIQL, the query language of work items.
//!
//! Pure. Who calls: listings and the start-up check. What must stay true: no name from the configuration can end its
//! quotes; a query asks for fewer than 25 tags, above which Microsoft warns of timeouts; it is ordered by id, so that
//! the next page begins behind the last one.
//!
//! Source: Microsoft, "WIQL syntax": `AND` binds tighter than `OR`, `[System.Tags]` knows `CONTAINS` alone, which means
//! a whole tag, `@project` is the project of the URL. A query has at most 32,000 characters: 19 tags of 400 characters
//! that are all quotes make half of that.

use crate::lifecycle::Lifecycle;

/// Trigger tags in one query; with the five lifecycle tags that are left out there are 24.
const MOST_TAGS: usize = 24 - Lifecycle::ALL.len();

/// What a query asks for, without its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query(String);

impl Query {
    /// Open work items with any of `tags` and no lifecycle tag. Several queries when there are many tags.
    pub(super) fn discovery(tags: &[String], open_states: &[String]) -> Vec<Self> {
        let queries = tags.chunks(MOST_TAGS).map(|tags| {
            let any = tags.iter().map(|tag| contains(tag)).collect::<Vec<_>>().join(" OR ");
            let none = Lifecycle::ALL.map(|state| format!("NOT {}", contains(state.label()))).join(" AND ");
            Self(format!("{} AND ({any}) AND {none}", in_states(open_states)))
        });
        queries.collect()
    }

    /// Work items with the tag of one state: the open ones of Pending, because a finished one never runs; all of any
    /// other, because whoever repairs must see them.
    pub(super) fn lifecycle(state: Lifecycle, open_states: &[String]) -> Self {
        match state {
            Lifecycle::Pending => Self(format!("{} AND {}", in_states(open_states), contains(state.label()))),
            _ => Self(contains(state.label())),
        }
    }

    /// The page behind the work item `last`; 0 for the first one.
    pub(super) fn text(&self, last: u64) -> String {
        let behind = if last == 0 { String::new() } else { format!(" AND [System.Id] > {last}") };
        format!(
            "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND {}{behind} \
             ORDER BY [System.Id] ASC",
            self.0
        )
    }
}

fn contains(tag: &str) -> String {
    format!("[System.Tags] CONTAINS {}", quoted(tag))
}

fn in_states(states: &[String]) -> String {
    let states: Vec<String> = states.iter().map(|state| quoted(state)).collect();
    format!("[System.State] IN ({})", states.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn discovery_asks_for_any_trigger_tag_and_leaves_lifecycle_tags_out() {
        let queries = Query::discovery(&owned(&["fix", "it's"]), &owned(&["New", "To Do"]));
        assert_eq!(queries.len(), 1);
        assert_eq!(
            queries[0].text(0),
            "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project \
             AND [System.State] IN ('New', 'To Do') \
             AND ([System.Tags] CONTAINS 'fix' OR [System.Tags] CONTAINS 'it''s') \
             AND NOT [System.Tags] CONTAINS 'agent-smith:pending' \
             AND NOT [System.Tags] CONTAINS 'agent-smith:enqueued' \
             AND NOT [System.Tags] CONTAINS 'agent-smith:in-progress' \
             AND NOT [System.Tags] CONTAINS 'agent-smith:done' \
             AND NOT [System.Tags] CONTAINS 'agent-smith:failed' ORDER BY [System.Id] ASC"
        );
    }

    #[test]
    fn many_tags_are_many_queries_and_none_is_too_large() {
        let tags: Vec<String> = (0..45).map(|n| format!("{n}{}", "'".repeat(398))).collect();
        let queries = Query::discovery(&tags, &owned(&["New"]));
        assert_eq!(queries.len(), 3);
        for query in &queries {
            let text = query.text(u64::MAX);
            assert!(text.matches("CONTAINS").count() < 25 && text.chars().count() < 32_000, "{}", text.len());
        }
        assert!(Query::discovery(&[], &owned(&["New"])).is_empty());
    }

    #[test]
    fn catch_up_is_for_open_items_and_repairs_are_for_all() {
        let open = owned(&["New"]);
        let pending = Query::lifecycle(Lifecycle::Pending, &open).text(7);
        assert!(pending.contains("AND [System.State] IN ('New') AND [System.Tags] CONTAINS 'agent-smith:pending'"));
        assert!(pending.ends_with("AND [System.Id] > 7 ORDER BY [System.Id] ASC"), "{pending}");
        assert!(!Query::lifecycle(Lifecycle::InProgress, &open).text(0).contains("System.State"));
    }
}
