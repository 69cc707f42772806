//! What the runtime knows and is told apart from threads: configuration, skills, plugins, models.

use std::fs;
use std::path::Path;

use codex_e2e::Stage;
use codex_types as types;
use codex_types::ClientMethod;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::recording::session::Session;
use crate::recording::tally::Tally;

/// The protocol's own type is called after the method or after its params, by the version.
#[derive(Serialize, Deserialize)]
struct ReadGateway {}

impl ClientMethod for ReadGateway {
    type Response = types::GatewayOAuthReadResponse;
    const METHOD: &'static str = "account/gatewayOAuth/read";
    const EXPERIMENTAL: bool = true;
}

pub(crate) async fn record() -> Tally {
    let stage = Stage::with(|home| home.model_name("gpt-5.5"))
        .await
        .unwrap();
    let mut session = Session::start(&stage).await;
    what_there_is(&mut session).await;
    written(&mut session).await;
    skills(&mut session).await;
    plugins(&mut session).await;
    other_agents(&mut session).await;
    logins(&mut session).await;
    environments(&mut session).await;
    platform(&mut session).await;
    session.end().await
}

async fn what_there_is(session: &mut Session<'_>) {
    session
        .request::<types::ModelListParams>(json!({"includeHidden": true}))
        .await;
    session
        .request::<types::ModelProviderCapabilitiesReadParams>(json!({}))
        .await;
    session
        .request::<types::ExperimentalFeatureListParams>(json!({"limit": 500}))
        .await;
    session
        .request::<types::ExperimentalFeatureEnablementSetParams>(json!({"enablement": {}}))
        .await;
    session
        .request::<types::PermissionProfileListParams>(json!({}))
        .await;
    session
        .request::<types::CollaborationModeListParams>(json!({}))
        .await;
    session
        .request::<types::ThreadRealtimeListVoicesParams>(json!({}))
        .await;
    session
        .request::<types::MemoryStatusParams>(json!({}))
        .await;
    session.request::<types::MemoryReset>(json!(null)).await;
    session.request::<types::RolloutCompress>(json!(null)).await;
    session
        .request::<types::MockExperimentalMethodParams>(json!({"value": "echo"}))
        .await;
    session
        .request::<types::ServerDiagnosticsParams>(json!({}))
        .await;
}

async fn written(session: &mut Session<'_>) {
    session
        .request::<types::ConfigReadParams>(json!({"includeLayers": true}))
        .await;
    session
        .request::<types::ConfigRequirementsRead>(json!(null))
        .await;
    session
        .request::<types::ConfigValueWriteParams>(json!({
            "keyPath": "personality", "mergeStrategy": "replace", "value": "none",
        }))
        .await;
    session
        .request::<types::ConfigBatchWriteParams>(json!({"edits": [
            {"keyPath": "personality", "mergeStrategy": "upsert", "value": "none"},
        ]}))
        .await;
    session
        .refused::<types::ConfigValueWriteParams>(json!({
            "keyPath": "model", "mergeStrategy": "replace", "value": 7,
        }))
        .await;
}

async fn skills(session: &mut Session<'_>) {
    let root = session.stage.home.workspace().join("skills");
    let skill = root.join("greet").join("SKILL.md");
    write(
        &skill,
        "---\nname: greet\ndescription: Greets.\n---\nSay hello.\n",
    );
    session
        .request::<types::SkillsExtraRootsSetParams>(json!({"extraRoots": [root]}))
        .await;
    session.notification("skills/changed", |_| true).await;
    let listed = session.request::<types::SkillsListParams>(json!({})).await;
    let mut listed = listed.data.iter().flat_map(|entry| &entry.skills);
    assert!(listed.any(|skill| skill.name == "greet"));
    session
        .request::<types::SkillsConfigWriteParams>(json!({"path": skill, "enabled": false}))
        .await;
}

