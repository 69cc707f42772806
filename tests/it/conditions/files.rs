//! Threads whose history isn't there, or can't be read.

use std::fs;

use codex_e2e::Stage;
use codex_sdk::{Codex, Condition};
use codex_testkit::Reply;
use serde_json::json;

use crate::conditions::means;
use crate::conditions::refusals::rollout;

/// A stage with a thread on which a turn has run, and its id. Nobody has it open.
async fn stored() -> (Stage, Codex, String) {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("Yes."));
    let codex = stage.child().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("Are you there?").await.unwrap();
    let id = thread.id().to_owned();
    codex.close().await.unwrap();
    let codex = stage.child().await.unwrap();
    (stage, codex, id)
}

#[codex_e2e_macros::test]
async fn an_archived_thread_is_brought_back() {
    let (_stage, codex, id) = stored().await;
    let unarchived = codex.thread_unarchive(&*id).await.map(drop);
    means(unarchived, Condition::ThreadNotFound);
    codex.thread_archive(&*id).await.unwrap();
    let resumed = codex.thread_resume(&*id).await.map(drop);
    means(resumed, Condition::ThreadArchived);
    let forked = codex.thread_fork(&*id).await.map(drop);
    means(forked, Condition::ThreadArchived);

    let thread = codex.thread_unarchive(&*id).await.unwrap();
    thread.run("Are you back?").await.unwrap();
    // It is open now, and its file can't be moved, not even by the client that has it open.
    let again = codex.thread_unarchive(&*id).await.map(drop);
    means(again, Condition::ThreadInUse);
}

#[codex_e2e_macros::test]
async fn a_thread_without_a_stored_history_says_what_to_do() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("Yes."));
    let codex = stage.child().await.unwrap();
    let unused = codex.thread_start().await.unwrap();
    let ephemeral = codex.thread_start().ephemeral(true).await.unwrap();
    ephemeral.run("Are you there?").await.unwrap();
    for thread in [&unused, &ephemeral] {
        let read = thread.read().include_turns(true).await.map(drop);
        means(read, Condition::ThreadNotStored);
        means(thread.turns().await.map(drop), Condition::ThreadNotStored);
        means(thread.items().await.map(drop), Condition::ThreadNotStored);
    }
    // The way out that the message names.
    unused.run("Are you there?").await.unwrap();
    assert!(!unused.turns().await.unwrap().data.is_empty());
}

#[codex_e2e_macros::test]
async fn a_damaged_history_is_unreadable_and_a_lost_one_not_found() {
    for text in ["", "\u{feff}{}", "{\"no\": \"rollout\"}\n"] {
        let (stage, codex, id) = stored().await;
        let file = rollout(stage.home.path(), &id).unwrap();
        let backup = fs::read(&file).unwrap();
        fs::write(&file, text).unwrap();
        let resumed = codex.thread_resume(&*id).await.map(drop);
        means(resumed, Condition::ThreadUnreadable);
        let forked = codex.thread_fork(&*id).await.map(drop);
        means(forked, Condition::ThreadUnreadable);
        let read = json!({ "threadId": id, "includeTurns": true });
        let read = codex.request_raw("thread/read", read).await;
        means(read, Condition::ThreadUnreadable);
        // The way out that the message names.
        fs::write(&file, backup).unwrap();
        let thread = codex.thread_resume(&*id).await.unwrap();
        thread.run("Are you back?").await.unwrap();
    }
    let (stage, codex, id) = stored().await;
    fs::remove_file(rollout(stage.home.path(), &id).unwrap()).unwrap();
    let resumed = codex.thread_resume(&*id).await.map(drop);
    means(resumed, Condition::ThreadNotFound);
    let forked = codex.thread_fork(&*id).await.map(drop);
    means(forked, Condition::ThreadUnreadable);
}
