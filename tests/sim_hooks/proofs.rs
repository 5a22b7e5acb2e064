//! What a delivery carries to show where it comes from, on each platform.

use agent_smith::http::webhook::read;
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::hooks::Auth;
use agent_smith::ticket::PlatformKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::{Arrived, Rig};

const SECRET: &str = "s3cret, with a comma";
/// 32 bytes in base64.
const SIGNING_TOKEN: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One delivery to a hook with this proof.
async fn delivered(kind: PlatformKind, auth: Auth) -> Arrived {
    let rig = Rig::start(kind).await;
    rig.sim.hooks().add(rig.hook().auth(auth));
    rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap();
    let deliveries = rig.settle().await;
    let arrived = rig.receiver.arrived();
    assert_eq!(arrived.len(), 1);
    let id = read::delivery_id(kind, &arrived[0].headers, &arrived[0].body);
    assert!(id.is_some());
    if kind != PlatformKind::AzureDevOps {
        assert_eq!(id.as_deref(), Some(deliveries[0].id.as_str()));
    }
    arrived[0].clone()
}

fn verifies(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(signature).is_ok()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn github_and_jira_sign_the_bytes() {
    for (kind, name) in [(PlatformKind::GitHub, "x-hub-signature-256"), (PlatformKind::Jira, "x-hub-signature")] {
        let signed = delivered(kind, Auth::Secret(SECRET.to_owned())).await;
        let signature = unhex(signed.header(name).strip_prefix("sha256=").unwrap());
        assert!(verifies(SECRET.as_bytes(), &[&signed.body], &signature));
        assert!(!verifies(b"other", &[&signed.body], &signature));
        assert_eq!(delivered(kind, Auth::None).await.header(name), "");
    }
}

#[tokio::test]
async fn gitlab_sends_the_token_or_signs() {
    let token = delivered(PlatformKind::GitLab, Auth::Secret(SECRET.to_owned())).await;
    assert_eq!(token.header("x-gitlab-token"), SECRET);
    assert_eq!(token.header("webhook-signature"), "");
    let signed = delivered(PlatformKind::GitLab, Auth::SigningToken(SIGNING_TOKEN.to_owned())).await;
    assert_eq!(signed.header("x-gitlab-token"), "");
    assert_eq!(signed.header("webhook-id"), signed.header("idempotency-key"));
    let signature = STANDARD.decode(signed.header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let head = format!("{}.{}.", signed.header("webhook-id"), signed.header("webhook-timestamp"));
    let key: Vec<u8> = (0..32).collect();
    assert!(verifies(&key, &[head.as_bytes(), &signed.body], &signature));
}

#[tokio::test]
async fn azure_devops_sends_a_password_or_a_header() {
    let basic = delivered(PlatformKind::AzureDevOps, Auth::Secret(SECRET.to_owned())).await;
    let pair = STANDARD.decode(basic.header("authorization").strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(pair, format!("hook:{SECRET}").into_bytes());
    let auth = Auth::Header { name: "X-Own".to_owned(), value: SECRET.to_owned() };
    let header = delivered(PlatformKind::AzureDevOps, auth).await;
    assert_eq!((header.header("x-own"), header.header("authorization")), (SECRET, ""));
}

#[tokio::test]
async fn the_headers_name_the_event_where_the_platform_does() {
    let github = delivered(PlatformKind::GitHub, Auth::None).await;
    assert_eq!((github.header("x-github-event"), github.header("content-type")), ("issues", "application/json"));
    assert!(github.header("user-agent").starts_with("GitHub-Hookshot/"));
    let gitlab = delivered(PlatformKind::GitLab, Auth::None).await;
    assert_eq!(gitlab.header("x-gitlab-event"), "Issue Hook");
    assert!(gitlab.header("user-agent").starts_with("GitLab/"));
    let jira = delivered(PlatformKind::Jira, Auth::None).await;
    assert_eq!(jira.header("x-atlassian-webhook-flow"), "Primary");
}

#[tokio::test]
async fn github_signs_a_form_as_it_is_sent() {
    let rig = Rig::start(PlatformKind::GitHub).await;
    rig.sim.hooks().add(rig.hook().secret(SECRET).form());
    rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken & more")).unwrap();
    rig.settle().await;
    let form = &rig.receiver.arrived()[0];
    assert_eq!(form.header("content-type"), "application/x-www-form-urlencoded");
    let signature = unhex(form.header("x-hub-signature-256").strip_prefix("sha256=").unwrap());
    assert!(verifies(SECRET.as_bytes(), &[&form.body], &signature));
    let (name, payload) = url::form_urlencoded::parse(&form.body).next().unwrap();
    assert_eq!(name, "payload");
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(payload["issue"]["title"], "Broken & more");
}
