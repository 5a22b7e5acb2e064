//! The trigger section of a project: which label, assignment or comment starts which pipeline.
//!
//! Called by the check of a project. What must stay true: a trigger that could never fire is an error and not silence.

use indexmap::IndexMap;

use super::project::Context;
use super::webhooks::project_secrets;
use super::{Spot, labels};
use crate::config::model::{ANYBODY, Action, Place, Tracker, Trigger};
use crate::config::nearest;
use crate::config::problem::Desk;
use crate::config::raw;
use crate::config::webhooks::WebhookSecrets;
use crate::ticket::{PlatformKind, same_label};

/// Reports a pipeline that is not there.
/// Reports one that asks for a status which the project's tickets can never have.
pub(super) fn check_pipeline(
    name: &str,
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) {
    if !context.pipelines.iter().any(|known| known == name) {
        let hint = nearest::hint(name, context.pipelines.iter().map(String::as_str));
        desk.error(spot.span(), format!("unknown pipeline {}{hint}", spot.quoted()));
    }
    for step in context.good_pipelines.get(name).into_iter().flat_map(|pipeline| &pipeline.steps) {
        if let Action::SetStatus(status) = &step.action
            && let Some(why) = unknown_status(status, platform)
        {
            desk.error(spot.span(), format!("pipeline {} has a step `set_status`: {why}", spot.quoted()));
        }
    }
}

/// The key of the trigger section that belongs to a platform.
pub(super) fn section_of(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::GitHub => "github_trigger",
        PlatformKind::GitLab => "gitlab_trigger",
        PlatformKind::AzureDevOps => "azuredevops_trigger",
        PlatformKind::Jira => "jira_trigger",
    }
}

/// The trigger section of a project and the secrets in it.
pub(super) fn trigger(
    raw: &mut raw::Project,
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) -> (Trigger, WebhookSecrets) {
    let own = section_of(platform);
    let mut found = (Trigger::default(), WebhookSecrets::default());
    for kind in PlatformKind::ALL {
        let section = match kind {
            PlatformKind::GitHub => raw.github_trigger.take(),
            PlatformKind::GitLab => raw.gitlab_trigger.take(),
            PlatformKind::AzureDevOps => raw.azuredevops_trigger.take(),
            PlatformKind::Jira => raw.jira_trigger.take(),
        };
        let (Some(section), key) = (section, section_of(kind)) else { continue };
        let place = spot.child(key);
        if kind != platform {
            let cure = if spot.child(own).exists() {
                format!("a project has one trigger section, `{own}`; remove this one")
            } else {
                format!("rename it to `{own}`")
            };
            let name = platform.display_name();
            desk.error(place.key_span(), format!("`{key}` does not belong to tickets of type {name}: {cure}"));
        }
        let secrets = project_secrets(&section, platform, place, desk);
        let checked = check_trigger(section, platform, place, context, desk);
        if kind == platform {
            found = (checked, secrets);
        }
    }
    found
}

fn check_trigger(
    raw: raw::Trigger,
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) -> Trigger {
    if let Some(pipeline) = &raw.default_pipeline {
        check_pipeline(pipeline, platform, spot.child("default_pipeline"), context, desk);
    }
    let map = spot.child("pipeline_from_label");
    let mut pipeline_from_label: IndexMap<String, String> = IndexMap::new();
    for (label, pipeline) in raw.pipeline_from_label.unwrap_or_default() {
        let place = map.child(&label);
        check_pipeline(&pipeline, platform, place, context, desk);
        if let Some(reason) = labels::why_not(&label, platform) {
            desk.error(place.key_span(), format!("trigger label `{}`: {reason}", label.escape_debug()));
        }
        if let Some(first) = pipeline_from_label.keys().find(|first| same_label(first, &label)) {
            let message = format!("trigger label `{label}` is the same label as `{first}`: case does not matter");
            desk.error(place.key_span(), message);
        }
        pipeline_from_label.insert(label, pipeline);
    }
    Trigger {
        default_pipeline: raw.default_pipeline,
        pipeline_from_label,
        assignee_name: assignee_name(raw.assignee_name, platform, spot.child("assignee_name"), desk),
        statuses: statuses(raw.trigger_statuses, platform, spot.child("trigger_statuses"), desk),
        done_status: done_status(raw.done_status, platform, spot.child("done_status"), desk),
        comment_keyword: comment_keyword(raw.comment_keyword, spot.child("comment_keyword"), desk),
        allowed_actors: allowed_actors(raw.allowed_actors, platform, spot.child("allowed_actors"), desk),
    }
}

