//! One delivery on its way, and that it is acted on once.
//!
//! Who calls: `handle`. What must stay true: a delivery that is sent again gets the answer that the first one got; one
//! whose answer was "not now", or whose process died, may be sent again and is acted on then; nobody without the secret
//! can use up the id of a real one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::answer::Answer;
use super::event::Event;
use super::limits::{HOLD, LOOK_AGAIN, LOOK_AGAIN_LATER, REMEMBERED, RENEW_HOLD, TAKE_OVER};
use super::verify::Standing;
use crate::store::{self, DeliveryHold, Store};
use crate::ticket::PlatformKind;

/// A delivery that was verified and read.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) platform: PlatformKind,
    /// What the sender calls it; `None` where it gives no name.
    pub(super) id: Option<String>,
    pub(super) standing: Standing,
    pub(super) event: Event,
}

impl Delivery {
    /// What the store knows it by.
    fn store_id(&self) -> Option<String> {
        self.id.as_ref().map(|id| format!("{}:{}:{id}", self.platform, self.standing.word()))
    }

    /// Acts on the delivery, unless that was done or is being done. `end` ends the wait for whoever is doing it.
    ///
    /// # Errors
    /// When the store did not answer.
    pub(super) async fn once(
        &self,
        store: &Arc<dyn Store>,
        end: &CancellationToken,
        act: impl Future<Output = Answer>,
    ) -> store::Result<Answer> {
        let Some(id) = self.store_id() else { return Ok(act.await) };
        let holder = format!("{:032x}", rand::random::<u128>());
        let earlier = tokio::select! {
            earlier = wait_for(store, &id, &holder) => earlier?,
            () = end.cancelled() => Some(Answer::unavailable("shutting_down", "this process ends")),
        };
        if let Some(answer) = earlier {
            return Ok(answer);
        }
        let answer = tokio::select! {
            answer = act => answer,
            () = keep_holding(store, &id, &holder) => return Ok(Answer::accepted("somebody else works on this delivery now")),
        };
        let noted = match answer.stands() {
            true => store.answer_delivery(&id, &holder, &answer.to_text(), REMEMBERED).await,
            false => store.drop_delivery(&id, &holder).await,
        };
        if let Err(error) = noted {
            // It is acted on; sent again, the claim service finds that out.
            warn!(%error, "could not note how the delivery was answered");
        }
        Ok(answer)
    }
}

/// Until the delivery is ours, or somebody else has answered it. Not less: who holds it may have died, and the sender is
/// told that it is being worked on.
async fn wait_for(store: &Arc<dyn Store>, id: &str, holder: &str) -> store::Result<Option<Answer>> {
    let until = Instant::now() + TAKE_OVER;
    loop {
        match store.hold_delivery(id, holder, HOLD).await? {
            DeliveryHold::Held => return Ok(None),
            DeliveryHold::Answered(text) => {
                let answer = Answer::from_text(&text);
                return Ok(Some(answer.unwrap_or_else(|| Answer::ignored("this delivery was acted on before"))));
            }
            // The sender has its answer by then.
            DeliveryHold::HeldByOther if Instant::now() >= until => sleep(LOOK_AGAIN_LATER).await,
            DeliveryHold::HeldByOther => sleep(LOOK_AGAIN).await,
        }
    }
}

/// Resolves when the delivery is not ours any more. A store that does not answer does not end it: whoever holds the
/// delivery next meets the claim of the ticket.
async fn keep_holding(store: &Arc<dyn Store>, id: &str, holder: &str) {
    let mut pause: Duration = RENEW_HOLD;
    loop {
        sleep(pause).await;
        pause = RENEW_HOLD;
        match store.hold_delivery(id, holder, HOLD).await {
            Ok(DeliveryHold::Held) => {}
            Ok(DeliveryHold::HeldByOther | DeliveryHold::Answered(_)) => return,
            Err(_unavailable) => pause = RENEW_HOLD / 4,
        }
    }
}
