//! Tests of the test kit itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod home;
mod http;
mod model;
mod peer;
mod recorder;
#[cfg(unix)]
mod run;
mod runtime;
mod shapes;
mod tap;
