//! Which pipeline a ticket's labels ask for.
//!
//! Pure. Used by the poll, the webhook, the command line and the enqueued reconciler alike, so that the way a ticket
//! came in never changes what runs for it.

use crate::config::{Project, Trigger};
use crate::lifecycle;
use crate::ticket::{Labels, same_label};

/// What runs when neither the trigger nor the project names a pipeline; a built-in preset, so it always exists.
pub const LAST_RESORT: &str = "fix-bug";

/// The pipeline that the trigger section gives for these labels.
///
/// Labels that start with `agent-smith:` do not count. The first key of `pipeline_from_label`, in file order, that is a
/// label of the ticket in any case wins. Without a match, an empty map gives `default_pipeline` and any other map gives
/// `None`: then nothing on the ticket asked for a run by label, and [`pipeline_for`] says what else may apply.
pub fn resolve<'a>(trigger: &'a Trigger, labels: &Labels) -> Option<&'a str> {
    if trigger.pipeline_from_label.is_empty() {
        return trigger.default_pipeline.as_deref();
    }
    let asked = |key: &str| labels.iter().any(|label| !is_lifecycle(label) && same_label(label, key));
    trigger.pipeline_from_label.iter().find(|(key, _)| asked(key)).map(|(_, pipeline)| pipeline.as_str())
}

/// The pipeline that runs for a ticket with these labels: what [`resolve`] says, else the trigger's
/// `default_pipeline`, else the project's `pipeline`, else [`LAST_RESORT`].
pub fn pipeline_for(project: &Project, labels: &Labels) -> String {
    resolve(&project.trigger, labels)
        .or(project.trigger.default_pipeline.as_deref())
        .or(project.pipeline.as_deref())
        .unwrap_or(LAST_RESORT)
        .to_owned()
}

fn is_lifecycle(label: &str) -> bool {
    label.to_lowercase().starts_with(lifecycle::PREFIX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::config::{Place, Polling, Tracker};

    fn trigger(default: Option<&str>, map: &[(&str, &str)]) -> Trigger {
        Trigger {
            default_pipeline: default.map(str::to_owned),
            pipeline_from_label: map.iter().map(|(label, name)| ((*label).to_owned(), (*name).to_owned())).collect(),
            ..Trigger::default()
        }
    }

    fn project(pipeline: Option<&str>, trigger: Trigger) -> Project {
        let url = Url::parse("https://example.org/o/r").unwrap();
        Project {
            name: "p".into(),
            source: None,
            tracker: Tracker {
                api_url: url.clone(),
                web_url: url,
                place: Place::GitHub { owner: "o".into(), repo: "r".into() },
                credentials: None,
            },
            pipeline: pipeline.map(str::to_owned),
            trigger,
            webhook_secrets: Default::default(),
            polling: Polling { enabled: false, interval: std::time::Duration::from_secs(60), jitter_percent: 0 },
            concurrency: None,
        }
    }

    #[test]
    fn the_table() {
        let map: &[(&str, &str)] =
            &[("agent-smith", "fix-bug"), ("security-review", "security-scan"), ("ÄRGER", "calm")];
        // Default pipeline, map, labels of the ticket, result.
        type Row<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str], Option<&'a str>);
        let cases: &[Row<'_>] = &[
            (None, map, &["security-review"], Some("security-scan")),
            (None, map, &["security-review", "agent-smith"], Some("fix-bug")), // file order, not ticket order
            (None, map, &["SECURITY-Review"], Some("security-scan")),
            (None, map, &["ärger"], Some("calm")),
            (None, map, &["security"], None),
            (Some("d"), map, &["bug"], None), // the map is not empty: the caller falls back
            (Some("d"), &[], &["bug"], Some("d")),
            (Some("d"), &[], &[], Some("d")),
            (None, &[], &["bug"], None),
            (None, map, &[], None),
            // Lifecycle labels never start anything, whatever the map says.
            (None, &[("agent-smith:pending", "x")], &["agent-smith:pending"], None),
            (None, &[("Agent-Smith:Pending", "x"), ("bug", "y")], &["AGENT-SMITH:pending", "bug"], Some("y")),
        ];
        for (default, map, labels, expected) in cases {
            let trigger = trigger(*default, map);
            let labels: Labels = labels.iter().copied().collect();
            assert_eq!(resolve(&trigger, &labels), *expected, "{map:?} for {labels:?}");
        }
    }

    #[test]
    fn the_fall_back_order() {
        let map: &[(&str, &str)] = &[("scan", "security-scan")];
        let none: Labels = ["bug"].into_iter().collect();
        let scan: Labels = ["Scan"].into_iter().collect();
        assert_eq!(pipeline_for(&project(Some("own"), trigger(Some("default"), map)), &scan), "security-scan");
        assert_eq!(pipeline_for(&project(Some("own"), trigger(Some("default"), map)), &none), "default");
        assert_eq!(pipeline_for(&project(Some("own"), trigger(None, map)), &none), "own");
        assert_eq!(pipeline_for(&project(Some("own"), trigger(None, &[])), &none), "own");
        assert_eq!(pipeline_for(&project(None, trigger(None, map)), &none), LAST_RESORT);
    }

    fn label() -> impl Strategy<Value = String> {
        prop_oneof!["[abAB]{1,2}", Just("agent-smith:a".to_owned()), Just("Agent-Smith:A".to_owned())]
    }

    proptest! {
        /// The winner is a key that the ticket carries, and no key before it is.
        #[test]
        fn the_first_carried_key_wins(
            keys in proptest::collection::vec(label(), 1..5),
            labels in proptest::collection::vec(label(), 0..5),
        ) {
            let map: Vec<(String, String)> =
                keys.iter().enumerate().map(|(at, key)| (key.clone(), format!("pipeline-{at}"))).collect();
            let map: Vec<(&str, &str)> = map.iter().map(|(key, name)| (key.as_str(), name.as_str())).collect();
            let trigger = trigger(Some("default"), &map);
            let carries = |key: &str| {
                !key.to_lowercase().starts_with("agent-smith:")
                    && labels.iter().any(|label| label.to_lowercase() == key.to_lowercase())
            };
            let ticket: Labels = labels.iter().cloned().collect();
            match resolve(&trigger, &ticket) {
                Some(winner) => {
                    let at = trigger.pipeline_from_label.values().position(|name| name == winner).unwrap();
                    let keys: Vec<&String> = trigger.pipeline_from_label.keys().collect();
                    prop_assert!(carries(keys[at]));
                    prop_assert!(!keys[..at].iter().any(|key| carries(key)));
                }
                None => prop_assert!(!keys.iter().any(|key| carries(key))),
            }
        }

        /// Neither the order of the ticket's labels, nor their case, nor lifecycle labels beside them change anything.
        #[test]
        fn order_case_and_lifecycle_labels_do_not_matter(
            keys in proptest::collection::vec(label(), 0..4),
            mut labels in proptest::collection::vec(label(), 0..5),
        ) {
            let map: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), key.as_str())).collect();
            let project = project(Some("own"), trigger(None, &map));
            let before = pipeline_for(&project, &labels.iter().cloned().collect());
            labels.reverse();
            let other = labels.iter().map(|label| label.to_uppercase()).chain(["agent-smith:done".to_owned()]);
            prop_assert_eq!(before, pipeline_for(&project, &other.collect()));
        }
    }
}
