//! The signatures that platforms put under their deliveries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// HMAC-SHA256 of `body` in lower-case hexadecimal digits, as GitHub and Jira write it.
pub(in crate::sim) fn hmac_sha256_hex(key: &str, body: &[u8]) -> String {
    hmac_sha256(key.as_bytes(), &[body]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of GitLab's `webhook-signature`; nothing for a token that is none.
pub(in crate::sim) fn gitlab_signature(token: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(token.strip_prefix("whsec_")?).ok()?;
    let signed = hmac_sha256(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    Some(format!("v1,{}", STANDARD.encode(signed)))
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GitHub's and Atlassian's own examples, which differ in a comma.
    #[test]
    fn the_published_examples_come_out() {
        let secret = "It's a Secret to Everybody";
        let github = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(hmac_sha256_hex(secret, b"Hello, World!"), github);
        let jira = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        assert_eq!(hmac_sha256_hex(secret, b"Hello World!"), jira);
    }

    #[test]
    fn a_signing_token_is_a_key_in_base64() {
        let token = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let signature = gitlab_signature(token, "msg_1", "1700000000", br#"{"object_kind":"issue"}"#);
        assert_eq!(signature.as_deref(), Some("v1,VmnT9KAHXpFLBLMnUzUCYTC/0bjYA6boIjotfsYwJH8="));
        assert_eq!(gitlab_signature("AAEC", "msg_1", "1700000000", b""), None);
    }
}
