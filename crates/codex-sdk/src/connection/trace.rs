//! The trace that requests are part of.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;

/// The W3C trace context of a request, from [`CodexBuilder::trace_context`](crate::CodexBuilder::trace_context). A
/// runtime with an exporter (`otel.trace_exporter` in its configuration) adds its own spans to this trace, and passes
/// it on to the model's provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceContext {
    /// The header `traceparent`, such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    pub traceparent: String,
    /// The header `tracestate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// A context without a `tracestate`.
    pub fn new(traceparent: impl Into<String>) -> Self {
        Self {
            traceparent: traceparent.into(),
            tracestate: None,
        }
    }
}

/// Returns the caller's trace context.
#[derive(Clone)]
pub(crate) struct TraceSource(Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>);

impl TraceSource {
    pub(crate) fn new(current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    pub(super) fn current(&self) -> Option<TraceContext> {
        // This is the program's own code, and may be called during a cleanup.
        catch_unwind(AssertUnwindSafe(|| (self.0)())).unwrap_or_else(|_| {
            tracing::warn!(
                "the closure for `trace_context` panicked: a request is part of no trace"
            );
            None
        })
    }
}

impl fmt::Debug for TraceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceSource")
    }
}
