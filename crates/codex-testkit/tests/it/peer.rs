use std::time::Duration;

use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream,
};

/// The smallest client: writes lines, reads lines.
struct Client {
    reader: BufReader<DuplexStream>,
    writer: DuplexStream,
}

impl Client {
    fn pair() -> (Peer, Self) {
        let (peer, (reader, writer)) = Peer::pair();
        let reader = BufReader::new(reader);
        (peer, Self { reader, writer })
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[tokio::test]
async fn a_handshake_and_a_turn_are_played() {
    let (mut peer, mut client) = Client::pair();
    client
        .send(json!({"id": 1, "method": "initialize", "params": {"clientInfo": {}}}))
        .await;
    client.send(json!({"method": "initialized"})).await;
    assert_eq!(peer.handshake().await, json!({"clientInfo": {}}));
    let hello = client.receive().await;
    assert_eq!(hello["id"], 1);
    assert!(
        hello["result"]["userAgent"]
            .as_str()
            .unwrap()
            .starts_with("test/0.")
    );

    client
        .send(json!({"id": "a", "method": "turn/start", "params": {}}))
        .await;
    let request = peer.expect_request("turn/start").await;
    peer.reply(&request.id, shapes::turn_start_response("u"))
        .await;
    peer.turn("t", "u").play("hi").await;

    assert_eq!(client.receive().await["id"], "a");
    let mut methods = Vec::new();
    for _ in 0..6 {
        let notification = client.receive().await;
        assert_eq!(notification["params"]["threadId"], "t");
        assert!(notification["emittedAtMs"].is_i64());
        methods.push(notification["method"].as_str().unwrap().to_owned());
    }
    let expected = [
        "turn/started",
        "item/started",
        "item/agentMessage/delta",
        "item/completed",
        "thread/tokenUsage/updated",
        "turn/completed",
    ];
    assert_eq!(methods, expected);
}

#[tokio::test]
async fn errors_and_server_requests_go_both_ways() {
    let (mut peer, mut client) = Client::pair();
    client.send(json!({"id": 7, "method": "model/list"})).await;
    let request = peer.expect_request("model/list").await;
    assert_eq!(request.params, Value::Null);
    let data = Some(json!({"retry": true}));
    peer.reply_error(&request.id, -32001, "busy", data).await;
    let error = json!({"code": -32001, "message": "busy", "data": {"retry": true}});
    assert_eq!(client.receive().await, json!({"id": 7, "error": error}));

    peer.request(0, "currentTime/read", json!({})).await;
    assert_eq!(client.receive().await["id"], 0);
    client.send(json!({"id": 0, "result": {"now": 1}})).await;
    assert_eq!(peer.expect_response(0).await, Ok(json!({"now": 1})));

    peer.request("approval-1", "x", json!({})).await;
    client.receive().await;
    client
        .send(json!({"id": "approval-1", "error": {"code": -32603}}))
        .await;
    assert_eq!(
        peer.expect_response("approval-1").await,
        Err(json!({"code": -32603}))
    );
}

#[tokio::test]
async fn bytes_pass_as_they_are_whatever_their_number() {
    let (mut peer, mut client) = Client::pair();
    let mut bytes = vec![0xff; 8 << 20];
    bytes.push(b'\n');
    peer.raw(bytes.clone()).await;
    peer.raw("{\"half\":").await;
    peer.close().await;

    let mut received = Vec::new();
    client.reader.read_to_end(&mut received).await.unwrap();

    bytes.extend(b"{\"half\":");
    assert!(received == bytes);
    client.send(json!({"still": "heard"})).await;
    assert_eq!(peer.next_message().await, Some(json!({"still": "heard"})));
}

#[tokio::test]
async fn dropping_the_writer_is_an_end_of_input() {
    let (mut peer, Client { reader, writer }) = Client::pair();
    drop(writer);

    peer.expect_eof().await;
    assert_eq!(peer.next_message().await, None);
    drop(reader);
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let (mut peer, mut client) = Client::pair();
    client.writer.write_all(b"{\"id\":1,").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(20), peer.next_message()).await;
    assert!(early.is_err());
    client
        .writer
        .write_all(b"\"method\":\"m\"}\n")
        .await
        .unwrap();

    assert_eq!(peer.expect_request("m").await.id, 1);
}

#[tokio::test]
#[should_panic(expected = r#"no request for turn/start; got {"method":"initialized"}"#)]
async fn a_surprise_is_shown() {
    let (mut peer, mut client) = Client::pair();
    client.send(json!({"method": "initialized"})).await;

    peer.expect_request("turn/start").await;
}

#[tokio::test]
#[should_panic(expected = "tests/it/peer.rs")]
async fn a_missed_deadline_names_the_line_of_the_test() {
    let (mut peer, _client) = Client::pair();
    peer.set_deadline(Duration::from_millis(20));

    peer.next_message().await;
}
