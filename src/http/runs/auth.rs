//! Who may read and steer runs.
//!
//! Pure. Who calls: `routes`, before anything else. What must stay true: with a token configured nothing else counts;
//! without one, only the address that the kernel names counts, and never what a header says; a page in the browser of
//! somebody on this machine is not somebody on this machine.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::Refusal;
use crate::config::{OPERATOR_TOKEN, OperatorToken};

/// Lets a request through, or says why not.
pub(super) fn admit(token: Option<&OperatorToken>, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Refusal> {
    match token {
        Some(token) => with_token(token, headers),
        None => without_token(peer, headers),
    }
}

fn with_token(token: &OperatorToken, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(shown) = headers.get(AUTHORIZATION) else {
        return Err(Refusal::unauthorized(format!(
            "send `Authorization: Bearer <token>` with the {OPERATOR_TOKEN} of the server"
        )));
    };
    let bearer = shown.as_bytes().split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    // Digests have one length, so that the comparison tells nothing of the token's.
    let same = bearer.is_some_and(|(_, shown)| {
        let expected = Sha256::digest(token.secret().expose_secret());
        Sha256::digest(shown.trim_ascii()).ct_eq(&expected).into()
    });
    if same { Ok(()) } else { Err(Refusal::unauthorized(format!("this is not the {OPERATOR_TOKEN} of the server"))) }
}

fn without_token(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Refusal> {
    if !peer.is_some_and(|peer| peer.is_loopback()) {
        return Err(Refusal::forbidden(format!(
            "without a token runs are shown on the server's own machine only; set {OPERATOR_TOKEN} for the server and send it"
        )));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if headers.contains_key(ORIGIN) || !host.is_none_or(names_this_machine) {
        return Err(Refusal::forbidden(format!(
            "this comes from a page in a browser, or by a name other than localhost; set {OPERATOR_TOKEN} for the server and send it"
        )));
    }
    Ok(())
}

/// A page may make a name of its own lead to this machine, and never one of these.
fn names_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for name in ["localhost", "LOCALHOST:8081", "127.0.0.1:1", "127.9.9.9", "[::1]:8081", "[::ffff:127.0.0.1]"] {
            assert!(names_this_machine(name), "{name}");
        }
        for name in ["evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", "[::2]", "10.0.0.1", ""] {
            assert!(!names_this_machine(name), "{name}");
        }
    }

    #[test]
    fn only_this_machine_gets_in_without_a_token() {
        let from = |peer: &str| admit(None, peer.parse().ok(), &HeaderMap::new());
        assert!(from("127.0.0.1").is_ok() && from("::1").is_ok());
        for peer in ["10.0.0.1", "192.168.1.9", "::", "0.0.0.0", "not known"] {
            assert!(from(peer).is_err_and(|refusal| refusal.reason().contains(OPERATOR_TOKEN)), "{peer}");
        }
    }
}
