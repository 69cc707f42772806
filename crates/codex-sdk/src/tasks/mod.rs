//! The tasks of a connection, each with one job.

#[cfg(unix)]
mod gather;
pub(crate) mod input;
#[cfg(unix)]
mod pace;
pub(crate) mod reader;
pub(crate) mod recovery;
pub(crate) mod supervisor;
pub(crate) mod upkeep;
pub(crate) mod writer;
