//! The real runtime accepts what the kit serves.

use std::process::Stdio;
use std::time::Duration;

use codex_testkit::{CodexHome, Gate, ProxyRecorder, RecordedRequest, Reply, ScriptedModel, Usage};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A runtime over stdio, spoken to in bare JSON lines.
struct Runtime {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    proxy: ProxyRecorder,
    next_id: u64,
}

impl Runtime {
    /// Starts the runtime, shakes hands and starts a thread.
    async fn start(home: &CodexHome) -> (Self, String) {
        let program = codex_testkit::runtime().unwrap().codex;
        let proxy = ProxyRecorder::start().unwrap();
        let mut child = Command::new(program)
            .args(["app-server", "--listen", "stdio://"])
            .current_dir(home.workspace())
            .envs(home.env())
            .envs(proxy.env())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut runtime = Self {
            stdin: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            proxy,
            next_id: 0,
        };
        let client = json!({"clientInfo": {"name": "testkit", "version": "1"}});
        runtime.call("initialize", client).await;
        runtime.write(json!({"method": "initialized"})).await;
        let response = runtime.call("thread/start", json!({})).await;
        let thread_id = response["thread"]["id"].as_str().unwrap().to_owned();
        (runtime, thread_id)
    }

    async fn write(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    async fn read(&mut self) -> Value {
        let line = timeout(Duration::from_secs(60), self.lines.next_line());
        let line = line.await.expect("the runtime is silent").unwrap();
        serde_json::from_str(&line.expect("the runtime has gone")).unwrap()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.write(json!({"id": id, "method": method, "params": params}))
            .await;
        loop {
            let mut message = self.read().await;
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// Runs a turn; returns its notifications up to `turn/completed`.
    async fn turn(&mut self, thread_id: &str) -> Vec<Value> {
        let input = json!([{"type": "text", "text": "go"}]);
        let params = json!({"threadId": thread_id, "input": input});
        self.call("turn/start", params).await;
        self.until_completed().await
    }

    async fn until_completed(&mut self) -> Vec<Value> {
        let mut notifications = Vec::new();
        loop {
            let message = self.read().await;
            let completed = message["method"] == "turn/completed";
            notifications.push(message);
            if completed {
                return notifications;
            }
        }
    }

    /// Ends the runtime by the end of its input.
    async fn finish(mut self) {
        drop(self.stdin);
        let status = timeout(Duration::from_secs(20), self.child.wait()).await;
        assert!(status.expect("the runtime hangs").unwrap().success());
        assert_eq!(self.proxy.connections(), Vec::<String>::new());
    }
}

fn outcome(notifications: &[Value]) -> &Value {
    &notifications.last().unwrap()["params"]["turn"]
}

fn completed_items<'a>(notifications: &'a [Value], kind: &str) -> Vec<&'a Value> {
    notifications
        .iter()
        .filter(|message| message["method"] == "item/completed")
        .map(|message| &message["params"]["item"])
        .filter(|item| item["type"] == kind)
        .collect()
}

#[tokio::test]
async fn tools_run_and_their_output_goes_back_to_the_model() {
    let model = ScriptedModel::start().await.unwrap();
    let home = CodexHome::builder()
        .model(&model)
        .model_name("gpt-5.5")
        .sandbox_mode("danger-full-access")
        .build()
        .unwrap();
    let (mut runtime, thread_id) = Runtime::start(&home).await;
    let command = json!({"cmd": "echo made by the tool | tee made.txt"}).to_string();
    let patch = "*** Begin Patch\n*** Add File: patched.txt\n+by patch\n*** End Patch";
    model.push(
        Reply::reasoning(["Let me ", "see."])
            .then(Reply::text("Working.").phase("commentary"))
            .then(Reply::function_call("exec_command", command).id("run"))
            .then(Reply::custom_tool_call("apply_patch", patch).id("patch")),
    );
    let usage = Usage {
        input: 20,
        cached: 8,
        output: 6,
        reasoning: 2,
    };
    let answer = Reply::deltas(["All ", "done."]).phase("final_answer");
    model.push(answer.usage(usage));

    let notifications = runtime.turn(&thread_id).await;

    assert_eq!(outcome(&notifications)["status"], "completed");
    let messages = completed_items(&notifications, "agentMessage");
    assert_eq!(messages[1]["text"], "All done.");
    assert_eq!(messages[1]["phase"], "final_answer");
    let reasoning = completed_items(&notifications, "reasoning");
    assert_eq!(reasoning[0]["summary"], json!(["Let me see."]));
    let made = std::fs::read_to_string(home.workspace().join("made.txt")).unwrap();
    assert_eq!(made.trim_end(), "made by the tool");
    assert!(home.workspace().join("patched.txt").is_file());
    let requests = model.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    let output = requests[1].tool_output("run").unwrap().to_string();
    assert!(output.contains("made by the tool"), "{output}");
    assert!(requests[1].tool_output("patch").is_some());
    assert!(requests[0].user_texts().contains(&"go"));
    let usage = notifications
        .iter()
        .rfind(|message| message["method"] == "thread/tokenUsage/updated")
        .unwrap();
    let last = json!({
        "totalTokens": 26, "inputTokens": 20, "cachedInputTokens": 8,
        "cacheWriteInputTokens": 0, "outputTokens": 6, "reasoningOutputTokens": 2,
    });
    assert_eq!(usage["params"]["tokenUsage"]["last"], last);
    runtime.finish().await;
}

#[tokio::test]
async fn failures_reach_the_turn_as_what_they_are() {
    let model = ScriptedModel::start().await.unwrap();
    let home = CodexHome::builder().model(&model).build().unwrap();
    let (mut runtime, thread_id) = Runtime::start(&home).await;
    let overloaded = json!({"error": {"code": "server_is_overloaded", "message": "later"}});
    let cases = [
        (
            Reply::failed("insufficient_quota", "paid?"),
            "usageLimitExceeded",
        ),
        (Reply::incomplete("content_filter"), "other"),
        (Reply::status(503, overloaded), "serverOverloaded"),
        (Reply::text("half").then(Reply::disconnect()), "other"),
    ];
    for (reply, expected) in cases {
        let case = format!("{reply:?}");
        model.push(reply);

        let notifications = runtime.turn(&thread_id).await;

        let turn = outcome(&notifications);
        assert_eq!(turn["status"], "failed", "{case}: {turn}");
        assert_eq!(turn["error"]["codexErrorInfo"], expected, "{case}: {turn}");
    }
    assert_eq!(model.requests().len(), 4, "nothing is retried");
    runtime.finish().await;
}

#[tokio::test]
async fn a_held_turn_is_interrupted_without_a_sleep() {
    let model = ScriptedModel::start().await.unwrap();
    let home = CodexHome::builder().model(&model).build().unwrap();
    // A project around the workspace, as there is one around every target folder.
    let above = home.workspace().parent().unwrap();
    std::fs::create_dir(above.join(".git")).unwrap();
    std::fs::write(above.join("AGENTS.md"), "Follow the project's rules.").unwrap();
    let (mut runtime, thread_id) = Runtime::start(&home).await;
    let gate = Gate::new();
    model.push(Reply::text("never sent").gate(&gate));
    let input = json!([{"type": "text", "text": "go"}]);
    let params = json!({"threadId": thread_id, "input": input});
    let turn = runtime.call("turn/start", params).await;
    gate.reached().await;

    let params = json!({"threadId": thread_id, "turnId": turn["turn"]["id"]});
    runtime.call("turn/interrupt", params).await;

    let notifications = runtime.until_completed().await;
    assert_eq!(outcome(&notifications)["status"], "interrupted");
    let request = model.next_request().await;
    assert!(!request.body.to_string().contains("the project's rules"));
    runtime.finish().await;
}

#[tokio::test]
async fn a_remote_compaction_is_recognised_and_answered() {
    let model = ScriptedModel::start().await.unwrap();
    let home = CodexHome::builder()
        .model(&model)
        .model_name("gpt-5.5")
        .config_toml("[model_providers.scripted]\nname = 'OpenAI'")
        .build()
        .unwrap();
    let (mut runtime, thread_id) = Runtime::start(&home).await;
    model.push(Reply::text("one"));
    runtime.turn(&thread_id).await;
    let compaction = json!({"type": "compaction", "id": "c", "encrypted_content": "sealed"});
    model.push(Reply::output_item(compaction));

    let params = json!({"threadId": thread_id});
    runtime.call("thread/compact/start", params).await;

    let notifications = runtime.until_completed().await;
    let turn = outcome(&notifications);
    assert_eq!(turn["status"], "completed", "{turn}");
    let requests = model.requests();
    let compact: Vec<_> = requests.iter().map(RecordedRequest::is_compact).collect();
    assert_eq!(compact, [false, true]);
    runtime.finish().await;
}
