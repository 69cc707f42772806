//! As much of HTTP as the tests of the web service need. It is version 1.0: an answer ends with its connection.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::examples::within;

/// Asks for the page with these headers; its status and its text.
pub(super) async fn get(address: &str, headers: &[String]) -> (u16, String) {
    let request = format!("GET / HTTP/1.0\r\n{}\r\n\r\n", headers.join("\r\n"));
    ask(address, &request).await
}

/// Sends JSON; the status and the JSON of the answer, `null` if it is empty.
pub(super) async fn post(address: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, text) = ask(address, &request).await;
    let json = if text.is_empty() { "null" } else { &text };
    (status, serde_json::from_str(json).unwrap())
}

async fn ask(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A stream of server-sent events.
pub(super) struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    pub(super) async fn open(address: &str, user: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let request = format!("GET /events?user={user} HTTP/1.0\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(within(stream.read_line(&mut head)).await.unwrap(), 0);
        }
        assert!(head.contains("200 OK"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        Self { stream }
    }

    /// The name and the data of the next event, or `None` at the end.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        let (mut name, mut data) = (String::new(), None);
        loop {
            let mut line = String::new();
            if within(self.stream.read_line(&mut line)).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", it)) => it.clone_into(&mut name),
                Some(("data", it)) => data = Some(serde_json::from_str(it).unwrap()),
                // A comment keeps the connection alive; an empty line is the end of an event.
                _ => {
                    if let Some(data) = data.take() {
                        return Some((name, data));
                    }
                }
            }
        }
    }
}
