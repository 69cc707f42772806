//! Server requests, and what answers them.

pub(crate) mod dispatch;
pub(crate) mod handler;
pub(crate) mod registry;
pub(crate) mod response;
pub(crate) mod stream;
