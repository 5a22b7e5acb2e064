//! Who is believed: every platform with a good, a wrong, a missing, a damaged, an old and no secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Backend;
use crate::github::{Issue, signature};
use crate::hook::{Delivery, Hook, hmac, hmac_hex, one_project, unpolled};
use crate::support::world::{Settings, World};

/// One platform: its route, a body that asks for nothing, the headers it always has, the variable, and how a secret
/// becomes a header.
struct Platform {
    name: &'static str,
    body: &'static str,
    always: &'static [(&'static str, &'static str)],
    variable: &'static str,
    header: &'static str,
    show: fn(&str, &str) -> String,
    /// A header value that is not what the platform documents.
    damaged: &'static str,
}

const PLATFORMS: [Platform; 4] = [
    Platform {
        name: "github",
        body: r#"{"zen":"Design for failure."}"#,
        always: &[("x-github-event", "ping"), ("x-github-delivery", "1")],
        variable: "GITHUB_WEBHOOK_SECRET",
        header: "x-hub-signature-256",
        show: signature,
        damaged: "sha256=zz",
    },
    Platform {
        name: "gitlab",
        body: r#"{"object_kind":"push"}"#,
        always: &[("x-gitlab-event", "Push Hook")],
        variable: "GITLAB_WEBHOOK_TOKEN",
        header: "x-gitlab-token",
        show: |secret, _| secret.to_owned(),
        damaged: "",
    },
    Platform {
        name: "azuredevops",
        body: r#"{"eventType":"build.complete","publisherId":"tfs"}"#,
        always: &[],
        variable: "AZDO_WEBHOOK_SECRET",
        header: "authorization",
        show: |secret, _| format!("Basic {}", STANDARD.encode(format!("anybody:{secret}"))),
        damaged: "Basic !!!",
    },
    Platform {
        name: "jira",
        body: r#"{"webhookEvent":"sprint_created","timestamp":1}"#,
        always: &[("x-atlassian-webhook-identifier", "1")],
        variable: "JIRA_WEBHOOK_SECRET",
        header: "x-hub-signature",
        show: |secret, body| format!("sha256={}", hmac_hex(secret.as_bytes(), body.as_bytes())),
        damaged: "sha1=00",
    },
];

impl Platform {
    fn bare(&self) -> Delivery {
        let delivery = Delivery::new(&format!("/webhook/{}", self.name), self.body);
        self.always.iter().fold(delivery, |delivery, (name, value)| delivery.header(name, value))
    }

    fn with(&self, secret: &str) -> Delivery {
        self.bare().header(self.header, &(self.show)(secret, self.body))
    }
}

async fn with_variables(world: &World, variables: &[(&str, &str)]) -> Hook {
    let stored = Backend::Embedded.open();
    Hook::on(world.start_with(Some(stored.store), "one", variables, false).await)
}

#[tokio::test]
async fn each_platform_believes_its_secret_and_nothing_else() {
    let world = one_project().await;
    for platform in &PLATFORMS {
        let previous = format!("{}_PREVIOUS", platform.variable);
        let hook = with_variables(&world, &[(platform.variable, "new-secret"), (&previous, "old-secret")]).await;
        let name = platform.name;
        for (what, delivery, status) in [
            ("good", platform.with("new-secret"), 200),
            ("the one before", platform.with("old-secret"), 200),
            ("wrong", platform.with("no-secret"), 401),
            ("missing", platform.bare(), 401),
            ("damaged", platform.bare().header(platform.header, platform.damaged), 401),
            ("empty", platform.with(""), 401),
            ("told by headers or body", platform.with("new-secret").to("/webhook"), 200),
            ("wrong, told by headers or body", platform.with("no-secret").to("/webhook"), 401),
        ] {
            let answer = hook.send(&delivery).await;
            assert_eq!(answer.status, status, "{name}, {what}: {answer:?}");
            let word = if status == 200 { "ignored" } else { "unauthorized" };
            assert_eq!(answer.result, word, "{name}, {what}: {answer:?}");
        }
        // The others have no secret.
        for other in PLATFORMS.iter().filter(|other| other.name != name) {
            let answer = hook.send(&other.with("new-secret")).await;
            assert_eq!(answer.said(), (401, "unauthorized"), "{}: {answer:?}", other.name);
            assert!(answer.reason.contains(other.variable), "{answer:?}");
        }
        assert!(hook.app.stop().await);
    }
}

#[tokio::test]
async fn a_changed_body_does_not_fit_its_signature() {
    let world = one_project().await;
    for platform in PLATFORMS.iter().filter(|platform| platform.header.contains("signature")) {
        let hook = with_variables(&world, &[(platform.variable, "secret")]).await;
        let mut delivery = platform.with("secret");
        delivery.body.push(b' ');
        assert_eq!(hook.send(&delivery).await.said(), (401, "unauthorized"), "{}", platform.name);
        assert!(hook.app.stop().await);
    }
}

