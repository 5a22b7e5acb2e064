//! Query parameters of listings, and where the next page is.
//!
//! Two ways to page, as GitLab has: by number, with `Link` and `x-…` headers, of which the totals and the last page are
//! left out above a number of rows; by cursor, with `rel="next"` alone. Links are absolute.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use url::form_urlencoded::{self, Serializer};

/// GitLab's page size when none is asked for, and its largest; a larger wish is cut down to it.
const DEFAULT_PER_PAGE: usize = 20;
const MAX_PER_PAGE: usize = 100;

/// The parameters in the order they were sent, decoded.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

/// Where a page is.
struct Place {
    link: String,
    headers: Vec<(&'static str, String)>,
}

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A comma-separated list of names.
    pub(super) fn names(&self, name: &str) -> Vec<&str> {
        let names = self.get(name).unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    }

    pub(super) fn ascending(&self) -> bool {
        self.get("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("asc"))
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name).and_then(|number| number.parse().ok()).filter(|number| *number > 0)
    }

    fn per_page(&self) -> usize {
        self.number("per_page").unwrap_or(DEFAULT_PER_PAGE).min(MAX_PER_PAGE)
    }

    /// `url` with these parameters and others in their place.
    fn url(&self, url: &str, changed: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(key, _)| changed.iter().all(|(name, _)| name != key)));
        query.extend_pairs(changed);
        format!("{url}?{}", query.finish())
    }

    /// One page of `all`, found by its number.
    pub(super) fn counted<T>(
        &self,
        all: &[T],
        url: &str,
        totals_up_to: usize,
        render: impl Fn(&T) -> Value,
    ) -> Response {
        let (page, per_page) = (self.number("page").unwrap_or(1), self.per_page());
        let start = (page - 1).saturating_mul(per_page).min(all.len());
        let end = (start + per_page).min(all.len());
        let (is_counted, pages) = (all.len() <= totals_up_to, all.len().div_ceil(per_page).max(1));
        let link = |rel: &str, page: usize| {
            let (page, per_page) = (page.to_string(), per_page.to_string());
            format!("<{}>; rel=\"{rel}\"", self.url(url, &[("page", &page), ("per_page", &per_page)]))
        };
        let mut links = Vec::new();
        // Backwards comes first: whoever takes the first link without reading `rel` walks in circles.
        if page > 1 {
            links.push(link("prev", page - 1));
        }
        if end < all.len() {
            links.push(link("next", page + 1));
        }
        links.push(link("first", 1));
        let text = |wanted: bool, number: usize| if wanted { number.to_string() } else { String::new() };
        let mut headers = vec![
            ("x-page", page.to_string()),
            ("x-per-page", per_page.to_string()),
            ("x-prev-page", text(page > 1, page - 1)),
            ("x-next-page", text(end < all.len(), page + 1)),
        ];
        if is_counted {
            links.push(link("last", pages));
            headers.push(("x-total", all.len().to_string()));
            headers.push(("x-total-pages", pages.to_string()));
        }
        answer(all[start..end].iter().map(render).collect(), &Place { link: links.join(", "), headers })
    }

    /// One page of `all`, found by a cursor: the id of the last element of the page before.
    pub(super) fn behind_cursor<T>(
        &self,
        all: &[T],
        url: &str,
        id_of: impl Fn(&T) -> u64,
        render: impl Fn(&T) -> Value,
    ) -> Response {
        let cursor = self.get("cursor").and_then(id_in);
        let is_behind = |item: &&T| match cursor {
            None => true,
            Some(id) if self.ascending() => id_of(item) > id,
            Some(id) => id_of(item) < id,
        };
        let left: Vec<&T> = all.iter().filter(is_behind).collect();
        let page = &left[..self.per_page().min(left.len())];
        let link = match page.last().filter(|_| page.len() < left.len()) {
            Some(last) => format!("<{}>; rel=\"next\"", self.url(url, &[("cursor", &cursor_of(id_of(last)))])),
            None => String::new(),
        };
        answer(page.iter().map(|item| render(item)).collect(), &Place { link, headers: Vec::new() })
    }
}

/// The signs at the end look like Base64 and need escaping in a URL, as GitLab's cursors do.
fn cursor_of(id: u64) -> String {
    format!("eyJjcmVhdGVkX2F0{id:x}==")
}

fn id_in(cursor: &str) -> Option<u64> {
    u64::from_str_radix(cursor.strip_prefix("eyJjcmVhdGVkX2F0")?.strip_suffix("==")?, 16).ok()
}

fn answer(items: Value, place: &Place) -> Response {
    let mut answer = Json(items).into_response();
    let headers = answer.headers_mut();
    for (name, value) in &place.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if let Ok(link) = HeaderValue::try_from(&place.link)
        && !place.link.is_empty()
    {
        headers.insert(header::LINK, link);
    }
    answer
}
