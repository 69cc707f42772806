//! The life of a thread, and what can be read of its past.

use codex_e2e::Stage;
use codex_testkit::Reply;
use codex_types as types;
use serde_json::json;

use crate::recording::session::Session;
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::new().await.unwrap();
    let mut session = Session::start(&stage).await;
    let thread = session.thread(json!({})).await;
    session.notification("thread/started", |_| true).await;
    let first = session.turn(&thread, json!({}), [Reply::text("one")]).await;
    let second = session
        .turn(&thread, json!({}), [Reply::text("a needle")])
        .await;
    reading(&mut session, &thread, &first).await;
    finding(&mut session, &thread).await;
    changing(&mut session, &thread).await;
    forking(&mut session, &thread, &second).await;
    compacting(&mut session, &thread).await;
    leaving(&mut session, &thread).await;
    session.end().await
}

async fn reading(session: &mut Session<'_>, thread: &str, turn: &str) {
    session
        .request::<types::ThreadReadParams>(json!({"threadId": thread, "includeTurns": true}))
        .await;
    let turns = session
        .request::<types::ThreadTurnsListParams>(json!({"threadId": thread}))
        .await;
    assert_eq!(turns.data.len(), 2);
    let items = session
        .request::<types::ThreadItemsListParams>(json!({"threadId": thread, "limit": 1}))
        .await;
    let item = items.data[0].item.id();
    session
        .request::<types::ThreadItemsReadParams>(
            json!({"threadId": thread, "turnId": turn, "itemIds": [item]}),
        )
        .await;
    session
        .request::<types::ThreadTimelineListParams>(json!({"threadId": thread}))
        .await;
    session
        .refused::<types::ThreadReadParams>(json!({"threadId": "nobody"}))
        .await;
}

async fn finding(session: &mut Session<'_>, thread: &str) {
    let listed = session.request::<types::ThreadListParams>(json!({})).await;
    assert_eq!(listed.data.len(), 1);
    session
        .request::<types::ThreadSearchParams>(json!({"searchTerm": "needle"}))
        .await;
    session
        .request::<types::ThreadSearchOccurrencesParams>(
            json!({"threadId": thread, "searchTerm": "needle"}),
        )
        .await;
    session
        .request::<types::ThreadLoadedListParams>(json!({}))
        .await;
}

async fn changing(session: &mut Session<'_>, thread: &str) {
    session
        .request::<types::ThreadSetNameParams>(json!({"threadId": thread, "name": "Needles"}))
        .await;
    session.notification("thread/name/updated", |_| true).await;
    session
        .request::<types::ThreadSettingsUpdateParams>(json!({"threadId": thread, "effort": "low"}))
        .await;
    session
        .notification("thread/settings/updated", |_| true)
        .await;
    session
        .request::<types::ThreadMemoryModeSetParams>(
            json!({"threadId": thread, "mode": "disabled"}),
        )
        .await;
    let elicitation = json!({"threadId": thread});
    session
        .request::<types::ThreadIncrementElicitationParams>(elicitation.clone())
        .await;
    session
        .request::<types::ThreadDecrementElicitationParams>(elicitation)
        .await;
    let message = json!({
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": "psst"}],
    });
    session
        .request::<types::ThreadInjectItemsParams>(json!({"threadId": thread, "items": [message]}))
        .await;
    session
        .refused::<types::ThreadPredictionRequestParams>(
            json!({"threadId": thread, "sourceTurnId": "any"}),
        )
        .await;
}

async fn forking(session: &mut Session<'_>, thread: &str, turn: &str) {
    // With all its turns, which the runtime would rather not.
    let fork = session
        .request::<types::ThreadForkParams>(json!({"threadId": thread}))
        .await;
    session.notification("deprecationNotice", |_| true).await;
    let fork = fork.thread.id;
    session
        .request::<types::ThreadRevertParams>(json!({"threadId": fork, "beforeTurnId": turn}))
        .await;
    session.notification("thread/reverted", |_| true).await;
    session
        .request::<types::ThreadArchiveParams>(json!({"threadId": fork}))
        .await;
    session.notification("thread/archived", |_| true).await;
    session
        .request::<types::ThreadUnarchiveParams>(json!({"threadId": fork}))
        .await;
    session.notification("thread/unarchived", |_| true).await;
    session
        .request::<types::ThreadResumeParams>(json!({"threadId": fork, "excludeTurns": true}))
        .await;
    session
        .request::<types::ThreadDeleteParams>(json!({"threadId": fork}))
        .await;
    session.notification("thread/deleted", |_| true).await;
}

async fn compacting(session: &mut Session<'_>, thread: &str) {
    session.stage.model.push(Reply::text("There was a needle."));
    session
        .request::<types::ThreadCompactStartParams>(json!({"threadId": thread}))
        .await;
    let compacted = session
        .notification("item/completed", |params| {
            params["item"]["type"] == "contextCompaction"
        })
        .await;
    // Until then some runtimes warn that compacting costs accuracy.
    let turn = compacted["turnId"].as_str().unwrap();
    assert_eq!(session.turn_end(turn).await, "completed");
}

async fn leaving(session: &mut Session<'_>, thread: &str) {
    // There is no voice without a login; the conversation ends as it begins.
    session
        .request::<types::ThreadRealtimeStartParams>(
            json!({"threadId": thread, "outputModality": "text"}),
        )
        .await;
    session
        .notification("thread/realtime/error", |_| true)
        .await;
    session
        .request::<types::ThreadRealtimeStopParams>(json!({"threadId": thread}))
        .await;
    session
        .notification("thread/realtime/closed", |_| true)
        .await;
    session
        .request::<types::ThreadUnsubscribeParams>(json!({"threadId": thread}))
        .await;
}
