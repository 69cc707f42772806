//! One line of text for each line on the wire.

use std::fmt::Write as _;

use codex_types::{
    ClientMethod, ClientNotification, ClientRequest, Message, RequestId, ServerNotification,
    ServerRequest, ThreadForkParams, ThreadItem, ThreadResumeParams, ThreadStartParams, Turn,
    TurnStartParams, UserInput, decode_response,
};
use serde_json::value::RawValue;

/// The maximum number of characters of content in a line.
const WORDS: usize = 60;

/// What the tap remembers between lines: the requests that await an answer.
#[derive(Default)]
pub(crate) struct Tap {
    waiting: Vec<(RequestId, String, Side)>,
}

/// The side that sent a message.
#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
    Unknown,
}

/// The content of a line, without its method.
#[derive(Default)]
struct Summary {
    thread: Option<String>,
    turn: Option<String>,
    words: String,
}

impl Tap {
    /// Summarises a line. A line that is not a message is shown unchanged.
    pub(crate) fn line(&mut self, line: &[u8]) -> String {
        match Message::parse(line) {
            Ok(Message::Request { id, method, params }) => self.request(id, &method, params),
            Ok(Message::Notification { method, params, .. }) => notification(&method, params),
            Ok(Message::Response { id, result }) => {
                let (side, method) = self.answered(&id);
                show(side, &method, Some(&id), answer(&method, result))
            }
            Ok(Message::Error { id, error }) => {
                let (side, method) = id.as_ref().map_or_else(unasked, |id| self.answered(id));
                let words = format!("error {}: {}", error.code, short(&error.message));
                show(side, &method, id.as_ref(), Ok(said(words)))
            }
            Err(error) => format!("? {error}: {}", short(&String::from_utf8_lossy(line))),
        }
    }

    fn request(&mut self, id: RequestId, method: &str, params: Option<&RawValue>) -> String {
        let (side, summary) = if ServerRequest::METHODS.contains(&method) {
            (Side::Server, server_request(method, params))
        } else if ClientRequest::METHODS.contains(&method) {
            (Side::Client, client_request(method, params))
        } else {
            (
                Side::Unknown,
                Ok(said("a method of another version".to_owned())),
            )
        };
        let line = show(side, method, Some(&id), summary);
        self.waiting.push((id, method.to_owned(), side));
        line
    }

    /// The side that answers, and the method. Both sides number their own requests: the latest
    /// match counts.
    fn answered(&mut self, id: &RequestId) -> (Side, String) {
        let Some(index) = self.waiting.iter().rposition(|(it, ..)| it == id) else {
            return unasked();
        };
        let (_, method, side) = self.waiting.remove(index);
        let other = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
            Side::Unknown => Side::Unknown,
        };
        (other, method)
    }
}

/// The answer to a request that passed before the tap started, or on the other side of the pipe.
fn unasked() -> (Side, String) {
    (Side::Unknown, "(an answer)".to_owned())
}

type Read = Result<Summary, String>;

fn client_request(method: &str, params: Option<&RawValue>) -> Read {
    let request = ClientRequest::decode(method, params).map_err(|it| it.to_string())?;
    Ok(match request {
        ClientRequest::Initialize(params) => said(format!(
            "{} {}",
            params.client_info.name, params.client_info.version
        )),
        ClientRequest::TurnStart(params) => Summary {
            thread: Some(params.thread_id.clone()),
            turn: None,
            words: inputs(&params.input),
        },
        ClientRequest::TurnInterrupt(params) => Summary {
            thread: Some(params.thread_id),
            turn: Some(params.turn_id),
            words: String::new(),
        },
        _ => Summary::default(),
    })
}

fn server_request(method: &str, params: Option<&RawValue>) -> Read {
    let request = ServerRequest::decode(method, params).map_err(|it| it.to_string())?;
    let words = match &request {
        ServerRequest::ItemCommandExecutionRequestApproval(params) => {
            params.command.as_deref().map(short).unwrap_or_default()
        }
        _ => String::new(),
    };
    Ok(Summary {
        thread: request.thread_id().map(str::to_owned),
        turn: request.turn_id().map(str::to_owned),
        words,
    })
}

fn notification(method: &str, params: Option<&RawValue>) -> String {
    if ClientNotification::METHODS.contains(&method) {
        return show(Side::Client, method, None, Ok(Summary::default()));
    }
    let summary = ServerNotification::decode(method, params).map(|it| Summary {
        thread: it.thread_id().map(str::to_owned),
        turn: it.turn_id().map(str::to_owned),
        words: notified(&it),
    });
    show(
        Side::Server,
        method,
        None,
        summary.map_err(|it| it.to_string()),
    )
}

