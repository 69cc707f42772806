//! What a person meets in the first hour: each message says what happened, why, and what to do next. The
//! FAQ shows each as it is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use codex_e2e::pinned::has_kind;
use codex_e2e::{Stage, blocks, left_in};
use codex_sdk::{Codex, Condition, Error, Thread};
use codex_testkit::Reply;
use serde_json::json;

const FAQ: &str = include_str!("../../docs/faq.md");
/// What stands in the FAQ for whatever differs from run to run.
const VARIES: &str = "…";

/// Checks that a block of the FAQ is this message and nothing else, with `…` where it varies.
#[track_caller]
fn assert_in_faq(message: &str, varies: &[&str]) {
    let mut message = message.trim().to_owned();
    for part in varies {
        assert!(message.contains(part), "{part:?} isn't in {message:?}");
        message = message.replace(part, VARIES);
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = blocks(FAQ, "text").into_iter().map(words);
    assert!(
        shown.any(|shown| shown == words(&message)),
        "not in the FAQ: {message}"
    );
}

/// A stage whose provider asks for a login.
async fn with_login() -> (Stage, Codex, Thread) {
    let stage = Stage::with(|home| home.model_name("gpt-5.5").requires_openai_auth(true));
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (stage, codex, thread)
}

/// A turn that the provider refuses with this.
async fn refused(stage: &Stage, thread: &Thread, status: u16, body: serde_json::Value) -> Error {
    stage.model.push(Reply::status(status, body));
    thread.run("Hello?").await.unwrap_err()
}

#[codex_e2e_macros::test]
async fn a_person_without_a_login_or_with_a_wrong_key_is_told_to_log_in() {
    let (stage, codex, thread) = with_login().await;
    let url = stage.model.base_url();
    let error = |message: &str| json!({ "error": { "message": message, "code": null } });

    let body = error("Missing bearer or basic authentication in header");
    let none = refused(&stage, &thread, 401, body).await;
    assert_eq!(none.condition(), Some(Condition::NotAuthenticated));
    assert_in_faq(&none.to_string(), &[&url]);

    codex.login_api_key("sk-wrong-0123").await.unwrap();
    let body = error("Incorrect API key provided: sk-wrong*0123.");
    let wrong = refused(&stage, &thread, 401, body).await;
    assert_eq!(wrong.condition(), Some(Condition::NotAuthenticated));
    assert_in_faq(&wrong.to_string(), &["sk-wrong*0123", &url]);
}

#[codex_e2e_macros::test]
async fn a_person_with_a_model_that_is_refused_is_told_where_the_others_are() {
    let (stage, _codex, thread) = with_login().await;
    let url = stage.model.base_url();
    let message = "The model `gpt-9` does not exist or you do not have access to it.";
    let body = json!({ "error": { "message": message, "code": "model_not_found" } });
    let error = refused(&stage, &thread, 404, body.clone()).await;
    assert_eq!(error.condition(), Some(Condition::ModelUnavailable));
    // With a kind for it the runtime says no more than the provider's words.
    let varies = if has_kind("modelNotFound") {
        &[][..]
    } else {
        &[&*url]
    };
    assert_in_faq(&error.to_string(), varies);

    // Or it passes this on as the provider's JSON: the words are found in it.
    let error = refused(&stage, &thread, 400, body).await;
    assert_eq!(error.condition(), Some(Condition::ModelUnavailable));
    let advice = "choose another model (`codex.models()` lists them)";
    let message = message.trim_end_matches('.');
    assert_eq!(
        error.to_string(),
        format!("the turn failed: {message}: {advice}")
    );

    let message = "The 'gpt-9' model is not supported when using Codex with a ChatGPT account.";
    let error = refused(&stage, &thread, 400, json!({ "detail": message })).await;
    assert_eq!(error.condition(), Some(Condition::ModelUnavailable));
    assert_in_faq(&error.to_string(), &[]);
    let Error::TurnFailed(failed) = error else {
        panic!("{error:?}")
    };
    assert!(
        failed.message.starts_with('{'),
        "it is as the runtime sent it: {}",
        failed.message
    );
}

#[codex_e2e_macros::test]
async fn a_person_whose_limit_is_used_up_is_told_until_when() {
    let (stage, _codex, thread) = with_login().await;
    let body = json!({ "error": {
        "type": "usage_limit_reached", "message": "The usage limit has been reached",
        "plan_type": "plus", "resets_at": 1_800_000_000,
    } });
    let error = refused(&stage, &thread, 429, body).await;
    assert_eq!(error.condition(), Some(Condition::UsageLimitReached));
    let error = error.to_string();
    let (before, date) = error.split_once(" or try again at ").unwrap();
    let (date, _) = date.split_once(": ").unwrap();
    assert!(date.contains("2027"), "{error}");
    let (_, offers) = before.split_once(" usage limit. ").unwrap();
    assert_in_faq(&error, &[offers, date]);
}

/// A turn whose provider can't be reached goes on for ever, and says so.
#[codex_e2e_macros::test]
async fn a_person_without_a_network_is_told_by_the_stall_deadline() {
    let stage = Stage::new().await.unwrap();
    let dead = "[model_providers.dead]\nname = 'dead'\nbase_url = 'http://127.0.0.1:9/v1'\n\
                wire_api = 'responses'";
    stage.home.merge_config(dead).unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().model_provider("dead").await.unwrap();
    // Longer than from one try to the next: these are no progress.
    let run = thread.run("Hello?").stall_timeout(Duration::from_secs(5));
    let error = run.await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.condition(), Some(Condition::ProviderUnreachable));
    // It was interrupted, so that it may be run again once there is a network.
    assert!(error.is_transient() && !error.is_retryable());
    assert_in_faq(&error.to_string(), &["5s"]);
    let trouble = error.partial_result().unwrap().error.as_ref().unwrap();
    assert!(
        trouble.message.contains("waiting for network"),
        "{trouble:?}"
    );
    // Nothing of it runs on.
    assert_eq!(codex.stats().live_turns, 0);
}

