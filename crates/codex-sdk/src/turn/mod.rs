//! Turns: how one is started, followed, steered and ended.

pub(crate) mod attach;
pub(crate) mod collector;
pub(crate) mod control;
pub(crate) mod environment;
pub(crate) mod goal;
mod goal_control;
mod goal_merge;
pub(crate) mod handle;
pub(crate) mod input;
mod interrupt;
mod limits;
pub(crate) mod output;
pub(crate) mod replay;
pub(crate) mod review;
mod running;
pub(crate) mod settings;
mod spending;
pub(crate) mod start;
pub(crate) mod ticket;
