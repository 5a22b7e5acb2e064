//! The repositories of the demo, with a bug and a test in each; the program that plays the coding agent; and what has
//! become of a change request.
//!
//! Who calls: `platforms` makes them, `view` asks about change requests. What must stay true: on a machine without git
//! there are none, and the demo does without.

use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::Context;

use super::platforms::{BILLING, SHOP, WEBSITE};
use crate::sim::board::TicketView;
use crate::sim::git::{Merge, Repositories};

/// The GitHub repository with the source of the Jira project.
pub(super) const INFRASTRUCTURE: &str = "acme/infra";
/// The one repository of the Azure DevOps project.
pub(super) const BILLING_REPOSITORY: &str = "billing";
/// The folder in the demo's directory with the repositories.
const FOLDER: &str = "remotes";

/// A repository in which one line is wrong.
struct Broken {
    project: &'static str,
    /// Where it is on its platform.
    path: &'static str,
    file: &'static str,
    text: &'static str,
    /// What is wrong in the text, and what it is to be.
    line: (&'static str, &'static str),
}

const ALL: [Broken; 4] = [
    Broken {
        project: "shop-api",
        path: SHOP,
        file: "cart.yml",
        text: "currency: EUR\nwhen_empty: fail\nkeep_days: 30\n",
        line: ("when_empty: fail", "when_empty: show_hint"),
    },
    Broken {
        project: "website",
        path: WEBSITE,
        file: "footer.html",
        text: "<footer>\n  <p>Acme, 2019</p>\n</footer>\n",
        line: ("Acme, 2019", "Acme, {{ year }}"),
    },
    Broken {
        project: "billing",
        path: "org/billing/_git/billing",
        file: "vat.yml",
        text: "rate: 19\nrounding: down\n",
        line: ("rounding: down", "rounding: half_up"),
    },
    Broken {
        project: "operations",
        path: INFRASTRUCTURE,
        file: "relay.yml",
        text: "host: mail.acme.example\ncertificate: spring\n",
        line: ("certificate: spring", "certificate: autumn"),
    },
];

impl Broken {
    /// The test that fails until the line is mended.
    fn test(&self) -> String {
        let (file, (_, mended)) = (self.file, self.line);
        format!(
            "grep -q '{mended}' {file} || {{ echo '1 test, 1 failed: {file}'; exit 1; }}\necho '1 test, none failed'\n"
        )
    }
}

/// Makes all of them, if there is a git that can.
pub(super) async fn make(directory: &Path) -> Option<Repositories> {
    let folder = directory.join(FOLDER);
    std::fs::create_dir(&folder).ok()?;
    let repositories = Repositories::in_folder(&folder);
    for broken in &ALL {
        repositories.add(broken.path).await.ok()?;
        let files = [(broken.file, broken.text), ("test.sh", &broken.test())];
        repositories.begin(broken.path, &files).await.ok()?;
    }
    Some(repositories)
}

/// Writes the program that plays the coding agent: it reads what it is told, thinks for a moment, and mends a line.
pub(super) fn write_agent(program: &Path) -> anyhow::Result<()> {
    let mut text = "#!/bin/sh\n# Plays a coding agent: it is told the ticket, thinks for a moment, and mends a line.\n\
                    cat > /dev/null\nsleep 2\ncase $AGENTSMITH_PROJECT in\n"
        .to_owned();
    for Broken { project, file, line: (wrong, mended), .. } in &ALL {
        writeln!(text, "  {project}) sed -i 's|{wrong}|{mended}|' {file}; echo 'I have mended {file}' ;;")?;
    }
    text.push_str("esac\n");
    std::fs::write(program, text).with_context(|| format!("cannot write {}", program.display()))
}

/// Tells what has become of change requests.
#[derive(Debug)]
pub(super) struct Requests {
    repositories: Repositories,
    /// The addresses of the simulated GitHub, GitLab and Azure DevOps.
    pages: [String; 3],
}

/// A change request, for a person.
pub(super) struct Request {
    /// Its page.
    pub(super) url: String,
    word: &'static str,
    is_draft: bool,
    merge: Merge,
    /// The steps that led to it, with the time of each.
    pub(super) way: String,
}

impl Requests {
    pub(super) fn new(repositories: Repositories, pages: [String; 3]) -> Self {
        Self { repositories, pages }
    }

    /// Whether this one can be merged as things stand, and what that changes.
    pub(super) async fn look(&self, tracker: &str, ticket: &TicketView) -> Option<Request> {
        let change = ticket.change.as_deref()?;
        let ([github, gitlab, azure], number) = (&self.pages, ticket.number);
        let below = format!("{tracker}/_git/{BILLING_REPOSITORY}");
        let (path, url, word) = match tracker {
            WEBSITE => (tracker, format!("{gitlab}/{tracker}/-/merge_requests/{number}"), "merge request"),
            BILLING => (below.as_str(), format!("{azure}/{below}/pullrequest/{number}"), "pull request"),
            _ => (tracker, format!("{github}/{tracker}/pull/{number}"), "pull request"),
        };
        let merge = self.repositories.merge(path, &change.base, &change.head).await?;
        Some(Request { url, word, is_draft: change.draft, merge, way: way_of(&ticket.body) })
    }
}

/// The rows of the table of steps in a change request, in a line: `checkout 0.4 s, agent 2.0 s, …`.
fn way_of(body: &str) -> String {
    let rows = body.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`'));
        Some(format!("{} {}", cells.next()?, cells.next()?))
    });
    cells.collect::<Vec<_>>().join(", ")
}

/// Such as `pull request, ready to merge: 1 file, +1 −1`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Merge { conflicts, files, added, removed, .. } = self.merge;
        let state = match (conflicts, self.is_draft) {
            (true, _) => "in conflict",
            (false, true) => "a draft",
            (false, false) => "ready to merge",
        };
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        write!(f, "{}, {state}: {files}, +{added} -{removed}", self.word)
    }
}
