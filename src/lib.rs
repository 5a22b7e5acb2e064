//! agent-smith: one server that turns labelled tickets into finished work.
//!
//! ```text
//! main -> cli -> app -> { http · leader · poll · housekeeping · consumer }
//!                         -> { claim · pipeline }
//!                         -> { platform · store }          never each other
//!                         -> config -> { ticket · lifecycle · job · clock }
//! ```

pub mod cli;
pub mod clock;
pub mod config;
pub mod health;
pub mod job;
pub mod lifecycle;
pub mod pipeline;
pub mod platform;
pub mod shutdown;
pub mod sim;
pub mod store;
pub mod ticket;
