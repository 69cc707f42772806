//! A login whose tokens the client keeps, and a server of tools.

use codex_e2e::Stage;
use codex_testkit::Reply;
use codex_types as types;
use serde_json::{Value, json};

use crate::recording::session::Session;
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::with(|home| {
        home.model_name("gpt-5.5")
            .approval_policy("on-request")
            .requires_openai_auth(true)
            .feature("apps", false)
            .config_toml("[analytics]\nenabled = false")
            .config_toml(format!(
                "[mcp_servers.tiny]\ncommand = '{}'",
                env!("CARGO_BIN_EXE_tiny-mcp")
            ))
    })
    .await
    .unwrap();
    // The service behind such a login: the scripted model, which says 404 to all of it.
    let backend = stage.model.base_url();
    stage
        .home
        .merge_config(&format!("chatgpt_base_url = '{backend}'"))
        .unwrap();
    let mut session = Session::start(&stage).await;
    session
        .request::<types::LoginAccountParams>(json!({
            "type": "chatgptAuthTokens", "accessToken": access_token("first"),
            "chatgptAccountId": "account", "chatgptPlanType": "plus",
        }))
        .await;
    let thread = session.thread(json!({})).await;
    tools(&mut session, &thread).await;
    session
        .turn(
            &thread,
            json!({}),
            [Reply::status(401, json!({})), Reply::text("ok")],
        )
        .await;
    session
        .request::<types::AccountWorkspaceMessagesRead>(json!(null))
        .await;
    session
        .refused::<types::GetAccountRateLimitsParams>(json!({}))
        .await;
    session.request::<types::AccountLogout>(json!(null)).await;
    session.end().await
}

async fn tools(session: &mut Session<'_>, thread: &str) {
    session
        .notification("mcpServer/startupStatus/updated", |params| {
            params["status"] == "ready"
        })
        .await;
    session
        .request::<types::ListMcpServerStatusParams>(json!({"detail": "full"}))
        .await;
    session
        .request::<types::McpResourceReadParams>(
            json!({"server": "tiny", "uri": "tiny://note", "threadId": thread}),
        )
        .await;
    session
        .request::<types::McpServerToolCallParams>(
            json!({"server": "tiny", "tool": "ask", "threadId": thread}),
        )
        .await;
    let search = json!({
        "type": "tool_search_call", "id": "search", "call_id": "search",
        "execution": "client", "status": "completed", "arguments": {"query": "ask"},
    });
    let replies = [
        Reply::output_item(search),
        Reply::function_call("ask", "{}").namespace("mcp__tiny"),
        Reply::text("ok"),
    ];
    session.turn(thread, json!({}), replies).await;
    session
        .request::<types::ConfigMcpServerReload>(json!(null))
        .await;
    session
        .refused::<types::McpServerOauthLoginParams>(json!({"name": "tiny"}))
        .await;
}

/// A token that nobody signed, valid until 2100.
pub(crate) fn access_token(name: &str) -> String {
    let claims = json!({
        "email": "ada@example.com", "exp": 4_102_444_800_u64, "jti": name,
        "https://api.openai.com/auth": {
            "chatgpt_plan_type": "plus", "chatgpt_account_id": "account", "chatgpt_user_id": "ada",
        },
    });
    let header = json!({"alg": "none", "typ": "JWT"});
    format!("{}.{}.e30", base64(&header), base64(&claims))
}

/// Base64 for URLs, without padding, as tokens have it.
fn base64(value: &Value) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = value.to_string();
    let chunks = text.as_bytes().chunks(3);
    let sextets = chunks.flat_map(|chunk| {
        let bits = chunk
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |index| bits >> (18 - 6 * index) & 63)
    });
    sextets.map(|sextet| char::from(ALPHABET[sextet])).collect()
}
