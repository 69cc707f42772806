//! Messages whose members have other types than the protocol says.

use std::future::pending;

use codex_sdk::{Codex, Error, Notification, types};
use codex_testkit::Peer;
use serde_json::{Map, Value, json};

use crate::answers::is_alive;
use crate::faults;
use crate::peer::{begin, connect, settle, start_thread, start_turn};
use crate::refusals::refusals;

faults! {
    envelopes: "each member of each kind of message with each type, and without it" => "delivered, reported or refused; the next turn is whole";
    notifications: "every notification with parameters of other types" => "delivered, as `Unrecognized` unless nothing is required; none is lost";
    of_a_turn: "every notification that doesn't end the turn, with its ids and nothing else" => "delivered to that turn, else its thread, else, without either, the client; none is lost";
    server_requests: "every server request with parameters of other types, and each approval with its own" => "an error, or the answer that says no";
    unknown_requests: "server requests that this version doesn't know" => "refused with -32601";
    ids_of_requests: "server requests whose ids are texts, large, negative or doubled" => "each is answered once, with its own id";
    responses: "the responses of eight methods as `null`, a number, a text, a list, an empty object" => "`Decode`, which names the method";
}

const WRONG: [&str; 8] = [
    "null", "true", "17", "-1.5e300", "\"text\"", "[]", "[{}]", "{}",
];

/// Each message with one member replaced or taken out, and with a member of another kind of message added.
fn messages() -> Vec<String> {
    let kinds = [
        json!({ "method": "warning", "params": { "message": "m" } }),
        json!({ "id": 7, "method": "item/tool/call", "params": {} }),
        json!({ "id": 7, "result": {} }),
        json!({ "id": 7, "error": { "code": 1, "message": "m" } }),
    ];
    let members = [
        "id", "method", "params", "result", "error", "jsonrpc", "trace",
    ];
    let mut messages = Vec::new();
    for kind in kinds {
        let kind = kind.as_object().unwrap();
        for member in members {
            let mut without: Map<String, Value> = kind.clone();
            without.remove(member);
            messages.push(Value::Object(without).to_string());
            for wrong in WRONG {
                let mut with = kind.clone();
                with.insert(member.to_owned(), serde_json::from_str(wrong).unwrap());
                messages.push(Value::Object(with).to_string());
            }
        }
    }
    messages
}

async fn envelopes() -> String {
    let (codex, mut peer) = connect().await;
    let messages = messages();
    let mut told = codex.notifications();
    for message in &messages {
        peer.raw(format!("{message}\n")).await;
        let answers = answers(&codex, &mut peer).await;
        peer.notify("the/next", json!({})).await;
        let mut events = 0;
        while !told
            .next()
            .await
            .unwrap()
            .is_ok_and(|it| it.method() == "the/next")
        {
            events += 1;
        }
        let has_method = serde_json::from_str::<Value>(message).unwrap()["method"].is_string();
        // An answer to nobody is ignored.
        let least = usize::from(has_method);
        assert!(
            (least..=1).contains(&(answers + events)),
            "{message}: {answers} {events}"
        );
    }
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    peer.turn("t", "1").play("whole").await;
    assert_eq!(
        turn.run().await.unwrap().final_response.as_deref(),
        Some("whole")
    );
    format!("{} messages", messages.len())
}

/// How many answers come, all of them errors, until a request of ours has gone there and back.
async fn answers(codex: &Codex, peer: &mut Peer) -> usize {
    let mut answers = 0;
    let probe = begin(codex.request_raw("probe", json!({})).into_future()).await;
    loop {
        let message = peer.next_message().await.unwrap();
        if message["method"] == "probe" {
            peer.reply(&message["id"], json!({})).await;
            probe.await.unwrap();
            return answers;
        }
        assert!(message["error"].is_object(), "{message}");
        answers += 1;
    }
}

async fn notifications() -> String {
    let (codex, mut peer) = connect().await;
    let mut all = codex.notifications();
    let (mut count, mut typed) = (0, 0);
    for method in types::ServerNotification::METHODS {
        for wrong in WRONG {
            let params = serde_json::from_str(wrong).unwrap();
            peer.notify(method, params).await;
            let event = all.next().await.unwrap().unwrap();
            assert_eq!(event.method(), *method);
            // Of some, nothing is required.
            let is_unread = matches!(event, Notification::Unrecognized { .. });
            assert!(is_unread || wrong == "{}", "{event:?}");
            typed += usize::from(!is_unread);
            count += 1;
        }
    }
    is_alive(&codex, &mut peer).await;
    format!("{count} of {count}, {typed} of them read")
}

