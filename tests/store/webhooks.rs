//! Rows about deliveries and offers of webhooks.

use std::sync::Arc;

use agent_smith::store::{DeliveryHold, Store};
use agent_smith::ticket::PlatformKind;

use crate::fixture::{LONG, SHORT, eventually, key};

const ID: &str = "github:signed:72d3162e-cc78-11e3-81ab-4c9367dc0958";

pub(crate) async fn a_delivery_is_held_by_one_at_a_time(store: Arc<dyn Store>) {
    assert_eq!(store.hold_delivery(ID, "a", LONG).await.unwrap(), DeliveryHold::Held);
    assert_eq!(store.hold_delivery(ID, "b", LONG).await.unwrap(), DeliveryHold::HeldByOther);
    assert_eq!(store.hold_delivery(ID, "a", LONG).await.unwrap(), DeliveryHold::Held, "its own is extended");
    assert_eq!(store.hold_delivery("github:unsigned:x", "b", LONG).await.unwrap(), DeliveryHold::Held);
    assert!(!store.answer_delivery(ID, "b", "mine", LONG).await.unwrap());
    assert!(!store.drop_delivery(ID, "b").await.unwrap());
    assert_eq!(store.hold_delivery(ID, "b", LONG).await.unwrap(), DeliveryHold::HeldByOther);
    assert!(store.drop_delivery(ID, "a").await.unwrap());
    assert!(store.drop_delivery("github:unsigned:x", "b").await.unwrap());
}

pub(crate) async fn an_answer_is_remembered_for_its_time(store: Arc<dyn Store>) {
    let answer = r#"{"status":202,"result":"claimed","reason":"held answered ü"}"#;
    assert!(!store.answer_delivery(ID, "a", answer, LONG).await.unwrap(), "nobody holds it");
    assert_eq!(store.hold_delivery(ID, "a", LONG).await.unwrap(), DeliveryHold::Held);
    assert!(store.answer_delivery(ID, "a", answer, SHORT).await.unwrap());
    for holder in ["a", "b"] {
        let found = store.hold_delivery(ID, holder, LONG).await.unwrap();
        assert_eq!(found, DeliveryHold::Answered(answer.to_owned()));
    }
    assert!(!store.drop_delivery(ID, "a").await.unwrap(), "an answer is not let go of");
    eventually("the answer is forgotten", || async {
        (store.hold_delivery(ID, "b", SHORT).await.unwrap() == DeliveryHold::Held).then_some(())
    })
    .await;
    assert!(store.drop_delivery(ID, "b").await.unwrap());
}

pub(crate) async fn what_is_let_go_or_runs_out_may_be_held_again(store: Arc<dyn Store>) {
    assert_eq!(store.hold_delivery(ID, "a", LONG).await.unwrap(), DeliveryHold::Held);
    assert!(store.drop_delivery(ID, "a").await.unwrap());
    assert_eq!(store.hold_delivery(ID, "died", SHORT).await.unwrap(), DeliveryHold::Held);
    eventually("the hold runs out", || async {
        (store.hold_delivery(ID, "b", LONG).await.unwrap() == DeliveryHold::Held).then_some(())
    })
    .await;
    assert!(!store.answer_delivery(ID, "died", "late", LONG).await.unwrap());
    assert!(store.drop_delivery(ID, "b").await.unwrap());
}

pub(crate) async fn offers_are_remembered_by_ticket(store: Arc<dyn Store>) {
    let tickets = [key("p", "1"), key("p", "2"), key("q", "1")];
    assert_eq!(store.offered(&tickets).await.unwrap(), [false; 3]);
    assert_eq!(store.offered(&[]).await.unwrap(), [false; 0]);
    let last = async |project: &str| store.since_last_offer(PlatformKind::GitHub, project, SHORT).await.unwrap();
    assert_eq!(last("p").await, None);
    store.note_offer(&tickets[1], SHORT).await.unwrap();
    assert_eq!(store.offered(&tickets).await.unwrap(), [false, true, false]);
    assert!(last("p").await.is_some_and(|ago| ago < SHORT), "a moment ago");
    assert_eq!(last("q").await, None);
    eventually("the offer is forgotten", || async {
        (store.offered(&tickets).await.unwrap() == [false; 3] && last("p").await.is_none()).then_some(())
    })
    .await;
}
