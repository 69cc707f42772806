//! Threads from their start to the archive and back; models; the account.

use std::future::{IntoFuture, poll_fn};
use std::task::Poll;
use std::time::Duration;

use codex_e2e::Stage;
use codex_sdk::types::{Account, ThreadItem, Turn, TurnInterruptParams, TurnStatus};
use codex_sdk::{Condition, Error, Notification};
use codex_testkit::{Gate, Reply};
use tokio::time::timeout;

/// The texts of a turn's messages.
fn texts(turn: &Turn) -> Vec<String> {
    let texts = turn.items.iter().filter_map(|item| match item {
        ThreadItem::UserMessage(message) => Some(format!("user: {}", input_text(message))),
        ThreadItem::AgentMessage(message) => Some(format!("agent: {}", message.text)),
        _ => None,
    });
    texts.collect()
}

fn input_text(message: &codex_sdk::types::ThreadItemUserMessage) -> &str {
    match &message.content[..] {
        [codex_sdk::types::UserInput::Text(text)] => &text.text,
        _ => "",
    }
}

#[codex_e2e_macros::test]
async fn parity_46_a_name_can_be_set_before_any_turn() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.set_name("a name").await.unwrap();
    let read = thread.read().await.unwrap();
    assert_eq!(read.thread.name.as_deref(), Some("a name"));
    assert_eq!(read.thread.id, thread.id());
}

#[codex_e2e_macros::test]
async fn parity_48_archived_threads_are_listed_apart() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("kept"));
    let codex = stage.start().await.unwrap();
    let kept = codex.thread_start().await.unwrap();
    let archived = codex.thread_start().await.unwrap();
    for thread in [&kept, &archived] {
        thread.run("hello").await.unwrap();
    }
    codex.thread_archive(archived.id()).await.unwrap();
    for (flag, expected) in [(false, &kept), (true, &archived)] {
        let page = codex
            .thread_list()
            .archived(flag)
            .limit(20u32)
            .await
            .unwrap();
        let ids: Vec<_> = page.data.iter().map(|thread| thread.id.as_str()).collect();
        assert_eq!(ids, [expected.id()]);
    }
}

#[codex_e2e_macros::test]
async fn parity_49_the_history_is_read_in_order() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::text("first answer"));
    stage.model.push(Reply::text("second answer"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("first").await.unwrap();
    thread.run("second").await.unwrap();
    let read = thread.read().include_turns(true).await.unwrap();
    let texts: Vec<_> = read.thread.turns.iter().flat_map(texts).collect();
    let expected = [
        "user: first",
        "agent: first answer",
        "user: second",
        "agent: second answer",
    ];
    assert_eq!(texts, expected);
}

#[codex_e2e_macros::test]
async fn parity_50_52_a_thread_lives_on_through_resume_fork_archive_and_unarchive() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("one").await.unwrap();

    let resumed = codex
        .thread_resume(thread.id())
        .include_turns(false)
        .await
        .unwrap();
    assert_eq!(resumed.id(), thread.id());
    let fork = codex
        .thread_fork(thread.id())
        .include_turns(false)
        .await
        .unwrap();
    assert_ne!(fork.id(), thread.id());
    fork.run("in the fork").await.unwrap();

    codex.thread_archive(thread.id()).await.unwrap();
    let back = codex.thread_unarchive(thread.id()).await.unwrap();
    assert_eq!(back.id(), thread.id());
    let result = back.run("two").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("yes"));
    let last = stage.model.requests().pop().unwrap();
    assert_eq!(
        last.user_texts()
            .into_iter()
            .rev()
            .take(2)
            .collect::<Vec<_>>(),
        ["two", "one"]
    );
}

#[codex_e2e_macros::test]
async fn a_new_client_resumes_what_an_earlier_one_left() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("before").await.unwrap();
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let thread = codex.thread_resume(thread.id()).await.unwrap();
    thread.run("after").await.unwrap();
    let last = stage.model.requests().pop().unwrap();
    assert!(
        last.user_texts().contains(&"before"),
        "{:?}",
        last.user_texts()
    );
}

