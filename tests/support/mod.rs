//! Real parts that several test files share. Each test file includes this module and uses its own share of it.

// A test file is a crate of its own, so what it leaves unused would count as dead, and what is public as unreachable.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod ground;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod world;
