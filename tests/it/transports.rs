//! This suite once more, over the other transports: the same tests, in a process of their own.
//!
//! `E2E_TRANSPORT=ws cargo test -p codex-e2e --test it` runs all of it by hand.

use std::env;
use std::process::{Command, Stdio};

use codex_e2e::Transport;

/// What has nothing to do with the transport: pages, programs, how a child starts and ends, and the servers' own.
const PASSED_OVER: [&str; 24] = [
    "attach::",
    "blocking::",
    "connections::",
    "dependent::",
    "docs::",
    "endings::",
    "errors::",
    "examples::",
    "launch::",
    "null_and_absent::",
    "pictures::",
    "prose::",
    "reach::",
    "recipes::",
    "recording::",
    "secrets::",
    "servers::",
    "starts::",
    "startup::",
    "testing_your_app::",
    "transports::",
    "values::",
    "versions::",
    "web_service::",
];

#[cfg(unix)]
#[test]
fn the_suite_passes_over_a_unix_socket() {
    passes_over("unix");
}

#[test]
fn the_suite_passes_over_a_web_socket() {
    passes_over("ws");
}

fn passes_over(transport: &str) {
    if Transport::of_this_run() != Transport::Stdio {
        return;
    }
    let mut suite = Command::new(env::current_exe().unwrap());
    for module in PASSED_OVER {
        suite.args(["--skip", module]);
    }
    suite.env("E2E_TRANSPORT", transport).stdin(Stdio::null());
    let output = suite.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "over {transport}:\n{told}");
}
