//! Runtimes that are older than an option.

use codex_sdk::types::{McpServerOauthClientRegistration, ThreadGoalMutationOrigin, ThreadSortKey};
use codex_sdk::{Codex, Condition, Error, ExternalMessage, ListThreads};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};

use crate::support::{accept_turn, sent, start_thread};

async fn connect(user_agent: &str) -> (Codex, Peer) {
    let (mut peer, (output, input)) = Peer::pair();
    let serve = async {
        let request = peer.expect_request("initialize").await;
        let mut response = shapes::initialize_response();
        response["userAgent"] = json!(user_agent);
        peer.reply(&request.id, response).await;
        peer.expect_notification("initialized").await;
    };
    let start = Codex::builder().start_with_io(output, input);
    let (codex, ()) = tokio::join!(start, serve);
    (codex.unwrap(), peer)
}

#[tokio::test]
async fn parity_108_an_option_that_the_runtime_would_ignore_is_refused_before_it_is_sent() {
    for version in ["0.147.0", "0.149.0", "0.151.0-alpha.6", "v0.149", "0.150"] {
        let (codex, mut peer) = connect(&format!("test/{version} (Linux)")).await;
        let thread = start_thread(&codex, &mut peer, "t").await;
        let message = ExternalMessage::new("inbox", "It rains.");
        let refused = [
            thread.run(message).await.map(drop),
            thread.run("go").source("timer").await.map(drop),
            thread.turn("go").turn_service_tier("fast").await.map(drop),
            codex
                .request_raw("turn/start", json!({ "toolOutput": null }))
                .await
                .map(drop),
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::RuntimeTooOld { .. }), "{error:?}");
            assert_eq!(error.condition(), Some(Condition::RuntimeTooOld));
            let text = error.to_string();
            assert!(text.contains("0.151.0 or newer"), "{text}");
            assert!(text.contains(&format!("{version:?}")), "{text}");
        }
        // Nothing of all that was sent: the next message is the ordinary turn.
        let turn = tokio::spawn(thread.turn("go").into_future());
        accept_turn(&mut peer, "turn").await;
        drop(turn.await.unwrap().unwrap());
    }
}

/// Refused by a runtime of `0.132.0`, and sent to one of the first version that honours it.
macro_rules! gated {
    ($codex:ident, $thread:ident: $($method:literal $option:literal $since:literal => $call:expr;)*) => {$({
        let (old, mut peer) = connect("test/0.132.0 (Linux)").await;
        let ($codex, $thread) = (&old, &start_thread(&old, &mut peer, "t").await);
        let error = $call.await.map(drop).unwrap_err();
        let Error::RuntimeTooOld { option, needs, .. } = &error else {
            panic!("{}: {error:?}", $option);
        };
        assert_eq!((&**option, *needs), ($option, $since));
        let _ = ($codex, $thread);

        let (first, mut peer) = connect(concat!("test/", $since, " (Linux)")).await;
        let ($codex, $thread) = (&first, &start_thread(&first, &mut peer, "t").await);
        let params = sent(&mut peer, $method, $call).await;
        assert!(params.get($option).is_some(), "{params}");
        let _ = ($codex, $thread);
    })*};
}

#[tokio::test]
async fn every_setter_is_refused_below_its_version_and_sent_from_there_on() {
    let message = || ExternalMessage::new("inbox", "It rains.");
    gated! { codex, thread:
        "mcpServer/oauth/login" "clientRegistration" "0.148.0" => codex
            .mcp_login("s").client_registration(McpServerOauthClientRegistration::Auto);
        "mcpServer/oauth/login" "threadId" "0.143.0" => codex.mcp_login("s").thread_id("t");
        "mcpServerStatus/list" "serverName" "0.159.0" => codex.mcp_servers().server_name("s");
        "mcpServerStatus/list" "threadId" "0.135.0" => codex.mcp_servers().thread_id("t");
        "thread/fork" "lastTurnId" "0.143.0" => codex.thread_fork("t").last_turn_id("1");
        "thread/list" "ancestorThreadId" "0.143.0" => codex.thread_list().ancestor_thread_id("t");
        "thread/list" "excludedThreadIds" "0.163.0" => codex
            .thread_list().excluded_thread_ids(vec!["t".to_owned()]);
        "thread/list" "originators" "0.154.0" => codex.thread_list().originators(vec!["o".to_owned()]);
        "thread/list" "parentThreadId" "0.141.0" => codex.thread_list().parent_thread_id("t");
        "thread/list" "projectId" "0.149.0" => codex.thread_list().project_id(None);
        "thread/list" "sectionId" "0.147.0" => codex.thread_list().section_id(Some("s".to_owned()));
        "turn/start" "serviceTierForTurn" "0.151.0" => thread.turn("go").turn_service_tier("fast");
        "turn/start" "toolOutput" "0.151.0" => thread.turn(message());
        "turn/start" "turnTrigger" "0.151.0" => thread.turn("go").source("timer");
    }
}

