//! Where the runtime takes `null` for something else than a field that is absent: what
//! `schema/overrides.toml` calls double options, as far as it can be observed.

use codex_e2e::Stage;
use codex_testkit::{Gate, Reply};
use codex_types as types;
use serde_json::{Value, json};

use crate::recording::session::Session;

/// A stage whose configuration says `flex`, which is neither of the answers to null.
async fn stage() -> Stage {
    Stage::with(|home| {
        home.model_name("gpt-5.5")
            .sandbox_mode("danger-full-access")
            .feature("step_model_switching", true)
            .config_toml("service_tier = 'flex'")
    })
    .await
    .unwrap()
}

/// The three ways to say something about the tier, beside what else is to be said.
fn three_ways(params: &Value) -> [Value; 3] {
    let with = |tier: Value| {
        let mut params = params.clone();
        params["serviceTier"] = tier;
        params
    };
    [params.clone(), with(Value::Null), with(json!("priority"))]
}

/// The tier that the model was last asked for.
fn asked(stage: &Stage) -> Option<String> {
    let requests = stage.model.requests();
    let mut requests = requests.iter().rev();
    let last = requests.find(|request| request.path.ends_with("/responses"));
    Some(last?.body.get("service_tier")?.as_str()?.to_owned())
}

/// Runs a turn and returns the tier that the model was asked for.
async fn turn(session: &mut Session<'_>, thread: &str, options: Value) -> Option<String> {
    session.turn(thread, options, [Reply::text("ok")]).await;
    asked(session.stage)
}

#[codex_e2e_macros::test]
async fn a_thread_starts_with_the_configured_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let mut tiers = Vec::new();
    for params in three_ways(&json!({})) {
        let started = session.request::<types::ThreadStartParams>(params).await;
        let asked = turn(&mut session, &started.thread.id, json!({})).await;
        tiers.push((started.service_tier, asked));
    }
    assert_eq!(tiers, standard_is_null());
    session.end().await;
}

#[codex_e2e_macros::test]
async fn a_fork_starts_with_the_configured_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let source = session.thread(json!({"serviceTier": "fast"})).await;
    turn(&mut session, &source, json!({})).await;
    let mut tiers = Vec::new();
    for params in three_ways(&json!({"threadId": source, "excludeTurns": true})) {
        let fork = session.request::<types::ThreadForkParams>(params).await;
        let asked = turn(&mut session, &fork.thread.id, json!({})).await;
        tiers.push((fork.service_tier, asked));
    }
    assert_eq!(tiers, standard_is_null());
    session.end().await;
}

#[codex_e2e_macros::test]
async fn a_thread_resumes_with_the_configured_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let mut tiers = Vec::new();
    for way in three_ways(&json!({"excludeTurns": true})) {
        let thread = session.thread(json!({})).await;
        turn(&mut session, &thread, json!({})).await;
        let id = json!({"threadId": thread});
        // A thread that is loaded keeps what it has: this unloads it.
        session
            .request::<types::ThreadArchiveParams>(id.clone())
            .await;
        session.request::<types::ThreadUnarchiveParams>(id).await;
        let mut params = way;
        params["threadId"] = json!(thread);
        let resumed = session.request::<types::ThreadResumeParams>(params).await;
        let asked = turn(&mut session, &thread, json!({})).await;
        tiers.push((resumed.service_tier, asked));
    }
    assert_eq!(tiers, standard_is_null());
    session.end().await;
}

/// What the runtime answers, and asks of the model, for the three ways.
fn standard_is_null() -> Vec<(Option<String>, Option<String>)> {
    let tier = |name: &str| Some(name.to_owned());
    vec![
        (tier("flex"), tier("flex")),
        (tier("default"), None),
        (tier("priority"), tier("priority")),
    ]
}

#[codex_e2e_macros::test]
async fn a_turn_keeps_the_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let thread = session.thread(json!({})).await;
    let [absent, null, value] = three_ways(&json!({}));
    let mut tiers = Vec::new();
    for options in [value, absent.clone(), null, absent] {
        tiers.push(turn(&mut session, &thread, options).await);
    }
    let priority = Some("priority".to_owned());
    assert_eq!(tiers, [priority.clone(), priority, None, None]);
    session.end().await;
}

#[codex_e2e_macros::test]
async fn the_settings_of_a_thread_keep_the_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let thread = session.thread(json!({})).await;
    let [absent, null, value] = three_ways(&json!({"threadId": thread, "effort": "low"}));
    let mut tiers = Vec::new();
    for params in [value, absent.clone(), null, absent] {
        session
            .request::<types::ThreadSettingsUpdateParams>(params)
            .await;
        tiers.push(turn(&mut session, &thread, json!({})).await);
    }
    let priority = Some("priority".to_owned());
    assert_eq!(tiers, [priority.clone(), priority, None, None]);
    session.end().await;
}

