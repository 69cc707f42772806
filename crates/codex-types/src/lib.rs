//! codex-types.
