//! What a turn can be given, and what is refused before anything is sent.

use std::fs;

use codex_e2e::Stage;
use codex_sdk::types::{
    FunctionCallOutputContentItem as Item, FunctionCallOutputContentItemInputImage as Image,
    FunctionCallOutputContentItemInputText as Text, ThreadItem,
};
use codex_sdk::{Error, ExternalMessage, InputItem, Thread};
use codex_testkit::{Gate, RecordedRequest, Reply};
use serde_json::{Value, json};

/// A PNG of one transparent pixel.
pub(crate) const PIXEL_URL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=";
pub(crate) const PIXEL: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0,
    0, 0, 31, 21, 196, 137, 0, 0, 0, 11, 73, 68, 65, 84, 120, 156, 99, 96, 0, 2, 0, 0, 5, 0, 1,
    122, 94, 171, 63, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

async fn stage() -> (Stage, Thread) {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("seen"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (stage, thread)
}

/// The outputs of tools that the model is told.
fn outputs(request: &RecordedRequest) -> Vec<&Value> {
    let items = request.input_items().iter();
    items
        .filter(|item| item["type"] == "function_call_output")
        .collect()
}

#[codex_e2e_macros::test]
async fn parity_38_an_image_reaches_the_model_as_it_is() {
    let (stage, thread) = stage().await;
    let input = [InputItem::text("Look."), InputItem::image(PIXEL_URL)];
    thread.run(input).await.unwrap();
    let request = stage.model.next_request().await;
    assert_eq!(request.image_urls(), [PIXEL_URL]);
    assert_eq!(request.user_texts().last(), Some(&"Look."));
}

#[codex_e2e_macros::test]
async fn parity_39_a_local_image_is_read_by_the_runtime() {
    let (stage, thread) = stage().await;
    let path = stage.home.workspace().join("pixel.png");
    fs::write(&path, PIXEL).unwrap();
    thread.run(InputItem::local_image(&path)).await.unwrap();
    let request = stage.model.next_request().await;
    assert!(request.image_urls()[0].starts_with("data:image/png;base64,"));
}

#[codex_e2e_macros::test]
async fn parity_40_a_skill_is_given_with_its_text() {
    let (stage, thread) = stage().await;
    let folder = stage.home.workspace().join(".agents/skills/greet");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("SKILL.md");
    let text = "---\nname: greet\ndescription: Greets.\n---\nSay ahoy.\n";
    fs::write(&path, text).unwrap();
    let input = vec![
        InputItem::skill("greet", &path),
        InputItem::text("Greet me."),
    ];
    thread.run(input).await.unwrap();
    let request = stage.model.next_request().await;
    let texts = request.user_texts();
    let skills = texts.iter().filter(|text| text.starts_with("<skill>"));
    let skills: Vec<_> = skills.collect();
    assert_eq!(skills.len(), 1, "{texts:?}");
    assert!(skills[0].contains("<name>greet</name>") && skills[0].contains("Say ahoy."));
}

#[codex_e2e_macros::test]
async fn parity_33_36_an_external_message_is_a_tools_output_and_nobodys_words() {
    let (stage, thread) = stage().await;
    let message = ExternalMessage::new("slack", "The build is red.").namespace("notifications");
    let result = thread.run(message).await.unwrap();
    let request = stage.model.next_request().await;
    let output = outputs(&request);
    assert_eq!(output.len(), 1);
    assert_eq!(
        (&output[0]["name"], &output[0]["namespace"]),
        (&"slack".into(), &"notifications".into())
    );
    assert!(
        output[0]["output"]
            .to_string()
            .contains("The build is red.")
    );
    let words = [request.user_texts(), request.texts("developer")].concat();
    assert!(!words.iter().any(|text| text.contains("The build is red.")));
    let kinds: Vec<_> = result.items.iter().map(ThreadItem::tag).collect();
    assert!(kinds.contains(&"functionCallOutput"), "{kinds:?}");
}

#[codex_e2e_macros::test]
async fn an_external_message_may_be_of_content_items() {
    let (stage, thread) = stage().await;
    let image = Image {
        image_url: Some(PIXEL_URL.to_owned()),
        ..Image::default()
    };
    let content = vec![
        Item::InputText(Text::new("Look at this.")),
        Item::InputImage(image),
    ];
    let message = ExternalMessage::new("slack", content);
    thread.run(message).await.unwrap();
    let request = stage.model.next_request().await;
    let output = outputs(&request)[0]["output"].to_string();
    assert!(output.contains("Look at this."), "{output}");
    assert!(output.contains(PIXEL_URL), "{output}");
}

#[codex_e2e_macros::test]
async fn parity_34_an_external_message_stays_in_the_history_of_a_resumed_thread() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("seen"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let message = ExternalMessage::new("slack", "The build is red.");
    thread.run(message).await.unwrap();
    codex.close().await.unwrap();

    let codex = stage.start().await.unwrap();
    let thread = codex.thread_resume(thread.id()).include_turns(false);
    let thread = thread.await.unwrap();
    let read = thread.read().include_turns(true).await.unwrap();
    let kinds: Vec<_> = read.thread.turns[0]
        .items
        .iter()
        .map(ThreadItem::tag)
        .collect();
    assert!(kinds.contains(&"functionCallOutput"), "{kinds:?}");
    thread.run("What was it?").await.unwrap();
    let requests = stage.model.requests();
    let [before, after] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(outputs(before).len(), 1);
    assert_eq!(outputs(after), outputs(before));
}

#[codex_e2e_macros::test]
async fn parity_37_a_long_external_message_is_cut_as_the_thread_is_configured() {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("seen"));
    let codex = stage.start().await.unwrap();
    let long = "word ".repeat(1000);
    for (config, cut) in [
        (json!({"tool_output_token_limit": 32}), true),
        (json!({}), false),
    ] {
        let thread = codex.thread_start().config(config).await.unwrap();
        let message = ExternalMessage::new("slack", &*long);
        thread.run(message).await.unwrap();
        let request = stage.model.next_request().await;
        let text = outputs(&request)[0]["output"].to_string();
        assert_eq!(text.contains("truncated"), cut, "{text}");
        assert_eq!(text.contains(&long), !cut);
    }
}

