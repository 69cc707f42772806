use std::panic::Location;
use std::time::Duration;

use tokio::sync::watch;

use crate::deadline::within;

/// Holds a scripted reply at one event until the test releases it.
///
/// Clones are the same gate, and one gate may hold several replies.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every reply that is or will be held here go on.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Waits until a reply is held here, for at most 30 seconds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: that a reply got here is remembered.
    ///
    /// # Panics
    ///
    /// The future panics if no reply gets here in time.
    #[track_caller]
    pub fn reached(&self) -> impl Future<Output = ()> + Send + 'static {
        let caller = Location::caller();
        let mut reached = self.reached.subscribe();
        async move {
            let arrival = reached.wait_for(|reached| *reached);
            let limit = Duration::from_secs(30);
            // An error says that every clone is gone, the reply's among them: it never will be.
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
        // `self` is a sender, so the channel is open for as long as this waits.
        let _ = released.wait_for(|released| *released).await;
    }
}
