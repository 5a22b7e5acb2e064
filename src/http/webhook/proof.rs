//! What a delivery shows to be believed, and whether a secret fits it. Pure.
//!
//! Who calls: `verify`. What must stay true: comparisons take the same time wherever the difference is; what is signed are
//! the raw bytes; a header that is there twice, or is damaged, is no proof; a signature that does not fit is never made
//! up for by a token beside it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::limits::{SIGNATURES, SIGNED_TIME};
use crate::ticket::PlatformKind;

/// The header for senders that cannot sign and not log in either, such as a proxy in front of Azure DevOps.
pub(super) const SECRET_HEADER: &str = "x-agent-smith-secret";
/// What GitLab's signing tokens begin with; the key is behind it, as base64.
const SIGNING_TOKEN: &str = "whsec_";

/// What the headers hold.
#[derive(Debug)]
pub(super) enum Proof {
    /// HMAC-SHA256 over the body.
    Signature([u8; 32]),
    /// GitLab's signing token: HMAC-SHA256 over id, time and body.
    Signed {
        /// `webhook-id`.
        id: String,
        /// `webhook-timestamp`: seconds since 1970, as sent.
        timestamp: String,
        /// Those that can be read.
        signatures: Vec<Vec<u8>>,
    },
    /// The secret itself.
    Secret(Vec<u8>),
    /// GitLab's secret itself; a signing token is for signing and is not taken as one.
    Token(Vec<u8>),
}

impl Proof {
    /// What a platform's delivery shows.
    ///
    /// # Errors
    /// In words: what is missing or damaged.
    pub(super) fn of(platform: PlatformKind, headers: &HeaderMap) -> Result<Self, String> {
        match platform {
            PlatformKind::GitHub => signature(headers, "x-hub-signature-256"),
            PlatformKind::Jira => signature(headers, "x-hub-signature"),
            PlatformKind::GitLab if headers.contains_key("webhook-signature") => signed(headers),
            PlatformKind::GitLab => {
                let token = single(headers, "x-gitlab-token")?;
                let token = token.ok_or("neither webhook-signature nor X-Gitlab-Token is there")?;
                Ok(Self::Token(token.to_vec()))
            }
            PlatformKind::AzureDevOps => password(headers),
        }
    }

    /// Whether one secret fits. `now`: since 1970.
    pub(super) fn fits(&self, secret: &str, body: &[u8], now: Duration) -> bool {
        let signing_key = secret.strip_prefix(SIGNING_TOKEN);
        match self {
            Self::Signature(expected) => is_hmac(secret.as_bytes(), &[body], expected),
            Self::Secret(shown) => is_same(shown, secret.as_bytes()),
            Self::Token(shown) => signing_key.is_none() && is_same(shown, secret.as_bytes()),
            Self::Signed { id, timestamp, signatures } => {
                let at = timestamp.parse().map(Duration::from_secs).ok();
                let Some(key) = signing_key.and_then(|key| STANDARD.decode(key).ok()) else { return false };
                let in_time = at.is_some_and(|at| at.abs_diff(now) <= SIGNED_TIME);
                let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                in_time && !key.is_empty() && signatures.iter().any(|expected| is_hmac(&key, &parts, expected))
            }
        }
    }

    /// What a person should know when no secret fits.
    pub(super) fn why_not(&self, now: Duration) -> &'static str {
        match self {
            Self::Signature(_) => "the signature does not fit the body and the secret",
            Self::Secret(_) | Self::Token(_) => "the secret is wrong",
            Self::Signed { timestamp, .. } => {
                let at = timestamp.parse().map(Duration::from_secs);
                if at.is_ok_and(|at| at.abs_diff(now) > SIGNED_TIME) {
                    "webhook-timestamp is more than five minutes off; is it an old delivery, or are the clocks wrong?"
                } else {
                    "webhook-signature does not fit the body and a signing token (whsec_…) that is configured"
                }
            }
        }
    }
}

