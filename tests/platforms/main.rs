//! One conformance suite for every platform: each row runs on each of them, over real HTTP against its simulator.
//!
//! What only one platform does is in that platform's own tests. `rig` is the one place that knows how to set each up.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod comments;
mod failures;
mod listings;
mod people;
mod rig;
mod transitions;

/// Runs each row once on each platform.
macro_rules! on_every_platform {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test]
                async fn github() {
                    super::$name($crate::rig::Rig::github().await).await;
                }

                #[tokio::test]
                async fn gitlab() {
                    super::$name($crate::rig::Rig::gitlab().await).await;
                }
                #[tokio::test]
                async fn azure_devops() {
                    super::$name($crate::rig::Rig::azure_devops().await).await;
                }

                #[tokio::test]
                async fn jira() {
                    super::$name($crate::rig::Rig::jira().await).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_platform;