async fn of_a_turn() -> String {
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let (mut of_thread, mut rest) = (thread.notifications(), codex.notifications());
    let (mut count, mut places) = (0, [0; 3]);
    for method in types::ServerNotification::METHODS {
        // These end what the next ones belong to.
        if ["turn/completed", "thread/closed", "thread/deleted"].contains(method) {
            continue;
        }
        let mut turn = start_turn(&thread, &mut peer, &format!("turn {count}")).await;
        let ids = json!({ "threadId": "t", "turnId": turn.id() });
        peer.notify(method, ids).await;
        settle(&codex, &mut peer).await;
        loop {
            // Everything is there by now, and some end the stream of the turn.
            let of_turn = async {
                match turn.next().await {
                    Some(event) => event,
                    None => pending().await,
                }
            };
            let (event, place) = tokio::select! {
                biased;
                event = of_turn => (event, 0),
                event = of_thread.next() => (event.unwrap(), 1),
                event = rest.next() => (event.unwrap(), 2),
            };
            if let Ok(event) = event
                && event.method() == *method
            {
                // What is read as a kind that has no thread belongs to the client.
                assert_eq!(event.thread_id().is_none(), place == 2, "{event:?}");
                places[place] += 1;
                break;
            }
        }
        let id = turn.id().to_owned();
        peer.turn("t", &id).completed("completed").await;
        settle(&codex, &mut peer).await;
        count += 1;
    }
    let [turn, thread, client] = places;
    format!("{turn} to the turn, {thread} to the thread, {client} to the client")
}

async fn server_requests() -> String {
    let (codex, mut peer) = connect().await;
    let mut count = 0;
    for method in types::ServerRequest::METHODS {
        for wrong in WRONG {
            peer.request(count, method, serde_json::from_str(wrong).unwrap())
                .await;
            match peer.expect_response(count).await {
                // The time is no permission, and the one thing that needs no parameters.
                Ok(_) if *method == "currentTime/read" => {}
                answer => assert!(answer.is_err(), "{method} {wrong}: {answer:?}"),
            }
            count += 1;
        }
    }
    for (method, params, refusal) in refusals() {
        peer.request(count, method, params).await;
        assert_eq!(peer.expect_response(count).await, Ok(refusal), "{method}");
        count += 1;
    }
    assert_eq!(codex.stats().server_requests_pending, 0);
    format!("{count} of {count}")
}

async fn unknown_requests() -> String {
    let (_codex, mut peer) = connect().await;
    for number in 0..100 {
        peer.request(number, "brand/new", json!({ "number": number }))
            .await;
        let error = peer.expect_response(number).await.unwrap_err();
        assert_eq!(error["code"], -32601, "{error}");
    }
    "100 of 100".to_owned()
}

async fn ids_of_requests() -> String {
    let (codex, mut peer) = connect().await;
    let ids = [
        json!("text"),
        json!(""),
        json!(i64::MAX),
        json!(i64::MIN),
        json!("7"),
        json!(7),
        json!(7),
    ];
    for id in &ids {
        peer.request(id.clone(), "brand/new", json!({})).await;
        assert!(peer.expect_response(id.clone()).await.is_err());
    }
    settle(&codex, &mut peer).await;
    format!("{} of {}", ids.len(), ids.len())
}

async fn responses() -> String {
    let (codex, mut peer) = connect().await;
    let mut refused = 0;
    for result in [json!(null), json!(17), json!("text"), json!([]), json!({})] {
        macro_rules! asks {
            ($($params:expr),* $(,)?) => {$(
                let call = begin(codex.request($params).into_future()).await;
                let request = peer.next_message().await.unwrap();
                peer.reply(&request["id"], result.clone()).await;
                let error = call.await.map(drop).unwrap_err();
                let Error::Decode(shape) = error else { panic!("{error:?}") };
                assert_eq!(shape.cause.method(), request["method"]);
                refused += 1;
            )*};
        }
        asks!(
            types::ThreadStartParams::default(),
            types::ThreadListParams::default(),
            types::ModelListParams::default(),
            types::SkillsListParams::default(),
            types::GetAccountParams::default(),
            types::ConfigReadParams::default(),
            types::ThreadLoadedListParams::default(),
            types::AppsListParams::default(),
        );
    }
    is_alive(&codex, &mut peer).await;
    format!("{refused} of {refused}")
}
