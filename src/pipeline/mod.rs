//! What runs for a ticket.