#[tokio::test]
async fn unsigned_deliveries_need_a_configuration_that_says_so_and_a_platform_without_secret() {
    let world = one_project().await;
    let text = std::fs::read_to_string(world.config_path()).unwrap() + "webhooks: { allow_unsigned: true }\n";
    world.write_config_text(&text);
    for platform in &PLATFORMS {
        let hook = with_variables(&world, &[(platform.variable, "secret")]).await;
        assert_eq!(hook.send(&platform.bare()).await.status, 401, "{} has a secret", platform.name);
        for other in PLATFORMS.iter().filter(|other| other.name != platform.name) {
            assert_eq!(hook.send(&other.bare()).await.said(), (200, "ignored"), "{} has none", other.name);
        }
        let (_, reason) = hook.health("webhooks").unwrap();
        assert_eq!(reason.contains("allow_unsigned"), platform.name != "github", "only GitHub is in use: {reason}");
        assert!(hook.app.stop().await);
    }
}

#[tokio::test]
async fn a_signing_token_of_gitlab_is_never_made_up_for() {
    let world = one_project().await;
    let key = b"thirty-two bytes of a secret key";
    let token = format!("whsec_{}", STANDARD.encode(key));
    let variables = [("GITLAB_WEBHOOK_TOKEN", token.as_str()), ("GITLAB_WEBHOOK_TOKEN_PREVIOUS", "plain")];
    let hook = with_variables(&world, &variables).await;
    let body = r#"{"object_kind":"push"}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = |at: u64, key: &[u8]| {
        let signature = STANDARD.encode(hmac(key, format!("msg_1.{at}.{body}").as_bytes()));
        Delivery::new("/webhook/gitlab", body)
            .header("x-gitlab-event", "Push Hook")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", &at.to_string())
            .header("webhook-signature", &format!("v1,{signature}"))
    };
    for (what, delivery, status) in [
        ("good", signed(now, key), 200),
        ("a token alone", PLATFORMS[1].with("plain"), 200),
        ("old", signed(now - 400, key), 401),
        ("from the future", signed(now + 400, key), 401),
        ("wrong key", signed(now, b"no"), 401),
        ("wrong key beside a good token", signed(now, b"no").header("x-gitlab-token", "plain"), 401),
        ("the signing token as a token", PLATFORMS[1].with(&token), 401),
        ("no time", signed(now, key).without("webhook-timestamp"), 401),
    ] {
        let answer = hook.send(&delivery).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn azure_devops_may_send_the_secret_in_a_header_of_its_own() {
    let world = one_project().await;
    let hook = with_variables(&world, &[("AZDO_WEBHOOK_SECRET", "secret")]).await;
    for (secret, status) in [("secret", 200), ("wrong", 401)] {
        let delivery = PLATFORMS[2].bare().header("x-agent-smith-secret", secret);
        assert_eq!(hook.send(&delivery).await.status, status);
        assert_eq!(hook.send(&delivery.to("/webhook")).await.status, status);
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn a_projects_own_secret_is_good_for_its_tracker_only() {
    let world = World::with(&["org/api", "org/web"]).await;
    let own = "      webhook_secret: ${WEB_SECRET}\n      webhook_secret_previous: ${WEB_SECRET_BEFORE}\n";
    let projects = unpolled(&world, "api", "org/api", "") + &unpolled(&world, "web", "org/web", own);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let everywhere = "for-all";
    let variables =
        [("GITHUB_WEBHOOK_SECRET", everywhere), ("WEB_SECRET", "for-web"), ("WEB_SECRET_BEFORE", "was-for-web")];
    let hook = with_variables(&world, &variables).await;
    for (repository, secret, said) in [
        ("org/web", "for-web", (202, "claimed")),
        ("org/web", "was-for-web", (202, "claimed")),
        ("org/web", everywhere, (202, "claimed")),
        ("org/api", "for-web", (401, "unauthorized")),
        ("org/api", everywhere, (202, "claimed")),
    ] {
        let number = world.ask(repository, "Whose?");
        let issue = Issue::labeled(repository, number, "agent-smith");
        let body = issue.body().to_string();
        let delivery =
            issue.delivery(&format!("{repository} {number}")).header("x-hub-signature-256", &signature(secret, &body));
        let answer = hook.send(&delivery).await;
        assert_eq!(answer.said(), said, "{repository} with {secret}: {answer:?}");
    }
    assert!(hook.app.stop().await);
}
