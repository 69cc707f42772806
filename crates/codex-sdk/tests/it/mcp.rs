//! Servers of the Model Context Protocol: what threads are told of them, and logins to them.

use std::time::Duration;

use codex_sdk::types::McpServerOauthClientRegistration;
use codex_sdk::{Error, McpServer, McpToolApproval};
use serde_json::{Value, json};

use crate::support::{connect, sent, settle};

const SECRET: &str = "never-to-be-seen";

fn program() -> McpServer {
    McpServer::stdio("files-mcp")
        .args(["--key", SECRET])
        .args(["--verbose"])
        .env("FILES_KEY", SECRET)
        .env_vars(["LANG"])
        .cwd("/srv")
}

fn remote() -> McpServer {
    McpServer::http(format!("https://example.org/{SECRET}"))
        .bearer_token_env_var("TOKEN")
        .header("X-Key", SECRET)
        .env_header("X-User", "USER_KEY")
}

#[tokio::test]
async fn a_thread_is_told_of_its_servers_in_the_runtimes_own_keys() {
    let (codex, mut peer) = connect().await;
    let expected = json!({ "mcp_servers": {
        "files": {
            "command": "files-mcp", "args": ["--key", SECRET, "--verbose"],
            "env": { "FILES_KEY": SECRET }, "env_vars": ["LANG"], "cwd": "/srv",
        },
        "remote": {
            "url": format!("https://example.org/{SECRET}"), "bearer_token_env_var": "TOKEN",
            "http_headers": { "X-Key": SECRET }, "env_http_headers": { "X-User": "USER_KEY" },
        },
    }});
    let start = codex.thread_start().mcp_server("files", program());
    let start = start.mcp_server("remote", remote());
    assert_eq!(
        sent(&mut peer, "thread/start", start).await["config"],
        expected
    );
    let resume = codex.thread_resume("t").mcp_server("files", program());
    let resume = resume.mcp_server("remote", remote());
    assert_eq!(
        sent(&mut peer, "thread/resume", resume).await["config"],
        expected
    );
    let fork = codex.thread_fork("t").mcp_server("files", program());
    let fork = fork.mcp_server("remote", remote());
    assert_eq!(
        sent(&mut peer, "thread/fork", fork).await["config"],
        expected
    );
}

#[tokio::test]
async fn the_options_that_all_servers_have_are_in_the_runtimes_own_keys() {
    let (codex, mut peer) = connect().await;
    let server = McpServer::stdio("m")
        .enabled(true)
        .required(true)
        .startup_timeout(Duration::from_millis(1500))
        .tool_timeout(Duration::from_secs(20))
        .enabled_tools(["a", "b"])
        .disabled_tools(["b"])
        .scopes(["read"])
        .oauth_resource("https://example.org")
        .supports_parallel_tool_calls(true)
        .default_tools_approval_mode(McpToolApproval::Prompt)
        .tool_approval("a", McpToolApproval::Approve)
        .config("oauth", json!({ "client_id": "me" }));
    let start = codex.thread_start().mcp_server("m", server);
    let sent = sent(&mut peer, "thread/start", start).await;
    let expected = json!({
        "command": "m", "enabled": true, "required": true,
        "startup_timeout_sec": 1.5, "tool_timeout_sec": 20.0,
        "enabled_tools": ["a", "b"], "disabled_tools": ["b"],
        "scopes": ["read"], "oauth_resource": "https://example.org",
        "supports_parallel_tool_calls": true, "default_tools_approval_mode": "prompt",
        "tools": { "a": { "approval_mode": "approve" } }, "oauth": { "client_id": "me" },
    });
    assert_eq!(sent["config"], json!({ "mcp_servers": { "m": expected } }));
}

#[tokio::test]
async fn servers_are_added_to_the_configuration_that_the_thread_is_given() {
    let (codex, mut peer) = connect().await;
    let config = json!({ "a": 1, "mcp_servers": { "x": { "command": "y" } } });
    let start = codex.thread_start().config(config);
    let start = start.mcp_server("m", McpServer::stdio("n"));
    let expected = json!({
        "a": 1, "mcp_servers": { "x": { "command": "y" }, "m": { "command": "n" } },
    });
    assert_eq!(
        sent(&mut peer, "thread/start", start).await["config"],
        expected
    );
}

