//! Wire types of the Codex `app-server` protocol, generated from the schema of the pinned runtime.
//!
//! This crate is all that wire tooling needs: a proxy, a recorder, a mock server or a front end.
//! It depends on serde and `serde_json` only, and does no IO. To drive Codex from a program, use
//! `codex-sdk`, which is built on it.
//!
//! # Reading a line
//!
//! [`Message::parse`] takes a line apart without decoding its payload; the method, or the request
//! that it answers, says what the payload is.
//!
//! ```
//! use codex_types::{Message, ServerNotification};
//!
//! let line = r#"{"method":"item/agentMessage/delta","params":{"threadId":"t","turnId":"u","itemId":"i","delta":"Hi"},"emittedAtMs":1}"#;
//! let Message::Notification { method, params, .. } = Message::parse(line)? else {
//!     panic!("not a notification");
//! };
//! match ServerNotification::decode(&method, params)? {
//!     ServerNotification::ItemAgentMessageDelta(delta) => assert_eq!(delta.delta, "Hi"),
//!     other => println!("{}", other.method()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing one
//!
//! Params are plain structs. Each implements [`ClientMethod`] or [`ServerMethod`], which know its
//! method and the type of the answer.
//!
//! ```
//! use codex_types::{ClientMethod, RequestId, ThreadStartParams, encode_request};
//!
//! let params = ThreadStartParams { ephemeral: Some(true), ..Default::default() };
//! let line = encode_request(ThreadStartParams::METHOD, &RequestId::Integer(1), &params)?;
//! assert_eq!(line, r#"{"method":"thread/start","id":1,"params":{"ephemeral":true}}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A field is written under its Rust name in camelCase, unless its documentation gives another
//! name. An option that is `None` is left out, unless its documentation says that it is sent as
//! `null`.
//!
//! # Building a value
//!
//! All fields are public. How a struct is built depends on what it requires, and none of the ways
//! takes two required values of one type by position:
//!
//! - With `Default`, if it requires nothing.
//! - With `new`, if the compiler can tell the required values apart by their types.
//! - With names, if it can't. Where every field is required, that is a struct literal. Where some are
//!   optional, the required ones have a struct of their own, named after the first, such as
//!   [`FsCopyParamsRequired`], which converts into it.
//!
//! ```
//! use codex_types::{
//!     ByteRange, FsCopyParams, FsCopyParamsRequired, ThreadListParams, ThreadReadParams,
//! };
//! use serde_json::json;
//!
//! let newest = ThreadListParams { limit: Some(20), ..Default::default() };
//! let read = ThreadReadParams { include_turns: Some(true), ..ThreadReadParams::new("thread-1") };
//! let range = ByteRange { start: 0, end: 5 };
//! let copy = FsCopyParams {
//!     recursive: Some(true),
//!     ..FsCopyParamsRequired { source_path: "/from".into(), destination_path: "/to".into() }.into()
//! };
//!
//! # let _ = (newest, read, range);
//! assert_eq!(
//!     serde_json::to_value(&copy)?,
//!     json!({"sourcePath": "/from", "destinationPath": "/to", "recursive": true})
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The compiler names a required field that is missing:
//!
//! ```compile_fail,E0063
//! use codex_types::{FsCopyParams, FsCopyParamsRequired};
//!
//! let copy = FsCopyParams::from(FsCopyParamsRequired { source_path: "/from".into() });
//! ```
//!
//! # Standing in between
//!
//! A proxy, or a recorder, forwards lines as they are and decodes what it wants to know. A line
//! that it can't read is no reason to hold it back.
//!
//! ```
//! use codex_types::{Message, ServerNotification};
//!
//! /// Forwards what the runtime says, and notes which turns failed and why.
//! fn forward(line: &str, out: &mut Vec<String>, failed: &mut Vec<String>) {
//!     out.push(line.to_owned());
//!     let Ok(Message::Notification { method, params, .. }) = Message::parse(line) else {
//!         return;
//!     };
//!     match ServerNotification::decode(&method, params) {
//!         Ok(ServerNotification::TurnCompleted(params)) => {
//!             failed.extend(params.turn.error.map(|it| format!("{}: {}", params.turn.id, it.message)));
//!         }
//!         Ok(_) => {}
//!         // `turn.items[3].text`, say: a newer runtime changed what was known.
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//!
//! let (mut out, mut failed) = (Vec::new(), Vec::new());
//! for line in [
//!     r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","items":[],"status":"failed","error":{"message":"no network"}}}}"#,
//!     r#"{"method":"newer/thing","params":{"a":1}}"#,
//!     "not even JSON",
//! ] {
//!     forward(line, &mut out, &mut failed);
//! }
//! assert_eq!((out.len(), failed), (3, vec!["u: no network".to_owned()]));
//! ```
//!
//! A response doesn't name its method: whoever stands in between remembers it with the id of the request, and
//! reads the result by it.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use codex_types::{ClientResponse, Message};
//!
//! let mut asked = HashMap::new();
//! for line in [
//!     r#"{"id":7,"method":"thread/archive","params":{"threadId":"t"}}"#,
//!     r#"{"id":7,"result":{}}"#,
//! ] {
//!     match Message::parse(line)? {
//!         Message::Request { id, method, .. } => {
//!             asked.insert(id, method.into_owned());
//!         }
//!         Message::Response { id, result } => {
//!             let method = asked.remove(&id).unwrap_or_default();
//!             let response = ClientResponse::decode(&method, result)?;
//!             assert!(matches!(response, ClientResponse::ThreadArchive(_)));
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A message is made of its params: `ServerNotification::from(params)`. Large params are boxed in the enums of
//! messages; `From` boxes them, and a match sees through the box.
//!
//! `codex-testkit tap`, a command, prints a line of summary for each message of a recording, in both
//! directions.
//!
//! A client that would rather go on without the part it can't read has [`lenient`].
//!
//! # Newer runtimes
//!
//! Nothing a newer runtime says is lost or refused because it is new: every enum has a variant
//! `Unrecognized` that keeps what came and writes it again, and unknown fields are ignored. What
//! is known must have its known shape; otherwise the [`DecodeError`] says where it has not.
//!
//! ```
//! use codex_types::{ThreadItem, TurnStatus};
//!
//! assert_eq!(TurnStatus::from("paused"), TurnStatus::Unrecognized("paused".to_owned()));
//! let item: ThreadItem = serde_json::from_str(r#"{"type":"dance","id":"i","steps":3}"#)?;
//! assert_eq!((item.tag(), item.id()), ("dance", Some("i")));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod answers;
mod decode_error;
mod encode;
#[rustfmt::skip]
mod generated;
mod json_path;
mod json_rpc_error;
pub mod lenient;
mod message;
mod method;
mod notification;
mod reason;
mod repair;
mod request_id;
mod support;

pub use decode_error::DecodeError;
pub use encode::{encode_error, encode_notification, encode_request, encode_response};
pub use generated::*;
pub use json_rpc_error::JsonRpcError;
pub use message::{Message, MessageError};
pub use method::{ClientMethod, ServerMethod, decode_response};
pub use notification::NotificationEnvelope;
pub use request_id::RequestId;
