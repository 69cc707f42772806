use codex_codes::{AsyncClient, Notification, ServerMessage, ThreadStartParams, TurnStartParams};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = AsyncClient::start().await?;
    let params: ThreadStartParams = serde_json::from_value(json!({"sandbox": "read-only"}))?;
    let thread = client.thread_start(&params).await?;
    let input = json!([{"type": "text", "text": "Summarise this folder in one sentence."}]);
    let turn: TurnStartParams =
        serde_json::from_value(json!({"threadId": thread.thread.id, "input": input}))?;
    client.turn_start(&turn).await?;
    let mut answer = String::new();
    while let Some(message) = client.next_message().await? {
        match message {
            ServerMessage::Notification(Notification::AgentMessageDelta(it)) => answer += &it.delta,
            ServerMessage::Notification(Notification::TurnCompleted(_)) => break,
            _ => {}
        }
    }
    println!("{answer}");
    client.shutdown().await?;
    Ok(())
}
