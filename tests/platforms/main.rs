//! One conformance suite for every platform: each row runs on each of them, over real HTTP against its simulator; on both
//! kinds of Jira, because they share little but the name.
//!
//! What only one platform does is in that platform's own tests. `rig` is the one place that knows how to set each up.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod change_requests;
mod commands;
mod comments;
mod failures;
mod house;
mod labellers;
mod lines;
mod listings;
mod neighbours;
mod people;
mod rig;
mod set_by_hand;
mod shared;
mod statuses;
mod transitions;
mod walks;
mod whole;
mod wishes;

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

                #[tokio::test]
                async fn jira_data_center() {
                    super::$name($crate::rig::Rig::jira_data_center().await).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_platform;

/// Runs each row once on each platform with each store.
macro_rules! on_every_platform_and_store {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use $crate::house::Backend::{Embedded, Redis};
                use $crate::rig::Rig;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn github_embedded() {
                    super::$name(Rig::github().await, Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn github_redis() {
                    super::$name(Rig::github().await, Redis).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn gitlab_embedded() {
                    super::$name(Rig::gitlab().await, Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn gitlab_redis() {
                    super::$name(Rig::gitlab().await, Redis).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn azure_devops_embedded() {
                    super::$name(Rig::azure_devops().await, Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn azure_devops_redis() {
                    super::$name(Rig::azure_devops().await, Redis).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn jira_embedded() {
                    super::$name(Rig::jira().await, Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn jira_redis() {
                    super::$name(Rig::jira().await, Redis).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn jira_data_center_embedded() {
                    super::$name(Rig::jira_data_center().await, Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn jira_data_center_redis() {
                    super::$name(Rig::jira_data_center().await, Redis).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_platform_and_store;
