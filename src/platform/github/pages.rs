//! Pages: where the next one is, and which are known already so that an unchanged one costs no quota.
//!
//! Who calls: the listings and the search for a comment. What must stay true: a link that cannot be read is an error
//! and never the last page; the cache holds whole pages only, is bounded, and belongs to one tracker with one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::platform::http::{Answer, link_to};
use crate::platform::{Found, Result};

/// Elements per page, the most that GitHub gives.
pub(super) const PAGE_SIZE: usize = 100;

/// Pages of one walk: 100,000 tickets. A walk that is longer goes in circles.
pub(super) const MOST_PAGES: usize = 1_000;

/// Pages that are kept: the first 20,000 tickets of a tracker, about 6 MB when they are all there.
const MOST_CACHED: usize = 200;

/// When the cache is full, a page that was not visited in this many listings makes room. Four kinds of listing with
/// different intervals share the cache; a page of the rarest is asked for at least this often.
const FORGOTTEN_AFTER: u64 = 100;

/// What is kept of one page of a listing.
#[derive(Debug)]
pub(super) struct CachedPage {
    /// The tickets on it.
    pub(super) found: Vec<Found>,
    /// Path and query of the next page.
    pub(super) next: Option<String>,
}

/// Pages by path and query.
#[derive(Debug, Default)]
pub(super) struct PageCache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    listing: u64,
    pages: HashMap<String, Cached>,
}

#[derive(Debug)]
struct Cached {
    tag: String,
    page: Arc<CachedPage>,
    visited_in: u64,
}

impl PageCache {
    /// Call at the start of a listing.
    pub(super) fn begin_listing(&self) {
        self.lock().listing += 1;
    }

    /// A page that is known, with its entity tag.
    pub(super) fn get(&self, path: &str) -> Option<(String, Arc<CachedPage>)> {
        let mut inner = self.lock();
        let listing = inner.listing;
        let cached = inner.pages.get_mut(path)?;
        cached.visited_in = listing;
        Some((cached.tag.clone(), Arc::clone(&cached.page)))
    }

    /// Keeps a page, if it has a tag and there is room; else forgets what was known of it.
    ///
    /// Pages are visited in order, so that the first ones of a long listing stay and the rest is read each time; to
    /// replace the least recently used one instead would never hit.
    pub(super) fn put(&self, path: &str, tag: Option<&str>, page: &Arc<CachedPage>) {
        let mut inner = self.lock();
        inner.pages.remove(path);
        let Some(tag) = tag else { return };
        let listing = inner.listing;
        if inner.pages.len() >= MOST_CACHED {
            inner.pages.retain(|_, cached| cached.visited_in + FORGOTTEN_AFTER > listing);
        }
        if inner.pages.len() < MOST_CACHED {
            let cached = Cached { tag: tag.to_owned(), page: Arc::clone(page), visited_in: listing };
            inner.pages.insert(path.to_owned(), cached);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Path and query of the next page; `None` on the last one. Source: GitHub, "Using pagination in the REST API": follow
/// `rel="next"`, whose URL is opaque. Host and scheme are left out: behind a proxy they are not ours.
///
/// # Errors
/// `Malformed` when there is a `next` link and it is no URL.
pub(super) fn next_page(what: &str, base: &Url, answer: &Answer) -> Result<Option<String>> {
    linked_page(what, "next", base, answer)
}

/// The same for another relation: `prev`, or `last` where pages are counted.
///
/// # Errors
/// As [`next_page`].
pub(super) fn linked_page(what: &str, relation: &str, base: &Url, answer: &Answer) -> Result<Option<String>> {
    let path_of = |url: Url| {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", url.path())
    };
    Ok(link_to(what, relation, base, answer)?.map(path_of))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    fn next(link: &'static str) -> Result<Option<String>> {
        let headers = HeaderMap::from_iter([(http::header::LINK, link.parse().unwrap())]);
        let answer = Answer { status: StatusCode::OK, headers, body: Bytes::new() };
        next_page("list", &Url::parse("http://ghe.example/api/v3").unwrap(), &answer)
    }

    #[test]
    fn next_links_are_cut_to_path_and_query() {
        let link = "<https://other.example/api/v3/repositories/7/issues?labels=a,b&after=Y3%3D>; rel=\"next\", \
                    <https://other.example/x>; rel=\"last\"";
        assert_eq!(next(link).unwrap().unwrap(), "/api/v3/repositories/7/issues?labels=a,b&after=Y3%3D");
        assert_eq!(next("</a?page=1>; rel=prev, </a?page=3>; title=x; rel=next").unwrap().unwrap(), "/a?page=3");
        assert_eq!(next("</a?page=1>; rel=\"first\"").unwrap(), None);
        assert!(next("<http://[broken>; rel=\"next\"").is_err());
    }

    fn page() -> Arc<CachedPage> {
        Arc::new(CachedPage { found: Vec::new(), next: None })
    }

    #[test]
    fn a_full_cache_keeps_what_is_visited_and_makes_room_for_what_is_not() {
        let cache = PageCache::default();
        cache.begin_listing();
        for n in 0..MOST_CACHED + 5 {
            cache.put(&format!("/{n}"), Some("tag"), &page());
        }
        assert!(cache.get("/0").is_some() && cache.get(&format!("/{MOST_CACHED}")).is_none());
        for _ in 0..FORGOTTEN_AFTER {
            cache.begin_listing();
            cache.get("/0");
        }
        cache.put("/new", Some("tag"), &page());
        assert!(cache.get("/0").is_some() && cache.get("/new").is_some() && cache.get("/1").is_none());
        cache.put("/new", None, &page());
        assert!(cache.get("/new").is_none());
    }
}
