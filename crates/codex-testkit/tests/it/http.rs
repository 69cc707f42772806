//! Just enough of an HTTP client to see every byte that the model sends, and when.

use std::time::Duration;

use codex_testkit::ScriptedModel;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) struct Response {
    pub(crate) status: u16,
    lines: Lines<BufReader<TcpStream>>,
}

/// Sends one request and reads the head of the answer.
pub(crate) async fn send(model: &ScriptedModel, method: &str, path: &str, body: &str) -> Response {
    let base = model.base_url();
    let (address, prefix) = base
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // HTTP/1.0 answers without chunks: the body is what comes until the end.
    let head = format!(
        "{method} /{prefix}{path} HTTP/1.0\r\nAuthorization: Bearer s3cret\r\nX-Case: Kept\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let lines = BufReader::new(stream).lines();
    let mut response = Response { status: 0, lines };
    let status = response.line().await.unwrap();
    response.status = status.split(' ').nth(1).unwrap().parse().unwrap();
    while !response.line().await.unwrap().is_empty() {}
    response
}

/// Asks for a response with an empty conversation.
pub(crate) async fn ask(model: &ScriptedModel) -> Response {
    send(model, "POST", "/responses", r#"{"input":[]}"#).await
}

impl Response {
    /// The next event, or `None` at the end of the stream, in whatever way that comes.
    pub(crate) async fn event(&mut self) -> Option<Value> {
        let name = self.line().await?;
        let data = self.line().await?;
        assert_eq!(self.line().await?, "");
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event["type"], name.strip_prefix("event: ").unwrap());
        Some(event)
    }

    async fn line(&mut self) -> Option<String> {
        let line = timeout(Duration::from_secs(10), self.lines.next_line());
        line.await.expect("the model is silent").ok()?
    }

    pub(crate) async fn events(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }

    pub(crate) async fn json(self) -> Value {
        let mut body = String::new();
        let mut reader = self.lines.into_inner();
        reader.read_to_string(&mut body).await.unwrap();
        serde_json::from_str(&body).unwrap()
    }
}

/// The types of events, without the prefix that all have.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    types
        .map(|name| name.strip_prefix("response.").unwrap())
        .collect()
}
