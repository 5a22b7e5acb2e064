//! Where the code of a project lives, and what git is called with there.
//!
//! Called by the check of a project. What must stay true: no address holds a credential; a token that is not there is a
//! warning, because a public repository can be read without.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{Spot, tracker};
use crate::config::env::Env;
use crate::config::model::{Credentials, Source, SourceHost};
use crate::config::problem::Desk;
use crate::config::raw;
use crate::ticket::PlatformKind;

/// The source of a project whose tickets live on `tickets`; `None` after a mistake was reported.
pub(super) fn source(
    raw: raw::Source,
    tickets: PlatformKind,
    spot: Spot<'_>,
    env: &Env,
    desk: &mut Desk<'_, '_>,
) -> Option<Source> {
    let (url, path) = (spot.child("url"), spot.child("path"));
    let (wanted, other) = if raw.kind.0.is_some() { (url, path) } else { (path, url) };
    let (wanted_key, other_key) = if raw.kind.0.is_some() { ("url", "path") } else { ("path", "url") };
    if other.exists() {
        let message = format!("`{other_key}` does not belong to a source of this type; give `{wanted_key}` only");
        desk.error(other.key_span(), message);
    }
    if !wanted.exists() {
        desk.error(spot.key_span(), format!("`{wanted_key}` is missing in `source`"));
        return None;
    }
    match raw.kind.0 {
        Some(host) => {
            let url = tracker::parse_url(&raw.url?, url, &["http", "https", "ssh"], desk)?;
            // With ssh, the keys of the server's user are used.
            let with_token = url.scheme() != "ssh";
            let credentials = with_token.then(|| credentials(host, tickets, spot, env, desk)).flatten();
            Some(Source::Remote { host, url, credentials })
        }
        None => {
            let written = raw.path?;
            if written.trim().is_empty() || written.starts_with('~') || written.contains('\0') {
                desk.error(path.span(), "`path` must be a directory; `~` is not expanded, write `${HOME}`");
                return None;
            }
            let path = PathBuf::from(written);
            Some(Source::Local(std::path::absolute(&path).unwrap_or(path)))
        }
    }
}

/// What is wrong with a variable that the project's tracker reads too is said there.
fn credentials(
    host: SourceHost,
    tickets: PlatformKind,
    spot: Spot<'_>,
    env: &Env,
    desk: &mut Desk<'_, '_>,
) -> Option<Credentials> {
    let auth = spot.child("auth");
    let span = if auth.exists() { auth.span() } else { spot.key_span() };
    let name = host.token_variable();
    let said_already = host.platform() == tickets;
    match tracker::token(env, name) {
        Ok(token) => Some(Credentials { user: None, token: SecretString::from(token) }),
        Err(_) if said_already => None,
        Err(tracker::NoToken::Unset) => {
            let message = format!("environment variable `{name}` is not set: git can only read what is public");
            desk.warn(span, message);
            None
        }
        Err(tracker::NoToken::Odd(why)) => {
            desk.error(span, why);
            None
        }
    }
}
