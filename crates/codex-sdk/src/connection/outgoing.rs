//! A request before it is sent.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use codex_types as types;
use codex_types::RequestId;
use serde::Serialize;

use crate::connection::in_flight::Lane;
use crate::connection::trace::TraceSource;
use crate::error::{Error, Result};

/// The interrupt of an ended turn may never be answered.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: i64,
    pub(crate) method: Cow<'static, str>,
    pub(crate) line: String,
    pub(super) timeout: Option<Duration>,
    /// Whether it is sent even though this side has asked for the end: it is a cleanup that nobody waits for.
    pub(crate) last: bool,
}

impl Outgoing {
    /// Encodes a request. Without a timeout, the method's own applies.
    pub(crate) fn new<P: Serialize>(
        id: i64,
        method: Cow<'static, str>,
        params: &P,
        timeout: Option<Duration>,
    ) -> Result<Self> {
        let line = types::encode_request(&method, &RequestId::Integer(id), params);
        Self::of_line(id, method, line, timeout)
    }

    fn of_line(
        id: i64,
        method: Cow<'static, str>,
        line: serde_json::Result<String>,
        timeout: Option<Duration>,
    ) -> Result<Self> {
        match line {
            Ok(line) => Ok(Self {
                id,
                method,
                line,
                timeout,
                last: false,
            }),
            Err(source) => Err(Error::Encode {
                method: method.into_owned(),
                source: Arc::new(source),
            }),
        }
    }

    /// Adds the trace that the request is part of.
    pub(super) fn trace(&mut self, source: Option<&TraceSource>) {
        let Some(context) = source.and_then(TraceSource::current) else {
            return;
        };
        // A request is an object, and its last character closes it.
        if let Ok(context) = serde_json::to_string(&context) {
            self.line.pop();
            self.line.push_str(",\"trace\":");
            self.line.push_str(&context);
            self.line.push('}');
        }
    }

    /// Refuses a request that is too long for the other side.
    pub(super) fn check(&self, most: Option<usize>) -> Result<()> {
        let bytes = self.line.len();
        match most.filter(|most| bytes > *most) {
            Some(most) => Err(Error::InvalidInput(format!(
                "the request `{}` has {bytes} bytes, and a server takes at most {most}: nothing was sent; give large files by their path",
                self.method
            ))),
            None => Ok(()),
        }
    }

    /// How long it may take, if there is a limit; `usual` is the limit of most requests.
    pub(crate) fn ends_after(&self, usual: Duration) -> Option<Duration> {
        self.timeout.or(match &*self.method {
            "turn/interrupt" => Some(INTERRUPT_TIMEOUT.min(usual)),
            other if Lane::of(other) == Lane::LongRunning => None,
            _ => Some(usual),
        })
    }
}