#[tokio::test]
async fn a_goal_whose_origin_is_refused_leaves_the_goal_that_there_is() {
    let (codex, mut peer) = connect("test/0.160.1").await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let goal = thread.goal("g").origin(ThreadGoalMutationOrigin::User);
    let error = goal.await.unwrap_err();
    assert!(
        matches!(&error, Error::RuntimeTooOld { option, needs: "0.161.0", .. } if option == "origin"),
        "{error:?}"
    );
    // Nothing was sent: not even what would have cleared it.
    sent(&mut peer, "model/list", codex.models()).await;
}

#[tokio::test]
async fn a_list_of_every_page_is_gated_too() {
    let (codex, _peer) = connect("test/0.162.1").await;
    let list = codex
        .thread_list()
        .excluded_thread_ids(vec!["t".to_owned()]);
    let error = list.stream().next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::RuntimeTooOld { .. }), "{error:?}");
}

/// The parameters that the first page of a list is asked for with.
async fn first_page(peer: &mut Peer, list: ListThreads) -> Value {
    let mut list = list.stream();
    let serve = async {
        let request = peer.expect_request("thread/list").await;
        let page = json!({ "data": [], "nextCursor": null });
        peer.reply(&request.id, page).await;
        request.params
    };
    let (next, params) = tokio::join!(list.next(), serve);
    assert!(next.is_none(), "{next:?}");
    params
}

#[tokio::test]
async fn a_list_of_every_page_is_sorted_by_what_the_runtime_knows() {
    let (updated, recency) = (ThreadSortKey::UpdatedAt, ThreadSortKey::RecencyAt);
    for (agent, key) in [
        ("test/0.132.0", &updated),
        ("test/0.141.0", &updated),
        ("test/0.142.0-alpha.1", &updated),
        ("test/0.142.0", &recency),
        ("test/dev", &recency),
    ] {
        let (codex, mut peer) = connect(agent).await;
        let params = first_page(&mut peer, codex.thread_list()).await;
        assert_eq!(params, json!({ "sortKey": key }), "{agent}");

        // What is chosen is sent as it is, or refused.
        let chosen = codex.thread_list().sort_key(ThreadSortKey::CreatedAt);
        let params = first_page(&mut peer, chosen).await;
        assert_eq!(params, json!({ "sortKey": "created_at" }), "{agent}");
        if key == &updated {
            let chosen = codex.thread_list().sort_key(recency.clone());
            let error = chosen.stream().next().await.unwrap().unwrap_err();
            assert!(matches!(error, Error::RuntimeTooOld { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn parity_109_110_newer_runtimes_and_unversioned_ones_take_every_option() {
    let agents = [
        "codex-cli/0.133.0 (Linux)",
        "codex-cli/0.151.0 (Linux)",
        "test/v0.170.0 (Linux)",
        "test/dev (Linux)",
        "test/unknown (Linux)",
        "test/ (Linux)",
        "test",
        "me/1.0/0.163.0 (Linux) xterm/1 (me/1.0; 1)",
        "codex-cli 0.153.0",
        "test/0.154.0-alpha.1",
        "test/0.154.0-alpha.1.2 (Linux)",
        "test/0.151.0.post1",
        "test/0.0.0 (Linux)",
    ];
    for agent in agents {
        let (codex, mut peer) = connect(agent).await;
        let resume = codex.thread_resume("t").include_turns(false);
        let params = sent(&mut peer, "thread/resume", resume).await;
        assert_eq!(params["excludeTurns"], true, "{agent}");
        let fork = codex.thread_fork("t").include_turns(true);
        let params = sent(&mut peer, "thread/fork", fork).await;
        assert_eq!(params["excludeTurns"], false, "{agent}");
        if agent.contains("0.133") {
            continue;
        }
        let raw = json!({ "threadId": "t", "input": [], "turnTrigger": "timer" });
        let params = sent(
            &mut peer,
            "turn/start",
            codex.request_raw("turn/start", raw),
        )
        .await;
        assert_eq!(params["turnTrigger"], "timer", "{agent}");
    }
}

#[tokio::test]
async fn parity_112_an_old_runtime_unarchives_without_the_turns() {
    let (codex, mut peer) = connect("test/0.147.0").await;
    let back = tokio::spawn(codex.thread_unarchive("t"));
    let request = peer.expect_request("thread/unarchive").await;
    let thread = json!({ "thread": shapes::thread("t") });
    peer.reply(&request.id, thread).await;
    let request = peer.expect_request("thread/resume").await;
    assert_eq!(request.params["excludeTurns"], true);
    peer.reply(&request.id, shapes::thread_start_response("t"))
        .await;
    assert_eq!(back.await.unwrap().unwrap().id(), "t");
}
