//! Wire types of the Codex `app-server` protocol, generated from the schema of the pinned runtime.
//!
//! This crate contains everything that wire tooling needs: a proxy, a recorder, a mock server or a
//! front end. It depends only on serde and `serde_json`, and does no IO. To drive Codex from a
//! program, use `codex-sdk`, which builds on it.
//!
//! # Reading a line
//!
//! [`Message::parse`] splits a line into its parts without decoding the payload. The method
//! determines the payload's type; for a response, that is the method of the request.
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
//! # Writing a line
//!
//! Params are plain structs. Each implements [`ClientMethod`] or [`ServerMethod`], which define its
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
//! All fields are public. How you build a struct depends on what it requires. You never pass two
//! required values of the same type by position:
//!
//! - With `Default`, if it requires nothing.
//! - With `new`, if the required values have different types.
//! - By name, otherwise. If every field is required, use a struct literal. If some are optional,
//!   the required ones have their own struct, such as [`FsCopyParamsRequired`], which is named
//!   after the first and converts into it.
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
//! # Proxies and recorders
//!
//! A proxy or a recorder forwards lines unchanged and decodes what it is interested in. It forwards
//! a line even if it can't read it.
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
//! A response doesn't name its method. A proxy remembers the method by the request's id, and uses
//! it to read the result.
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
//! Build a message from its params: `ServerNotification::from(params)`. Large params are boxed in
//! the message enums; `From` boxes them, and a match sees through the box.
//!
//! The command `codex-testkit tap` prints a summary line for each message of a recording, in both
//! directions.
//!
//! A client that prefers to continue without an unreadable part can use [`lenient`].
//!
//! # Newer runtimes
//!
//! New data from a newer runtime is neither lost nor rejected: every enum has an `Unrecognized`
//! variant that keeps the value and writes it back, and unknown fields are ignored. Known data must
//! have its known shape; otherwise the [`DecodeError`] says where it doesn't.
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
