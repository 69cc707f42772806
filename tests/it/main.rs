//! End-to-end suites: this crate's users, the real pinned runtime, a scripted model.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod approvals;
mod attach;
mod blocking;
mod budgets;
mod cancel;
mod children;
mod concurrency;
mod conditions;
mod connections;
mod dependent;
mod docs;
mod endings;
mod errors;
mod examples;
mod goals;
mod handlers;
mod inputs;
mod interrupt;
mod joins;
#[cfg(unix)]
mod launch;
mod lifecycle;
mod login;
mod mcp;
#[cfg(unix)]
mod null_and_absent;
mod pages;
mod pictures;
mod prose;
mod reach;
mod recipes;
#[cfg(unix)]
mod recording;
mod refusals;
mod requests;
mod review;
mod run_as;
#[cfg(target_os = "linux")]
mod sandbox;
mod secrets;
mod servers;
mod stall;
mod starts;
mod startup;
mod streams;
mod testing_your_app;
mod threads;
mod tools;
mod transports;
mod turn_as;
mod turns;
#[cfg(target_os = "linux")]
mod values;
#[cfg(target_os = "linux")]
mod versions;
#[cfg(target_os = "linux")]
mod watch;
mod watching;
#[cfg(unix)]
mod web_service;
