//! In which upper and lower case a project has a label.
//!
//! Who calls: the listings. GitLab finds a label by its exact title only, and a person may well have created
//! `Agent-Smith` where the configuration says `agent-smith`. What must stay true: the configured spelling is always
//! asked for.

use gitlab::api::projects::labels::Labels;
use tracing::debug;

use super::client::GitLab;
use super::models::Label;
use super::pages::Paging;
use super::refusal::About;
use super::session::Session;
use crate::platform::{Error, Result};
use crate::ticket::same_label;

/// Spellings of one label that are asked for. More is somebody's joke.
const MOST_SPELLINGS: usize = 8;

impl GitLab {
    /// The spellings of a label that tickets may carry, the given one first.
    ///
    /// Source: GitLab REST, "List all labels": labels of the groups above are included; `search` ignores case and also
    /// looks into descriptions.
    pub(super) async fn spellings_of(&self, label: &str) -> Result<Vec<String>> {
        if let Some(spellings) = self.spellings.get(label) {
            return Ok(spellings);
        }
        let what = format!("look for spellings of label {label} in {}", self.path);
        let session = Session::reading(self, &what, About::Issues);
        let endpoint = self.lookup_of(&session, label)?;
        let mut spellings = vec![label.to_owned()];
        let walk = session.walk(&endpoint, Paging::Counted, |page: Vec<Label>| {
            for Label { name } in page {
                if same_label(&name, label) && !spellings.contains(&name) {
                    spellings.push(name);
                }
            }
            spellings.len() < MOST_SPELLINGS
        });
        match walk.await {
            Ok(()) => {
                spellings.truncate(MOST_SPELLINGS);
                self.spellings.put(label, &spellings);
            }
            // The listing that follows says what is wrong, if anything is.
            Err(error @ (Error::NotFound { .. } | Error::Refused { .. })) => {
                debug!(%error, "label {label} of {} is asked for as it is written", self.path);
            }
            Err(error) => return Err(error),
        }
        Ok(spellings)
    }

    /// The request that looks for them.
    pub(super) fn lookup_of<'a>(&'a self, session: &Session<'_>, label: &'a str) -> Result<Labels<'a>> {
        session.built(Labels::builder().project(self.path.as_str()).search(label).build())
    }
}
