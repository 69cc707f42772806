//! Turns that stop.

use std::time::Duration;

use codex_e2e::Stage;
use codex_e2e::pinned::{CLIENT_IS_CLOCK, NO_CLOCK, asks_for_time, has_kind};
use codex_sdk::types::{CurrentTimeReadParams, CurrentTimeReadResponse};
use codex_sdk::{Condition, HandlerResult, RequestContext, ServerRequestHandler};
use codex_testkit::{Reply, Usage};
use serde_json::{Value, json};

use crate::conditions::{failed, means};

const REJECTED: Condition = Condition::RequestRejected;

fn status(code: u16) -> Reply {
    Reply::status(code, json!({}))
}

/// What a provider answers with this status, and with this code in it.
fn refused(status: u16, code: &str) -> Reply {
    let error = json!({ "code": code, "type": code, "message": "Words of the provider." });
    Reply::status(status, json!({ "error": error }))
}

/// A stream that fails with this code.
fn fails(code: &str) -> Reply {
    Reply::failed(code, "Words of the provider.")
}

/// Runs a turn for each reply, on a thread of its own, and checks why it failed.
async fn each_means(replies: impl IntoIterator<Item = (Reply, Condition)>) {
    let stage = Stage::new().await.unwrap();
    let codex = stage.start().await.unwrap();
    for (reply, condition) in replies {
        let thread = codex.thread_start().ephemeral(true).await.unwrap();
        stage.model.push(reply.clone());
        let result = thread.run("Hello?").await;
        assert!(result.is_err(), "{reply:?} is no failure");
        let error = means(result, condition);
        assert_eq!(stage.model.queued(), 0, "{error}");
        assert!(!failed(&error).result.items.is_empty(), "{error}");
    }
}

#[codex_e2e_macros::test]
async fn a_turn_that_failed_for_a_passing_reason_is_transient() {
    let broken = Reply::text("Once upon").then(Reply::disconnect());
    let replies = [
        (status(429), Condition::RateLimited),
        (refused(429, "rate_limit_exceeded"), Condition::RateLimited),
        (refused(503, "slow_down"), Condition::RateLimited),
        (fails("rate_limit_exceeded"), Condition::RateLimited),
        (fails("slow_down"), Condition::RateLimited),
        (
            refused(503, "server_is_overloaded"),
            Condition::ProviderOverloaded,
        ),
        (fails("server_is_overloaded"), Condition::ProviderOverloaded),
        (status(529), Condition::ProviderOverloaded),
        (refused(429, "flex_unavailable"), Condition::FlexUnavailable),
        (fails("flex_unavailable"), Condition::FlexUnavailable),
        (status(408), Condition::ProviderFailed),
        (status(500), Condition::ProviderFailed),
        (status(502), Condition::ProviderFailed),
        (status(503), Condition::ProviderFailed),
        (status(504), Condition::ProviderFailed),
        (broken, Condition::StreamBroken),
        (Reply::disconnect(), Condition::StreamBroken),
        // The runtime takes these for a stream that broke, and says so.
        (fails("server_error"), Condition::StreamBroken),
        (fails("no_such_code"), Condition::StreamBroken),
    ];
    assert!(replies.iter().all(|(_, it)| it.is_transient()));
    each_means(replies).await;
}

#[codex_e2e_macros::test]
async fn a_turn_that_fails_again_unless_something_changes_is_not_transient() {
    let cut = Reply::text("Once").then(Reply::incomplete("max_output_tokens"));
    let filtered = Reply::text("Once").then(Reply::incomplete("content_filter"));
    let unknown = "The model `gpt-9` does not exist or you do not have access to it.";
    // Without a kind for this policy the runtime passes on the words alone.
    let bio_policy = if has_kind("bioPolicy") {
        Condition::PolicyViolation
    } else {
        REJECTED
    };
    let replies = [
        (
            fails("context_length_exceeded"),
            Condition::ContextWindowExceeded,
        ),
        (
            refused(400, "context_length_exceeded"),
            Condition::ContextWindowExceeded,
        ),
        (
            refused(429, "usage_limit_reached"),
            Condition::UsageLimitReached,
        ),
        (
            refused(429, "insufficient_quota"),
            Condition::UsageLimitReached,
        ),
        (
            refused(429, "usage_not_included"),
            Condition::UsageLimitReached,
        ),
        (fails("insufficient_quota"), Condition::UsageLimitReached),
        (fails("usage_not_included"), Condition::UsageLimitReached),
        (
            fails("credit_balance_exhausted"),
            Condition::UsageLimitReached,
        ),
        (status(402), Condition::UsageLimitReached),
        (status(401), Condition::NotAuthenticated),
        (status(403), Condition::AccessDenied),
        (
            Reply::failed("model_not_found", unknown),
            Condition::ModelUnavailable,
        ),
        (refused(400, "cyber_policy"), Condition::PolicyViolation),
        (fails("cyber_policy"), Condition::PolicyViolation),
        (
            fails("misalignment_policy_violation"),
            Condition::PolicyViolation,
        ),
        (filtered, Condition::PolicyViolation),
        (cut, Condition::AnswerTruncated),
        (status(400), REJECTED),
        (refused(400, "invalid_json_schema"), REJECTED),
        (fails("invalid_prompt"), REJECTED),
        (refused(400, "bio_policy"), bio_policy),
        (status(404), REJECTED),
        (status(413), REJECTED),
        (status(422), REJECTED),
    ];
    assert!(replies.iter().all(|(_, it)| !it.is_transient()));
    each_means(replies).await;
}

