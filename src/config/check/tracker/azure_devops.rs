//! Azure DevOps: an organization or a collection, and a project in it.

use url::Url;

use super::{Found, Input, join, parse_url, segments, with_path};
use crate::config::model::Place;
use crate::config::problem::Desk;

/// Open states when the file gives none: those of the Agile and Scrum processes.
const OPEN_STATES: [&str; 3] = ["New", "Active", "Committed"];

/// The API is called below the collection; a person opens the project in it.
pub(super) fn find(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<Found> {
    let project = project(input, desk);
    let open_states = open_states(input, desk);
    let collection = collection(input, project.as_deref(), desk);
    let (project, collection) = (project?, collection?);
    let web_url = join(&collection, &[&project]);
    Some(Found { api_url: collection, web_url, place: Place::AzureDevOps { project, open_states } })
}

fn project(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<String> {
    let spot = input.spot.child("project");
    if !spot.exists() {
        desk.error(spot.key_span(), "`project` is missing in `tickets`: the name of the project in Azure DevOps");
        return None;
    }
    let name = input.raw.project.as_deref()?.trim();
    if name.is_empty() || name.contains('/') || name.chars().any(char::is_control) {
        desk.error(spot.span(), format!("{} is not the name of a project in Azure DevOps", spot.quoted()));
        return None;
    }
    Some(name.to_owned())
}

fn open_states(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Vec<String> {
    let Some(states) = &input.raw.open_states else {
        return OPEN_STATES.map(str::to_owned).to_vec();
    };
    for (index, _) in states.iter().enumerate().filter(|(_, state)| state.trim().is_empty()) {
        desk.error(input.spot.child("open_states").item_span(index), "this state is empty");
    }
    states.iter().map(|state| state.trim().to_owned()).collect()
}

/// `url` and `organization` may both be given, as long as they can mean the same place.
fn collection(input: &Input<'_, '_>, project: Option<&str>, desk: &mut Desk<'_, '_>) -> Option<Url> {
    let (url, organization) = (input.spot.child("url"), input.spot.child("organization"));
    if !url.exists() && !organization.exists() {
        let message = "`organization` is missing in `tickets`; or give a collection as `url`";
        desk.error(input.spot.key_span(), message);
        return None;
    }
    let name = if organization.exists() { Some(input.raw.organization.as_deref()?.trim()) } else { None };
    if let Some(name) = name.filter(|name| name.is_empty() || name.contains(['/', ':', '?', '#', ' '])) {
        let cure = if name.contains("://") { "; give its URL as `url` instead" } else { "" };
        desk.error(organization.span(), format!("{} is not the name of an organization{cure}", organization.quoted()));
        return None;
    }
    if !url.exists() {
        return Some(join(&Url::parse("https://dev.azure.com").ok()?, &[name?]));
    }
    let base = parse_url(input.raw.url.as_deref()?, url, &["http", "https"], desk)?;
    let mut parts = segments(&base);
    // The project's page is easily taken for the collection's.
    let is_project = |part: &String| project.is_some_and(|name| part.replace("%20", " ").eq_ignore_ascii_case(name));
    if parts.len() > 1 && parts.last().is_some_and(is_project) {
        parts.pop();
    }
    let collection = with_path(&base, &parts);
    let Some(name) = name else {
        return complete(collection, &parts, url, desk);
    };
    let host = base.host_str().unwrap_or_default();
    let is_named = parts.last().is_some_and(|part| part.eq_ignore_ascii_case(name))
        || host.to_lowercase().starts_with(&format!("{}.", name.to_lowercase()));
    if !is_named && host == "dev.azure.com" && !parts.is_empty() {
        desk.error(organization.span(), "`organization` and `url` name two organizations; remove one of them");
        return None;
    }
    Some(if is_named { collection } else { join(&collection, &[name]) })
}

/// On dev.azure.com the first segment is the organization, and there is exactly one.
fn complete(collection: Url, parts: &[String], url: super::Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Url> {
    if collection.host_str() == Some("dev.azure.com") && parts.len() != 1 {
        desk.error(url.span(), "this is not an organization; write https://dev.azure.com/organization");
        return None;
    }
    Some(collection)
}
