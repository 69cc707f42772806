//! The tests that docs/testing-your-app.md shows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use codex_e2e::blocks;
use codex_sdk::schemars::JsonSchema;
use codex_sdk::types::FileChangeApprovalDecision::Decline;
use codex_sdk::types::TurnStatus;
use codex_sdk::{Codex, CodexBuilder, Condition, Sandbox, Tool, schemars};
use codex_testkit::peer::shapes;
use codex_testkit::{CodexHome, Gate, Peer, Reply, ScriptedModel};

#[test]
fn the_page_shows_what_runs_here() {
    let page = include_str!("../../docs/testing-your-app.md");
    let here = include_str!("testing_your_app.rs");
    // The page doesn't show this test, for which this is imported.
    let here = here.replace("use codex_e2e::blocks;\n", "");
    let here = here.replace("use std::collections::BTreeSet;\n", "");
    // What the tests leave behind is looked at here alone.
    let here = here.replace("#[codex_e2e_macros::test]", "#[tokio::test]");
    let here: BTreeSet<_> = here.split("\n\n").map(str::trim_end).collect();
    for block in blocks(page, "rust") {
        // The library and the program of the page are the reader's.
        let is_readers = |part: &&str| {
            [
                "CARGO_BIN_EXE",
                "use first_change::",
                "use codex_sdk::Codex;",
            ]
            .iter()
            .any(|it| part.contains(it))
        };
        let block = block.replace("pub async fn", "async fn");
        let mut parts = block.split("\n\n").filter(|part| !is_readers(part));
        let missing = parts.find(|part| !here.contains(part.trim_end()));
        assert_eq!(missing, None, "not in tests/it/testing_your_app.rs");
    }
}

/// What is to be tested.
async fn summary(codex: &Codex, subject: &str) -> codex_sdk::Result<String> {
    let thread = codex.thread_start().ephemeral(true).await?;
    let result = thread.run(format!("Summarise {subject}.")).await?;
    Ok(result.final_response.unwrap_or_default())
}

/// The runtime's home and its model. Both are needed as long as the client.
async fn stage() -> (ScriptedModel, CodexHome) {
    codex_testkit::runtime().unwrap(); // installed now, if it isn't there
    let model = ScriptedModel::start().await.unwrap();
    // A name that the runtime knows: to a model of another one it offers no `apply_patch`.
    let home = CodexHome::builder().model(&model).model_name("gpt-5.5");
    (model, home.build().unwrap())
}

/// A client of a runtime in this home.
fn builder(home: &CodexHome) -> CodexBuilder {
    Codex::builder().envs(home.env()).cwd(home.workspace())
}

#[codex_e2e_macros::test]
async fn a_summary_is_the_answer() -> codex_sdk::Result<()> {
    let (model, home) = stage().await;
    let codex = builder(&home).start().await?;
    model.push(Reply::text("It is short."));

    assert_eq!(summary(&codex, "this file").await?, "It is short.");

    // What the model was asked.
    let requests = model.requests();
    assert!(requests[0].user_texts().contains(&"Summarise this file."));
    codex.close().await
}

#[derive(serde::Deserialize, JsonSchema)]
struct Ticket {
    number: u32,
}

#[codex_e2e_macros::test]
async fn the_model_is_told_what_the_tool_says() -> codex_sdk::Result<()> {
    let (model, home) = stage().await;
    let codex = builder(&home).start().await?;
    let ticket = Tool::new("ticket", "Reads a ticket.", |ticket: Ticket| async move {
        Ok(format!("ticket {}: done", ticket.number))
    });
    let thread = codex.thread_start().tool(ticket).await?;

    model.push(Reply::function_call("ticket", r#"{"number":7}"#).id("call-1"));
    model.push(Reply::text("It is done."));
    let result = thread.run("Is ticket 7 done?").await?;
    assert_eq!(result.final_response.as_deref(), Some("It is done."));

    let requests = model.requests();
    let output = requests[1].tool_output("call-1").unwrap().to_string();
    assert!(output.contains("ticket 7: done"), "{output}");
    codex.close().await
}

#[codex_e2e_macros::test]
async fn a_change_that_is_declined_is_not_made() -> codex_sdk::Result<()> {
    let (model, home) = stage().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let codex = builder(&home)
        .on_file_change_approval(move |context, _params| {
            count.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(context.changes()[0].path.ends_with("notes.txt"));
                Ok(Decline)
            }
        })
        .start()
        .await?;
    let patch = "*** Begin Patch\n*** Add File: notes.txt\n+hello\n*** End Patch";
    model.push(Reply::custom_tool_call("apply_patch", patch));
    model.push(Reply::text("Then not."));

    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    thread.run("Write a note.").await?;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(!home.workspace().join("notes.txt").exists());
    codex.close().await
}

#[codex_e2e_macros::test]
async fn a_turn_is_interrupted_while_the_model_thinks() -> codex_sdk::Result<()> {
    let (model, home) = stage().await;
    let codex = builder(&home).start().await?;
    let thread = codex.thread_start().await?;
    let gate = Gate::new();
    model.push(Reply::text("never seen").gate(&gate));
    let turn = thread.turn("Take your time.").await?;
    gate.reached().await; // the model has been asked, and hasn't answered

    turn.interrupt().await?;
    assert_eq!(turn.run().await?.status, TurnStatus::Interrupted);
    codex.close().await
}

#[codex_e2e_macros::test]
async fn a_wrong_key_is_told_from_other_failures() -> codex_sdk::Result<()> {
    let (model, home) = stage().await;
    let codex = builder(&home).start().await?;
    let refusal = serde_json::json!({ "error": { "message": "Incorrect API key provided." } });
    model.push(Reply::status(401, refusal));

    let error = summary(&codex, "this file").await.unwrap_err();
    assert_eq!(error.condition(), Some(Condition::NotAuthenticated));
    codex.close().await
}

#[codex_e2e_macros::test]
async fn a_runtime_that_ends_in_a_turn_is_an_error() {
    let (mut peer, (output, input)) = Peer::pair();
    let start = Codex::builder().start_with_io(output, input);
    let (codex, _) = tokio::join!(start, peer.handshake());
    let codex = codex.unwrap();

    let runtime = async {
        let request = peer.expect_request("thread/start").await;
        peer.reply(&request.id, shapes::thread_start_response("thread-1"))
            .await;
        let request = peer.expect_request("turn/start").await;
        peer.reply(&request.id, shapes::turn_start_response("turn-1"))
            .await;
        peer.close().await;
    };
    let ((), result) = tokio::join!(runtime, summary(&codex, "this file"));
    assert!(result.unwrap_err().is_closed());
}

#[codex_e2e_macros::test]
async fn a_program_asks_the_script() -> Result<(), Box<dyn std::error::Error>> {
    let (model, home) = stage().await;
    model.push(Reply::text("It is empty."));

    let program = crate::dependent::programs().await.first.clone();

    let output = tokio::process::Command::new(program)
        .envs(home.env())
        .current_dir(home.workspace())
        .output()
        .await?;

    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"It is empty.\n");
    Ok(())
}

#[codex_e2e_macros::test]
async fn a_script_that_has_run_out_says_so() -> codex_sdk::Result<()> {
    let (_model, home) = stage().await;
    let codex = builder(&home).start().await?;
    let error = summary(&codex, "this file").await.unwrap_err();
    assert!(error.to_string().contains("has no reply left"), "{error}");
    codex.close().await
}