#[codex_e2e_macros::test]
async fn parity_51_a_thread_without_a_turn_cant_be_forked() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let error = codex.thread_fork(thread.id()).await.unwrap_err();
    assert_eq!(error.rpc().unwrap().code, -32600);
}

#[codex_e2e_macros::test]
async fn parity_53_models_are_listed() {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    let all = codex.models().include_hidden(true).await.unwrap();
    let shown = codex.models().await.unwrap();
    assert!(!shown.data.is_empty() && shown.data.len() < all.data.len());
}

#[codex_e2e_macros::test]
async fn parity_54_compacting_is_done_as_a_turn_and_over_when_the_call_returns() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("short"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("long").await.unwrap();
    let mut events = thread.notifications();
    thread.compact().await.unwrap();
    // It has been done as a turn of its own when the call returns.
    let mut compacted = false;
    loop {
        match events.next().await.unwrap().unwrap() {
            Notification::ItemCompleted(it) => {
                compacted |= matches!(it.item, ThreadItem::ContextCompaction(_));
            }
            Notification::TurnCompleted(_) => break,
            _ => {}
        }
    }
    assert!(compacted);
    assert_eq!(stage.model.requests().len(), 2);
}

#[codex_e2e_macros::test]
async fn a_compaction_is_over_when_its_own_turn_is_and_another_one_is_refused_meanwhile() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("short"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("long").await.unwrap();
    for _ in 0..5 {
        let (one, two) = tokio::join!(
            thread.compact().into_future(),
            thread.compact().into_future()
        );
        one.unwrap();
        let error = two.unwrap_err();
        assert!(matches!(error, Error::ThreadBusy { .. }), "{error:?}");
        thread.run("on").await.unwrap();
    }
    codex_e2e::idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_compaction_that_is_dropped_before_its_turn_begins_leaves_the_thread_usable() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("short"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("long").await.unwrap();
    let limit = Duration::from_secs(60);
    for _ in 0..5 {
        let mut events = thread.watch();
        // Once it has been polled, the request is on its way.
        let mut compaction = Box::pin(thread.compact().into_future());
        let polled = poll_fn(|context| Poll::Ready(compaction.as_mut().poll(context)));
        assert!(polled.await.is_pending());
        drop(compaction);
        // The history is compacted all the same, and no turn can join that.
        let run = thread.run("on").timeout(limit).await;
        let condition = run.unwrap_err().condition();
        assert_eq!(condition, Some(Condition::ThreadBusy));
        let compacted = async {
            let mut compacted = 0;
            loop {
                match events.next().await.unwrap().unwrap() {
                    Notification::ItemCompleted(it) => {
                        let is_it = matches!(it.item, ThreadItem::ContextCompaction(_));
                        compacted += u32::from(is_it);
                    }
                    Notification::TurnCompleted(_) => return compacted,
                    _ => {}
                }
            }
        };
        assert_eq!(timeout(limit, compacted).await.unwrap(), 1);
        codex_e2e::is_usable(&stage, &codex, &thread).await;
    }
}

#[codex_e2e_macros::test]
async fn a_compaction_that_is_interrupted_is_an_error() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("long"));
    stage.model.push(Reply::text("never").gate(&gate));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("long").await.unwrap();
    let mut events = thread.notifications();
    let interrupt = async {
        // Interrupted before it asks the model, it would leave this reply to the next turn.
        gate.reached().await;
        let turn_id = loop {
            let event = events.next().await.unwrap().unwrap();
            if let Notification::ItemStarted(it) = event {
                break it.turn_id;
            }
        };
        let thread_id = thread.id().to_owned();
        let interrupt = codex.request(TurnInterruptParams { thread_id, turn_id });
        interrupt.await.unwrap();
    };
    let (compacted, ()) = tokio::join!(thread.compact().into_future(), interrupt);
    let Error::TurnFailed(failed) = compacted.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(failed.result.status, TurnStatus::Interrupted);
    codex_e2e::is_usable(&stage, &codex, &thread).await;
}

