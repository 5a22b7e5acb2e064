//! The `Link` header of a page of a listing (RFC 8288).
//!
//! Who calls: the platforms that page by it (GitHub, GitLab). What must stay true: a link that is there and cannot be
//! read is an error and never the last page.

use url::Url;

use super::answer::Answer;
use crate::platform::{Error, Result};

/// The URL behind `rel="next"`, made absolute with `base`; `None` on the last page.
///
/// # Errors
/// `Malformed` when there is a `next` link and it is no URL.
pub(in crate::platform) fn next_link(what: &str, base: &Url, answer: &Answer) -> Result<Option<Url>> {
    link_to(what, "next", base, answer)
}

/// The same for another relation, such as `last`.
///
/// # Errors
/// As [`next_link`].
pub(in crate::platform) fn link_to(what: &str, relation: &str, base: &Url, answer: &Answer) -> Result<Option<Url>> {
    let malformed = |detail: String| Error::Malformed { what: what.to_owned(), detail };
    for value in answer.headers.get_all("link") {
        let value = value.to_str().map_err(|_| malformed("a link header that is not text".to_owned()))?;
        let Some(target) = target_of(value, relation) else { continue };
        return base.join(target).map(Some).map_err(|_| malformed(format!("a {relation} link that is no URL")));
    }
    Ok(None)
}

/// The target of a relation in a `Link` header. Targets are in angle brackets and may contain commas.
fn target_of<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    value.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let mut parameters = parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('='));
        let (_, relation) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"))?;
        let mut relations = relation.trim().trim_matches('"').split_ascii_whitespace();
        relations.any(|relation| relation.eq_ignore_ascii_case(wanted)).then_some(target)
    })
}
