//! The example `web_service`, as a program: over HTTP, and in a browser.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use codex_e2e::{Stage, demo};
use codex_testkit::{CodexHomeBuilder, Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::examples::{command, within};
use crate::web_service::http::{Events, get, post};

mod browser;
mod http;
mod page;

/// The example on a free port.
struct Service {
    child: Child,
    printed: Lines<BufReader<ChildStdout>>,
    /// A host and a port.
    address: String,
}

impl Service {
    async fn start(stage: &Stage) -> Self {
        let mut command = command(stage, "web_service", &["0"]).await;
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = within(printed.next_line()).await.unwrap().unwrap();
        let address = first.strip_prefix("Listening on http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
            printed,
        }
    }

    async fn answer(&self, user: &str, id: u64, accept: bool) -> (u16, Value) {
        let path = format!("/approvals/{id}?user={user}");
        post(&self.address, &path, &json!({ "accept": accept })).await
    }

    async fn start_turn(&self, user: &str) {
        let path = format!("/turns?user={user}");
        let (status, body) = post(&self.address, &path, &json!({ "text": "Tides?" })).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["turnId"].is_string(), "{body}");
    }

    /// Ctrl-C, and an orderly end.
    async fn stop(mut self) {
        let id = self.child.id().unwrap();
        kill(Pid::from_raw(id.try_into().unwrap()), Signal::SIGINT).unwrap();
        let mut last = String::new();
        while let Some(line) = within(self.printed.next_line()).await.unwrap() {
            last = line;
        }
        assert!(within(self.child.wait()).await.unwrap().success());
        assert_eq!(last, "Goodbye.");
    }
}

/// The number of the approval that waits, and what it is about.
async fn approval(events: &mut Events) -> (u64, Value) {
    loop {
        let (name, data) = events.next().await.unwrap();
        if let ("approvals", Some([approval])) = (&*name, data.as_array().map(Vec::as_slice)) {
            return (approval["id"].as_u64().unwrap(), approval.clone());
        }
    }
}

/// All notifications up to the end of the turn.
async fn rest_of_turn(events: &mut Events) -> Vec<Value> {
    let mut rest = Vec::new();
    while rest
        .last()
        .is_none_or(|last: &Value| last["method"] != "turn/completed")
    {
        let (name, data) = events.next().await.unwrap();
        if name == "notification" {
            rest.push(data);
        }
    }
    rest
}

/// The last value of this field among the notifications of this method.
fn last<'a>(notifications: &'a [Value], method: &str, field: &str) -> &'a Value {
    let mut of_method = notifications.iter().filter(|it| it["method"] == method);
    &of_method.next_back().unwrap()["params"][field]
}

#[codex_e2e_macros::test]
async fn web_service_shows_all_viewers_a_turn_and_takes_answers_from_other_requests() {
    let gate = Gate::new();
    let stage = demo::stage("web_service", Some(&gate)).await.unwrap();
    let service = Service::start(&stage).await;
    let mut early = Events::open(&service.address, "ada").await;
    let (name, history) = early.next().await.unwrap();
    assert_eq!((&*name, &history["turns"]), ("history", &json!([])));
    assert!(history["folder"].as_str().unwrap().ends_with("/ada"));
    service.start_turn("ada").await;
    // Text comes while the answer of the model is held.
    loop {
        let (_, data) = early.next().await.unwrap();
        if data["method"] == "item/agentMessage/delta" {
            break;
        }
    }
    gate.release();
    let (id, asked) = approval(&mut early).await;
    let method = "item/commandExecution/requestApproval";
    assert_eq!(asked["request"]["method"], method);
    let command = asked["request"]["params"]["command"].as_str().unwrap();
    assert!(command.contains("echo It is noon."), "{command}");

    // Who comes late, or under another spelling of the name, has what was before and what waits.
    let mut late = Events::open(&service.address, "Ada").await;
    let (name, history) = late.next().await.unwrap();
    assert_eq!(name, "history");
    let mut items = history["turns"][0]["items"].as_array().unwrap().iter();
    assert!(items.any(|it| it["type"] == "agentMessage"), "{history}");
    assert_eq!(approval(&mut late).await, (id, asked));

    let (status, error) = service.answer("bob", id, true).await;
    assert_eq!((status, &error["kind"]), (404, &json!("NoApproval")));
    assert_eq!(service.answer("ada", id, true).await, (204, Value::Null));
    let (status, error) = service.answer("ada", id, false).await;
    assert_eq!((status, &error["kind"]), (410, &json!("RequestWithdrawn")));
    for line in ["+# Tides in Lisbon", "+High at 05:12 and 17:38, low at"] {
        let (id, asked) = approval(&mut early).await;
        assert_eq!(approval(&mut late).await, (id, asked.clone()));
        let change = &asked["changes"][0];
        let diff = change["diff"].as_str().unwrap();
        assert!(diff.contains(&line[1..]), "{change}");
        assert_eq!(service.answer("ada", id, true).await, (204, Value::Null));
    }
    for events in [&mut early, &mut late] {
        let rest = rest_of_turn(events).await;
        assert_eq!(last(&rest, "turn/completed", "turn")["status"], "completed");
        let diff = last(&rest, "turn/diff/updated", "diff").as_str().unwrap();
        assert!(diff.contains("+High at 05:12 and 17:38, low at"), "{diff}");
    }
    service.stop().await;
    // Streams that are open end with it.
    for mut events in [early, late] {
        while events.next().await.is_some() {}
    }
}