#[codex_e2e_macros::test]
async fn the_settings_of_a_turn_keep_the_tier_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let mut tiers = Vec::new();
    for way in three_ways(&json!({"effort": "low"})) {
        let thread = session.thread(json!({})).await;
        let gate = Gate::new();
        let replies = [
            Reply::function_call("exec_command", r#"{"cmd": "true"}"#).gate(&gate),
            Reply::text("ok"),
        ];
        let turn = session.start_turn(&thread, json!({}), replies).await;
        gate.reached().await;
        let mut params = way;
        params["threadId"] = json!(thread);
        params["turnId"] = json!(turn);
        session
            .request::<types::TurnSettingsUpdateParams>(params)
            .await;
        gate.release();
        session.turn_end(&turn).await;
        tiers.push(asked(&stage));
    }
    let asked = standard_is_null().into_iter().map(|(_, asked)| asked);
    assert_eq!(tiers, asked.collect::<Vec<_>>());
    session.end().await;
}

#[codex_e2e_macros::test]
async fn a_list_of_threads_is_narrowed_by_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let section = session
        .request::<types::ThreadSectionCreateParams>(json!({"name": "Later"}))
        .await;
    let project = session
        .request::<types::ProjectCreateParams>(
            json!({"idempotencyKey": "one", "name": "One", "roots": []}),
        )
        .await;
    let (section, project) = (section.section.id, project.project.id);
    let filed = session.thread(json!({})).await;
    let loose = session.thread(json!({})).await;
    for thread in [&filed, &loose] {
        turn(&mut session, thread, json!({})).await;
    }
    session
        .request::<types::ThreadSectionMoveParams>(json!({"threadId": filed, "sectionId": section}))
        .await;
    session
        .request::<types::ThreadMetadataUpdateParams>(
            json!({"threadId": filed, "projectId": project}),
        )
        .await;
    for (field, id) in [("sectionId", &section), ("projectId", &project)] {
        let ways = [json!({}), json!({field: null}), json!({field: id})];
        let mut found = Vec::new();
        for params in ways {
            let listed = session.request::<types::ThreadListParams>(params).await;
            let mut ids: Vec<_> = listed.data.into_iter().map(|thread| thread.id).collect();
            ids.sort();
            found.push(ids);
        }
        let all = vec![filed.clone(), loose.clone()];
        assert_eq!(found, [all, vec![loose.clone()], vec![filed.clone()]]);
    }
    session.end().await;
}

#[codex_e2e_macros::test]
async fn null_clears_what_absence_keeps() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let created = session
        .request::<types::ThreadSectionCreateParams>(
            json!({"name": "Later", "appearance": {"color": "red", "icon": "clock"}}),
        )
        .await;
    let mut params = json!({"sectionId": created.section.id, "name": "Soon"});
    let kept = session
        .request::<types::ThreadSectionUpdateParams>(params.clone())
        .await;
    assert_eq!(kept.section.appearance, created.section.appearance);
    params["appearance"] = Value::Null;
    let cleared = session
        .request::<types::ThreadSectionUpdateParams>(params)
        .await;
    assert_eq!(cleared.section.appearance, None);

    let thread = session.thread(json!({})).await;
    turn(&mut session, &thread, json!({})).await;
    let all = json!({"branch": "main", "sha": "abc", "originUrl": "ssh://host/repo"});
    let mut seen = Vec::new();
    for info in [
        all,
        json!({"branch": null}),
        json!({"sha": null, "originUrl": null}),
    ] {
        let updated = session
            .request::<types::ThreadMetadataUpdateParams>(
                json!({"threadId": thread, "gitInfo": info}),
            )
            .await;
        let info = updated.thread.git_info;
        seen.push(info.map(|info| (info.branch, info.sha, info.origin_url)));
    }
    let text = |text: &str| Some(text.to_owned());
    let (sha, url) = (text("abc"), text("ssh://host/repo"));
    assert_eq!(seen[0], Some((text("main"), sha.clone(), url.clone())));
    assert_eq!(seen[1], Some((None, sha, url)));
    assert!(matches!(seen[2], None | Some((None, None, None))));
    session.end().await;
}

#[codex_e2e_macros::test]
async fn the_output_of_a_process_has_a_cap_unless_it_is_null() {
    let stage = stage().await;
    let mut session = Session::start(&stage).await;
    let size = 4_000_000;
    let mut lengths = Vec::new();
    for (name, cap) in [
        ("absent", None),
        ("null", Some(json!(null))),
        ("ten", Some(json!(10))),
    ] {
        let mut params = json!({
            "command": ["head", "-c", size.to_string(), "/dev/zero"],
            "processHandle": name, "cwd": stage.home.workspace(),
        });
        if let Some(cap) = cap {
            params["outputBytesCap"] = cap;
        }
        session.request::<types::ProcessSpawnParams>(params).await;
        let exited = session
            .notification("process/exited", |params| params["processHandle"] == name)
            .await;
        lengths.push(exited["stdout"].as_str().unwrap().len());
    }
    assert!(lengths[0] < size, "{lengths:?}");
    assert_eq!(lengths[1..], [size, 10]);
    session.end().await;
}
