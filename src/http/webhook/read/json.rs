//! What the four readers share: typed JSON with errors that name the place, headers, and words fit for an answer.
//!
//! What must stay true: the good path reads the body once; texts of the body get into errors and reasons only as short
//! words without control characters.

use http::HeaderMap;
use serde::Deserialize;
use url::Url;

use crate::http::webhook::event::{Change, Unreadable};
use crate::ticket::{Account, same_label};

/// Some senders put it in front of their JSON; JSON has no use for it.
pub(in crate::http::webhook) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Longest name of a delivery. The platforms use GUIDs and names of up to 100 characters; it becomes part of a store key.
const MAX_ID_BYTES: usize = 200;
/// Longest word of a body that is repeated in an answer: the names of events and actions are shorter.
const MAX_WORD_CHARS: usize = 60;
/// Longest error text, path included.
const MAX_ERROR_CHARS: usize = 240;

/// Reads the fields that `T` names and skips the others without looking at their types.
///
/// # Errors
/// Names the place, what is there and what was expected.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| explain::<T>(body, &error))
}

/// Reads once more, now with the path, which would cost time in the good case.
fn explain<'a, T: Deserialize<'a>>(body: &'a [u8], error: &serde_json::Error) -> Unreadable {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let text = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) if error.inner().is_data() && error.path().iter().next().is_some() => {
            format!("`{}`: {}", error.path(), without_texts(&error.inner().to_string()))
        }
        _ => format!("body: {}", without_texts(&error.to_string())),
    };
    Unreadable(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_ERROR_CHARS).collect())
}

/// `invalid type: string "…", expected u64` without what stands between the quotation marks: it may be long, or private.
fn without_texts(said: &str) -> String {
    let start = said.find("string \"").map(|at| at + "string".len());
    let end = said.rfind("\", expected ").map(|at| at + 1);
    match (start, end) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &said[..start], &said[end..]),
        _ => said.to_owned(),
    }
}

/// The value of a field that this delivery cannot do without.
///
/// # Errors
/// When it is missing or null.
pub(super) fn need<T>(value: Option<T>, path: &str, expected: &str) -> Result<T, Unreadable> {
    value.ok_or_else(|| Unreadable(format!("`{path}`: missing or null, expected {expected}")))
}

/// The page at `path`.
///
/// # Errors
/// When it is not an address of the web.
pub(super) fn web_url(text: &str, path: &str) -> Result<Url, Unreadable> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| Unreadable(format!("`{path}`: {} is no http or https URL", word(text))))
}

/// The first of these headers that names the delivery.
pub(super) fn id_header(headers: &HeaderMap, names: &[&str]) -> Option<String> {
    let values = names.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    values.filter_map(|value| usable_id(value.trim().to_owned())).next()
}

/// `id` if it can name a delivery.
pub(super) fn usable_id(id: String) -> Option<String> {
    let usable = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    usable.then_some(id)
}

/// A word of the body in quotation marks, for reasons and errors: shortened, on one line.
pub(super) fn word(text: &str) -> String {
    let short: String = text.chars().take(MAX_WORD_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let dots = if text.chars().nth(MAX_WORD_CHARS).is_some() { "…" } else { "" };
    format!("`{short}{dots}`")
}

/// The labels that came and those that went, as far as there are any.
pub(super) fn label_changes(before: &[String], after: &[String]) -> Vec<Change> {
    let missing_in = |here: &[String], label: &&String| !here.iter().any(|other| same_label(other, label));
    let added: Vec<String> = after.iter().filter(|label| missing_in(before, label)).cloned().collect();
    let removed: Vec<String> = before.iter().filter(|label| missing_in(after, label)).cloned().collect();
    let added = (!added.is_empty()).then_some(Change::LabelsAdded(added));
    let removed = (!removed.is_empty()).then_some(Change::LabelsRemoved(removed));
    added.into_iter().chain(removed).collect()
}

/// Somebody: the first of the identifiers tells accounts apart, whatever people chose to be called does not. Without any
/// identifier that is empty, which is nobody's; `None` when nothing is known at all.
pub(super) fn account(
    ids: impl IntoIterator<Item = Option<String>>,
    names: impl IntoIterator<Item = Option<String>>,
    is_bot: bool,
) -> Option<Account> {
    let mut ids = ids.into_iter().flatten().filter(|id| !id.is_empty());
    let mut account = Account { id: ids.next().unwrap_or_default(), names: Vec::new(), is_bot };
    for name in ids.chain(names.into_iter().flatten()) {
        if !name.is_empty() && name != account.id && !account.names.contains(&name) {
            account.names.push(name);
        }
    }
    (account != Account { is_bot, ..Account::default() }).then_some(account)
}
