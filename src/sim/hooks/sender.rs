//! From what the board tells to requests: renders, queues, sends, tries again.
//!
//! Who calls: `handle.rs`. One task takes what the board tells and renders it; each delivery is then sent by a task of its
//! own, a few at once, so that their order at the receiver is not theirs here: platforms promise no order either.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use url::form_urlencoded;
use uuid::Uuid;

use super::dialect::{After, Draft, Message, Next, Sending};
use super::handle::{Hooks, MAX_DELIVERIES};
use super::hook::{Auth, Hook};
use super::post::post;
use super::record::{Answer, Delivery};
use crate::sim::board::{Happening, Listener};

impl Hooks {
    /// Delivers what the board tells, until the server stops.
    pub(super) async fn follow(self, mut listener: Listener) {
        let Some((_, stop)) = self.inner.server.get().cloned() else { return };
        loop {
            let happening = tokio::select! {
                () = stop.cancelled() => return,
                happening = listener.next() => happening,
            };
            let Some(happening) = happening else { return };
            for (hook, id, copies) in self.render(&happening) {
                for _ in 0..copies {
                    self.send(hook, id.clone());
                }
            }
            self.state().seen += 1;
            self.tell();
        }
    }

    /// Writes down the deliveries of a happening; returns hook, identifier, and how often each is to be sent.
    fn render(&self, happening: &Happening) -> Vec<(u64, String, u32)> {
        let Some((origin, _)) = self.inner.server.get() else { return Vec::new() };
        let seq = happening.events.last().map_or(0, |event| event.seq);
        let concerned: Vec<(u64, Hook)> = {
            let state = self.state();
            let hooks = state.hooks.iter().filter(|registered| {
                let is_of_it = registered.hook.tracker.eq_ignore_ascii_case(&happening.tracker.name);
                registered.is_enabled && registered.since < seq && is_of_it
            });
            hooks.map(|registered| (registered.number, registered.hook.clone())).collect()
        };
        let mut to_send = Vec::new();
        for (number, hook) in concerned {
            let sent_before = self.state().sent;
            let draft = Draft { origin, hook: &hook, hook_number: number, sent_before };
            for message in (self.inner.dialect.render)(happening, &draft) {
                to_send.extend(self.write_down(happening, &hook, number, message));
            }
        }
        to_send
    }

    fn write_down(
        &self,
        happening: &Happening,
        hook: &Hook,
        number: u64,
        message: Message,
    ) -> Option<(u64, String, u32)> {
        let json = message.body.to_string();
        let body = match hook.is_form {
            true => form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish(),
            false => json,
        };
        let mut state = self.state();
        let is_lost = state.lose > 0;
        state.lose = state.lose.saturating_sub(1);
        let copies = if state.double > 0 && !is_lost { 2 } else { 1 };
        if !is_lost {
            state.double = state.double.saturating_sub(1);
        }
        let id = Uuid::now_v7().to_string();
        let delivery = Delivery {
            id: id.clone(),
            event: message.event,
            ticket: Some(happening.ticket.number),
            actor: happening.actor().to_owned(),
            body: Bytes::from(body),
            headers: Vec::new(),
            is_lost,
            answers: Vec::new(),
        };
        state.sent += 1;
        if state.deliveries.len() == MAX_DELIVERIES {
            state.deliveries.pop_front();
        }
        state.deliveries.push_back((number, delivery));
        (!is_lost).then_some((number, id, copies))
    }

    /// Sends it in a task of its own, with the retries of the platform.
    pub(super) fn send(&self, hook: u64, id: String) {
        let Some((_, stop)) = self.inner.server.get().cloned() else { return };
        self.state().under_way += 1;
        let hooks = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = hooks.send_until_done(hook, &id) => {}
            }
            hooks.state().under_way -= 1;
            hooks.tell();
        });
    }

    async fn send_until_done(&self, hook: u64, id: &str) {
        let mut retries = 0;
        while let Some(answer) = self.send_once(hook, id, retries).await {
            match self.conclude(hook, id, answer, retries) {
                Next::Retry(pause) => tokio::time::sleep(pause).await,
                Next::Rest | Next::Disable => return,
            }
            retries += 1;
        }
    }

    /// `None` when the hook or the delivery is forgotten.
    async fn send_once(&self, hook: u64, id: &str, retries: u32) -> Option<Answer> {
        let (origin, _) = self.inner.server.get()?;
        let (to, event, body) = {
            let state = self.state();
            let to = state.hooks.iter().find(|registered| registered.number == hook)?.hook.clone();
            let (_, delivery) = state.deliveries.iter().rev().find(|(_, delivery)| delivery.id == id)?;
            (to, delivery.event.clone(), delivery.body.clone())
        };
        // The semaphore is never closed.
        let _permit = Arc::clone(&self.inner.at_once).acquire_owned().await.ok()?;
        let sending = Sending { id, event: &event, hook_number: hook, origin, auth: &to.auth, body: &body, retries };
        let mut headers = (self.inner.dialect.headers)(&sending);
        let kind = if to.is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
        if let Auth::Header { name, value } = &to.auth {
            headers.push((name.clone(), value.clone()));
        }
        let outcome = post(&to.url, &headers, body).await;
        let at = Utc::now();
        if let Some((_, delivery)) = self.state().deliveries.iter_mut().rev().find(|(_, one)| one.id == id) {
            delivery.headers = headers;
        }
        Some(match outcome {
            Ok((status, body)) => Answer { status: Some(status), body, at },
            Err(failed) => Answer { status: None, body: failed.to_string(), at },
        })
    }

    /// Notes the answer and says what the platform does then.
    fn conclude(&self, hook: u64, id: &str, answer: Answer, retries: u32) -> Next {
        let mut state = self.state();
        let mut after = After { status: answer.status, retries, failures_in_a_row: 0 };
        if let Some((_, delivery)) = state.deliveries.iter_mut().rev().find(|(_, delivery)| delivery.id == id) {
            delivery.answers.push(answer);
        }
        let pause = state.pause;
        let Some(registered) = state.hooks.iter_mut().find(|one| one.number == hook) else { return Next::Rest };
        registered.failures_in_a_row = if after.is_good() { 0 } else { registered.failures_in_a_row + 1 };
        after.failures_in_a_row = registered.failures_in_a_row;
        let next = (self.inner.dialect.next)(&after);
        if next == Next::Disable {
            registered.is_enabled = false;
        }
        match (next, pause) {
            (Next::Retry(_), Some(pause)) => Next::Retry(pause),
            _ => next,
        }
    }
}