/// `sha256=<hex>`.
fn signature(headers: &HeaderMap, name: &'static str) -> Result<Proof, String> {
    let value =
        single(headers, name)?.ok_or_else(|| format!("the header {name} is missing; has the hook a secret?"))?;
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    let (method, hex) = text.split_once('=').unwrap_or_default();
    let mut bytes = [0; 32];
    if !method.eq_ignore_ascii_case("sha256") || hex::decode_to_slice(hex, &mut bytes).is_err() {
        return Err(format!("the header {name} is not sha256= and 64 hexadecimal digits"));
    }
    Ok(Proof::Signature(bytes))
}

/// `v1,<base64>`, several of them with spaces between. Versions that we do not know may stand beside.
fn signed(headers: &HeaderMap) -> Result<Proof, String> {
    let text = |name: &'static str| {
        let value =
            single(headers, name)?.ok_or_else(|| format!("the header {name} is missing beside webhook-signature"))?;
        String::from_utf8(value.to_vec()).map_err(|_| format!("the header {name} is not text"))
    };
    let signatures = text("webhook-signature")?;
    let signatures = signatures.split_ascii_whitespace().filter_map(|one| one.strip_prefix("v1,"));
    let signatures: Vec<Vec<u8>> = signatures.filter_map(|one| STANDARD.decode(one).ok()).take(SIGNATURES).collect();
    if signatures.is_empty() {
        return Err("webhook-signature holds no v1 signature".to_owned());
    }
    Ok(Proof::Signed { id: text("webhook-id")?, timestamp: text("webhook-timestamp")?, signatures })
}

/// The password of HTTP Basic, whoever the user is, or the header that holds nothing but the secret.
fn password(headers: &HeaderMap) -> Result<Proof, String> {
    if let Some(secret) = single(headers, SECRET_HEADER)? {
        return Ok(Proof::Secret(secret.to_vec()));
    }
    let value = single(headers, AUTHORIZATION.as_str())?
        .ok_or("neither a password (HTTP Basic) nor X-Agent-Smith-Secret is there")?;
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    let (scheme, encoded) = text.split_once(' ').unwrap_or_default();
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let at = decoded.as_ref().and_then(|decoded| decoded.iter().position(|byte| *byte == b':'));
    match (decoded, at) {
        (Some(decoded), Some(at)) => Ok(Proof::Secret(decoded[at + 1..].to_vec())),
        _ => Err("the header Authorization is not HTTP Basic".to_owned()),
    }
}

/// The value of a header that may be there once.
fn single<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h [u8]>, String> {
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(format!("the header {name} is there twice")),
        (value, None) => Ok(value.map(|value| value.as_bytes())),
    }
}

fn is_hmac(key: &[u8], parts: &[&[u8]], expected: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(expected).is_ok()
}

