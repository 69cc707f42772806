use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use codex_e2e::Stage;
use codex_testkit::Reply;
use codex_types::{
    ClientMethod, InitializeParams, JsonRpcError, Message, RequestId, ServerNotification,
    ServerRequest, ThreadStartParams, TurnStartParams, encode_error, encode_notification,
    encode_request, encode_response,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::recording::answers::answer;
use crate::recording::tally::{CheckReply, Tally, check_reply};

const DEADLINE: Duration = Duration::from_secs(15);

/// A runtime that is spoken to in raw lines. All of its own are recorded.
pub(crate) struct Session<'a> {
    pub(crate) stage: &'a Stage,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// The unanswered requests: their methods, and how to check their replies.
    asked: HashMap<i64, (&'static str, CheckReply)>,
    /// The answers that nobody has taken yet.
    answered: HashMap<i64, Result<Value, JsonRpcError>>,
    /// The notifications that nobody has waited for yet.
    heard: Vec<(String, Value)>,
    last_id: i64,
    tally: Tally,
}

impl<'a> Session<'a> {
    /// Starts a runtime on this stage.
    pub(crate) async fn start(stage: &'a Stage) -> Self {
        let mut runtime = stage.runtime().unwrap();
        let mut child = runtime.arg("app-server").spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let mut session = Self {
            stage,
            input: child.stdin.take(),
            child,
            lines: BufReader::new(output).lines(),
            asked: HashMap::new(),
            answered: HashMap::new(),
            heard: Vec::new(),
            last_id: 0,
            tally: Tally::default(),
        };
        session.handshake().await;
        session
    }

    async fn handshake(&mut self) {
        self.request::<InitializeParams>(json!({
            "clientInfo": {"name": "recording", "version": "1"},
            "capabilities": {"experimentalApi": true, "requestAttestation": true},
        }))
        .await;
        self.write(encode_notification::<()>("initialized", None, None))
            .await;
    }

    /// Ends the runtime's input, records what it still says, and returns the tally.
    pub(crate) async fn end(mut self) -> Tally {
        drop(self.input.take());
        let rest = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let asked = self.asked_by(&line);
                self.tally.record(&line, asked);
            }
            self.child.wait().await.unwrap()
        };
        let status = timeout(DEADLINE, rest).await.expect("the runtime stays");
        assert!(status.success(), "{status}");
        self.tally
    }

    /// Asks, and waits for the answer, which must be a result.
    pub(crate) async fn request<M>(&mut self, params: Value) -> M::Response
    where
        M: ClientMethod<Response: Debug> + DeserializeOwned,
    {
        let id = self.send::<M>(params).await;
        self.reply::<M>(id).await
    }

    /// Asks, and waits for the answer, which must be an error.
    pub(crate) async fn refused<M>(&mut self, params: Value) -> JsonRpcError
    where
        M: ClientMethod<Response: Debug> + DeserializeOwned,
    {
        let id = self.send::<M>(params).await;
        let answer = self.answer(id, M::METHOD).await;
        answer.expect_err(M::METHOD)
    }

    /// Asks without waiting. The params are written as their type writes them.
    pub(crate) async fn send<M>(&mut self, params: Value) -> i64
    where
        M: ClientMethod<Response: Debug> + DeserializeOwned,
    {
        let typed: M = serde_json::from_value(params.clone()).unwrap();
        let written = serde_json::to_value(&typed).unwrap();
        if written != params {
            eprintln!("XX {} {written} {params}", M::METHOD);
        }
        self.last_id += 1;
        let id = self.last_id;
        self.asked.insert(id, (M::METHOD, check_reply::<M>));
        self.write(encode_request(M::METHOD, &RequestId::Integer(id), &typed))
            .await;
        id
    }

    /// Waits for the result of what was [sent](Self::send).
    pub(crate) async fn reply<M: ClientMethod>(&mut self, id: i64) -> M::Response {
        let answer = self.answer(id, M::METHOD).await;
        let result = answer.unwrap_or_else(|error| panic!("{}: {error}", M::METHOD));
        serde_json::from_value(result).expect(M::METHOD)
    }

    async fn answer(&mut self, id: i64, method: &str) -> Result<Value, JsonRpcError> {
        self.wait(method, |session| session.answered.remove(&id))
            .await
    }

    /// Waits for a notification that nobody has waited for yet, and returns its params.
    pub(crate) async fn notification(
        &mut self,
        method: &str,
        matches: impl Fn(&Value) -> bool,
    ) -> Value {
        assert!(ServerNotification::METHODS.contains(&method), "{method}");
        self.wait(method, |session| session.heard(method, &matches))
            .await
    }

    /// A notification that has come already and that nobody has waited for yet.
    pub(crate) fn heard(
        &mut self,
        method: &str,
        matches: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let mut heard = self.heard.iter();
        let index = heard.position(|(name, params)| name == method && matches(params))?;
        Some(self.heard.remove(index).1)
    }

    /// Starts a thread and returns its id.
    pub(crate) async fn thread(&mut self, params: Value) -> String {
        let started = self.request::<ThreadStartParams>(params).await;
        started.thread.id
    }

    /// Starts a turn in which the model answers so; `options` are further params.
    pub(crate) async fn start_turn(
        &mut self,
        thread: &str,
        options: Value,
        replies: impl IntoIterator<Item = Reply>,
    ) -> String {
        for reply in replies {
            self.stage.model.push(reply);
        }
        let mut params = options;
        params["threadId"] = json!(thread);
        params["input"] = text("go");
        self.request::<TurnStartParams>(params).await.turn.id
    }

    /// Like [`Self::start_turn`], and waits for the end of the turn.
    pub(crate) async fn turn(
        &mut self,
        thread: &str,
        options: Value,
        replies: impl IntoIterator<Item = Reply>,
    ) -> String {
        let turn = self.start_turn(thread, options, replies).await;
        self.turn_end(&turn).await;
        turn
    }

    /// Waits for the end of a turn and returns its status.
    pub(crate) async fn turn_end(&mut self, turn: &str) -> String {
        let ended = self
            .notification("turn/completed", |params| params["turn"]["id"] == turn)
            .await;
        ended["turn"]["status"].as_str().unwrap().to_owned()
    }

    async fn wait<T>(&mut self, what: &str, mut ready: impl FnMut(&mut Self) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = ready(self) {
                    return found;
                }
                self.step().await;
            }
        };
        let found = timeout(DEADLINE, waiting).await;
        let unread = || {
            self.heard
                .iter()
                .map(|(method, _)| method)
                .collect::<Vec<_>>()
        };
        found.unwrap_or_else(|_| {
            panic!(
                "no {what} came, but {:?}; {:?}",
                unread(),
                self.tally.faults
            )
        })
    }

    /// Takes one line: records it, and answers or keeps what it says.
    async fn step(&mut self) {
        let line = self.lines.next_line().await.unwrap();
        let line = line.expect("the runtime has left");
        let asked = self.asked_by(&line);
        self.tally.record(&line, asked);
        match Message::parse(&line).unwrap() {
            Message::Notification { method, params, .. } => {
                self.heard.push((method.into_owned(), value(params)));
            }
            Message::Request { id, method, params } => {
                let request = ServerRequest::decode(&method, params).unwrap();
                let refusal = || encode_error(Some(&id), &JsonRpcError::new(-32601, "unexpected"));
                let answer = answer(&request);
                let line = answer.map_or_else(refusal, |answer| encode_response(&id, &answer));
                self.write(line).await;
            }
            Message::Response { id, result } => self.keep(&id, Ok(value(Some(result)))),
            Message::Error { id, error } => self.keep(&id.unwrap(), Err(error)),
        }
    }

    /// The method and the check of the request that a line answers.
    fn asked_by(&mut self, line: &str) -> Option<(&'static str, CheckReply)> {
        match Message::parse(line).ok()? {
            Message::Response {
                id: RequestId::Integer(id),
                ..
            }
            | Message::Error {
                id: Some(RequestId::Integer(id)),
                ..
            } => self.asked.remove(&id),
            _ => None,
        }
    }

    fn keep(&mut self, id: &RequestId, answer: Result<Value, JsonRpcError>) {
        let RequestId::Integer(id) = *id else {
            panic!("all ids are numbers");
        };
        self.answered.insert(id, answer);
    }

    async fn write(&mut self, line: Result<String, serde_json::Error>) {
        let line = format!("{}\n", line.unwrap());
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).await.unwrap();
    }
}

/// A text as the input of a turn.
pub(crate) fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text, "text_elements": []}])
}

fn value(raw: Option<&RawValue>) -> Value {
    raw.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap())
}
