//! The page, in a browser.

use std::fs;
use std::path::Path;

use codex_e2e::demo;
use codex_testkit::Gate;

use crate::pictures::draws;
use crate::web_service::Service;
use crate::web_service::browser::Browser;

const APPROVE: &str = "#approvals button.main:enabled";

/// Whether an element is there whose text has this in it.
fn has(selector: &str, text: &str) -> String {
    format!(
        "[...document.querySelectorAll('{selector}')].some(it => it.textContent.includes('{text}'))"
    )
}

/// The pictures lie in the folder for temporary files of the build. The light one is that of the pages.
async fn keep_pictures(browser: &mut Browser) {
    for scheme in ["dark", "light"] {
        let picture = browser.picture(scheme).await;
        assert!(picture.starts_with(b"\x89PNG"));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::write(path.join(format!("web_service-{scheme}.png")), &picture).unwrap();
        if draws() && scheme == "light" {
            fs::write(crate::pictures::picture("web_service.png"), picture).unwrap();
        }
    }
}

#[codex_e2e_macros::test]
async fn web_service_page_streams_asks_and_shows_the_diff() {
    let Some(program) = Browser::installed() else {
        eprintln!("passed over: there is no Chromium in PATH");
        return;
    };
    let gate = Gate::new();
    let stage = demo::stage("web_service", Some(&gate)).await.unwrap();
    let service = Service::start(&stage).await;
    let url = format!("http://{}/?user=ada", service.address);
    let mut browser = Browser::open(&program, &url).await;
    browser.wait_for("state.textContent === 'ready'").await;

    browser.click("#text").await;
    browser.enter("When is the tide high?").await;
    browser
        .wait_for(&has(".user", "When is the tide high?"))
        .await;
    // The answer of the model is held here.
    browser.wait_for(&has(".agent.writing", "I")).await;
    assert_eq!(browser.wait_for("state.textContent").await, "working");
    gate.release();

    browser
        .wait_for(&has(".approval", "echo It is noon."))
        .await;
    browser.click(APPROVE).await;
    browser.wait_for(&has(".card", "completed")).await;
    browser
        .wait_for(&has(".approval .added", "+# Tides in Lisbon"))
        .await;
    browser.click(APPROVE).await;
    browser
        .wait_for(&has(".approval .removed", "-High at 05:12"))
        .await;
    keep_pictures(&mut browser).await;
    browser.click(APPROVE).await;

    browser.wait_for("state.textContent === 'ready'").await;
    browser.wait_for("approvals.children.length === 0").await;
    let last = "conversation.lastElementChild.textContent";
    let diff = browser.wait_for(last).await;
    let diff = diff.as_str().unwrap();
    assert!(diff.starts_with("Diff of this turn"), "{diff}");
    assert!(diff.contains("+High at 05:12 and 17:38, low at"), "{diff}");

    // A page that is loaded again has the conversation.
    browser.reload().await;
    browser.wait_for(&has(".agent", "The tides of today")).await;
    let rest = "conversation.querySelectorAll('.user, .agent, .card').length === 6";
    browser.wait_for(rest).await;
    browser
        .wait_for("document.querySelector('.trouble') === null")
        .await;
    browser.close().await;
    service.stop().await;
}
