use std::fs;

use codex_testkit::{CodexHome, ScriptedModel};

fn config(home: &CodexHome) -> toml::Table {
    home.config().unwrap().parse().unwrap()
}

#[test]
fn a_home_is_isolated_and_asks_the_model() {
    let model = ScriptedModel::start_blocking().unwrap();
    let home = CodexHome::builder().model(&model).build().unwrap();

    let config = config(&home);
    assert_eq!(config["model"].as_str(), Some("mock-model"));
    assert_eq!(config["approval_policy"].as_str(), Some("never"));
    assert_eq!(config["sandbox_mode"].as_str(), Some("read-only"));
    assert_eq!(config["features"]["plugins"].as_bool(), Some(false));
    let provider = config["model_provider"].as_str().unwrap();
    let provider = &config["model_providers"][provider];
    assert_eq!(provider["base_url"].as_str(), Some(&*model.base_url()));
    assert_eq!(provider["wire_api"].as_str(), Some("responses"));
    assert_eq!(provider["request_max_retries"].as_integer(), Some(0));
    assert_eq!(provider["stream_max_retries"].as_integer(), Some(0));
    assert_eq!(provider["supports_websockets"].as_bool(), Some(false));
    assert_eq!(provider["requires_openai_auth"].as_bool(), Some(false));
    assert!(!config.contains_key("projects"));

    let env = home.env();
    let path = home.path().to_str().unwrap();
    assert!(env.contains(&("CODEX_HOME".into(), path.into())));
    assert!(env.contains(&("OPENAI_API_KEY".into(), String::new())));
}

#[test]
fn options_reach_the_configuration_escaped() {
    let home = CodexHome::builder()
        .model_name("quote \" and \\ and\nline")
        .approval_policy("on-request")
        .sandbox_mode("workspace-write")
        .requires_openai_auth(true)
        .trusted(true)
        .feature("goals", false)
        .config_toml("model = 'mine'\n[features]\nextra = true")
        .config_toml("model = 'last'")
        .build()
        .unwrap();

    let config = config(&home);
    assert_eq!(config["model"].as_str(), Some("last"));
    assert_eq!(config["approval_policy"].as_str(), Some("on-request"));
    let features: toml::Table = "plugins = false\ngoals = false\nextra = true"
        .parse()
        .unwrap();
    assert_eq!(config["features"].as_table(), Some(&features));
    let project = &config["projects"][home.workspace().to_str().unwrap()];
    assert_eq!(project["trust_level"].as_str(), Some("trusted"));

    home.merge_config("model = 'quote \" and \\ kept'\n[features]\ngoals = true")
        .unwrap();
    let config = self::config(&home);
    assert_eq!(config["model"].as_str(), Some("quote \" and \\ kept"));
    assert_eq!(config["features"]["goals"].as_bool(), Some(true));
    assert_eq!(config["features"]["extra"].as_bool(), Some(true));
}

#[test]
fn the_policy_can_be_left_to_the_runtime() {
    let home = CodexHome::builder().runtime_policy().build().unwrap();

    let config = config(&home);
    assert!(!config.contains_key("approval_policy"));
    assert!(!config.contains_key("sandbox_mode"));
}

#[test]
fn homes_lie_in_the_target_folder_apart_and_vanish_when_dropped() {
    let (first, second) = (
        CodexHome::builder().build().unwrap(),
        CodexHome::builder().build().unwrap(),
    );
    assert_ne!(first.path(), second.path());
    assert_ne!(first.path(), first.workspace());
    let target = first.path().ancestors().nth(3).unwrap();
    assert!(
        target.join("CACHEDIR.TAG").is_file() || target.ends_with("tmp"),
        "{first:?}"
    );

    let root = first.path().parent().unwrap().to_owned();
    fs::write(first.path().join("state.sqlite"), "").unwrap();
    drop(first);
    assert!(!root.exists());
    assert!(second.path().is_dir());
}

#[test]
fn a_failed_build_leaves_nothing_and_says_why() {
    let error = CodexHome::builder()
        .config_toml("= nonsense")
        .build()
        .unwrap_err();

    assert_eq!(error.to_string(), "the configuration is not valid TOML");
}
