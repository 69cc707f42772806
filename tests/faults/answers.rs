//! The runtime answers late, twice, in another order, somebody else, or nonsense.

use std::time::{Duration, Instant};

use codex_sdk::{Codex, Error};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::peer::{accept_turn, begin, connect, connect_with, settle, start_thread, thread};
use crate::{after, faults, since};

faults! {
    never: "a request is never answered" => "`Timeout` with the method, when `request_timeout` passes";
    late: "an answer comes after the deadline of its request" => "ignored; the connection lives on";
    twice: "an answer comes twice" => "the first one counts, the second is ignored";
    reversed: "50 answers in reverse order" => "each call gets its own";
    to_nobody: "answers with ids that nobody has sent" => "ignored; the connection lives on";
    by_text: "an answer whose id is the text of the number" => "ignored: it is another id";
    both: "an answer with a result and an error" => "it ends its request with `Decode`";
    neither: "an answer with neither a result nor an error" => "it ends its request with `Decode`";
    bad_errors: "errors without a code, a message, or of another type" => "each ends its request with an error";
    another_shape: "results of another shape than the method's" => "`Decode`, which names the method and the place";
    after_the_turn: "`turn/start` is answered after its turn has ended" => "`run` returns the whole turn";
    another_turn: "`turn/start` is answered twice, with two turns" => "the first one counts";
    hung_up: "the runtime hangs up on 100 requests" => "each fails with `Closed`";
}

async fn never() -> String {
    let (codex, mut peer) = hasty().await;
    let start = Instant::now();
    let error = codex.request_raw("slow", json!({})).await.unwrap_err();
    let Error::Timeout { method, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(method, "slow");
    let took = after(Duration::from_millis(200), start);
    peer.expect_request("slow").await;
    is_alive(&codex, &mut peer).await;
    format!("a deadline of 200 ms: {took}")
}

async fn late() -> String {
    let (codex, mut peer) = hasty().await;
    let error = codex.request_raw("slow", json!({})).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let request = peer.expect_request("slow").await;
    peer.reply(&request.id, json!("late")).await;
    is_alive(&codex, &mut peer).await;
    "1 of 1".to_owned()
}

async fn twice() -> String {
    let (codex, mut peer) = connect().await;
    for number in 0..100 {
        let call = begin(codex.request_raw("it", json!({})).into_future()).await;
        let request = peer.expect_request("it").await;
        peer.reply(&request.id, json!(number)).await;
        peer.reply(&request.id, json!("again")).await;
        peer.reply_error(&request.id, -1, "and again", None).await;
        assert_eq!(call.await.unwrap(), json!(number));
    }
    is_alive(&codex, &mut peer).await;
    "100 of 100".to_owned()
}

async fn reversed() -> String {
    const CALLS: usize = 50;
    let (codex, mut peer) = connect().await;
    let start = Instant::now();
    let calls =
        (0..CALLS).map(|number| tokio::spawn(codex.request_raw("it", json!(number)).into_future()));
    let calls: Vec<_> = calls.collect();
    let mut requests = Vec::new();
    for _ in 0..CALLS {
        requests.push(peer.expect_request("it").await);
    }
    for request in requests.iter().rev() {
        peer.reply(&request.id, request.params.clone()).await;
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), json!(number));
    }
    since(start)
}

async fn to_nobody() -> String {
    let (codex, mut peer) = connect().await;
    let call = begin(codex.request_raw("it", json!({})).into_future()).await;
    let request = peer.expect_request("it").await;
    let ids = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(null),
        json!([1]),
        json!({}),
    ];
    for id in &ids {
        peer.reply(id, json!("stray")).await;
        peer.reply_error(id, -1, "stray", None).await;
    }
    settle(&codex, &mut peer).await;
    peer.reply(&request.id, json!("mine")).await;
    assert_eq!(call.await.unwrap(), json!("mine"));
    format!("{} stray answers", 2 * ids.len())
}

async fn by_text() -> String {
    let (codex, mut peer) = connect().await;
    let call = begin(codex.request_raw("it", json!({})).into_future()).await;
    let request = peer.expect_request("it").await;
    peer.reply(&json!(request.id.to_string()), json!("stray"))
        .await;
    settle(&codex, &mut peer).await;
    peer.reply(&request.id, json!("mine")).await;
    assert_eq!(call.await.unwrap(), json!("mine"));
    "1 of 1".to_owned()
}