/// Accounts by what cannot be chosen freely: a display name would let an outsider pass for somebody else.
fn allowed_actors(
    written: Option<Vec<String>>,
    platform: PlatformKind,
    spot: Spot<'_>,
    desk: &mut Desk<'_, '_>,
) -> Option<Vec<String>> {
    let mut actors = Vec::new();
    for (index, actor) in written?.into_iter().enumerate() {
        let (actor, at) = (actor.trim().to_owned(), spot.item_span(index));
        if actor.is_empty() {
            desk.error(at, "this account is empty");
        } else if actor != ANYBODY && platform == PlatformKind::GitLab && !actor.bytes().all(|b| b.is_ascii_digit()) {
            let message =
                format!("GitLab tells accounts apart by their number; write that of `{actor}` from its profile");
            desk.error(at, message);
        }
        actors.push(actor);
    }
    Some(actors)
}

fn assignee_name(
    written: Option<String>,
    platform: PlatformKind,
    spot: Spot<'_>,
    desk: &mut Desk<'_, '_>,
) -> Option<String> {
    let name = written?.trim().to_owned();
    if platform != PlatformKind::Jira {
        let kind = platform.display_name();
        desk.error(spot.key_span(), format!("`assignee_name` means nothing for tickets of type {kind}; remove it"));
    } else if name.is_empty() {
        desk.error(spot.span(), "`assignee_name` is empty; name an account, or remove the line");
    }
    Some(name)
}

/// GitHub and GitLab know two statuses, and have a word of their own for the open one.
fn statuses(
    written: Option<Vec<String>>,
    platform: PlatformKind,
    spot: Spot<'_>,
    desk: &mut Desk<'_, '_>,
) -> Vec<String> {
    let only = match platform {
        PlatformKind::GitHub => Some("open"),
        PlatformKind::GitLab => Some("opened"),
        PlatformKind::AzureDevOps | PlatformKind::Jira => None,
    };
    let mut statuses = Vec::new();
    for (index, status) in written.unwrap_or_default().into_iter().enumerate() {
        let (status, at) = (status.trim(), spot.item_span(index));
        let is_open = ["open", "opened"].iter().any(|word| status.eq_ignore_ascii_case(word));
        match only {
            _ if status.is_empty() => desk.error(at, "this status is empty"),
            Some(word) if is_open => statuses.push(word.to_owned()),
            Some(_) => {
                let name = platform.display_name();
                desk.error(
                    at,
                    format!("a ticket on {name} is open or closed, and never claimed when closed; write `open`"),
                );
            }
            None => statuses.push(status.to_owned()),
        }
    }
    statuses
}

/// What the workflow of a platform knows is known there alone; GitHub and GitLab have two words.
fn done_status(
    written: Option<String>,
    platform: PlatformKind,
    spot: Spot<'_>,
    desk: &mut Desk<'_, '_>,
) -> Option<String> {
    let status = written?.trim().to_owned();
    if status.is_empty() {
        desk.error(spot.span(), "`done_status` is empty; name a status, or remove the line");
    } else if let Some(why) = unknown_status(&status, platform) {
        desk.error(spot.span(), why);
    }
    Some(status)
}

/// Why a ticket on a platform can never have this status.
pub(super) fn unknown_status(status: &str, platform: PlatformKind) -> Option<String> {
    let has_two = matches!(platform, PlatformKind::GitHub | PlatformKind::GitLab);
    let is_one = ["open", "opened", "closed"].iter().any(|word| status.trim().eq_ignore_ascii_case(word));
    let name = platform.display_name();
    (has_two && !is_one).then(|| format!("a ticket on {name} is `open` or `closed`, and never `{status}`"))
}

/// Reports a status in which a ticket counts as finished, because such a ticket is never claimed.
pub(super) fn check_statuses(trigger: &Trigger, tracker: &Tracker, spot: Spot<'_>, desk: &mut Desk<'_, '_>) {
    let Place::AzureDevOps { open_states, .. } = &tracker.place else { return };
    let place = spot.child(section_of(PlatformKind::AzureDevOps)).child("trigger_statuses");
    for (index, status) in trigger.statuses.iter().enumerate() {
        if !open_states.iter().any(|open| open.to_lowercase() == status.to_lowercase()) {
            let open = open_states.join(", ");
            let message =
                format!("`{status}` is none of the open states ({open}): add it to `open_states` of `tickets`");
            desk.error(place.item_span(index), message);
        }
    }
}

/// Characters of a keyword. The shortest that do not turn up in every other comment, and more than a phrase has.
const KEYWORD: std::ops::RangeInclusive<usize> = 3..=100;

fn comment_keyword(written: Option<String>, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<String> {
    let keyword = written?.trim().to_owned();
    if !KEYWORD.contains(&keyword.chars().count()) || keyword.chars().any(char::is_control) {
        let (least, most) = (KEYWORD.start(), KEYWORD.end());
        desk.error(spot.span(), format!("`comment_keyword` is one line of {least} to {most} characters"));
    }
    Some(keyword)
}
