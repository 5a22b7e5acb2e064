//! A platform that answers at once, so that what is measured is ours.

use agent_smith::job::{Entitled, WriteRight};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::{
    Access, Comment, CommentId, Labelling, Listing, Page, PlannedCall, Platform, Position, Reaction, Result,
    StatusChange,
};
use agent_smith::ticket::{Account, Labels, PlatformKind, Ticket};

/// Every ticket is open and carries the trigger label.
pub(crate) struct Instant;

#[async_trait::async_trait]
impl Platform for Instant {
    fn kind(&self) -> PlatformKind {
        PlatformKind::GitHub
    }

    async fn check_access(&self) -> Result<Access> {
        Ok(Access { summary: "everything".to_owned(), warning: None })
    }

    async fn page(&self, _listing: Listing<'_>, _at: &Position) -> Result<Page> {
        Ok(Page::default())
    }

    fn plan(&self, _listing: Listing<'_>) -> Vec<PlannedCall> {
        Vec::new()
    }

    async fn read(&self, ticket: &str) -> Result<Ticket> {
        Ok(Ticket {
            id: ticket.to_owned(),
            title: "Checkout fails for an empty cart".to_owned(),
            body: String::new(),
            labels: ["agent-smith"].into_iter().collect(),
            state: "open".to_owned(),
            open: true,
            url: format!("https://github.com/org/api/issues/{ticket}"),
        })
    }

    async fn transition(&self, _right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        Ok(["agent-smith"].into_iter().chain(to.map(Lifecycle::label)).collect())
    }

    async fn set_status(&self, _right: &dyn WriteRight, _status: &str) -> Result<StatusChange> {
        Ok(StatusChange::AlreadyThere)
    }

    async fn comment(&self, _right: &dyn WriteRight, _comment: &Comment) -> Result<Option<CommentId>> {
        Ok(None)
    }

    async fn me(&self) -> Result<Account> {
        Ok(Account { id: "agent-smith".to_owned(), ..Account::default() })
    }

    async fn may_write(&self, _who: &Account, _ticket: &str) -> Result<bool> {
        Ok(true)
    }

    async fn who_labelled(&self, _ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        let by = Account { id: "person".to_owned(), ..Account::default() };
        Ok(labels.first().map(|label| Labelling { label: (*label).to_owned(), by }))
    }

    async fn react(&self, _to: &Entitled, _place: (&str, &str), _reaction: Reaction) -> Result<bool> {
        Ok(true)
    }

    async fn answer(&self, _to: &Entitled, _ticket: &str, _comment: &Comment) -> Result<()> {
        Ok(())
    }
}