async fn both() -> String {
    let error = answered(r#""result":{},"error":{"code":-5,"message":"no"}"#)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error:?}");
    "1 of 1".to_owned()
}

async fn neither() -> String {
    let error = answered(r#""other":1"#).await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error:?}");
    "1 of 1".to_owned()
}

async fn bad_errors() -> String {
    let errors = [
        "{}",
        r#"{"message":"no"}"#,
        r#"{"code":-5}"#,
        r#"{"code":"five","message":"no"}"#,
        r#"{"code":-5,"message":{"deep":[]}}"#,
        r#"{"code":1e999,"message":"no"}"#,
        r#""no""#,
        "17",
        "[]",
    ];
    for error in errors {
        let error = answered(&format!(r#""error":{error}"#)).await.unwrap_err();
        assert!(!error.is_closed() && !error.is_timeout(), "{error:?}");
    }
    format!("{} of {}", errors.len(), errors.len())
}

async fn another_shape() -> String {
    let results = [
        (json!(null), "invalid type: null"),
        (json!(17), "invalid type: integer"),
        (json!([]), "invalid type: sequence"),
        (json!({}), "missing field `data`"),
        (json!({ "data": 5 }), "at `data`: invalid type"),
        (json!({ "data": [{ "id": 7 }] }), "it is read in part"),
    ];
    let (codex, mut peer) = connect().await;
    let mut refused = 0;
    for (result, expected) in &results {
        let call = begin(codex.models().into_future()).await;
        let request = peer.expect_request("model/list").await;
        peer.reply(&request.id, result.clone()).await;
        match call.await {
            Err(Error::Decode(shape)) => {
                let cause = shape.cause.to_string();
                let (method, place) = cause.split_once(": ").unwrap();
                assert_eq!(method, "cannot decode `model/list`");
                assert!(place.starts_with(expected), "{place}");
                refused += 1;
            }
            // An element that can't be read is left out of a list, and counted.
            Ok(models) => assert!(models.data.is_empty() && *expected == "it is read in part"),
            Err(error) => panic!("{error:?}"),
        }
    }
    is_alive(&codex, &mut peer).await;
    format!(
        "{refused} of {} refused, the others read in part",
        results.len()
    )
}

async fn after_the_turn() -> String {
    let (_codex, mut peer, thread) = thread().await;
    let run = begin(thread.run("go").into_future()).await;
    let request = peer.expect_request("turn/start").await;
    peer.turn("t", "1").play("whole").await;
    peer.reply(&request.id, shapes::turn_start_response("1"))
        .await;
    let result = run.await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("whole"));
    format!("{} items", result.items.len())
}

async fn another_turn() -> String {
    let (codex, mut peer, thread) = thread().await;
    let run = begin(thread.run("go").into_future()).await;
    let request = accept_turn(&mut peer, "1").await;
    peer.reply(&request.id, shapes::turn_start_response("2"))
        .await;
    peer.turn("t", "1").play("first").await;
    let result = run.await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("first"));
    is_alive(&codex, &mut peer).await;
    "1 of 1".to_owned()
}

async fn hung_up() -> String {
    let (codex, mut peer) = connect().await;
    let calls: Vec<_> = (0..100)
        .map(|_| tokio::spawn(codex.request_raw("it", json!({})).into_future()))
        .collect();
    peer.expect_request("it").await;
    let start = Instant::now();
    drop(peer);
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is_closed());
    }
    since(start)
}

async fn hasty() -> (Codex, Peer) {
    connect_with(Codex::builder().request_timeout(Duration::from_millis(200))).await
}

/// What a call returns that is answered like this.
async fn answered(rest: &str) -> codex_sdk::Result<Value> {
    let (codex, mut peer) = connect().await;
    let call = begin(codex.request_raw("it", json!({})).into_future()).await;
    let request = peer.expect_request("it").await;
    peer.raw(format!("{{\"id\":{},{rest}}}\n", request.id))
        .await;
    let outcome = call.await;
    is_alive(&codex, &mut peer).await;
    outcome
}

/// A thread can be started, and nothing is left over.
pub(crate) async fn is_alive(codex: &Codex, peer: &mut Peer) {
    drop(start_thread(codex, peer, "alive").await);
    assert_eq!(codex.stats().requests_in_flight, 0);
}
