//! `System.Tags`: one string, many tags.

use crate::sim::board::TicketView;

/// The tags in a string that a client wrote; a comma separates as well.
pub(super) fn split(value: &str) -> Vec<String> {
    value.split([';', ',']).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// The field as it is answered; `None` when there are no tags, because then the field is absent.
pub(super) fn joined(ticket: &TicketView) -> Option<String> {
    let tags: Vec<&str> = ticket.labels.iter().collect();
    (!tags.is_empty()).then(|| tags.join("; "))
}
