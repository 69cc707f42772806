//! The recipes of the README, the guides and the SDK's documentation, run as they stand there.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;

use codex_e2e::Stage;
use codex_sdk::RUNTIME_VERSION;
use codex_testkit::Reply;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::examples::within;
use crate::inputs::PIXEL;

const RECIPES: &str = env!("CARGO_BIN_EXE_recipes");
const ANSWER: &str = "A sentence.";

/// Why a recipe isn't run here.
const NOT_RUN: [(&str, &str); 12] = [
    (
        "getting_started::main_2",
        "it is the example `reviewed_change`: `docs.rs` runs it and compares what it prints",
    ),
    (
        "lib::environment",
        "it leaves out `CODEX_HOME`, so it would start in the home of whoever runs the test",
    ),
    (
        "lib::servers",
        "one of its servers is on the network; `mcp.rs` has such servers on loopback",
    ),
    (
        "login_mcp::example",
        "a person opens the page; `mcp/http.rs` logs in by the same steps",
    ),
    (
        "scaling::before_the_restart",
        "it is two programs; `attach.rs` has them",
    ),
    (
        "scaling::elsewhere",
        "its exec-server is on the network; `servers.rs` has one on loopback",
    ),
    (
        "scaling::one_host",
        "its folders are a service's; `servers.rs` has such a server in a folder of its own",
    ),
    (
        "start_builder::example",
        "it needs a tracer; `servers.rs` has requests that are part of a trace",
    ),
    (
        "start_connect::example",
        "its server is on the network; `servers.rs` connects to some on loopback",
    ),
    (
        "turn_environment::example",
        "its exec-server is on the network; `servers.rs` has one on loopback",
    ),
    (
        "turn_attach::example",
        "it is two programs; `attach.rs` has them",
    ),
    (
        "thread_watch::second_tab",
        "it looks on for as long as the client lives; `watching.rs` looks on for shorter",
    ),
];

