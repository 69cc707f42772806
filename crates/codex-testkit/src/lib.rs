//! codex-testkit.
