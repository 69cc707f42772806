//! The examples of `codex-sdk` with a scripted model, for `cargo xtask demo` and for the tests.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use codex_testkit::{CodexHomeBuilder, Gate, Reply, Usage};
use serde_json::json;

use crate::Stage;

/// The examples that have a script.
pub const NAMES: [&str; 24] = [
    "approvals",
    "batch",
    "blocking",
    "chat",
    "ci_review",
    "concurrency",
    "error_handling",
    "existing_thread",
    "external_message",
    "goal",
    "image_and_text",
    "lifecycle",
    "local_image",
    "login_and_account",
    "model_selection",
    "models_and_metadata",
    "reviewed_change",
    "streaming_events",
    "tools",
    "turn_controls",
    "turn_params",
    "turn_result",
    "typed_output",
    "web_service",
];

/// Returns the model's replies for an example, or `None` if there is no such example.
///
/// If the example must act before an answer ends, the gate holds that answer; without a gate, the answer is
/// slow.
pub fn script(name: &str, gate: Option<&Gate>) -> Option<Vec<Reply>> {
    Some(match name {
        "approvals" => approvals(),
        "batch" => batch(),
        "blocking" => vec![words("Hello, hello."), text("Paint."), text("Paint.")],
        "chat" => chat(),
        "ci_review" => ci_review(),
        "concurrency" => vec![words("It is known to every child.")],
        "error_handling" => vec![no_such_model(), text("Hello.")],
        "existing_thread" => vec![text("A lemon."), text("It is yellow.")],
        "external_message" => vec![text("I will."), text("A build failed in its linker.")],
        "goal" => {
            let reached = Reply::function_call("update_goal", r#"{"status":"complete"}"#);
            vec![
                text("The Douro."),
                text("The Tagus."),
                text("The Guadiana.").phase("commentary").then(reached),
                text("These are three."),
            ]
        }
        "image_and_text" => vec![text("It is Italy's.")],
        "lifecycle" => vec![text("It is what it is.")],
        "local_image" => vec![text("Three upright stripes.")],
        "login_and_account" | "models_and_metadata" => Vec::new(),
        "model_selection" => vec![text("7"), text(r#"{"prime":11}"#)],
        "reviewed_change" => reviewed_change(),
        "streaming_events" => vec![words("It is wide. It is never still.")],
        "tools" => vec![
            forecast(9),
            forecast(2),
            text("In two days it will be sunny in Lisbon."),
        ],
        "typed_output" => vec![text(&rivers())],
        "turn_controls" => vec![
            held(words("The ships come in with the tide."), gate),
            text("It winks, and the ships come home."),
            words("One, two, three, ").then(Reply::stall()),
        ],
        "turn_params" => vec![text(
            r#"{"summary":"With hot water.","steps":["Boil water.","Wait."]}"#,
        )],
        "turn_result" => vec![text("They can be read.")],
        "web_service" => web_service(gate),
        _ => return None,
    })
}

/// Creates a stage with everything that the example needs.
///
/// # Errors
/// If there is no such example; as for [`Stage::new`].
pub async fn stage(name: &str, gate: Option<&Gate>) -> anyhow::Result<Stage> {
    let replies = script(name, gate).with_context(|| {
        format!(
            "there is no script for {name:?}: choose one of {}",
            NAMES.join(", ")
        )
    })?;
    stage_with(name, replies).await
}

/// A stage on which the example finds what it needs, with a model that says something else.
///
/// # Errors
/// As for [`Stage::new`].
pub async fn stage_with(name: &str, replies: Vec<Reply>) -> anyhow::Result<Stage> {
    let login = name == "login_and_account";
    let configure = |home: CodexHomeBuilder| {
        let home = home.model_name("gpt-5.5").sandbox_mode("read-only");
        home.requires_openai_auth(login)
    };
    let stage = Stage::with(configure).await?;
    let script = stage.home.workspace().join("greet.sh");
    if name == "reviewed_change" {
        fs::write(script, GREETING)?;
    } else if name == "ci_review" {
        pull_request(&script)?;
    }
    // Concurrent threads make their requests in any order.
    if let [reply] = &replies[..] {
        stage.model.default_reply(reply.clone());
    } else {
        let end = "That was all that the script has to say.";
        stage.model.default_reply(text(end));
        for reply in replies {
            stage.model.push(reply);
        }
    }
    Ok(stage)
}

const GREETING: &str = "#!/bin/sh\necho \"hello, world\"\n";

/// Makes the script's folder a repository, with a branch that changes the script.
fn pull_request(script: &Path) -> anyhow::Result<()> {
    let folder = script.parent().unwrap_or(script);
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        // Whatever the user has configured, such as a key that signs commits.
        git.envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ]);
        git.args([
            "-c",
            "user.name=Demo",
            "-c",
            "user.email=demo@example.invalid",
        ]);
        let output = git.args(arguments).current_dir(folder).output();
        let output = output.context("git can't be run")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {arguments:?}: {errors}");
        anyhow::Ok(())
    };
    fs::write(script, GREETING)?;
    git(&["init", "--quiet", "--initial-branch", "main"])?;
    git(&["add", "greet.sh"])?;
    git(&["commit", "--quiet", "--message", "Greet the world"])?;
    git(&["switch", "--quiet", "--create", "names"])?;
    fs::write(script, "#!/bin/sh\necho hello, $1\n")?;
    git(&[
        "commit",
        "--quiet",
        "--all",
        "--message",
        "Greet whoever is named",
    ])
}

