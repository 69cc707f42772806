//! The places for requests in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// The runtime drops answers silently when it is flooded; it never did with this many in flight.
const MAX_IN_FLIGHT: usize = 64;
/// Requests that last until something else ends have their own places.
const MAX_LONG_RUNNING: usize = 16;

/// Steering and interrupting have their own places, so they work however busy the connection is.
const MAX_CONTROL: usize = 32;

/// Which places in flight a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Ordinary,
    LongRunning,
    Control,
}

impl Lane {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "turn/interrupt" | "turn/steer" => Self::Control,
            "command/exec" | "mcpServer/tool/call" => Self::LongRunning,
            _ => Self::Ordinary,
        }
    }
}

/// Server requests whose answers haven't reached the writer. With more, the runtime reads none, or a handler gives none.
pub(crate) const MAX_UNANSWERED: usize = 4096;
/// One of these many bytes counts for two, and so on.
pub(crate) const UNANSWERED_BYTES: usize = 64 << 10;

/// The free places.
#[derive(Debug)]
pub(super) struct InFlight {
    ordinary: Arc<Semaphore>,
    long_running: Arc<Semaphore>,
    control: Arc<Semaphore>,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            ordinary: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            long_running: Arc::new(Semaphore::new(MAX_LONG_RUNNING)),
            control: Arc::new(Semaphore::new(MAX_CONTROL)),
        }
    }
}

impl InFlight {
    /// Waits for a place for this method, for at most `after`.
    pub(super) async fn place(
        &self,
        method: &str,
        after: Duration,
    ) -> Result<OwnedSemaphorePermit> {
        let places = match Lane::of(method) {
            Lane::Ordinary => &self.ordinary,
            Lane::LongRunning => &self.long_running,
            Lane::Control => &self.control,
        };
        match timeout(after, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphores are never closed.
            Ok(Err(_)) | Err(_) => Err(Error::Timeout {
                method: method.to_owned(),
                after,
            }),
        }
    }
}
