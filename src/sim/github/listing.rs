//! Query parameters of listings, and the `Link` header that leads to the next page.
//!
//! Links are absolute, by repository id, percent-encoded and opaque: a listing of issues goes on behind a cursor, as
//! GitHub's do, so a client that counts pages by itself is caught out.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use serde_json::Value;
use url::form_urlencoded::{self, Serializer};

use super::problem::Problem;
use crate::sim::board::{Cursor, From, Query, Sort, StateFilter};

/// GitHub's page size when none is asked for.
const DEFAULT_PER_PAGE: usize = 30;
/// GitHub's largest page; a larger wish is cut down to it.
const MAX_PER_PAGE: usize = 100;

/// The parameters in the order they were sent, decoded.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// From 1 to 100; what is not a number counts as absent.
    pub(super) fn per_page(&self) -> usize {
        let wish = self.get("per_page").and_then(|wish| wish.parse().ok()).filter(|wish| *wish > 0);
        wish.unwrap_or(DEFAULT_PER_PAGE).min(MAX_PER_PAGE)
    }

    /// From 1.
    pub(super) fn page(&self) -> usize {
        self.get("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1)
    }

    /// What to list of a repository's issues; the defaults are GitHub's.
    pub(super) fn issue_query(&self) -> Result<Query, Problem> {
        let invalid = |field| Problem::invalid_field("Issue", field, "invalid");
        let state = match self.get("state") {
            None | Some("open") => StateFilter::Open,
            Some("closed") => StateFilter::Closed,
            Some("all") => StateFilter::All,
            Some(_) => return Err(invalid("state")),
        };
        let sort = match self.get("sort") {
            None | Some("created") => Sort::Created,
            Some("updated") => Sort::Updated,
            Some("comments") => Sort::Comments,
            Some(_) => return Err(invalid("sort")),
        };
        let ascending = match self.get("direction") {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(invalid("direction")),
        };
        let labels = self.get("labels").unwrap_or_default().split(',').map(str::trim);
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned).collect();
        let limit = self.per_page();
        let from = match self.get("after") {
            Some(after) => From::After(cursor_from(after).ok_or_else(|| invalid("after"))?),
            None => From::Offset((self.page() - 1).saturating_mul(limit)),
        };
        Ok(Query { state, labels, since: self.since()?, sort, ascending, from, limit })
    }

    /// Only what changed at or after this moment.
    pub(super) fn since(&self) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(since) = self.get("since") else { return Ok(None) };
        let since = DateTime::parse_from_rfc3339(since);
        since.map(|since| Some(since.to_utc())).map_err(|_| Problem::invalid_field("Issue", "since", "invalid"))
    }

    /// `path` with these parameters, at another page.
    fn url(&self, path: &str, page: usize, after: Option<Cursor>) -> String {
        let mut query = Serializer::new(String::new());
        let kept = self.0.iter().filter(|(key, _)| !matches!(key.as_str(), "page" | "after" | "before"));
        query.extend_pairs(kept);
        if let Some(after) = after {
            query.append_pair("after", &text_of(after));
        }
        query.append_pair("page", &page.to_string());
        format!("{path}?{}", query.finish())
    }

    /// One page, with a `Link` header unless it is the only one.
    ///
    /// `path` is absolute; `next` is the cursor behind this page, or `None` with `more` where pages are counted.
    pub(super) fn answer(&self, items: Value, path: &str, next: Option<Cursor>, more: bool) -> Response {
        self.answer_of(items, path, next, more, None)
    }

    /// The same where pages are counted, and so the last one is known.
    fn answer_of(&self, items: Value, path: &str, next: Option<Cursor>, more: bool, last: Option<usize>) -> Response {
        let page = self.page();
        let mut links = Vec::new();
        // Backwards comes first, as on GitHub: whoever takes the first link without reading `rel` walks in circles.
        if page > 1 {
            links.push(format!("<{}>; rel=\"prev\"", self.url(path, page - 1, None)));
        }
        if more {
            links.push(format!("<{}>; rel=\"next\"", self.url(path, page + 1, next)));
        }
        if let Some(last) = last.filter(|last| page < *last) {
            links.push(format!("<{}>; rel=\"last\"", self.url(path, last, None)));
        }
        if page > 1 {
            links.push(format!("<{}>; rel=\"first\"", self.url(path, 1, None)));
        }
        let mut answer = Json(items).into_response();
        if let Ok(value) = HeaderValue::try_from(links.join(", "))
            && !links.is_empty()
        {
            answer.headers_mut().insert(header::LINK, value);
        }
        answer
    }

    /// One counted page of `all`.
    pub(super) fn counted_page<T>(&self, all: &[T], path: &str, render: impl Fn(&T) -> Value) -> Response {
        let start = (self.page() - 1).saturating_mul(self.per_page()).min(all.len());
        let end = (start + self.per_page()).min(all.len());
        let items: Value = all[start..end].iter().map(render).collect();
        self.answer_of(items, path, None, end < all.len(), Some(all.len().div_ceil(self.per_page())))
    }
}

/// The signs at the end look like Base64 and need escaping in a URL, as GitHub's cursors do.
fn text_of(cursor: Cursor) -> String {
    format!("Y3Vyc29yOnYy{:x}:{:x}==", cursor.key, cursor.number)
}

fn cursor_from(text: &str) -> Option<Cursor> {
    let (key, number) = text.strip_prefix("Y3Vyc29yOnYy")?.strip_suffix("==")?.split_once(':')?;
    let parse = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Cursor { key: parse(key)?, number: parse(number)? })
}
