//! The implementation of the command `codex-testkit`.

mod children;
mod node;
pub(crate) mod run;
mod script;
mod signals;
mod summary;
pub(crate) mod tap;
