//! Turns: how one is started, followed, steered and ended.

pub(crate) mod collector;
pub(crate) mod control;
mod deadline;
pub(crate) mod goal;
mod goal_control;
mod goal_merge;
pub(crate) mod handle;
pub(crate) mod input;
mod interrupt;
pub(crate) mod start;
