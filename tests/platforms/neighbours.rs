//! Two projects on one tracker of Azure DevOps that do not agree on which states count as finished.

use agent_smith::app::App;
use agent_smith::lifecycle::Lifecycle;
use serde_json::{Value, json};

use crate::house::{Backend, House};
use crate::rig::Rig;
use crate::support::world::eventually;

/// `first` counts a closed work item as finished, `second` does not; only webhooks start anything.
async fn house() -> House {
    let house = House::with(Rig::azure_devops().await, Backend::Embedded, "true");
    let unpolled = |name: &str| house.rig.section(name).replace("enabled: true", "enabled: false");
    let second =
        unpolled("second").replace("project: My Project", "project: My Project, open_states: [New, Closed]").replace(
            "{ agent-smith: fix-bug }",
            "{ review: fix-bug }\n      allowed_actors: [ada@example.invalid, person@example.invalid]",
        );
    let (began, go) = (house.path("began"), house.path("go"));
    let step = format!("touch {}; while [ ! -e {} ]; do sleep 0.05; done", began.display(), go.display());
    let projects = format!("{}{second}\nwebhooks: {{ allow_unsigned: true }}\n", unpolled("first"));
    house.write_config(&projects, &step);
    house
}

fn delivery(house: &House, kind: &str, resource: Value) -> Value {
    let collection = json!({ "baseUrl": house.rig.sim.api_url() });
    json!({ "eventType": kind, "resource": resource, "resourceContainers": { "collection": collection } })
}

/// A work item of which this changed.
fn updated(house: &House, number: u64, state: &str, changed: Value) -> Value {
    let fields = json!({ "System.TeamProject": "My Project", "System.State": state, "System.Tags": "review" });
    let resource = json!({ "workItemId": number, "fields": changed, "revision": { "id": number, "fields": fields } });
    delivery(house, "workitem.updated", resource)
}

async fn send(app: &App, delivery: &Value) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/webhook/azuredevops", app.address);
    let request = client.post(url).header("content-type", "application/json").body(delivery.to_string());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_projects_open_states_decide_about_its_own_tickets() {
    let house = house().await;
    let (board, tracker) = (house.rig.board.clone(), house.rig.tracker);
    let [running, tagged, told] = std::array::from_fn(|_| house.rig.ticket(&["review"]));
    let app = house.start().await;
    let tag = json!({ "System.Tags": { "newValue": "review" } });
    let answer = send(&app, &updated(&house, running, "New", tag.clone())).await;
    assert!(answer.0 == 202 && answer.1.contains("of second"), "{answer:?}");
    eventually("the step runs", async || house.path("began").exists().then_some(())).await;

    for number in [running, tagged, told] {
        board.close(tracker, number).unwrap();
    }
    let closed = json!({ "System.State": { "oldValue": "New", "newValue": "Closed" } });
    let answer = send(&app, &updated(&house, running, "Closed", closed)).await;
    assert!(answer.0 == 200 && !answer.1.contains("withdrawn"), "it is open where it runs: {answer:?}");
    let answer = send(&app, &updated(&house, tagged, "Closed", tag)).await;
    assert!(answer.0 == 202 && answer.1.contains("of second"), "{answer:?}");
    let fields = json!({
        "System.TeamProject": "My Project", "System.State": "Closed", "System.Tags": "review",
        "System.ChangedBy": "Ada <ada@example.invalid>", "System.History": "<div>/agent-smith run</div>",
    });
    let command = delivery(&house, "workitem.commented", json!({ "id": told, "fields": fields }));
    let answer = send(&app, &command).await;
    assert!(answer.0 == 202 && answer.1.contains("of second"), "{answer:?}");

    std::fs::write(house.path("go"), "").unwrap();
    for number in [running, tagged, told] {
        house.ends(number, Lifecycle::Done).await;
    }
    assert!(app.stop().await);
}
