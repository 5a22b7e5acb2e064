//! A listing that ends in time.
//!
//! Who calls: poll and housekeeping. What must stay true: a listing that was given up is an error, never an empty list.

use std::time::Duration;

use tokio::time::timeout;

use super::{Error, Listing, Platform, Result};
use crate::ticket::Candidate;

/// A listing that takes longer is given up and tried again in the next cycle.
const LIMIT: Duration = Duration::from_secs(20);

/// [`Platform::list`] with its time limit.
///
/// # Errors
/// The platform's, and [`Error::Transport`] when the time is over.
pub async fn list_in_time(platform: &dyn Platform, listing: Listing<'_>) -> Result<Vec<Candidate>> {
    let late = |_| Err(Error::Transport(format!("listing took longer than {} s", LIMIT.as_secs())));
    timeout(LIMIT, platform.list(listing)).await.unwrap_or_else(late)
}
