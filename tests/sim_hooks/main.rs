//! The webhooks of the simulated platforms: what is delivered, how it is signed, and what follows a failure.

#![allow(clippy::unwrap_used)]

mod contents;
mod proofs;
mod repeats;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_smith::http::webhook::event::Reading;
use agent_smith::http::webhook::read;
use agent_smith::sim::board::{Board, LabelRule};
use agent_smith::sim::hooks::{Delivery, Hook};
use agent_smith::sim::{SimServer, azure_devops, github, gitlab, jira};
use agent_smith::ticket::PlatformKind;
use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

/// The longest that anything may take; above what a busy machine needs.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Takes deliveries and answers what it was told to, 200 otherwise.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook?from=sim", listener.local_addr().unwrap());
        let this = receiver.clone();
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            this.arrived.lock().unwrap().push(Arrived { headers, body });
            let status = this.answers.lock().unwrap().pop_front().unwrap_or(200);
            async move { (StatusCode::from_u16(status).unwrap(), "noted") }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (receiver, url)
    }

    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

/// A simulated platform with one tracker, and somebody who receives its deliveries.
pub(crate) struct Rig {
    pub(crate) kind: PlatformKind,
    pub(crate) board: Board,
    pub(crate) sim: SimServer,
    pub(crate) tracker: &'static str,
    pub(crate) receiver: Receiver,
    pub(crate) url: String,
}

impl Rig {
    pub(crate) async fn start(kind: PlatformKind) -> Self {
        let board = Board::new();
        let (tracker, rule) = match kind {
            PlatformKind::GitHub => ("org/api", LabelRule::IgnoreCase),
            PlatformKind::GitLab => ("group/sub/api", LabelRule::ExactCase),
            PlatformKind::AzureDevOps => ("org/My project", LabelRule::IgnoreCase),
            PlatformKind::Jira => ("API", LabelRule::ExactCase),
        };
        board.add_tracker_with(tracker, rule).unwrap();
        let sim = match kind {
            PlatformKind::GitHub => github::serve(board.clone(), github::SimOptions::default()).await,
            PlatformKind::GitLab => gitlab::serve(board.clone(), gitlab::SimOptions::default()).await,
            PlatformKind::AzureDevOps => azure_devops::serve(board.clone(), azure_devops::SimOptions::default()).await,
            PlatformKind::Jira => jira::serve(board.clone(), jira::SimOptions::default()).await,
        };
        let (receiver, url) = Receiver::start().await;
        Self { kind, board, sim: sim.unwrap(), tracker, receiver, url }
    }

    /// The same with a hook on the tracker.
    pub(crate) async fn hooked(kind: PlatformKind) -> Self {
        let rig = Self::start(kind).await;
        rig.sim.hooks().add(rig.hook());
        rig
    }

    pub(crate) fn hook(&self) -> Hook {
        Hook::new(self.tracker, self.url.as_str())
    }

    pub(crate) async fn settle(&self) -> Vec<Delivery> {
        assert!(self.sim.hooks().settled(BOUND).await, "{:#?}", self.sim.hooks().deliveries());
        self.sim.hooks().deliveries()
    }

    /// What the server would read in the deliveries that arrived after the first `known`, in the order of the events.
    pub(crate) async fn readings(&self, known: usize) -> Vec<Reading> {
        let deliveries = self.settle().await;
        let arrived = self.receiver.arrived();
        assert_eq!(arrived.len(), deliveries.len());
        let read = |delivery: &Delivery| {
            let same = arrived.iter().find(|arrived| arrived.body == delivery.body).expect("it arrived");
            read::read(self.kind, &same.headers, &same.body).unwrap()
        };
        deliveries[known..].iter().map(read).collect()
    }
}