/// By default the runtime itself tries again, several times, before a turn fails.
#[codex_e2e_macros::test]
async fn a_turn_that_the_runtime_itself_tried_again_says_the_same() {
    let tries = "[model_providers.scripted]\nrequest_max_retries = 1\nstream_max_retries = 1\n\
                 stream_idle_timeout_ms = 300";
    let stage = Stage::with(|home| home.config_toml(tries)).await.unwrap();
    let codex = stage.start().await.unwrap();
    let replies = [
        (status(429), Condition::RateLimited),
        (status(500), Condition::ProviderFailed),
        (status(503), Condition::ProviderFailed),
        (Reply::disconnect(), Condition::StreamBroken),
        (fails("server_error"), Condition::StreamBroken),
        // It falls silent.
        (
            Reply::text("Once").then(Reply::stall()),
            Condition::StreamBroken,
        ),
    ];
    for (reply, condition) in replies {
        stage.model.default_reply(reply);
        let thread = codex.thread_start().ephemeral(true).await.unwrap();
        means(thread.run("Hello?").await, condition);
    }
}

#[codex_e2e_macros::test]
async fn a_provider_without_its_key_asks_for_a_login() {
    let key = "[model_providers.scripted]\nenv_key = 'NO_SUCH_KEY'";
    let stage = Stage::with(|home| home.config_toml(key)).await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let error = means(thread.run("Hello?").await, Condition::NotAuthenticated);
    assert!(error.to_string().contains("NO_SUCH_KEY"), "{error}");
}

#[codex_e2e_macros::test]
async fn a_turn_beyond_the_token_budget_says_that_it_is_spent() {
    let budget = "[features.rollout_budget]\nenabled = true\nlimit_tokens = 15000\n\
                  reminder_at_remaining_tokens = [500]";
    let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(budget));
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let usage = Usage {
        input: 5000,
        output: 5000,
        ..Usage::default()
    };
    stage.model.default_reply(Reply::text("Much.").usage(usage));
    let mut results = Vec::new();
    for _ in 0..2 {
        results.push(thread.run("Talk.").await);
    }
    means(results.pop().unwrap(), Condition::TokenBudgetSpent);
    // The way out that the message names.
    let thread = codex.thread_start().await.unwrap();
    thread.run("Talk.").await.unwrap();
}

#[codex_e2e_macros::test]
async fn a_turn_whose_clock_tells_nonsense_names_the_handler() {
    struct Broken;
    impl ServerRequestHandler for Broken {
        async fn current_time(
            &self,
            _context: RequestContext,
            _params: CurrentTimeReadParams,
        ) -> HandlerResult<CurrentTimeReadResponse> {
            Ok(CurrentTimeReadResponse::new(i64::MAX))
        }
    }
    let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(CLIENT_IS_CLOCK));
    let stage = stage.await.unwrap();
    let codex = stage.open(stage.builder().handler(Broken)).await.unwrap();
    let thread = codex.thread_start().await;
    if !asks_for_time() {
        let error = means(thread, Condition::RuntimeFailed);
        assert!(error.to_string().contains(NO_CLOCK), "{error}");
        return;
    }
    means(
        thread.unwrap().run("What time is it?").await,
        Condition::HandlerFailed,
    );
}

#[codex_e2e_macros::test]
async fn a_deadline_and_a_lost_connection_are_not_transient() {
    let stage = Stage::new().await.unwrap();
    stage.model.push(Reply::stall());
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let run = thread.run("Wait.").timeout(Duration::from_secs(1));
    means(run.await, Condition::DeadlinePassed);
    codex.close().await.unwrap();
    means(thread.run("Anybody?").await, Condition::ConnectionClosed);
}

/// The table serves reports, too.
#[test]
fn a_condition_is_written_as_its_name() {
    let written = serde_json::to_value(Condition::RateLimited).unwrap();
    assert_eq!(written, Value::from("RateLimited"));
    assert_eq!(Condition::RateLimited.to_string(), "RateLimited");
}