#[codex_e2e_macros::test]
async fn parity_57_58_an_api_key_logs_in_reaches_the_model_and_logs_out() {
    let stage = Stage::with(|home| home.requires_openai_auth(true))
        .await
        .unwrap();
    stage.model.push(Reply::text("authorised"));
    let codex = stage.start().await.unwrap();
    assert_eq!(codex.account().await.unwrap().account, None);
    codex.login_api_key("sk-test-key").await.unwrap();
    let account = codex.account().refresh_token(false).await.unwrap().account;
    assert!(matches!(account, Some(Account::ApiKey)), "{account:?}");

    let thread = codex.thread_start().await.unwrap();
    thread.run("hello").await.unwrap();
    let request = stage.model.next_request().await;
    assert_eq!(request.header("authorization"), Some("Bearer sk-test-key"));
    codex.logout().await.unwrap();
    codex.logout().await.unwrap();
    assert_eq!(codex.account().await.unwrap().account, None);
}

#[codex_e2e_macros::test]
async fn parity_47_the_runtime_presents_itself_by_the_name_and_version_that_it_was_given() {
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().client_info("my-agent", "My agent", "1.2.3");
    let codex = stage.open(builder).await.unwrap();
    let metadata = codex.metadata();
    assert_eq!(metadata.server_name, "my-agent");
    assert_eq!(metadata.server_version, codex_sdk::RUNTIME_VERSION);
    let start = format!("my-agent/{} ", codex_sdk::RUNTIME_VERSION);
    assert!(metadata.user_agent.starts_with(&start), "{metadata:?}");
    assert!(
        metadata.user_agent.contains("(my-agent; 1.2.3)"),
        "{metadata:?}"
    );
    assert_eq!(metadata.codex_home, stage.home.path().to_str().unwrap());
    assert_eq!(metadata.platform_family, std::env::consts::FAMILY);
    assert_eq!(metadata.platform_os, std::env::consts::OS);
}

#[codex_e2e_macros::test]
async fn parity_55_an_ephemeral_thread_runs_and_leaves_nothing() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("yes"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().ephemeral(true).await.unwrap();
    let result = thread.run("hello").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("yes"));
    assert!(thread.read().await.unwrap().thread.ephemeral);
    let turns = thread.read().include_turns(true).await.unwrap_err();
    let words = &turns.rpc().unwrap().message;
    assert!(words.contains("do not support includeTurns"), "{words}");
    let resumed = codex.thread_resume(thread.id()).await.unwrap_err();
    let words = &resumed.rpc().unwrap().message;
    assert!(words.contains("no rollout found"), "{words}");
    assert_eq!(codex.thread_list().await.unwrap().data.len(), 0);
}

#[cfg(unix)]
#[codex_e2e_macros::test]
async fn parity_59_tokens_that_the_client_keeps_reach_the_model() {
    use codex_sdk::types::{
        LoginAccountParams, LoginAccountParamsChatgptAuthTokens,
        LoginAccountParamsChatgptAuthTokensRequired, LoginAccountResponse,
    };

    use crate::recording::accounts::access_token;

    let stage = Stage::with_chatgpt().await.unwrap();
    stage.model.push(Reply::text("authorised"));
    let codex = stage.start().await.unwrap();
    let token = access_token("kept");
    let tokens = LoginAccountParamsChatgptAuthTokens {
        chatgpt_plan_type: Some("plus".to_owned()),
        ..LoginAccountParamsChatgptAuthTokensRequired {
            access_token: token.clone(),
            chatgpt_account_id: "account".to_owned(),
        }
        .into()
    };
    let login = codex.request(LoginAccountParams::ChatgptAuthTokens(tokens));
    let response = login.await.unwrap();
    assert_eq!(response, LoginAccountResponse::ChatgptAuthTokens);
    let thread = codex.thread_start().await.unwrap();
    thread.run("hello").await.unwrap();
    let requests = stage.model.requests();
    let asked = requests.iter().find(|it| it.path.ends_with("/responses"));
    let authorization = asked.unwrap().header("authorization");
    assert_eq!(authorization, Some(&*format!("Bearer {token}")));
}
