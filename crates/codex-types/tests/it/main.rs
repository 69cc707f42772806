//! The types against the schema they were generated from.

mod definitions;
mod forward;
mod lines;
mod messages;
mod schema;
mod values;
