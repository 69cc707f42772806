//! codex-sdk.
