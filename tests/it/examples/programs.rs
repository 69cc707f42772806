//! Examples that take arguments, ask the model for something of their own, or print what differs.

use std::collections::BTreeSet;
use std::process::Stdio;

use codex_e2e::demo;
use codex_testkit::{Gate, Reply};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::examples::{command, finished, lines, masked, run, within};

#[codex_e2e_macros::test]
async fn models_and_metadata_lists_the_models() {
    let lines = run("models_and_metadata").await;
    assert_eq!(lines[0], "version     VERSION");
    assert!(
        lines[1].starts_with("user agent  codex_rust_sdk/"),
        "{lines:?}"
    );
    assert_eq!(lines[4], "");
    let (count, models) = lines[5..].split_first().unwrap();
    let (all, models) = models.split_last().unwrap();
    assert_eq!(*count, format!("It offers {} models:", models.len()));
    assert!(
        models.iter().all(|model| model.contains(" effort ")),
        "{models:?}"
    );
    assert!(models[0].contains("(default)"), "{models:?}");
    assert!(all.starts_with("With the hidden ones there are "), "{all}");
}

#[codex_e2e_macros::test]
async fn model_selection_takes_a_model_and_its_highest_effort() {
    let stage = demo::stage("model_selection", None).await.unwrap();
    let output = command(&stage, "model_selection", &[]).await;
    let lines = lines(&finished(output).await, &stage);
    let (chosen, rest) = lines.split_first().unwrap();
    assert_eq!(rest, ["A prime number: 7", "A larger one, from JSON: 11"]);
    let chosen = chosen.strip_prefix("The model is ").unwrap();
    let (model, effort) = chosen.split_once(", its effort ").unwrap();
    for request in stage.model.requests() {
        assert_eq!(request.body["model"], model);
        assert!(!effort.is_empty() && request.body["reasoning"]["effort"].is_string());
    }
}

#[codex_e2e_macros::test]
async fn images_reach_the_model() {
    let flag = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/codex-sdk/examples/images/flag.png"
    );
    let cases = [
        ("image_and_text", &[][..], "It is Italy's."),
        ("local_image", &[], "Three upright stripes."),
        ("local_image", &[flag], "Three upright stripes."),
    ];
    let mut pictures = BTreeSet::new();
    for (name, arguments, text) in cases {
        let stage = demo::stage(name, None).await.unwrap();
        let output = finished(command(&stage, name, arguments).await).await;
        assert_eq!(lines(&output, &stage), [text]);
        let requests = stage.model.requests();
        pictures.insert(requests[0].image_urls()[0].to_owned());
    }
    // In the program and on the disk it is the same one.
    assert_eq!(pictures.len(), 1);
}

#[codex_e2e_macros::test]
async fn local_image_that_is_missing_is_named() {
    let stage = demo::stage("local_image", None).await.unwrap();
    let output = finished(command(&stage, "local_image", &["missing.png"]).await).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("Error: "), "{errors}");
    assert!(errors.contains("missing.png"), "{errors}");
}

#[codex_e2e_macros::test]
async fn concurrency_runs_many_threads_and_is_quiet_without_a_terminal() {
    let stage = demo::stage("concurrency", None).await.unwrap();
    let output = finished(command(&stage, "concurrency", &["20"]).await).await;
    let lines = lines(&output, &stage);
    let mut expected: Vec<_> = (1..=20)
        .map(|number| format!("thread {number}: It is known to every child."))
        .collect();
    expected.push("All 20 threads ran at once, on one client.".to_owned());
    assert_eq!(lines, expected);

    let output = finished(command(&stage, "concurrency", &["many"]).await).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("Give a number"), "{errors}");
}

#[codex_e2e_macros::test]
async fn batch_answers_every_prompt_though_the_provider_fails_in_every_passing_way() {
    let lines = run("batch").await;
    let (answers, sums) = lines.split_at(20);
    let answer = |number| format!("{number:>3}. It is known to every child.");
    assert_eq!(answers, (1..=20).map(answer).collect::<Vec<_>>());
    let expected = [
        "",
        "20 of 20 prompts were answered.",
        "Attempts that failed for a passing reason:",
        "  ProviderFailed         2",
        "  ProviderOverloaded     1",
        "  RateLimited            2",
        "  StreamBroken           2",
    ];
    assert_eq!(sums, expected);
}

/// A prompt that can't be answered is told, and the others are answered.
#[codex_e2e_macros::test]
async fn batch_tells_which_prompt_failed_for_good() {
    // Its model has the same answer for everybody.
    let stage = demo::stage("concurrency", None).await.unwrap();
    let error = json!({ "error": { "type": "usage_limit_reached", "message": "No more." } });
    stage.model.push(Reply::status(429, error));
    let output = finished(command(&stage, "batch", &["3"]).await).await;
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains(". failed: the turn failed: You"),
        "{printed}"
    );
    assert!(
        printed.contains("2 of 3 prompts were answered."),
        "{printed}"
    );
}

