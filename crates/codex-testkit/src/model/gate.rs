use std::panic::Location;
use std::time::Duration;

use tokio::sync::watch;

use crate::deadline::within;

/// Holds a scripted reply at one event until the test releases it.
///
/// Clones share the same gate, and one gate may hold several replies.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Releases every reply that is or will be held here.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Waits until a reply is held here, for at most 30 seconds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the gate remembers that a reply reached it.
    ///
    /// # Panics
    ///
    /// The future panics if no reply reaches the gate in time.
    #[track_caller]
    pub fn reached(&self) -> impl Future<Output = ()> + Send + 'static {
        let caller = Location::caller();
        let mut reached = self.reached.subscribe();
        async move {
            let arrival = reached.wait_for(|reached| *reached);
            let limit = Duration::from_secs(30);
            // An error means that every clone is gone, including the reply's: no reply will arrive.
            let arrived = within(
                limit,
                caller,
                "reply at the gate",
                arrival,
                || "nothing has come so far",
            );
            assert!(arrived.await.is_ok(), "{caller}: no reply holds this gate");
        }
    }

    pub(super) async fn pass(&self) {
        let mut released = self.released.subscribe();
        self.reached.send_replace(true);
        // `self` is a sender, so the channel stays open while this waits.
        let _ = released.wait_for(|released| *released).await;
    }
}