/// Over digests, so that not even the length of the secret shows in the time.
fn is_same(shown: &[u8], secret: &[u8]) -> bool {
    Sha256::digest(shown).ct_eq(&Sha256::digest(secret)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlatformKind::{AzureDevOps, GitHub, GitLab, Jira};

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn fits(platform: PlatformKind, pairs: &[(&'static str, &str)], secret: &str, body: &str) -> bool {
        Proof::of(platform, &headers(pairs)).is_ok_and(|proof| proof.fits(secret, body.as_bytes(), NOW))
    }

    #[test]
    fn the_published_vectors_verify_and_nothing_near_them_does() {
        let secret = "It's a Secret to Everybody";
        let github = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(fits(GitHub, &[("x-hub-signature-256", github)], secret, "Hello, World!"));
        assert!(!fits(GitHub, &[("x-hub-signature-256", github)], secret, "Hello, World?"));
        assert!(!fits(GitHub, &[("x-hub-signature-256", github)], "It's a Secret to Nobody", "Hello, World!"));
        let jira = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        assert!(fits(Jira, &[("x-hub-signature", jira)], secret, "Hello World!"));
        assert!(!fits(Jira, &[("x-hub-signature-256", jira)], secret, "Hello World!"));
        assert!(!fits(Jira, &[("x-hub-signature", &jira.replace("sha256", "sha1"))], secret, "Hello World!"));
    }

    #[test]
    fn a_signing_token_signs_id_time_and_body() {
        let token = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let body = r#"{"object_kind":"issue"}"#;
        let right = "v1,VmnT9KAHXpFLBLMnUzUCYTC/0bjYA6boIjotfsYwJH8=";
        let with = |signature: &str, id: &str, time: &str, token: &str| {
            let pairs = [("webhook-signature", signature), ("webhook-id", id), ("webhook-timestamp", time)];
            fits(GitLab, &pairs, token, body)
        };
        assert!(with(right, "msg_1", "1700000000", token));
        assert!(with(&format!("v2,AAAA v1,AAAA {right}"), "msg_1", "1700000000", token));
        for (signature, id, time, token) in [
            (right, "msg_2", "1700000000", token),
            (right, "msg_1", "1700000001", token),
            (right, "msg_1", "x", token),
            ("v1,AAAA", "msg_1", "1700000000", token),
            (right, "msg_1", "1700000000", "whsec_"),
            (right, "msg_1", "1700000000", &token[6..]),
        ] {
            assert!(!with(signature, id, time, token), "{signature} {id} {time} {token}");
        }
        let late = Duration::from_secs(1_700_000_301);
        let pairs = [("webhook-signature", right), ("webhook-id", "msg_1"), ("webhook-timestamp", "1700000000")];
        let proof = Proof::of(GitLab, &headers(&pairs)).unwrap();
        assert!(!proof.fits(token, body.as_bytes(), late) && proof.why_not(late).contains("five minutes"));
        assert!(proof.fits(token, body.as_bytes(), late - Duration::from_secs(1)));
    }

    #[test]
    fn a_token_beside_a_signature_does_not_count() {
        let pairs = [
            ("x-gitlab-token", "plain"),
            ("webhook-signature", "v1,AAAA"),
            ("webhook-id", "1"),
            ("webhook-timestamp", "1700000000"),
        ];
        assert!(!fits(GitLab, &pairs, "plain", "{}"));
        assert!(fits(GitLab, &pairs[..1], "plain", "{}"));
        assert!(!fits(GitLab, &pairs[..2], "plain", "{}"), "id and time are missing");
    }

    #[test]
    fn azure_takes_a_password_of_anybody_or_the_header() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(fits(AzureDevOps, &[("authorization", &basic("me:geheim"))], "geheim", "{}"));
        assert!(fits(AzureDevOps, &[("authorization", &basic(":ge:heim"))], "ge:heim", "{}"));
        assert!(fits(AzureDevOps, &[("authorization", &basic("x:geheim").replace("Basic", "basic"))], "geheim", "{}"));
        assert!(fits(AzureDevOps, &[("x-agent-smith-secret", "geheim")], "geheim", "{}"));
        for wrong in [basic("geheim"), basic("geheim:"), basic("me:gehei"), "Bearer geheim".into(), "Basic ###".into()]
        {
            assert!(!fits(AzureDevOps, &[("authorization", &wrong)], "geheim", "{}"), "{wrong}");
        }
    }

    #[test]
    fn what_is_missing_twice_or_damaged_is_named() {
        for (platform, pairs) in [
            (GitHub, &[][..]),
            (GitHub, &[("x-hub-signature-256", "sha256=00")]),
            (GitHub, &[("x-hub-signature-256", "00")]),
            (GitHub, &[("x-hub-signature", "sha1=00")]),
            (GitLab, &[]),
            (GitLab, &[("webhook-signature", "v1,")]),
            (AzureDevOps, &[]),
            (Jira, &[]),
        ] {
            assert!(Proof::of(platform, &headers(pairs)).is_err(), "{platform}: {pairs:?}");
        }
        let mut twice = headers(&[("x-gitlab-token", "a")]);
        twice.append("x-gitlab-token", "b".parse().unwrap());
        assert!(Proof::of(GitLab, &twice).unwrap_err().contains("twice"));
    }
}