#[codex_e2e_macros::test]
async fn turn_controls_steers_one_turn_and_interrupts_another() {
    let gate = Gate::new();
    let stage = demo::stage("turn_controls", Some(&gate)).await.unwrap();
    let mut command = command(&stage, "turn_controls", &[]).await;
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = within(printed.next_line()).await.unwrap() {
        if line.ends_with(" is steered.") {
            gate.release();
        }
        lines.push(masked(&line));
    }
    assert!(within(child.wait()).await.unwrap().success());
    let expected = [
        "> Write a long poem about a harbour.",
        "> Now only: one line, about its lighthouse.",
        "The turn ID is steered.",
        "It was completed, with this answer: It winks, and the ships come home.",
        "",
        "> Count to ten thousand, in words.",
        "The other one was interrupted, after N more notifications.",
    ];
    assert_eq!(lines, expected);
}

#[codex_e2e_macros::test]
async fn approvals_are_decided_by_rules() {
    let lines = run("approvals").await;
    assert!(lines[0].ends_with("/notes.txt"), "{lines:?}");
    let expected = [
        "hello",
        "Allowed.",
        "",
        "Codex wants to run /bin/bash -lc 'touch done.txt'",
        "Allowed.",
        "",
        "Codex wants to run /bin/bash -lc 'rm notes.txt'",
        "Refused.",
        "",
        "The notes are written and stay, for I may not remove them.",
        "The folder now holds done.txt and notes.txt.",
    ];
    assert_eq!(lines[1..], expected);
}

#[codex_e2e_macros::test]
async fn login_and_account_begins_a_login_and_gives_it_up() {
    let _port = crate::login::PORT.lock().await;
    let lines = run("login_and_account").await;
    let page = lines[0].strip_prefix("A login has begun, on the page https://");
    assert!(page.is_some_and(|page| !page.contains('?')), "{lines:?}");
    assert_eq!(lines[1], "It was given up, and is canceled.");
    assert!(lines[2].starts_with("It failed: "), "{lines:?}");
    assert_eq!(lines[3..], ["Nobody is logged in."]);
}

#[codex_e2e_macros::test]
async fn quickstart_runs_with_its_own_script() {
    let stage = demo::stage("turn_result", None).await.unwrap();
    let output = command(&stage, "quickstart", &["--scripted"]).await;
    let lines = lines(&finished(output).await, &stage);
    assert!(
        lines[0].starts_with("As asked: the model is a script"),
        "{lines:?}"
    );
    assert!(
        lines.contains(&"status    completed".to_owned()),
        "{lines:?}"
    );
}

/// Of a program that is given a home that isn't there.
#[codex_e2e_macros::test]
async fn an_example_that_fails_says_what_to_do() {
    let stage = demo::stage("turn_result", None).await.unwrap();
    let mut command = command(&stage, "turn_result", &[]).await;
    let output = finished(command.env("CODEX_HOME", "/no/such/home")).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.starts_with("Error: `CODEX_HOME` names \"/no/such/home\""),
        "{errors}"
    );
}

#[codex_e2e_macros::test]
async fn ci_review_prints_findings_and_blocks_the_merge() {
    let stage = demo::stage("ci_review", None).await.unwrap();
    let output = finished(command(&stage, "ci_review", &[]).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let expected = [
        "Codex reviews 1 changed file.",
        "$ /bin/bash -lc 'git diff main...HEAD'",
        "greet.sh:2: error: Without an argument the name is empty: use ${1:-world}.",
        "greet.sh:2: warning: Unquoted, a name with two spaces loses one.",
        "The script greets nobody if it is called as before.",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    // The model saw the diff.
    let requests = stage.model.requests();
    assert!(requests[1].body.to_string().contains("+echo hello, $1"));
}

/// What the model writes can't become another command, or a property of this one.
#[codex_e2e_macros::test]
async fn ci_review_writes_annotations_that_hold_whatever_the_model_says() {
    let look = json!({ "cmd": "echo; echo ::add-mask::x\n::stop-commands::y" });
    let finding = json!({
        "file": "a,title=x::y.sh", "line": 7, "severity": "warning", "problem": "50 %\n::error::all is lost",
    });
    let review = json!({ "summary": "Good.\r\n::error::no", "findings": [finding] });
    let replies = vec![
        Reply::function_call("exec_command", look.to_string()),
        Reply::text(review.to_string()),
    ];
    let stage = demo::stage_with("ci_review", replies).await.unwrap();
    let mut command = command(&stage, "ci_review", &[]).await;
    command.envs([("GITHUB_ACTIONS", "true"), ("A_SECRET", "4711")]);
    let output = finished(command).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let commands: Vec<_> = printed.lines().filter(|it| it.starts_with("::")).collect();
    let annotation = "::warning file=a%2Ctitle=x%3A%3Ay.sh,line=7::50 %25%0A::error::all is lost";
    assert_eq!(commands, [annotation]);
}

#[codex_e2e_macros::test]
async fn ci_review_fails_without_a_review_and_passes_without_a_change() {
    let stage = demo::stage("ci_review", None).await.unwrap();
    for (base, code) in [("nowhere", 2), ("--output=stolen", 2), ("HEAD", 0)] {
        let output = finished(command(&stage, "ci_review", &[base]).await).await;
        assert_eq!(output.status.code(), Some(code), "{base}: {output:?}");
    }
    assert!(!stage.home.workspace().join("stolen").exists());
    let refused = vec![Reply::status(401, json!({}))];
    let stage = demo::stage_with("ci_review", refused).await.unwrap();
    let output = finished(command(&stage, "ci_review", &[]).await).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.starts_with("There is no review: the turn failed: "),
        "{errors}"
    );
}
