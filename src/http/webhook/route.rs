//! From a request to an answer: head, body, signature, reading, handling.
//!
//! Who calls: the router of `http`. What must stay true: everything that can be refused by the head is refused before the
//! body is read; the answer goes out within reading and [`TAKE_OVER`], and handling goes on without it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use tracing::{Instrument, Span, debug, field, info, info_span, warn};

use super::answer::Answer;
use super::body::{self, Form};
use super::delivery::Delivery;
use super::event::{Change, Event, Reading};
use super::limits::{HANDLING, TAKE_OVER};
use super::receiver::Receiver;
use super::verify::{Keys, Standing};
use super::{read, sender};
use crate::config::Config;
use crate::ticket::PlatformKind;

/// `POST /webhook` and one route for each platform.
pub(in crate::http) fn routes(receiver: Arc<Receiver>) -> Router {
    let told_by_itself = |State(receiver): State<Arc<Receiver>>, request| receive(receiver, None, request);
    let router = Router::new().route("/webhook", post(told_by_itself));
    let router = PlatformKind::ALL.into_iter().fold(router, |router, platform| {
        let told = move |State(receiver): State<Arc<Receiver>>, request| receive(receiver, Some(platform), request);
        router.route(&format!("/webhook/{platform}"), post(told))
    });
    router.with_state(receiver)
}

async fn receive(receiver: Arc<Receiver>, told: Option<PlatformKind>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let told = told.or_else(|| sender::from_headers(&head.headers));
    let span = info_span!(
        "delivery",
        platform = told.map(field::display),
        delivery.id = field::Empty,
        delivery.event = field::Empty,
        delivery.result = field::Empty
    );
    async {
        let answer = match receiver.admit(told, &head.headers) {
            Ok(admitted) => receiver.take_in(admitted, &head.headers, body).await.unwrap_or_else(|refusal| refusal),
            Err(refusal) => {
                if !refusal.is_unavailable() {
                    body::throw_away(body).await;
                }
                refusal
            }
        };
        Span::current().record("delivery.result", answer.result());
        match (answer.is_unauthorized(), answer.is_unavailable()) {
            (true, _) => receiver.log_refusal(told, answer.reason()),
            (_, true) => warn!("delivery not taken: {}", answer.reason()),
            _ if answer.is_claimed() => info!("delivery answered: {}", answer.reason()),
            _ => debug!("delivery answered: {}", answer.reason()),
        }
        answer.into_response()
    }
    .instrument(span)
    .await
}

/// A delivery whose head is as it must be.
struct Admitted {
    platform: Option<PlatformKind>,
    config: Arc<Config>,
    form: Form,
    limit: usize,
    /// Held until the answer.
    _places: [OwnedSemaphorePermit; 2],
}

impl Receiver {
    fn admit(&self, platform: Option<PlatformKind>, headers: &HeaderMap) -> Result<Admitted, Answer> {
        let config = self.parts.config.current();
        let limit = config.webhooks.max_body_bytes;
        let (form, length) = body::announced(platform, headers, limit)?;
        let candidates = platform.map_or(sender::TOLD_BY_BODY.to_vec(), |platform| vec![platform]);
        let look = |candidate: &PlatformKind| Keys::of(&config, *candidate).look(headers).err();
        let refusals: Vec<String> = candidates.iter().filter_map(look).map(|refused| refused.to_string()).collect();
        if refusals.len() == candidates.len() {
            return Err(Answer::unauthorized(refusals.join("; ")));
        }
        let places = self.place(candidates[0], length.unwrap_or(limit))?;
        Ok(Admitted { platform, config, form, limit, _places: places })
    }

    async fn take_in(
        self: &Arc<Self>,
        admitted: Admitted,
        headers: &HeaderMap,
        body: axum::body::Body,
    ) -> Result<Answer, Answer> {
        let Admitted { config, form, limit, .. } = &admitted;
        let body = body::read(body, *limit).await?;
        let platform = admitted.platform.or_else(|| sender::from_body(&body)).ok_or_else(|| {
            Answer::malformed("neither headers nor body tell which platform sent this; send it to /webhook/<platform>")
        })?;
        if admitted.platform.is_none() {
            Span::current().record("platform", field::display(platform));
        }
        let standing = verify(config, platform, headers, &body)?;
        let json = body::json(*form, body)?;
        let id = read::delivery_id(platform, headers, &json);
        if let Some(id) = &id {
            Span::current().record("delivery.id", id);
        }
        let reading = read::read(platform, headers, &json).map_err(|unreadable| Answer::malformed(unreadable.0))?;
        drop(json);
        match reading {
            Reading::Nothing(reason) => Ok(Answer::ignored(reason)),
            Reading::Event(event) => {
                Span::current().record("delivery.event", in_words(&event));
                self.hand_over(Delivery { platform, id, standing, event: *event }).await
            }
        }
    }

    /// Handles the delivery in a task of its own, so that neither a sender that goes away nor one that has waited long
    /// enough ends it.
    async fn hand_over(self: &Arc<Self>, delivery: Delivery) -> Result<Answer, Answer> {
        let place = self.place_to_handle()?;
        let (answered, answer) = oneshot::channel();
        let receiver = Arc::clone(self);
        let work = async move {
            let alone = || answered.is_closed();
            let handled = timeout(HANDLING, receiver.handle(&delivery, &alone)).await;
            let answer = handled.unwrap_or_else(|_late| Answer::unavailable("too_slow", "it took too long"));
            if let Err(late) = answered.send(answer) {
                Span::current().record("delivery.result", late.result());
                let words = format!("delivery finished in the background: {}", late.reason());
                if late.is_unavailable() { warn!("{words}") } else { info!("{words}") }
            }
            drop(place);
        };
        self.parts.shutdown.tasks().spawn(work.instrument(Span::current()));
        match timeout(TAKE_OVER, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_ended)) => {
                Err(Answer::unavailable("internal", "handling this delivery broke off; this is a defect"))
            }
            Err(_slow) => Ok(Answer::accepted("the platform takes its time; this delivery goes on without the answer")),
        }
    }
}

fn verify(config: &Config, platform: PlatformKind, headers: &HeaderMap, body: &Bytes) -> Result<Standing, Answer> {
    let keys = Keys::of(config, platform);
    let verified = keys.look(headers).and_then(|shown| keys.verify(&shown, body, body::now()));
    verified.map_err(|refused| Answer::unauthorized(refused.to_string()))
}

/// `labels added, closed`: kinds and nothing that somebody wrote.
fn in_words(event: &Event) -> String {
    let kinds = event.changes.iter().map(|change| match change {
        Change::Opened => "opened",
        Change::Reopened => "reopened",
        Change::Closed => "closed",
        Change::Deleted => "deleted",
        Change::LabelsAdded(_) => "labels added",
        Change::LabelsRemoved(_) => "labels removed",
        Change::Assigned(_) => "assigned",
        Change::StatusChanged(_) => "status changed",
        Change::Unnamed => "changed",
        Change::Commented(_) => "commented",
    });
    kinds.collect::<Vec<_>>().join(", ")
}
