//! Lists of several pages, and refusals by what they mean.

use std::collections::BTreeSet;

use codex_e2e::Stage;
use codex_sdk::types::{GetAccountRateLimitsParams, ThreadReadParams, TurnStartParams};
use codex_sdk::{Condition, Error};
use codex_testkit::Reply;
use serde_json::json;

#[codex_e2e_macros::test]
async fn a_list_is_streamed_over_all_of_its_pages() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let mut started = BTreeSet::new();
    for _ in 0..5 {
        let thread = codex.thread_start().await.unwrap();
        thread.run("Say yes.").await.unwrap();
        started.insert(thread.id().to_owned());
    }
    let mut threads = codex.thread_list().limit(2).stream();
    let mut listed = Vec::new();
    while let Some(thread) = threads.next().await {
        listed.push(thread.unwrap().id);
    }
    assert_eq!(listed.len(), 5);
    assert_eq!(BTreeSet::from_iter(listed), started);
    assert!(threads.next().await.is_none());

    let mut models = codex.models().limit(1).include_hidden(true).stream();
    let mut count = 0;
    while let Some(model) = models.next().await {
        model.unwrap();
        count += 1;
    }
    let all = codex.models().include_hidden(true).await.unwrap();
    assert_eq!(count, all.data.len());
}

#[codex_e2e_macros::test]
async fn the_turns_and_items_of_a_long_thread_are_streamed() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let mut expected = Vec::new();
    for number in 0..5 {
        stage.model.push(Reply::text(format!("answer {number}")));
        let turn = thread.run(format!("question {number}")).await.unwrap();
        expected.push(turn.id);
    }
    let oldest_first = codex_sdk::types::SortDirection::Asc;
    let mut turns = thread
        .turns()
        .limit(2)
        .sort_direction(oldest_first)
        .stream();
    let mut ids = Vec::new();
    while let Some(turn) = turns.next().await {
        ids.push(turn.unwrap().id);
    }
    assert_eq!(ids, expected);

    let mut items = thread.items().limit(3).stream();
    let mut kinds = Vec::new();
    while let Some(entry) = items.next().await {
        kinds.push(entry.unwrap().item.tag().to_owned());
    }
    assert_eq!(kinds, ["userMessage", "agentMessage"].repeat(5));
}

#[codex_e2e_macros::test]
async fn a_list_whose_runtime_has_ended_says_so_and_ends() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let mut threads = codex.thread_list().stream();
    codex.close().await.unwrap();
    let error = threads.next().await.unwrap().unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    assert!(threads.next().await.is_none());
}

#[track_caller]
fn means(error: &Error, condition: Condition) {
    assert_eq!(error.condition(), Some(condition), "{error}");
}

#[codex_e2e_macros::test]
async fn parity_130_refusals_are_told_apart_by_what_they_mean() {
    let stage = Stage::with(|home| home.requires_openai_auth(true));
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let missing = "01a21259-0000-7000-8000-000000000000";
    let read = codex.request(ThreadReadParams::new(missing));
    let start = codex.request(TurnStartParams::new(vec![], missing));
    let not_found = [
        codex.thread_resume(missing).await.map(drop),
        codex.thread_resume("no id").await.map(drop),
        codex.thread_fork(missing).await.map(drop),
        codex.thread_archive(missing).await,
        read.await.map(drop),
        start.await.map(drop),
    ];
    for refused in not_found {
        let error = refused.unwrap_err();
        means(&error, Condition::ThreadNotFound);
        assert_eq!(error.rpc().unwrap().code, -32600);
    }

    let unknown = codex.request_raw("no/such", json!({}));
    means(&unknown.await.unwrap_err(), Condition::FeatureUnsupported);
    // A value that is unknown is a mistake of the caller, and no missing feature.
    let params = json!({ "threadId": thread.id(), "input": [{ "type": "smell" }] });
    let smell = codex.request_raw("turn/start", params);
    means(&smell.await.unwrap_err(), Condition::InvalidRequest);

    let limits = codex.request(GetAccountRateLimitsParams::default());
    means(&limits.await.unwrap_err(), Condition::NotAuthenticated);

    stage.model.push(Reply::status(401, json!({})));
    let error = thread.run("Hello.").await.unwrap_err();
    assert!(matches!(error, Error::TurnFailed(_)), "{error:?}");
    means(&error, Condition::NotAuthenticated);

    let basic = stage.builder().experimental_api(false).start();
    let dynamic = json!({ "dynamicTools": [] });
    let dynamic = basic.await.unwrap().request_raw("thread/start", dynamic);
    means(&dynamic.await.unwrap_err(), Condition::FeatureUnsupported);
}
