//! The same operations, for programs that aren't async.

use codex_sdk::blocking::{Codex, Thread};
use codex_sdk::types::{ThreadLoadedListParams, ThreadLoadedListResponse};
use codex_sdk::{ChatgptLogin, Notification, Result, Structured, TurnHandle, TurnResult};
use serde_json::{Value, json};

use crate::public_api::{SECOND, Summary};

pub(crate) fn blocking() -> Result<()> {
    let codex: Codex = Codex::start().block_on()?;
    codex.login_api_key("sk-…").block_on()?;
    let _: ChatgptLogin = codex.login_chatgpt().block_on()?;
    codex.account().refresh_token(true).block_on()?;
    codex.models().block_on()?;
    let thread: Thread = codex.thread_start().block_on()?;
    let thread: Thread = codex.thread_resume(thread.id()).block_on()?;
    let thread: Thread = codex.thread_fork(thread.id()).block_on()?;
    codex.thread_list().limit(20).block_on()?;
    codex.thread_archive(thread.id()).block_on()?;
    let thread: Thread = codex.thread_unarchive(thread.id()).block_on()?;
    thread.read().include_turns(true).block_on()?;
    let _: TurnResult = thread.run("…").block_on()?;
    let _: Structured<Summary> = thread.run_as::<Summary>("…").block_on()?;
    let request = codex.request(ThreadLoadedListParams::default());
    let _: ThreadLoadedListResponse = request.timeout(SECOND).block_on()?;
    let _: Value = codex.request_raw("method", json!({})).block_on()?;
    codex.close().block_on()
}

/// One `TurnHandle` for both worlds.
pub(crate) fn turn(thread: &Thread) -> Result<TurnResult> {
    let mut turn: TurnHandle = thread.turn("…").block_on()?;
    for event in &mut turn {
        let _: Notification = event?;
    }
    turn.steer("…").block_on()?;
    turn.interrupt().block_on()?;
    turn.control().interrupt().block_on()?;
    let mut goal: TurnHandle = thread.goal("objective").block_on()?;
    let _: Option<Result<Notification>> = goal.into_iter().next();
    turn.run().block_on()
}
