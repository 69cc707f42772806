//! What a sandbox with rules lets commands do, as a command that tries finds out.

use std::path::Path;

use codex_e2e::{Stage, idle};
use codex_sdk::types::ThreadItem;
use codex_sdk::{Error, Sandbox, SandboxRules, Thread, TurnResult};
use codex_testkit::Reply;
use serde_json::json;

async fn stage() -> Stage {
    let stage = Stage::with(|home| home.model_name("gpt-5.5"))
        .await
        .unwrap();
    stage.model.default_reply(Reply::text("Done."));
    stage
}

/// Has a command run, and returns what it printed.
async fn tried(stage: &Stage, run: impl Future<Output = TurnResult>, command: &str) -> String {
    // In one piece: what goes to stderr may come between two pieces, within a line.
    let command = format!("said=$({command}); echo \"$said\"");
    let arguments = json!({ "cmd": command });
    let call = Reply::function_call("exec_command", arguments.to_string());
    stage.model.push(call);
    let result = run.await;
    let output = result.items.iter().find_map(|item| match item {
        ThreadItem::CommandExecution(it) => it.aggregated_output.clone(),
        _ => None,
    });
    output.unwrap_or_default()
}

fn writes(folder: &Path) -> String {
    format!(
        "touch '{0}/made' 2>/dev/null && echo wrote || echo refused",
        folder.display()
    )
}

async fn run(thread: &Thread, sandbox: Option<SandboxRules>) -> TurnResult {
    let run = thread.run("go");
    let run = match sandbox {
        Some(sandbox) => run.sandbox(sandbox),
        None => run,
    };
    run.await.unwrap()
}

/// Whether this machine can be reached: with the network, a port on which nobody listens refuses.
const CONNECTS: &str = "LC_ALL=C bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>&1 | grep -q 'Connection refused' && echo online || echo offline";

#[codex_e2e_macros::test]
async fn sandbox_rules_of_a_thread_and_of_a_turn_are_what_commands_meet() {
    let stage = stage().await;
    let extra = tempfile::tempdir().unwrap();
    // The folder is among the temporary ones.
    let narrow = Sandbox::workspace_write().temporary_folders(false);
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().sandbox(narrow.clone());
    let thread = thread.await.unwrap();
    let said = tried(&stage, run(&thread, None), &writes(extra.path())).await;
    assert!(said.contains("refused"), "{said}");
    let said = tried(&stage, run(&thread, None), CONNECTS).await;
    assert!(said.contains("offline"), "{said}");

    let rules = narrow.writable_root(extra.path()).network(true);
    let wide = codex.thread_start().sandbox(rules.clone()).await.unwrap();
    let said = tried(&stage, run(&wide, None), &writes(extra.path())).await;
    assert!(said.contains("wrote"), "{said}");
    let said = tried(&stage, run(&wide, None), CONNECTS).await;
    assert!(said.contains("online"), "{said}");

    // A turn changes it, for later ones too.
    std::fs::remove_file(extra.path().join("made")).unwrap();
    let said = tried(&stage, run(&thread, Some(rules)), &writes(extra.path())).await;
    assert!(said.contains("wrote"), "{said}");
    let online = Sandbox::read_only().network(true);
    let said = tried(&stage, run(&thread, Some(online)), &writes(extra.path())).await;
    assert!(said.contains("refused"), "{said}");
    let said = tried(&stage, run(&thread, None), CONNECTS).await;
    assert!(said.contains("online"), "{said}");
    idle(&codex).await;
}

/// A home whose configuration opens the network and another folder.
async fn wide_stage(extra: &Path) -> Stage {
    let wide = format!(
        "[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = ['{}']\n",
        extra.display()
    );
    let stage = Stage::with(|home| home.model_name("gpt-5.5").config_toml(wide));
    let stage = stage.await.unwrap();
    stage.model.default_reply(Reply::text("Done."));
    stage
}

