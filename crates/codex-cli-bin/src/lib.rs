//! codex-cli-bin.