/// Plugins are switched off, since they would be fetched; what is local about them still works.
async fn plugins(session: &mut Session<'_>) {
    let marketplace = session.stage.home.workspace().join("marketplace");
    write(
        &marketplace.join(".claude-plugin/marketplace.json"),
        r#"{"name": "local", "owner": {"name": "Ada"}, "plugins": []}"#,
    );
    session
        .request::<types::MarketplaceAddParams>(json!({"source": marketplace}))
        .await;
    session
        .request::<types::MarketplaceUpgradeParams>(json!({}))
        .await;
    session.request::<types::PluginListParams>(json!({})).await;
    session
        .request::<types::PluginInstalledParams>(json!({}))
        .await;
    session
        .request::<types::PluginReconcileParams>(json!({}))
        .await;
    session
        .request::<types::PluginSearchParams>(json!({"searchTerm": "greet"}))
        .await;
    session
        .refused::<types::PluginReadParams>(json!({"pluginName": "greet"}))
        .await;
    session
        .request::<types::PluginUninstallParams>(json!({"pluginId": "greet@local"}))
        .await;
    session
        .request::<types::MarketplaceRemoveParams>(json!({"marketplaceName": "local"}))
        .await;
    session.request::<types::AppsListParams>(json!({})).await;
    session
        .request::<types::AppsInstalledParams>(json!({}))
        .await;
    session
        .request::<types::AppsReadParams>(json!({"appIds": ["calendar"]}))
        .await;
}

async fn other_agents(session: &mut Session<'_>) {
    let env = session.stage.home.env();
    let user = env.iter().find(|(name, _)| name == "HOME").unwrap();
    write(&Path::new(&user.1).join(".claude/CLAUDE.md"), "Be brief.\n");
    let found = session
        .request::<types::ExternalAgentConfigDetectParams>(json!({"includeHome": true}))
        .await;
    session
        .request::<types::ExternalAgentConfigImportParams>(json!({"migrationItems": found.items}))
        .await;
    session
        .notification("externalAgentConfig/import/completed", |_| true)
        .await;
    session
        .request::<types::ExternalAgentConfigImportHistoryRecordParams>(
            json!({"providerId": "claude", "itemTypeResults": []}),
        )
        .await;
    session
        .request::<types::ExternalAgentConfigImportReadHistories>(json!(null))
        .await;
}

async fn logins(session: &mut Session<'_>) {
    session
        .request::<types::LoginAccountParams>(json!({"type": "apiKey", "apiKey": "sk-test"}))
        .await;
    session
        .notification("account/login/completed", |_| true)
        .await;
    session
        .notification("account/updated", |params| params["authMode"] == "apikey")
        .await;
    session.request::<types::GetAccountParams>(json!({})).await;
    session
        .request::<types::CancelLoginAccountParams>(
            json!({"loginId": "00000000-0000-0000-0000-000000000000"}),
        )
        .await;
    session.request::<types::AccountLogout>(json!(null)).await;
    session.request::<ReadGateway>(json!({})).await;
    session
        .request::<types::AccountGatewayOAuthCancel>(json!(null))
        .await;
    session
        .request::<types::BedrockDiscoverParams>(json!({}))
        .await;
    session
        .request::<types::BedrockCheckGovCloudRequirementsParams>(json!({}))
        .await;
    session
        .refused::<types::GetAccountTokenUsageParams>(json!({}))
        .await;
}

async fn environments(session: &mut Session<'_>) {
    session
        .request::<types::EnvironmentInfoParams>(json!({"environmentId": "local"}))
        .await;
    // Nobody listens on the discard port.
    session
        .request::<types::EnvironmentAddParams>(
            json!({"environmentId": "remote", "execServerUrl": "ws://127.0.0.1:9"}),
        )
        .await;
    session
        .request::<types::EnvironmentStatusParams>(json!({"environmentId": "remote"}))
        .await;
}

async fn platform(session: &mut Session<'_>) {
    session
        .request::<types::WindowsSandboxReadinessRead>(json!(null))
        .await;
    session
        .request::<types::WindowsSandboxSetupStartParams>(json!({"mode": "unelevated"}))
        .await;
    session
        .notification("windowsSandbox/setupCompleted", |_| true)
        .await;
    session
        .request::<types::RemoteControlStatusRead>(json!(null))
        .await;
    session
        .refused::<types::RemoteControlDisableParams>(json!({}))
        .await;
    session
        .request::<types::UserVerificationStatusParams>(json!({}))
        .await;
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