#[codex_e2e_macros::test]
async fn sandboxes_are_no_wider_than_they_say_whatever_the_configuration_opens() {
    // None of the temporary folders that a sandbox opens.
    let extra = tempfile::tempdir_in("/var/tmp").unwrap();
    let stage = wide_stage(extra.path()).await;
    let codex = stage.start().await.unwrap();
    let tries = format!("{}; {CONNECTS}", writes(extra.path()));
    let plain = codex.thread_start().await.unwrap();
    for sandbox in [
        Sandbox::WorkspaceWrite.into(),
        Sandbox::workspace_write(),
        Sandbox::workspace_write().network(false),
    ] {
        let thread = codex.thread_start().sandbox(sandbox.clone());
        let thread = thread.await.unwrap();
        let said = tried(&stage, run(&thread, None), &tries).await;
        assert!(
            said.contains("refused") && said.contains("offline"),
            "{said}"
        );
        let again = run(&thread, Some(sandbox.clone()));
        let said = tried(&stage, again, &tries).await;
        assert!(
            said.contains("refused") && said.contains("offline"),
            "{said}"
        );
        let said = tried(&stage, run(&plain, Some(sandbox)), &tries).await;
        assert!(
            said.contains("refused") && said.contains("offline"),
            "{said}"
        );
    }
    let source = codex.thread_start().sandbox(Sandbox::WorkspaceWrite);
    let source = source.await.unwrap();
    source.run("go").await.unwrap();
    let fork = codex.thread_fork(source.id());
    let fork = fork.sandbox(Sandbox::WorkspaceWrite).await.unwrap();
    source.close().await.unwrap();
    let resumed = codex.thread_resume(source.id());
    let resumed = resumed.sandbox(Sandbox::WorkspaceWrite).await.unwrap();
    for thread in [fork, resumed] {
        let said = tried(&stage, run(&thread, None), &tries).await;
        assert!(
            said.contains("refused") && said.contains("offline"),
            "{said}"
        );
    }
    // The configuration does open both.
    let wide = json!({ "sandbox_mode": "workspace-write" });
    let wide = codex.thread_start().config(wide).await.unwrap();
    let said = tried(&stage, run(&wide, None), &tries).await;
    assert!(said.contains("wrote") && said.contains("online"), "{said}");
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn a_turn_writes_where_its_sandbox_says_and_nowhere_else_wherever_its_thread_works() {
    let folder = || tempfile::tempdir_in("/var/tmp").unwrap();
    let (extra, first, second, third) = (folder(), folder(), folder(), folder());
    let stage = wide_stage(extra.path()).await;
    let codex = stage.start().await.unwrap();
    let all = [&extra, &first, &second, &third].map(|it| it.path().to_owned());
    // Which of them a command can write to.
    let written = async |thread: &Thread, sandbox: SandboxRules, cwd: Option<&Path>| {
        let run = thread.run("go").sandbox(sandbox);
        let run = match cwd {
            Some(cwd) => run.cwd(cwd),
            None => run,
        };
        let run = async { run.await.unwrap() };
        let tries = all.each_ref().map(|it| writes(it)).join("; ");
        let said = tried(&stage, run, &tries).await;
        let lines = said.lines().filter(|it| ["wrote", "refused"].contains(it));
        lines.map(|it| it == "wrote").collect::<Vec<_>>()
    };
    let writes = || Sandbox::workspace_write();
    let plain = codex.thread_start().cwd(first.path()).await.unwrap();
    let rules = writes().writable_root(extra.path());
    let given = codex.thread_start().cwd(first.path()).sandbox(rules);
    let given = given.await.unwrap();
    let read_only = codex.thread_start().cwd(first.path());
    let read_only = read_only.sandbox(Sandbox::ReadOnly).await.unwrap();
    for thread in [&plain, &given, &read_only] {
        let at = async |cwd: Option<&Path>| written(thread, writes(), cwd).await;
        assert_eq!(at(None).await, [false, true, false, false]);
        let elsewhere = Some(second.path());
        assert_eq!(at(elsewhere).await, [false, false, true, false]);
        assert_eq!(at(None).await, [false, false, true, false]);
        thread.update().cwd(third.path()).await.unwrap();
        assert_eq!(at(None).await, [false, false, false, true]);
        let rules = writes().writable_root(extra.path());
        let seen = written(thread, rules, None).await;
        assert_eq!(seen, [true, false, false, true]);
        let seen = written(thread, Sandbox::ReadOnly.into(), None).await;
        assert_eq!(seen, [false; 4]);
    }
    idle(&codex).await;
    codex.close().await.unwrap();

    // Without the experimental part of the protocol a turn can't say where a thread's roots are.
    let codex = stage.builder().experimental_api(false);
    let codex = codex.start().await.unwrap();
    for (sandbox, expected) in [(Some(Sandbox::ReadOnly), false), (None, true)] {
        let thread = codex.thread_start().cwd(first.path());
        let thread = match sandbox {
            Some(sandbox) => thread.sandbox(sandbox).await.unwrap(),
            None => thread.await.unwrap(),
        };
        let seen = written(&thread, writes(), None).await;
        assert_eq!(seen, [expected, true, false, false]);
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn sandbox_rules_close_the_temporary_folders() {
    let stage = stage().await;
    let codex = stage.start().await.unwrap();
    let open = codex
        .thread_start()
        .sandbox(Sandbox::workspace_write())
        .await
        .unwrap();
    let rules = Sandbox::workspace_write().temporary_folders(false);
    let closed = codex.thread_start().sandbox(rules).await.unwrap();
    for (thread, expected) in [(&open, "wrote"), (&closed, "refused")] {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let said = tried(&stage, run(thread, None), &writes(folder.path())).await;
        assert!(said.contains(expected), "{said}");
    }
    idle(&codex).await;
}

#[codex_e2e_macros::test]
async fn sandbox_rules_that_make_no_sense_are_refused_before_anything_is_sent() {
    let stage = stage().await;
    let (codex, thread) = stage.start_thread().await.unwrap();
    for (rules, words) in [
        (
            Sandbox::workspace_write().writable_root("here"),
            "isn't absolute",
        ),
        (
            Sandbox::read_only().writable_root("/srv"),
            "has no writable root",
        ),
    ] {
        for error in [
            thread.run("go").sandbox(rules.clone()).await.unwrap_err(),
            thread.update().sandbox(rules.clone()).await.unwrap_err(),
            codex
                .thread_start()
                .sandbox(rules.clone())
                .await
                .unwrap_err(),
        ] {
            assert!(
                matches!(&error, Error::InvalidInput(it) if it.contains(words)),
                "{error:?}"
            );
        }
    }
    let error = codex
        .thread_start()
        .sandbox(Sandbox::read_only().network(true))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Thread::update"), "{error}");
    let config = json!({ "sandbox_workspace_write": { "network_access": true } });
    let plain = Sandbox::WorkspaceWrite.into();
    for sandbox in [Sandbox::workspace_write().network(true), plain] {
        let both = codex.thread_start().config(config.clone()).sandbox(sandbox);
        assert!(matches!(both.await.unwrap_err(), Error::InvalidInput(_)));
    }
    assert_eq!(stage.model.requests().len(), 0);
    idle(&codex).await;
}