fn notified(notification: &ServerNotification) -> String {
    use ServerNotification as N;
    match notification {
        N::ItemStarted(params) => item(&params.item),
        N::ItemCompleted(params) => item(&params.item),
        N::TurnCompleted(params) => turn(&params.turn),
        N::Error(params) => short(&params.error.message),
        N::Warning(params) => short(&params.message),
        N::ThreadStatusChanged(params) => params.status.tag().to_owned(),
        N::ThreadTokenUsageUpdated(params) => {
            format!("{} tokens", params.token_usage.total.total_tokens)
        }
        N::Unrecognized { .. } => "a method of another version".to_owned(),
        other => other.text_delta().map(short).unwrap_or_default(),
    }
}

/// The content of an answer; for most methods, only that there was one.
fn answer(method: &str, result: &RawValue) -> Read {
    let of_thread = |id| Summary {
        thread: Some(id),
        ..Summary::default()
    };
    match method {
        ThreadStartParams::METHOD => {
            decode_response::<ThreadStartParams>(result).map(|it| of_thread(it.thread.id))
        }
        ThreadResumeParams::METHOD => {
            decode_response::<ThreadResumeParams>(result).map(|it| of_thread(it.thread.id))
        }
        ThreadForkParams::METHOD => {
            decode_response::<ThreadForkParams>(result).map(|it| of_thread(it.thread.id))
        }
        TurnStartParams::METHOD => decode_response::<TurnStartParams>(result).map(|it| Summary {
            turn: Some(it.turn.id),
            ..Summary::default()
        }),
        _ => Ok(Summary::default()),
    }
    .map_err(|it| it.to_string())
}

fn item(item: &ThreadItem) -> String {
    let words = match item {
        ThreadItem::UserMessage(it) => inputs(&it.content),
        ThreadItem::AgentMessage(it) => short(&it.text),
        ThreadItem::CommandExecution(it) => match it.exit_code {
            None => short(&it.command),
            Some(code) => format!("{} = {code}", short(&it.command)),
        },
        ThreadItem::FileChange(it) => {
            let paths: Vec<_> = it.changes.iter().map(|it| it.path.as_str()).collect();
            short(&paths.join(", "))
        }
        ThreadItem::McpToolCall(it) => format!("{} {}", it.server, it.tool),
        _ => String::new(),
    };
    format!("{} {words}", item.tag()).trim_end().to_owned()
}

fn turn(turn: &Turn) -> String {
    let mut words = turn.status.to_string();
    if let Some(ms) = turn.duration_ms {
        // Writing to a string cannot fail.
        let _ = write!(words, " after {ms} ms");
    }
    if let Some(error) = &turn.error {
        let _ = write!(words, ": {}", short(&error.message));
    }
    words
}

fn inputs(inputs: &[UserInput]) -> String {
    let words = inputs.iter().map(|it| match it {
        UserInput::Text(it) => it.text.as_str(),
        other => other.tag(),
    });
    short(&words.collect::<Vec<_>>().join(" + "))
}

fn said(words: String) -> Summary {
    Summary {
        words,
        ..Summary::default()
    }
}

/// `> method #id  thread/turn  words`; if the content is unreadable, the line shows the error.
fn show(side: Side, method: &str, id: Option<&RequestId>, summary: Read) -> String {
    let arrow = match side {
        Side::Client => '>',
        Side::Server => '<',
        Side::Unknown => '?',
    };
    let summary = summary.unwrap_or_else(|error| said(format!("unreadable: {error}")));
    let place = match (&summary.thread, &summary.turn) {
        (None, None) => String::new(),
        (Some(thread), None) => tail(thread).to_owned(),
        (None, Some(turn)) => format!("/{}", tail(turn)),
        (Some(thread), Some(turn)) => format!("{}/{}", tail(thread), tail(turn)),
    };
    let id = id.map(|it| format!("#{it}")).unwrap_or_default();
    let line = format!("{arrow} {method:<33} {id:<4} {place:<9} {}", summary.words);
    line.trim_end().to_owned()
}

/// The end of an id: ids begin with the time, so their beginnings look the same.
fn tail(id: &str) -> &str {
    let start = id.char_indices().rev().nth(3).map_or(0, |(index, _)| index);
    &id[start..]
}

/// The first words on one line, without control characters.
fn short(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    let mut shown: String = line
        .chars()
        .filter(|it| !it.is_control())
        .take(WORDS)
        .collect();
    if line.chars().count() > WORDS {
        shown.push('…');
    }
    shown
}