#[tokio::test]
async fn what_the_runtime_would_get_wrong_is_refused_before_it_is_sent() {
    let (codex, mut peer) = connect().await;
    let server = || McpServer::stdio("m");
    for name in ["", "two words", "naïve", "a\"b", "a\nb", "a\\b", "a,b"] {
        let start = codex.thread_start().mcp_server(name, server());
        let error = start.await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{name:?}: {error}");
    }
    let configs: [Value; 4] = [
        json!([]),
        json!({ "mcp_servers": [] }),
        json!({ "mcp_servers.other": { "command": "o" } }),
        json!({ "mcp_servers.m.enabled": false }),
    ];
    for config in configs {
        let start = codex.thread_start().config(config.clone());
        let error = start.mcp_server("m", server()).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{config}: {error}");
    }
    settle(&codex, &mut peer).await;
    let start = codex.thread_start().mcp_server("aZ0_:@/.-", server());
    sent(&mut peer, "thread/start", start).await;
}

#[tokio::test]
async fn no_secret_of_a_server_is_in_debug_output() {
    let (codex, _peer) = connect().await;
    let start = codex.thread_start().mcp_server("files", program());
    let start = start.mcp_server("remote", remote());
    let other = program().config("http_headers_helper", SECRET);
    let shown = format!("{start:?} {start:#?} {other:?}");
    for name in [
        "files-mcp",
        "FILES_KEY",
        "LANG",
        "TOKEN",
        "X-Key",
        "USER_KEY",
    ] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn what_is_asked_about_servers_is_on_the_wire_as_it_is_set() {
    let (codex, mut peer) = connect().await;
    let login = codex
        .mcp_login("m")
        .thread_id("t")
        .client_registration(McpServerOauthClientRegistration::Dcr)
        .scopes(["read"])
        .login_timeout(Duration::from_millis(1500));
    let sent_login = sent(&mut peer, "mcpServer/oauth/login", login).await;
    let expected = json!({
        "name": "m", "threadId": "t", "clientRegistration": "dcr",
        "scopes": ["read"], "timeoutSecs": 2,
    });
    assert_eq!(sent_login, expected);
    let reload = sent(&mut peer, "config/mcpServer/reload", codex.mcp_reload());
    assert_eq!(reload.await, Value::Null);
    let list = sent(&mut peer, "mcpServerStatus/list", codex.mcp_servers());
    assert_eq!(list.await, json!({}));
}

/// The end of a login to the server `m` that comes before its reply, after two of others.
async fn early_end(begun: Value, ends: [Value; 3]) -> Option<String> {
    let (codex, mut peer) = connect().await;
    let serve = async {
        let request = peer.expect_request("mcpServer/oauth/login").await;
        for end in ends {
            peer.notify("mcpServer/oauthLogin/completed", end).await;
        }
        peer.reply(&request.id, begun).await;
    };
    let (login, ()) = tokio::join!(codex.mcp_login("m").into_future(), serve);
    let login = login.unwrap();
    assert_eq!(login.name(), "m");
    assert_eq!(login.authorization_url(), "https://example.org/login");
    assert!(!format!("{login:?}").contains("example.org"));
    let end = login.wait().await.unwrap();
    assert_eq!(login.wait().await.unwrap(), end);
    end.error
}

#[tokio::test]
async fn the_end_of_a_login_to_a_server_is_kept_when_it_comes_before_the_reply() {
    let end = |name, id, error| {
        json!({
            "name": name, "loginId": id, "success": false, "error": error,
        })
    };
    let url = "https://example.org/login";
    let ends = [
        end("m", json!("2"), "another attempt"),
        end("n", json!("3"), "another server"),
        end("m", json!("1"), "mine"),
    ];
    let begun = json!({ "authorizationUrl": url, "loginId": "1" });
    assert_eq!(early_end(begun, ends).await.as_deref(), Some("mine"));

    // Without an id, as older runtimes have it, the name has to do.
    let ends = [
        end("n", Value::Null, "another server"),
        end("m", Value::Null, "mine"),
        end("m", Value::Null, "too late"),
    ];
    let begun = json!({ "authorizationUrl": url });
    assert_eq!(early_end(begun, ends).await.as_deref(), Some("mine"));
}
