//! Other versions of the runtime, and what is agreed with this one in the handshake.

use codex_e2e::{Stage, left_in};
use codex_sdk::types::InitializeCapabilities;
use codex_sdk::{Condition, Error, RUNTIME_VERSION};
use codex_testkit::Reply;
use serde_json::json;

use crate::startup::{disguised, script};
use crate::values::{configuration, logged};

#[codex_e2e_macros::test]
async fn another_version_is_logged_as_older_newer_or_unknown() {
    let stage = Stage::new().await.unwrap();
    let newer = format!("v{}", newer());
    for (version, expected) in [
        ("0.150.0", "older than the pinned one"),
        (&*newer, "newer than the pinned one"),
        ("dev", "doesn't say its version"),
    ] {
        let builder = stage.builder().codex_bin(disguised(&stage, version));
        let (codex, log) = logged(builder).await;
        assert!(log.contains(expected), "{version}: {log}");
        // Only an old one lacks options.
        let thread = codex.thread_start().await.unwrap();
        let excluded = vec![thread.id().to_owned()];
        let list = codex.thread_list().excluded_thread_ids(excluded).await;
        assert_eq!(list.is_err(), version == "0.150.0", "{version}");
        codex.close().await.unwrap();
    }
}

#[codex_e2e_macros::test]
async fn a_notification_that_was_opted_out_of_does_not_come() {
    let stage = Stage::new().await.unwrap();
    let delta = "item/agentMessage/delta";
    let capabilities = InitializeCapabilities {
        opt_out_notification_methods: Some(vec![delta.to_owned()]),
        ..InitializeCapabilities::default()
    };
    let builder = stage.builder().capabilities(capabilities);
    let codex = builder.start().await.unwrap();
    stage.model.push(Reply::text("heard"));
    let thread = codex.thread_start().await.unwrap();
    let mut turn = thread.turn("hello").await.unwrap();
    let mut methods = Vec::new();
    while let Some(event) = turn.next().await {
        methods.push(event.unwrap().method().to_owned());
    }
    assert!(!methods.contains(&delta.to_owned()), "{methods:?}");
    assert!(
        methods.contains(&"item/completed".to_owned()),
        "{methods:?}"
    );
    assert!(
        methods.contains(&"turn/completed".to_owned()),
        "{methods:?}"
    );
}

/// The next minor version after the pinned one.
fn newer() -> String {
    let mut numbers = RUNTIME_VERSION
        .split('.')
        .map(|it| it.parse::<u32>().unwrap());
    let [major, minor] = [(); 2].map(|()| numbers.next().unwrap());
    format!("{major}.{}.0", minor + 1)
}

#[codex_e2e_macros::test]
async fn a_runtime_that_is_too_old_or_not_the_pinned_one_is_refused_by_its_version() {
    let stage = Stage::new().await.unwrap();
    let old = stage.builder().codex_bin(disguised(&stage, "0.131.0"));
    let error = old.start().await.unwrap_err();
    assert!(
        matches!(error, Error::UnsupportedRuntime { .. }),
        "{error:?}"
    );
    assert_eq!(error.condition(), Some(Condition::RuntimeTooOld));
    for part in ["0.131.0", "0.132.0 or newer", RUNTIME_VERSION] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // One that doesn't know its arguments, in the words of those runtimes.
    let words = "echo \"error: unexpected argument '--listen' found\" >&2; exit 2";
    let older = stage.builder().codex_bin(script(&stage, words));
    let error = older.start().await.unwrap_err();
    assert!(
        matches!(error, Error::UnsupportedRuntime { .. }),
        "{error:?}"
    );

    let newer = newer();
    let bin = disguised(&stage, &newer);
    let builder = stage.builder().codex_bin(bin).require_pinned(true);
    let error = builder.clone().start().await.unwrap_err();
    assert!(
        matches!(&error, Error::UnsupportedRuntime { found, .. } if *found == newer),
        "{error:?}"
    );
    assert_eq!(left_in(stage.home.path()), Vec::<String>::new());
    builder.require_pinned(false).start().await.unwrap();
    stage.builder().require_pinned(true).start().await.unwrap();
}

/// What the test kit says that a home may have.
#[codex_e2e_macros::test]
async fn the_policies_that_the_test_kit_documents_are_taken() {
    for policy in ["on-request", "never"] {
        for sandbox in ["read-only", "workspace-write", "danger-full-access"] {
            let stage = Stage::with(|home| home.approval_policy(policy).sandbox_mode(sandbox));
            let stage = stage.await.unwrap();
            let codex = stage.start().await.unwrap();
            let config = configuration(&codex).await;
            let found = (&config["approval_policy"], &config["sandbox_mode"]);
            assert_eq!(found, (&json!(policy), &json!(sandbox)));
        }
    }
    let stage = Stage::with(|home| home.approval_policy("untrusted"));
    let error = stage.await.unwrap().start().await.unwrap_err();
    assert!(error.to_string().contains("no longer supported"), "{error}");
}
