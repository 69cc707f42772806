//! End-to-end suites against the real pinned runtime.
