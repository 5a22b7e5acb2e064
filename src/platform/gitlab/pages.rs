//! All pages of a listing, one after the other.
//!
//! Who calls: the listings, the search for a comment and the one for spellings. What must stay true: a page that fails
//! fails the walk; only a page without a link to a next one is the last; a link leads nowhere but to another page of
//! the same listing, whatever host or path it names.

use gitlab::api::{Endpoint, RestClient};
use http::StatusCode;
use serde::de::DeserializeOwned;
use url::Url;

use super::client::Request;
use super::models::parse;
use super::session::Session;
use crate::platform::http::{Answer, link_to, next_link};
use crate::platform::{Error, Result};

/// Elements per page, the most that GitLab gives.
const PAGE_SIZE: usize = 100;

/// Pages of one walk through comments or labels: 100,000 of them. A walk that is longer goes in circles.
const MOST_PAGES: usize = 1_000;

/// How pages are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paging {
    /// By a cursor where the server can, so that tickets that leave the set push nothing out of sight. Source: GitLab
    /// REST, "Keyset-based pagination"; issues of a project have it since 18.3. Older servers count, with a few very
    /// old ones saying 405.
    Cursor,
    /// By number.
    Counted,
}

impl Session<'_> {
    /// Hands each page to `visit`, until that returns false.
    pub(super) async fn walk<T: DeserializeOwned>(
        &self,
        endpoint: &(impl Endpoint + Sync),
        paging: Paging,
        mut visit: impl FnMut(Vec<T>) -> bool + Send,
    ) -> Result<()> {
        let mut query = String::new();
        for _ in 0..MOST_PAGES {
            let (page, next) = self.page(endpoint, paging, &query).await?;
            if !visit(page) {
                return Ok(());
            }
            let Some(next) = next else { return Ok(()) };
            query = next;
        }
        Err(Error::Malformed { what: self.what.to_owned(), detail: format!("more than {MOST_PAGES} pages") })
    }

    /// Hands each page of a counted listing to `visit`, until that returns false: from the last page backwards, and then the
    /// second argument is true; from the first on where there is one page only, or the server does not say which the last
    /// one is, as above ten thousand elements.
    pub(super) async fn walk_back<T: DeserializeOwned>(
        &self,
        endpoint: &(impl Endpoint + Sync),
        mut visit: impl FnMut(Vec<T>, bool) -> bool + Send,
    ) -> Result<()> {
        let first = self.first_url(endpoint, Paging::Counted)?;
        let mut answer = self.fetched(&first).await?;
        let (next, last) = (self.next_page(&first, &answer)?, link_to(self.what, "last", &first, &answer)?);
        let mut here = first;
        let is_backwards = next.is_some() && last.is_some();
        if let Some(last) = last.filter(|_| is_backwards) {
            here.set_query(last.query());
            answer = self.fetched(&here).await?;
        }
        for _ in 0..MOST_PAGES {
            if !visit(parse(self.what, &answer)?, is_backwards) {
                return Ok(());
            }
            let following = match is_backwards {
                true => link_to(self.what, "prev", &here, &answer)?,
                false => self.next_page(&here, &answer)?,
            };
            let Some(following) = following else { return Ok(()) };
            here.set_query(following.query());
            answer = self.fetched(&here).await?;
        }
        Err(Error::Malformed { what: self.what.to_owned(), detail: format!("more than {MOST_PAGES} pages") })
    }

    async fn fetched(&self, url: &Url) -> Result<Answer> {
        let answer = self.send(&Request::get(url.clone())).await?;
        self.successful(answer).await
    }

    /// One page, and the query of the next one. An empty `query` asks for the first.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        endpoint: &(impl Endpoint + Sync),
        paging: Paging,
        query: &str,
    ) -> Result<(Vec<T>, Option<String>)> {
        let mut request = Request::get(self.first_url(endpoint, paging)?);
        let is_first = query.is_empty();
        if !is_first {
            request.url.set_query(Some(query));
        }
        let mut answer = self.send(&request).await?;
        if is_first && paging == Paging::Cursor && answer.status == StatusCode::METHOD_NOT_ALLOWED {
            request.url = self.first_url(endpoint, Paging::Counted)?;
            answer = self.send(&request).await?;
        }
        let answer = self.successful(answer).await?;
        let next = self.next_page(&request.url, &answer)?;
        let next = next.map(|url| url.query().unwrap_or_default().to_owned());
        Ok((parse(self.what, &answer)?, next))
    }

    /// Where the first page is.
    pub(super) fn first_url(&self, endpoint: &impl Endpoint, paging: Paging) -> Result<Url> {
        let mut url = self.rest_endpoint(&endpoint.endpoint()).map_err(|error| self.explained(error))?;
        endpoint.parameters().add_to_url(&mut url);
        url.query_pairs_mut().append_pair("per_page", &PAGE_SIZE.to_string());
        if paging == Paging::Cursor {
            url.query_pairs_mut().append_pair("pagination", "keyset");
        }
        Ok(url)
    }

    /// Source: GitLab REST, "Pagination": follow `rel="next"`. Only its query is used: behind a proxy host, scheme and
    /// path are not ours. A proxy that drops the header may leave `x-next-page`, which is empty on the last page.
    fn next_page(&self, this: &Url, answer: &Answer) -> Result<Option<Url>> {
        let mut next = this.clone();
        if let Some(link) = next_link(self.what, this, answer)? {
            next.set_query(link.query());
            return Ok(Some(next));
        }
        let Some(number) = answer.header("x-next-page").filter(|number| !number.is_empty()) else { return Ok(None) };
        let kept: Vec<(String, String)> = this.query_pairs().into_owned().filter(|(key, _)| key != "page").collect();
        next.query_pairs_mut().clear().extend_pairs(kept).append_pair("page", number);
        Ok(Some(next))
    }
}