#[codex_e2e_macros::test]
async fn parity_35_an_external_message_joins_a_running_turn() {
    let stage = Stage::new().await.unwrap();
    let gate = Gate::new();
    stage.model.push(Reply::text("first").gate(&gate));
    stage.model.push(Reply::text("with both"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    let first = thread.turn("Begin.").await.unwrap();
    gate.reached().await;
    let second = thread
        .turn(ExternalMessage::new("slack", "News."))
        .await
        .unwrap();
    assert_eq!(second.id(), first.id());
    gate.release();
    let (first, second) = tokio::join!(first.run(), second.run());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.final_response.as_deref(), Some("with both"));
    assert_eq!(second.final_response, first.final_response);
    assert!(first.turn_usage().is_some());
    assert_eq!(first.items[0].tag(), "userMessage");
    assert!(second.items.iter().all(|item| item.tag() != "userMessage"));
}

#[codex_e2e_macros::test]
async fn parity_41_42_45_what_the_runtime_would_misreport_is_refused_before_it_is_sent() {
    let (stage, thread) = stage().await;
    let missing = stage.home.workspace().join("missing.png");
    let refusals = [
        (thread.run("  \n"), "blank"),
        (thread.run(Vec::new()), "blank"),
        (thread.run("x".repeat(1_048_577)), "1048576"),
        (
            thread.run(InputItem::image("https://example.org/a.png")),
            "local_image",
        ),
        (thread.run(InputItem::local_image(&missing)), "missing.png"),
        (thread.run(InputItem::skill("s", &missing)), "missing.png"),
        (
            thread.run(ExternalMessage::new(" ", "content")),
            "tool_name",
        ),
    ];
    for (run, expected) in refusals {
        let error = run.await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(stage.model.requests().len(), 0);
}

#[codex_e2e_macros::test]
async fn a_megabyte_of_text_is_accepted() {
    let (stage, thread) = stage().await;
    thread.run("x".repeat(1_000_000)).await.unwrap();
    let request = stage.model.next_request().await;
    assert_eq!(request.user_texts().last().unwrap().len(), 1_000_000);
}