fn ci_review() -> Vec<Reply> {
    let finding = |line, severity, problem| json!({ "file": "greet.sh", "line": line, "severity": severity, "problem": problem });
    let review = json!({
        "summary": "The script greets nobody if it is called as before.",
        "findings": [
            finding(2, "error", "Without an argument the name is empty: use ${1:-world}."),
            finding(2, "warning", "Unquoted, a name with two spaces loses one."),
        ],
    });
    let look = json!({ "cmd": "git diff main...HEAD" });
    vec![
        Reply::function_call("exec_command", look.to_string()),
        text(&review.to_string()),
    ]
}

fn approvals() -> Vec<Reply> {
    let patch = "*** Begin Patch\n*** Add File: notes.txt\n+hello\n*** End Patch";
    vec![
        Reply::custom_tool_call("apply_patch", patch),
        escalated("touch done.txt", "to leave a mark"),
        escalated("rm notes.txt", "to tidy up"),
        text("The notes are written and stay, for I may not remove them."),
    ]
}

/// A provider whose answers include every transient failure. Which prompt meets which one is random.
fn batch() -> Vec<Reply> {
    let overloaded = json!({ "error": { "code": "server_is_overloaded", "message": "Full." } });
    let failures = [
        Reply::status(429, json!({})),
        Reply::status(503, json!({})),
        Reply::status(500, json!({})),
        Reply::text("It is known").then(Reply::disconnect()),
        Reply::status(503, overloaded),
        Reply::failed("server_error", "An error occurred."),
        Reply::failed("rate_limit_exceeded", "Too many tokens."),
    ];
    let answers = (1..=20).map(|_| words("It is known to every child."));
    let mut failures = failures.into_iter();
    answers
        .flat_map(|answer| [Some(answer), failures.next()])
        .flatten()
        .collect()
}

fn reviewed_change() -> Vec<Reply> {
    let patch = "*** Begin Patch\n*** Update File: greet.sh\n@@\n #!/bin/sh\n-echo \"hello, world\"\n\
                 +echo \"hello, ${1:-world}\"\n*** End Patch";
    let problem = "An empty first argument greets the world, too.";
    let review = json!({ "good": true, "problems": [problem] });
    vec![
        Reply::custom_tool_call("apply_patch", patch),
        text("With this change, `greet.sh` greets its first argument, or the world without one."),
        text(&review.to_string()),
    ]
}

