//! GitHub's deliveries as GitHub sends them, made from what a test wants to say.

use serde_json::{Value, json};

use crate::hook::{Delivery, hmac_hex};

/// The secret that the tests' hooks share with the server.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// What happened to an issue.
#[derive(Clone)]
pub(crate) struct Issue {
    pub(crate) action: &'static str,
    pub(crate) repository: String,
    pub(crate) number: u64,
    pub(crate) state: &'static str,
    pub(crate) labels: Vec<String>,
    /// The label that came or went.
    pub(crate) label: Option<String>,
    pub(crate) sender: &'static str,
}

impl Issue {
    /// `label` was put on issue `number`, which is open and carries it now.
    pub(crate) fn labeled(repository: &str, number: u64, label: &str) -> Self {
        Self {
            action: "labeled",
            repository: repository.to_owned(),
            number,
            state: "open",
            labels: vec![label.to_owned()],
            label: Some(label.to_owned()),
            sender: "person",
        }
    }

    /// Something without a label of its own happened.
    pub(crate) fn that_was(action: &'static str, repository: &str, number: u64, labels: &[&str]) -> Self {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Self { action, labels, label: None, ..Self::labeled(repository, number, "") }
    }

    pub(crate) fn body(&self) -> Value {
        let label = |name: &String| json!({ "id": 1, "name": name, "color": "ededed", "default": false });
        let page = format!("https://github.com/{}", self.repository);
        let mut body = json!({
            "action": self.action,
            "issue": {
                "id": 1_000_000 + self.number,
                "number": self.number,
                "title": "Something is wrong",
                "state": self.state,
                "labels": self.labels.iter().map(label).collect::<Vec<_>>(),
                "html_url": format!("{page}/issues/{}", self.number),
                "user": { "login": "author", "type": "User" },
                "body": "Please",
            },
            "repository": {
                "id": 7,
                "name": self.repository.split('/').next_back().unwrap(),
                "full_name": self.repository,
                "html_url": page,
                "owner": { "login": self.repository.split('/').next().unwrap() },
            },
            "sender": { "login": self.sender, "type": "User" },
        });
        if let Some(name) = &self.label {
            body["label"] = label(name);
        }
        body
    }

    /// The delivery, signed.
    pub(crate) fn delivery(&self, id: &str) -> Delivery {
        delivery("issues", id, &self.body().to_string())
    }
}

/// A signed delivery of any event.
pub(crate) fn delivery(event: &str, id: &str, body: &str) -> Delivery {
    Delivery::new("/webhook/github", body)
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", &signature(SECRET, body))
}

pub(crate) fn signature(secret: &str, body: &str) -> String {
    format!("sha256={}", hmac_hex(secret.as_bytes(), body.as_bytes()))
}
