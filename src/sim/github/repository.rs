//! A repository: its description, and what the token may do in it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json::{node_id, repo_url, time, user};
use super::located::Located;

/// The links that the official description requires: the property without `_url`, and the path below the repository.
const LINKS: [(&str, &str); 36] = [
    ("archive", "/{archive_format}{/ref}"),
    ("assignees", "/assignees{/user}"),
    ("blobs", "/git/blobs{/sha}"),
    ("branches", "/branches{/branch}"),
    ("collaborators", "/collaborators{/collaborator}"),
    ("comments", "/comments{/number}"),
    ("commits", "/commits{/sha}"),
    ("compare", "/compare/{base}...{head}"),
    ("contents", "/contents/{+path}"),
    ("contributors", "/contributors"),
    ("deployments", "/deployments"),
    ("downloads", "/downloads"),
    ("events", "/events"),
    ("forks", "/forks"),
    ("git_commits", "/git/commits{/sha}"),
    ("git_refs", "/git/refs{/sha}"),
    ("git_tags", "/git/tags{/sha}"),
    ("hooks", "/hooks"),
    ("issue_comment", "/issues/comments{/number}"),
    ("issue_events", "/issues/events{/number}"),
    ("issues", "/issues{/number}"),
    ("keys", "/keys{/key_id}"),
    ("labels", "/labels{/name}"),
    ("languages", "/languages"),
    ("merges", "/merges"),
    ("milestones", "/milestones{/number}"),
    ("notifications", "/notifications{?since,all,participating}"),
    ("pulls", "/pulls{/number}"),
    ("releases", "/releases{/id}"),
    ("stargazers", "/stargazers"),
    ("statuses", "/statuses/{sha}"),
    ("subscribers", "/subscribers"),
    ("subscription", "/subscription"),
    ("tags", "/tags"),
    ("teams", "/teams"),
    ("trees", "/git/trees{/sha}"),
];

/// Counts of things that the board does not have.
const NONE_OF: [&str; 6] = ["forks", "forks_count", "size", "stargazers_count", "watchers", "watchers_count"];
const SWITCHED_OFF: [&str; 7] =
    ["archived", "disabled", "fork", "has_downloads", "has_pages", "has_projects", "has_wiki"];
const ABSENT: [&str; 5] = ["description", "homepage", "language", "license", "mirror_url"];

pub(super) async fn read(at: Located) -> Response {
    Json(repository(&at)).into_response()
}

/// The repository as answers and deliveries show it.
pub(super) fn repository(at: &Located) -> Value {
    let tracker = &at.tracker;
    let (owner, name) = tracker.name.split_once('/').unwrap_or(("", &tracker.name));
    let (url, html_url) = (repo_url(at), format!("{}/{}", at.caller.origin, tracker.name));
    let mut repository = json!({
        "id": tracker.id,
        "node_id": node_id("R", tracker.id),
        "name": name,
        "full_name": tracker.name,
        "owner": user(owner, &at.caller),
        "private": true,
        "visibility": "private",
        "html_url": html_url,
        "url": url,
        "clone_url": format!("{html_url}.git"),
        "git_url": format!("{html_url}.git"),
        "ssh_url": format!("{html_url}.git"),
        "svn_url": html_url,
        "default_branch": "main",
        "has_issues": true,
        "open_issues": tracker.open_count,
        "open_issues_count": tracker.open_count,
        "permissions": {
            "admin": false,
            "maintain": false,
            "push": tracker.can_write,
            "triage": tracker.can_write,
            "pull": true,
        },
        "created_at": time(tracker.created_at),
        "updated_at": time(tracker.created_at),
        "pushed_at": time(tracker.created_at),
    });
    for (key, below) in LINKS {
        repository[format!("{key}_url")] = json!(format!("{url}{below}"));
    }
    let fixed = [(&NONE_OF[..], json!(0)), (&SWITCHED_OFF[..], json!(false)), (&ABSENT[..], Value::Null)];
    for (keys, value) in fixed {
        for key in keys {
            repository[*key] = value.clone();
        }
    }
    repository
}
