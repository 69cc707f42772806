//! codex-codes, as a program would use it: with `sync` the blocking client, else the async one.

mod measure;

use std::error::Error;

use codex_codes::{
    AppServerBuilder, AsyncClient, Notification, ServerMessage, SyncClient, ThreadStartParams,
    TurnStartParams,
};
use measure::{Load, Report, Watch};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn server() -> Outcome<AppServerBuilder> {
    Ok(AppServerBuilder::new().command(std::env::var("CODEX_BIN")?))
}

fn thread() -> Outcome<ThreadStartParams> {
    Ok(serde_json::from_value(serde_json::json!({}))?)
}

fn turn(thread_id: &str) -> Outcome<TurnStartParams> {
    let input = serde_json::json!([{"type": "text", "text": "go"}]);
    let params = serde_json::json!({"threadId": thread_id, "input": input});
    Ok(serde_json::from_value(params)?)
}

/// Counts a delta; `true` at the end of the turn.
fn ends(message: &ServerMessage, deltas: &mut usize) -> bool {
    match message {
        ServerMessage::Notification(Notification::AgentMessageDelta(_)) => *deltas += 1,
        ServerMessage::Notification(Notification::TurnCompleted(_)) => return true,
        _ => {}
    }
    false
}

fn sync(load: Load) -> Outcome<Report> {
    let start = Watch::start();
    let mut client = SyncClient::start_with(server()?)?;
    let start_us = start.wall_us();
    let thread = client.thread_start(&thread()?)?;
    let turns = Watch::start();
    let mut deltas = 0;
    for _ in 0..load.turns {
        client.turn_start(&turn(&thread.thread.id)?)?;
        while let Some(message) = client.next_message()? {
            if ends(&message, &mut deltas) {
                break;
            }
        }
    }
    Ok(turns.report(deltas, start_us))
}

async fn asynchronous(load: Load) -> Outcome<Report> {
    let start = Watch::start();
    let mut client = AsyncClient::start_with(server()?).await?;
    let start_us = start.wall_us();
    let thread = client.thread_start(&thread()?).await?;
    let turns = Watch::start();
    let mut deltas = 0;
    for _ in 0..load.turns {
        client.turn_start(&turn(&thread.thread.id)?).await?;
        while let Some(message) = client.next_message().await? {
            if ends(&message, &mut deltas) {
                break;
            }
        }
    }
    Ok(turns.report(deltas, start_us))
}

fn main() -> Outcome<()> {
    let load = Load::from_args()?;
    let report = if std::env::args().any(|it| it == "sync") {
        sync(load)?
    } else {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(asynchronous(load))?
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
