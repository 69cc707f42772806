//! The examples, run as programs with a scripted model, and what they print.

use std::{
    borrow::BorrowMut,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use codex_e2e::{Stage, demo, processes_in};
use codex_sdk::RUNTIME_VERSION;
use codex_testkit::Gate;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::OnceCell,
};

#[cfg(unix)]
mod chat;

/// The executable of an example. `cargo test --workspace` has built it; what runs alone builds it now.
pub(crate) async fn executable(name: &str) -> PathBuf {
    static BUILT: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    BUILT.get_or_init(build).await[name].clone()
}

/// Asks cargo for all examples of the workspace. With its programs they are those that the tests built.
async fn build() -> BTreeMap<String, PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let output = Command::new(cargo)
        .args(["build", "--workspace", "--examples", "--bins", "--offline"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "the examples don't build");
    let messages = std::str::from_utf8(&output.stdout).unwrap().lines();
    let messages = messages.map(|line| serde_json::from_str(line).unwrap());
    let executables = messages.filter_map(|message: Value| {
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, message["executable"].as_str()?.into()))
    });
    executables.collect()
}

pub(crate) async fn command(stage: &Stage, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(executable(name).await);
    command
        .args(arguments)
        .envs(stage.env())
        .current_dir(stage.home.workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The lines that an example prints, with a placeholder for what differs from run to run.
fn lines(output: &Output, stage: &Stage) -> Vec<String> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    assert_eq!(errors, "");
    assert_eq!(processes_in(stage.home.path()), Vec::<String>::new());
    text.lines().map(masked).collect()
}

/// A line with `ID` for each id, and `N` for numbers that say how long or how much.
fn masked(line: &str) -> String {
    if let Some((key @ ("duration_ms" | "goal.tokens"), _)) = line.split_once(": ") {
        return format!("{key}: N");
    }
    let words = line.split(' ').map(|word| {
        let is_id = word.len() == 36 && word.matches('-').count() == 4;
        if is_id { "ID" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs an example and returns what it prints.
async fn run(name: &str) -> Vec<String> {
    let stage = demo::stage(name, None).await.unwrap();
    let output = finished(command(&stage, name, &[]).await).await;
    lines(&output, &stage)
}

/// The end of a program, and what it wrote.
async fn finished(mut command: impl BorrowMut<Command>) -> Output {
    within(command.borrow_mut().output()).await.unwrap()
}

/// Waits for something that an example does.
pub(crate) async fn within<T>(event: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, event).await.unwrap()
}

/// A test for an example, by what it prints.
macro_rules! prints {
    ($($test:ident: $name:literal => [$($line:expr),* $(,)?];)*) => {$(
        #[tokio::test]
        async fn $test() {
            assert_eq!(run($name).await, [$($line),*]);
        }
    )*};
}

prints! {
    turn_result_prints_what_a_result_holds: "turn_result" => [
        "thread_id: ID",
        "turn_id: ID",
        "status: completed",
        "text: They can be read.",
        "items.count: 2",
        "item: userMessage",
        "item: agentMessage",
        "duration_ms: N",
        "usage: 100 tokens in, 4 out",
    ];
    typed_output_prints_the_values_of_an_answer: "typed_output" => [
        "Tagus: 1007 km, into the Atlantic",
        "traffic: Boats",
        "Douro: 897 km, into the Atlantic",
        "traffic: Boats",
        "items.count: 2",
    ];
    streaming_events_prints_each_notification: "streaming_events" => [
        "turn started: ID",
        "item started: userMessage",
        "item completed: userMessage",
        "item started: agentMessage",
        "It is wide. It is never still.",
        "item completed: agentMessage",
        "thread/tokenUsage/updated",
        "turn completed: completed",
        "stream.completed: true",
        "events.count: 14",
        "text: It is wide. It is never still.",
    ];
    existing_thread_is_resumed_by_another_client: "existing_thread" => [
        "Created thread: ID",
        "Text: A lemon.",
        "Resumed thread: ID",
        "Text: It is yellow.",
        "turns.count: 2",
    ];
    lifecycle_goes_from_start_to_archive: "lifecycle" => [
        "started: ID",
        "read: What is what, 2 turns",
        "listed: true",
        "archived: true",
        "unarchived: ID",
        "resumed: ID",
        "forked: ID",
        "compacted: ID",
        "Lifecycle OK: ID",
    ];
    error_handling_tells_what_to_do: "error_handling" => [
        "models.count: 8",
        "no such thread: the runtime refused `thread/resume`: no rollout found for thread id ID (code -32600): look for its id with `thread_list`, or resume it first if it isn't loaded",
        "the turn failed: The model `no-such-model` does not exist: choose another model (`codex.models()` lists them) (kind Other, items so far: 1)",
        "Status: completed",
        "Text: Hello.",
        "closed: start a new client",
    ];
    turn_params_brings_json_of_the_given_shape: "turn_params" => [
        "Status: completed",
        "summary: With hot water.",
        "steps.count: 2",
    ];
    external_message_starts_a_turn: "external_message" => [
        "task.status: completed",
        "message.status: completed",
        "message.items: functionCallOutput, agentMessage",
        "Text: A build failed in its linker.",
    ];
    tools_are_called: "tools" => [
        "called: Lisbon in 9 days",
        "called: Lisbon in 2 days",
        "Status: completed",
        "Text: In two days it will be sunny in Lisbon.",
    ];
    goal_is_pursued_over_many_turns: "goal" => [
        "goal.id: ID",
        "message: The Douro.",
        "message: The Tagus.",
        "message: The Guadiana.",
        "message: These are three.",
        "Status: completed",
        "Text: These are three.",
        "goal.status: complete",
        "goal.tokens: N",
    ];
    blocking_streams_and_runs_at_the_same_time: "blocking" => [
        "Server: Codex 0.163.0",
        "Hello, hello.",
        "Status: completed",
        "Text: Paint.",
        "Text: Paint.",
    ];
}

#[tokio::test]
async fn models_and_metadata_lists_the_models() {
    let lines = run("models_and_metadata").await;
    assert_eq!(lines[0], format!("Server: Codex {RUNTIME_VERSION}"));
    assert!(
        lines[1].starts_with("user_agent: codex_rust_sdk/"),
        "{lines:?}"
    );
    let (count, models) = lines[4..].split_first().unwrap();
    let (all, models) = models.split_last().unwrap();
    assert_eq!(*count, format!("models.count: {}", models.len()));
    assert!(
        models.iter().all(|model| model.contains(": effort ")),
        "{models:?}"
    );
    assert!(models[0].contains("(default)"), "{models:?}");
    assert!(all.starts_with("models.count with hidden ones: "), "{all}");
}

#[tokio::test]
async fn model_selection_takes_a_model_and_its_highest_effort() {
    let stage = demo::stage("model_selection", None).await.unwrap();
    let output = command(&stage, "model_selection", &[]).await;
    let lines = lines(&finished(output).await, &stage);
    let [model, effort, rest @ ..] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(rest, ["Text: 7", "structured.prime: 11"]);
    let model = model.strip_prefix("selected.model: ").unwrap();
    let effort = effort.strip_prefix("selected.effort: ").unwrap();
    for request in stage.model.requests() {
        assert_eq!(request.body["model"], model);
        assert!(!effort.is_empty() && request.body["reasoning"]["effort"].is_string());
    }
}

#[tokio::test]
async fn images_reach_the_model() {
    let flag = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/codex-sdk/examples/images/flag.png"
    );
    let cases = [
        ("image_and_text", &[][..], "Text: It is Italy's."),
        ("local_image", &[], "Text: Three upright stripes."),
        ("local_image", &[flag], "Text: Three upright stripes."),
    ];
    let mut pictures = BTreeSet::new();
    for (name, arguments, text) in cases {
        let stage = demo::stage(name, None).await.unwrap();
        let output = finished(command(&stage, name, arguments).await).await;
        assert_eq!(lines(&output, &stage), ["Status: completed", text]);
        let requests = stage.model.requests();
        pictures.insert(requests[0].image_urls()[0].to_owned());
    }
    // In the program and on the disk it is the same one.
    assert_eq!(pictures.len(), 1);
}

#[tokio::test]
async fn local_image_that_is_missing_is_named() {
    let stage = demo::stage("local_image", None).await.unwrap();
    let output = finished(command(&stage, "local_image", &["missing.png"]).await).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("Error: "), "{errors}");
    assert!(errors.contains("missing.png"), "{errors}");
}

#[tokio::test]
async fn concurrency_runs_many_threads_and_is_quiet_without_a_terminal() {
    let stage = demo::stage("concurrency", None).await.unwrap();
    let output = finished(command(&stage, "concurrency", &["20"]).await).await;
    let lines = lines(&output, &stage);
    let mut expected: Vec<_> = (1..=20)
        .map(|number| format!("thread {number}: completed: It is known to every child."))
        .collect();
    expected.push("threads.count: 20".to_owned());
    assert_eq!(lines, expected);

    let output = finished(command(&stage, "concurrency", &["many"]).await).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("Give a number"), "{errors}");
}

#[tokio::test]
async fn turn_controls_steers_one_turn_and_interrupts_another() {
    let gate = Gate::new();
    let stage = demo::stage("turn_controls", Some(&gate)).await.unwrap();
    let mut command = command(&stage, "turn_controls", &[]).await;
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = within(printed.next_line()).await.unwrap() {
        if line.starts_with("steer.sent") {
            gate.release();
        }
        lines.push(masked(&line));
    }
    assert!(within(child.wait()).await.unwrap().success());
    assert!(lines.pop().unwrap().starts_with("interrupt.events: "));
    let expected = [
        "steer.sent: ID",
        "steer.status: completed",
        "steer.text: It winks, and the ships come home.",
        "interrupt.status: interrupted",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn approvals_are_decided_by_rules() {
    let lines = run("approvals").await;
    assert!(lines[0].ends_with("/notes.txt"), "{lines:?}");
    let expected = [
        "hello",
        "approved: true",
        "command: /bin/bash -lc 'touch done.txt'",
        "approved: true",
        "command: /bin/bash -lc 'rm notes.txt'",
        "approved: false",
        "Status: completed",
        "Text: The notes are written and stay, for I may not remove them.",
        r#"files: ["done.txt", "notes.txt"]"#,
    ];
    assert_eq!(lines[1..], expected);
}

#[tokio::test]
async fn login_and_account_begins_a_login_and_gives_it_up() {
    let _port = crate::login::PORT.lock().await;
    let lines = run("login_and_account").await;
    let page = lines[1].strip_prefix("login.page: https://");
    assert!(page.is_some_and(|page| !page.contains('?')), "{lines:?}");
    assert_eq!(lines[0], "login.id: ID");
    assert_eq!(
        lines[2..4],
        ["login.cancel: canceled", "login.success: false"]
    );
    assert_eq!(lines[5], "account: none");
}

#[tokio::test]
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
#[tokio::test]
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

#[test]
fn every_example_has_a_script_and_a_line_in_the_index() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/codex-sdk/examples");
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let examples = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let examples = examples.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let examples: BTreeSet<_> = examples.collect();
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    for name in &examples {
        assert!(
            index.contains(&format!("[`{name}`]({name}.rs)")),
            "{name} is not in the index"
        );
    }
    assert_eq!(index.matches(".rs)").count(), examples.len());
    // The quickstart has its own.
    let scripted = demo::NAMES
        .map(str::to_owned)
        .into_iter()
        .chain(["quickstart".to_owned()]);
    assert_eq!(
        scripted.collect::<BTreeSet<_>>(),
        examples,
        "see tests/src/demo.rs"
    );
    assert!(
        demo::NAMES
            .iter()
            .all(|name| demo::script(name, None).is_some())
    );
}