fn chat() -> Vec<Reply> {
    let patch = "*** Begin Patch\n*** Add File: poem.md\n+# The sea\n+It is wide.\n*** End Patch";
    vec![
        words(
            "**Hello!** I am a **script**: whatever you say, next I run a command, then I change a file, \
             and then I tell a story without an end.",
        ),
        text("Let me look around.")
            .phase("commentary")
            .then(escalated("echo hello", "to see whether anybody is there")),
        words("Somebody is there."),
        Reply::custom_tool_call("apply_patch", patch),
        words("That was the change that I had in mind."),
        words("Once upon a time there was a story, and it began like this: ").then(Reply::stall()),
    ]
}

/// The conversation in the README's picture.
pub fn pictured() -> Vec<Reply> {
    let patch = "*** Begin Patch\n*** Update File: greet.sh\n@@\n #!/bin/sh\n-echo \"hello, world\"\n\
                 +echo \"hello, ${1:-world}\"\n*** End Patch";
    let look = json!({ "cmd": "cat greet.sh" });
    vec![
        words("I'll look at the script first.")
            .phase("commentary")
            .then(Reply::function_call("exec_command", look.to_string())),
        Reply::custom_tool_call("apply_patch", patch),
        words("**Done.** `greet.sh` greets its first argument, and the world without one."),
    ]
}

fn web_service(gate: Option<&Gate>) -> Vec<Reply> {
    let patch = "*** Begin Patch\n*** Add File: tides.md\n+# Tides in Lisbon\n+High at 05:12 and 17:38.\n\
                 *** End Patch";
    let correction = "*** Begin Patch\n*** Update File: tides.md\n@@\n # Tides in Lisbon\n-High at 05:12 and \
                      17:38.\n+High at 05:12 and 17:38, low at 11:20.\n*** End Patch";
    vec![
        held(
            words("I'll look at the clock first, and then write down when the tide is high."),
            gate,
        )
        .phase("commentary")
        .then(escalated(
            "echo It is noon.",
            "The clock is outside the sandbox.",
        )),
        Reply::custom_tool_call("apply_patch", patch),
        Reply::custom_tool_call("apply_patch", correction),
        words("The tides of today are in `tides.md`."),
    ]
}

fn no_such_model() -> Reply {
    let message = "The model `no-such-model` does not exist.";
    let error = json!({ "message": message, "code": "model_not_found" });
    Reply::status(400, json!({ "error": error }))
}

/// A call to the example's tool.
fn forecast(days: u32) -> Reply {
    let arguments = json!({ "city": "Lisbon", "days": days });
    Reply::function_call("forecast", arguments.to_string())
}

fn rivers() -> String {
    let river = |name, length| json!({ "name": name, "length": length, "sea": "the Atlantic", "traffic": "boats" });
    json!({ "value": [river("Tagus", 1007), river("Douro", 897)] }).to_string()
}

/// A command that needs an approval, because its sandbox would block it.
fn escalated(command: &str, why: &str) -> Reply {
    let arguments = json!({
        "cmd": command, "sandbox_permissions": "require_escalated", "justification": why,
    });
    Reply::function_call("exec_command", arguments.to_string())
}

/// An answer in one piece.
fn text(text: &str) -> Reply {
    priced(Reply::text(text), text)
}

/// An answer word by word.
fn words(text: &str) -> Reply {
    let reply = Reply::deltas(text.split_inclusive(' '));
    priced(reply.delay(Duration::from_millis(30)), text)
}

/// An answer that can't end before the gate is released.
fn held(reply: Reply, gate: Option<&Gate>) -> Reply {
    match gate {
        Some(gate) => reply.gate_at(5, gate),
        None => reply.delay(Duration::from_millis(250)),
    }
}

/// Counts one token a word.
fn priced(reply: Reply, text: &str) -> Reply {
    let output = text.split(' ').count().try_into().unwrap_or_default();
    let usage = Usage {
        input: 100,
        output,
        ..Usage::default()
    };
    reply.usage(usage)
}
