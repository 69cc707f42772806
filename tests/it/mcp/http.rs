//! Servers of the Model Context Protocol that are reached by HTTP, and logins to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use codex_e2e::Stage;
use codex_sdk::types::{McpAuthStatus, McpServerStartupState};
use codex_sdk::{McpServer, Notification};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server of tools that wants a token, and the authorization server that gives it. As a server of tools
/// it doesn't get further than that: what is asked of it is recorded, and fails.
#[derive(Debug)]
struct Guarded {
    base: String,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Shared {
    base: String,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Guarded {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let shared = Shared {
            base: base.clone(),
            asked: Arc::clone(&asked),
        };
        let metadata = "/.well-known/oauth-authorization-server";
        let router = Router::new()
            .route("/mcp", post(tools).get(tools))
            .route("/.well-known/oauth-protected-resource", get(resource))
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route(metadata, get(authorization_server))
            .route("/register", post(register))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(shared);
        let serve = async { axum::serve(listener, router).await.unwrap() };
        Self {
            base,
            asked,
            serving: tokio::spawn(serve),
        }
    }

    fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn tools(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let authorized = headers.contains_key(header::AUTHORIZATION);
    shared.asked.lock().unwrap().push(headers);
    if authorized {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let metadata = format!("{}/.well-known/oauth-protected-resource", shared.base);
    let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
    let challenge = [(header::WWW_AUTHENTICATE, challenge)];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

async fn resource(State(Shared { base, .. }): State<Shared>) -> Json<Value> {
    Json(json!({ "resource": format!("{base}/mcp"), "authorization_servers": [base] }))
}

async fn authorization_server(State(Shared { base, .. }): State<Shared>) -> Json<Value> {
    Json(json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["read", "write"],
    }))
}

async fn register(Json(mut client): Json<Value>) -> (StatusCode, Json<Value>) {
    client["client_id"] = json!("codex");
    (StatusCode::CREATED, Json(client))
}

/// The user agrees at once.
async fn authorize(Query(asked): Query<HashMap<String, String>>) -> Redirect {
    let (back, state) = (&asked["redirect_uri"], &asked["state"]);
    Redirect::to(&format!(
        "{back}?code=agreed-{}&state={state}",
        asked["scope"]
    ))
}

async fn token() -> Json<Value> {
    let token = json!({ "access_token": "granted", "token_type": "Bearer", "expires_in": 3600 });
    Json(token)
}

/// What a browser gets from this address on loopback: status line, headers, body.
async fn visit(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

/// Goes where a page redirects to.
async fn follow(url: &str) -> String {
    let response = visit(url).await;
    let mut headers = response.lines();
    let location = headers.find_map(|line| line.strip_prefix("location: "));
    visit(location.expect(&response)).await
}

#[codex_e2e_macros::test]
async fn a_server_by_http_is_sent_its_headers_and_its_token() {
    let guarded = Guarded::start().await;
    let stage = Stage::new().await.unwrap();
    let builder = stage.builder().env("TOKEN", "secret-token");
    let codex = builder
        .env("USER_KEY", "secret-user")
        .start()
        .await
        .unwrap();
    let mut events = codex.notifications();
    let server = McpServer::http(guarded.url())
        .bearer_token_env_var("TOKEN")
        .header("x-key", "secret-key")
        .env_header("x-user", "USER_KEY")
        .env_header("x-unset", "NOT_SET_ANYWHERE");
    let thread = codex.thread_start().mcp_server("guarded", server);
    thread.await.unwrap();
    loop {
        let event = events.next().await.unwrap().unwrap();
        if let Notification::McpServerStartupStatusUpdated(status) = event
            && status.status == McpServerStartupState::Failed
        {
            break;
        }
    }
    let asked = guarded.asked.lock().unwrap();
    let header = |name: &str| asked[0].get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("authorization"), Some("Bearer secret-token"));
    assert_eq!(header("x-key"), Some("secret-key"));
    assert_eq!(header("x-user"), Some("secret-user"));
    assert_eq!(header("x-unset"), None);
}

#[codex_e2e_macros::test]
async fn a_login_to_a_server_ends_when_the_browser_comes_back() {
    let guarded = Guarded::start().await;
    let stage = Stage::with(|home| {
        // Never into the keyring of whoever runs this.
        home.config_toml("mcp_oauth_credentials_store = 'file'")
            .config_toml(format!("[mcp_servers.guarded]\nurl = '{}'", guarded.url()))
    });
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let status = async || {
        let listed = codex.mcp_servers().server_name("guarded").await.unwrap();
        listed.data[0].auth_status.clone()
    };
    assert_eq!(status().await, McpAuthStatus::NotLoggedIn);

    let login = codex.mcp_login("guarded").scopes(["read"]).await.unwrap();
    assert!(login.authorization_url().starts_with(&guarded.base));
    let page = follow(login.authorization_url()).await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let end = login.wait().await.unwrap();
    assert_eq!((end.success, &end.error), (true, &None), "{end:?}");
    assert_eq!(status().await, McpAuthStatus::OAuth);
    let granted = guarded.asked.lock().unwrap().iter().any(|headers| {
        let token = headers.get(header::AUTHORIZATION);
        token.is_some_and(|token| token == "Bearer granted")
    });
    assert!(granted);
}

#[codex_e2e_macros::test]
async fn a_login_to_a_server_that_nobody_answers_ends_at_its_deadline() {
    let guarded = Guarded::start().await;
    let stage = Stage::with(|home| home.config_toml("mcp_oauth_credentials_store = 'file'"));
    let stage = stage.await.unwrap();
    let codex = stage.start().await.unwrap();
    let server = McpServer::http(guarded.url());
    let thread = codex.thread_start().mcp_server("guarded", server);
    let thread = thread.await.unwrap();
    let login = codex.mcp_login("guarded").thread_id(thread.id());
    let login = login.login_timeout(std::time::Duration::from_millis(1));
    let login = login.await.unwrap();
    let end = login.wait().await.unwrap();
    assert!(!end.success);
    assert_eq!(end.thread_id.as_deref(), Some(thread.id()));
    assert!(end.error.unwrap().contains("timed out"));
    // Not every server is there, or needs a login.
    let error = codex.mcp_login("nowhere").await.unwrap_err();
    assert!(error.rpc().is_some());
}