#[codex_e2e_macros::test]
async fn a_person_with_a_busy_or_an_unknown_thread_is_told_what_to_do() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("Wait.").await.unwrap();
    stage.model.next_request().await;
    let error = thread.goal("Wait longer.").await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::ThreadBusy));
    assert_in_faq(&error.to_string(), &[thread.id()]);
    turn.interrupt().await.unwrap();

    let id = "01900000-0000-7000-8000-000000000000";
    let error = codex.thread_resume(id).await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::ThreadNotFound));
    assert_in_faq(&error.to_string(), &[id]);
}

#[cfg(unix)]
#[codex_e2e_macros::test]
async fn a_person_with_an_old_runtime_or_another_program_is_told_which() {
    let stage = Stage::new().await.unwrap();
    let old = crate::startup::disguised(&stage, "0.150.0");
    stage.model.push(Reply::text("Hello."));
    let codex = stage.builder().codex_bin(old).start().await.unwrap();
    assert_eq!(codex.metadata().server_version, "0.150.0");
    let thread = codex.thread_start().await.unwrap();
    let error = thread
        .run("Hello?")
        .turn_service_tier("fast")
        .await
        .unwrap_err();
    assert_eq!(error.condition(), Some(Condition::RuntimeTooOld));
    assert_in_faq(&error.to_string(), &[]);
    // It is good for everything else.
    assert!(thread.run("Hello?").await.unwrap().final_response.is_some());
    codex.close().await.unwrap();

    let other = crate::startup::script(&stage, "echo 'out of luck' >&2; exit 3");
    let program = format!("{:?}", other.display().to_string());
    let error = stage.builder().codex_bin(other).start().await.unwrap_err();
    assert_in_faq(&error.to_string(), &[&program]);
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
}

/// What the programs of the README print, as somebody sees it who has just copied them.
#[codex_e2e_macros::test]
async fn a_person_without_a_runtime_is_told_how_to_get_one() {
    let empty = tempfile::tempdir().unwrap();
    let run = |program: &Path| {
        let mut command = std::process::Command::new(program);
        command.current_dir(empty.path());
        for name in ["CODEX_SDK_BIN", "VIRTUAL_ENV", "CONDA_PREFIX"] {
            command.env_remove(name);
        }
        command
            .env("CODEX_HOME", empty.path())
            .env("CODEX_SDK_RUNTIME_DIR", empty.path().join("runtimes"))
            // An index that isn't there, as on a machine without a network.
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
            .env("PIP_RETRIES", "0")
            .env("UV_NO_CONFIG", "1")
            .env("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
            .env("UV_HTTP_RETRIES", "0")
            // The pin may be for npm.
            .env("npm_config_userconfig", "/dev/null")
            .env("npm_config_registry", "http://127.0.0.1:9")
            .env("npm_config_fetch_retries", "0");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        let message = error.trim().strip_prefix("Error: ").unwrap_or(&error);
        assert_eq!(message.lines().count(), 1, "{error}");
        message.to_owned()
    };
    let programs = crate::dependent::programs().await;
    assert_in_faq(&run(&programs.blocking), &[]);

    let error = run(&programs.first);
    let (_, reports) = error.split_once('(').unwrap();
    let (reports, _) = reports.rsplit_once("): ").unwrap();
    assert_in_faq(&error, &[reports]);
    assert!(
        fs::read_dir(empty.path().join("runtimes")).map_or(true, |files| {
            files
                .flatten()
                .all(|file| file.file_name() == "install.lock")
        })
    );
}
