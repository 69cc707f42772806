//! A real browser without a window, driven over its `DevTools` protocol.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::examples::within;

/// A browser with one page.
pub(super) struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The number of the last call.
    calls: u64,
    /// The connection to the page, once there is one.
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    /// A browser that is installed here.
    pub(super) fn installed() -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let mut programs =
            env::split_paths(&path).flat_map(|folder| names.map(|it| folder.join(it)));
        programs.find(|program| program.is_file())
    }

    /// Opens a page of 900 by 700 points.
    pub(super) async fn open(program: &Path, url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads calls from file 3 and writes answers to file 4.
        let script = r#"exec "$@" 3<&0 4>&1 0</dev/null 1>&2"#;
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--headless", "--remote-debugging-pipe", "--no-first-run"])
            // Root needs the first, and small containers the second. The page is our own.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut browser = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            calls: 0,
            session: None,
            _profile: profile,
        };
        let target = json!({ "url": "about:blank" });
        let target = browser.call("Target.createTarget", target).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        let size = json!({ "width": 900, "height": 700, "deviceScaleFactor": 1, "mobile": false });
        browser
            .call("Emulation.setDeviceMetricsOverride", size)
            .await;
        browser.call("Page.enable", json!({})).await;
        browser.call("Page.navigate", json!({ "url": url })).await;
        browser.loaded().await;
        browser
    }

    pub(super) async fn reload(&mut self) {
        self.call("Page.reload", json!({})).await;
        self.loaded().await;
    }

    async fn loaded(&mut self) {
        self.until(|it| it["method"] == "Page.loadEventFired").await;
    }

    /// Waits until the page is so, and returns the value of the expression.
    pub(super) async fn wait_for(&mut self, expression: &str) -> Value {
        let promise = format!(
            "new Promise(resolve => {{
                const look = () => {{
                    const found = {expression};
                    if (!found) return;
                    observer.disconnect();
                    resolve(found);
                }};
                const observer = new MutationObserver(look);
                observer.observe(document, {{
                    subtree: true, childList: true, attributes: true, characterData: true,
                }});
                look();
            }})"
        );
        let params = json!({ "expression": promise, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Waits for an element and clicks on it, as a mouse does.
    pub(super) async fn click(&mut self, selector: &str) {
        let element = format!("document.querySelector('{selector}')");
        let place = format!(
            "{element} && (it => ({{ x: it.x + it.width / 2, y: it.y + it.height / 2 }}))({element}.getBoundingClientRect())"
        );
        let place = self.wait_for(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let mouse = json!({
                "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", mouse).await;
        }
    }

    /// Types text where the focus is, and Enter.
    pub(super) async fn enter(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
        for kind in ["keyDown", "keyUp"] {
            let key = json!({
                "type": kind, "key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13,
            });
            self.call("Input.dispatchKeyEvent", key).await;
        }
    }

    /// A picture of the page, as a PNG.
    pub(super) async fn picture(&mut self, scheme: &str) -> Vec<u8> {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media).await;
        let params = json!({ "format": "png" });
        let answer = self.call("Page.captureScreenshot", params).await;
        from_base64(answer["data"].as_str().unwrap())
    }

    pub(super) async fn close(mut self) {
        self.session = None;
        self.call("Browser.close", json!({})).await;
        within(self.child.wait()).await.unwrap();
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut call = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let message = format!("{call}\0");
        self.input.write_all(message.as_bytes()).await.unwrap();
        let mut answer = self.until(|message| message["id"] == id).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The next message that is so; what comes before is dropped.
    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut message = Vec::new();
            let read = self.output.read_until(0, &mut message);
            assert_ne!(within(read).await.unwrap(), 0, "the browser has ended");
            message.pop();
            let message = serde_json::from_slice(&message).unwrap();
            if is_it(&message) {
                return message;
            }
        }
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').bytes();
    let digits = digits.map(|digit| DIGITS.iter().position(|it| *it == digit).unwrap());
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0, 0);
    for digit in digits {
        bits = (bits << 6 | digit) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