/// What the model says, what the recipe prints, and what the model was told in the end.
type Scene = (&'static str, Vec<Reply>, &'static str, &'static str);

fn answer() -> Vec<Reply> {
    vec![Reply::text(ANSWER)]
}

fn value(value: &Value) -> Vec<Reply> {
    vec![Reply::text(value.to_string())]
}

fn call(tool: &str, arguments: &Value) -> Reply {
    Reply::function_call(tool, arguments.to_string())
}

fn slowest() -> Vec<Reply> {
    value(&json!({ "name": "startup", "seconds": 1.5, "cause": null }))
}

fn pages() -> Vec<Scene> {
    let status = json!({
        "cmd": "git status", "sandbox_permissions": "require_escalated", "justification": "?",
    });
    let agent = vec![
        call("exec_command", &status),
        call("ticket", &json!({ "number": 7 })),
        Reply::text(ANSWER),
    ];
    let broken = vec![Reply::disconnect(), Reply::text(ANSWER)];
    vec![
        ("readme::main", answer(), ANSWER, ""),
        ("guide::main", answer(), ANSWER, ""),
        ("guide::stream", answer(), "2 items, completed", ""),
        ("guide::find", slowest(), "startup: 1.5 s", ""),
        ("guide::agent", agent, ANSWER, "the seventh"),
        ("guide::list", vec![], " skills in ", ""),
        ("guide::with_files", vec![], "", ""),
        ("faq::main", answer(), r#"Some("A sentence.")"#, ""),
        ("faq::bounded", answer(), r#"Some("A sentence.")"#, ""),
        ("faq::frugal", answer(), r#"Some("A sentence.")"#, ""),
        ("faq::ask", broken, "", "Hello?"),
        ("getting_started::main", answer(), ANSWER, ""),
        ("coming_from_claude::fix", answer(), ANSWER, ""),
    ]
}

fn from_python() -> Vec<Scene> {
    let refused = vec![Reply::status(400, json!({ "error": { "message": "no" } }))];
    vec![
        ("migrating_from_python::take_over", answer(), "", ""),
        (
            "migrating_from_python::main",
            answer(),
            "A sentence.\n2 items",
            "",
        ),
        (
            "migrating_from_python::count",
            answer(),
            "turn/completed",
            "",
        ),
        (
            "migrating_from_python::find",
            slowest(),
            "startup: 1.5 s",
            "",
        ),
        ("migrating_from_python::run", refused, "the turn failed", ""),
        ("migrating_from_python::skills", vec![], r#"{"data":"#, ""),
    ]
}

fn documentation() -> Vec<Scene> {
    let release = json!({ "version": "2", "changes": ["all"], "codename": null });
    let finding = json!({ "file": "main.rs", "line": null, "severity": "Bug" });
    let review = json!({ "summary": "One bug.", "findings": [finding] });
    let ticket = vec![call("ticket", &json!({ "number": 7 })), Reply::text(ANSWER)];
    let failed = vec![Reply::failed("server_error", "no")];
    let reached = vec![
        Reply::text(ANSWER),
        call("update_goal", &json!({ "status": "complete" })),
        Reply::text("Reached."),
    ];
    vec![
        ("blocking::main", answer(), ANSWER, ""),
        ("codex::example", vec![], "Codex ", ""),
        ("lib::main", answer(), ANSWER, ""),
        ("lib::stream", answer(), "A sentence.2 items", ""),
        ("lib::release", value(&release), "2: 1 changes", ""),
        ("lib::control", vec![], "interrupted", ""),
        ("lib::requests", vec![], " models", ""),
        ("lib::errors", failed, "1 items came before", ""),
        ("lib::deadline", answer(), r#"Some("A sentence.")"#, ""),
        ("lib::approvals", vec![], "", ""),
        ("lib::tools", ticket, "", "the seventh"),
        ("lib::block", vec![], RUNTIME_VERSION, ""),
        ("lib::scripted", vec![], "", ""),
        ("lists::example", vec![], "", ""),
        ("permissions::example", vec![], "", ""),
        ("retry::overloaded", vec![], "", ""),
        (
            "retry::transient",
            vec![Reply::disconnect(), Reply::text(ANSWER)],
            "",
            "",
        ),
        ("server::example", answer(), ANSWER, ""),
        ("server_requests_handler::example", vec![], "", ""),
        ("start_handlers::example", vec![], "", ""),
        ("start_handlers::example_2", vec![], "", ""),
        (
            "thread::conversation",
            [answer(), answer()].concat(),
            ANSWER,
            "And how fast is it?",
        ),
        ("thread::review", value(&review), "main.rs:1 Bug", ""),
        (
            "thread::review_2",
            value(&json!({ "summary": "Fine." })),
            "turn/completed\nFine.",
            "",
        ),
        ("thread::review_3", answer(), ANSWER, ""),
        ("thread::goal", reached, "completed", ""),
        ("tool::example", vec![], "", ""),
        ("turn_handle::example", answer(), "2 items, completed", ""),
    ]
}

#[codex_e2e_macros::test]
async fn every_recipe_is_run_or_has_a_reason_why_not() {
    let listed = Command::new(RECIPES).output().await.unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let listed: BTreeSet<_> = listed.lines().collect();
    let scenes = [pages(), from_python(), documentation()].concat();
    let run = scenes.iter().map(|scene| scene.0);
    let known: BTreeSet<_> = run.chain(NOT_RUN.map(|(name, _)| name)).collect();
    let difference: Vec<_> = listed.symmetric_difference(&known).collect();
    assert_eq!(difference, [&""; 0], "not listed here, or gone");
}

#[codex_e2e_macros::test]
async fn the_recipes_of_the_pages_run() {
    for scene in [pages(), from_python()].concat() {
        run(scene).await;
    }
}

#[codex_e2e_macros::test]
async fn the_recipes_of_the_documentation_run() {
    for scene in documentation() {
        run(scene).await;
    }
}

async fn run((name, replies, shown, told): Scene) {
    let stage = stage().await;
    for reply in replies {
        stage.model.push(reply);
    }
    if name.ends_with("::control") {
        // It steers and interrupts before the model has answered.
        stage.model.default_reply(Reply::stall());
    }
    let mut path = OsString::from(stage.home.workspace());
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let output = Command::new(RECIPES)
        .arg(name)
        .current_dir(stage.home.workspace())
        .envs(stage.env())
        .env("PATH", path)
        .output();
    let output = within(output).await.unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(shown), "{name} prints {printed}");
    let requests = stage.model.requests();
    let last = requests.last().map(|request| request.body.to_string());
    let last = last.unwrap_or_default();
    assert!(last.contains(told), "{name} tells the model {last}");
    assert_eq!(stage.model.queued(), 0, "{name} asks for less");
}

/// A stage whose workspace has the files and the program that the recipes name.
async fn stage() -> Stage {
    let stage = Stage::with(|home| home.model_name("gpt-5.5"))
        .await
        .unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = stage.home.workspace().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    file("tickets/7.txt", b"the seventh");
    file("notes.md", b"A note.");
    file("skills/review/SKILL.md", b"Look twice.");
    file("chart.png", PIXEL);
    let server = stage.home.workspace().join("files-mcp");
    symlink(env!("CARGO_BIN_EXE_tiny-mcp"), server).unwrap();
    stage
}