#[codex_e2e_macros::test]
async fn web_service_tells_an_answer_that_comes_too_late() {
    let stage = demo::stage("web_service", None).await.unwrap();
    let service = Service::start(&stage).await;
    let mut events = Events::open(&service.address, "ada").await;
    service.start_turn("ada").await;
    let (id, _) = approval(&mut events).await;
    let interrupt = post(&service.address, "/interrupt?user=ada", &json!({})).await;
    assert_eq!(interrupt, (204, Value::Null));
    let rest = rest_of_turn(&mut events).await;
    let turn = last(&rest, "turn/completed", "turn");
    assert_eq!(turn["status"], "interrupted");
    let (status, error) = service.answer("ada", id, true).await;
    assert_eq!((status, &error["kind"]), (410, &json!("RequestWithdrawn")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no longer waits for an answer"), "{error}");
    service.stop().await;
}

/// The approvals that the page shows once there are so many.
async fn approvals(events: &mut Events, count: usize) -> Vec<Value> {
    loop {
        let (name, data) = events.next().await.unwrap();
        let Value::Array(list) = data else { continue };
        if name == "approvals" && list.len() == count {
            return list;
        }
    }
}

#[codex_e2e_macros::test]
async fn web_service_asks_its_user_what_a_sub_agent_of_a_sub_agent_asks() {
    let configure = |home: CodexHomeBuilder| home.config_toml("[agents]\nmax_depth = 2\n");
    let stage = Stage::with(configure).await.unwrap();
    let spawn = || {
        let task = json!({ "message": "Look at the tide, too." }).to_string();
        Reply::function_call("spawn_agent", task).namespace("multi_agent_v1")
    };
    let escalated = json!({
        "cmd": "echo asked", "sandbox_permissions": "require_escalated", "justification": "?",
    });
    let escalated = Reply::function_call("exec_command", escalated.to_string());
    // The user's thread makes a sub-agent, then both of them make one. Each of the four asks.
    for reply in [spawn(), spawn(), spawn()] {
        stage.model.push(reply);
    }
    stage.model.default_reply(escalated);
    let service = Service::start(&stage).await;
    let mut events = Events::open(&service.address, "ada").await;
    service.start_turn("ada").await;
    let own = loop {
        let (_, data) = events.next().await.unwrap();
        if data["method"] == "turn/started" {
            break data["params"]["threadId"].clone();
        }
    };
    let waiting = approvals(&mut events, 4).await;
    let asks = waiting.iter().map(|it| {
        let id = it["id"].as_u64().unwrap();
        (it["request"]["params"]["threadId"].to_string(), id)
    });
    let mut asks: BTreeMap<_, _> = asks.collect();
    assert_eq!(asks.len(), 4, "{waiting:#?}");
    stage.model.default_reply(Reply::text("Done."));
    let first = asks.remove(&own.to_string()).unwrap();
    assert_eq!(service.answer("ada", first, true).await.0, 204);
    rest_of_turn(&mut events).await;
    // These are taken off the page, though nothing happens on the user's own thread any more.
    for id in asks.into_values() {
        assert_eq!(service.answer("ada", id, true).await.0, 204);
    }
    // Each comment that keeps the connection alive begins the deadline of an event anew.
    let gone = timeout(Duration::from_secs(60), approvals(&mut events, 0));
    gone.await.unwrap();
    service.stop().await;
}

#[codex_e2e_macros::test]
async fn web_service_refuses_what_is_no_request_of_its_page() {
    let stage = demo::stage("web_service", None).await.unwrap();
    let service = Service::start(&stage).await;
    let address = &service.address;
    let host = format!("host: {address}");
    let (status, page) = get(address, std::slice::from_ref(&host)).await;
    assert_eq!(status, 200);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let text = json!({ "text": "Tides?" });
    let refusals = [
        ("/turns?user=ada", json!({ "words": 1 }), 422, "Body"),
        ("/turns?user=../ada", text.clone(), 400, "User"),
        ("/turns?user=", text.clone(), 400, "User"),
        ("/turns", text, 400, "User"),
        (
            "/approvals/7?user=ada",
            json!({ "accept": true }),
            404,
            "NoApproval",
        ),
    ];
    for (path, body, status, kind) in refusals {
        let (found, error) = post(address, path, &body).await;
        assert_eq!((found, &error["kind"]), (status, &json!(kind)), "{path}");
        assert!(error["message"].is_string(), "{path}: {error}");
    }
    // From the page of another site, and by a name that such a site has given to this machine.
    let others = [
        vec![host, "origin: http://attacker.example".to_owned()],
        vec!["host: attacker.example".to_owned()],
    ];
    for headers in others {
        let (status, error) = get(address, &headers).await;
        assert_eq!(status, 403, "{headers:?}");
        assert!(error.contains("Elsewhere"), "{error}");
    }
    service.stop().await;
}
