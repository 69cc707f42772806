//! The command and the library against the real pip and tar, offline, with small wheels and tarballs made here.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of the tests fail like the tests"
)]

mod checks;
mod failures;
mod install;
mod killed;
mod locate;
mod npm;
mod support;
