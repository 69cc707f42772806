//! The same client for programs without an async runtime (feature `blocking`).
//!
//! There is no second interface: every operation has `block_on()` instead of `.await`. A turn and the
//! streams are iterators.
//!
//! ```no_run
//! use codex_sdk::blocking::Codex;
//!
//! fn main() -> codex_sdk::Result<()> {
//!     let codex = Codex::start().block_on()?;
//!     let thread = codex.thread_start().ephemeral(true).block_on()?;
//!     for event in &mut thread.turn("Say hello.").block_on()? {
//!         print!("{}", event?.text_delta().unwrap_or_default());
//!     }
//!     codex.close().block_on()
//! }
//! ```
//!
//! What runs beside the caller runs on a Tokio runtime of this crate, with one thread, which is started
//! when it is first needed and lives as long as the program. Operations may be blocked on from any
//! thread, several at once: a turn that is read here can be steered and interrupted from elsewhere. If its
//! thread can't be started, each operation gives [`Error::InvalidInput`].
//!
//! # Panics
//! `block_on`, and the iterators, panic within an async runtime, whose thread they would block: await the
//! operation there instead.

use std::{
    future::{Future, IntoFuture},
    sync::OnceLock,
};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    Call, Error, ForkThread, Input, ListItems, ListMcpServers, ListModels, ListThreads, ListTurns,
    McpLogin, Notification, NotificationStream, Paged, Pages, ReadAccount, ReadThread, Result,
    ResumeThread, RetryPolicy, SendRawRequest, SendRequest, StartGoal, StartMcpLogin, StartThread,
    StartTurn, Structured, TurnResult,
    types::{
        ClientMethod, GetAccountResponse, ListMcpServerStatusResponse, ModelListResponse,
        ThreadItemsListResponse, ThreadListResponse, ThreadReadResponse, ThreadTurnsListResponse,
        TurnSteerResponse,
    },
};
pub use crate::{Codex, Thread, TurnControl};

/// The runtime that carries what is blocked on.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, Error>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("codex-sdk")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::InvalidInput(format!(
                    "no thread could be started to run the client: {error}"
                ))
            })
    });
    runtime.as_ref().map_err(Clone::clone)
}

/// Waits for a future on this thread.
fn wait<T>(future: impl Future<Output = T>) -> Result<T> {
    assert!(
        Handle::try_current().is_err(),
        "`block_on` was called within an async runtime, whose thread it would block: await the operation instead"
    );
    Ok(runtime()?.block_on(future))
}

impl<T> Call<T> {
    /// Runs this to its end on the current thread; see [`blocking`](self).
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn block_on(self) -> Result<T> {
        wait(self)?
    }
}

macro_rules! block_on {
    ($($(<$generic:ident: $bound:path>)? $name:ty => $output:ty;)*) => {$(
        impl $(<$generic: $bound>)? $name {
            /// Runs this to its end on the current thread; see [`blocking`](self).
            ///
            /// # Panics
            /// Within an async runtime.
            ///
            /// # Errors
            /// As when it is awaited.
            pub fn block_on(self) -> Result<$output> {
                self.into_future().block_on()
            }
        }
    )*};
}

block_on! {
    StartThread => Thread;
    ResumeThread => Thread;
    ForkThread => Thread;
    ListThreads => ThreadListResponse;
    ListTurns => ThreadTurnsListResponse;
    ListItems => ThreadItemsListResponse;
    ListModels => ModelListResponse;
    ReadThread => ThreadReadResponse;
    ReadAccount => GetAccountResponse;
    ListMcpServers => ListMcpServerStatusResponse;
    StartMcpLogin => McpLogin;
    SendRawRequest => serde_json::Value;
    StartTurn<TurnResult> => TurnResult;
}

impl<M> SendRequest<M>
where
    M: ClientMethod + Send + Sync + 'static,
    M::Response: Send,
{
    /// Runs this to its end on the current thread; see [`blocking`](self).
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// As when it is awaited.
    pub fn block_on(self) -> Result<M::Response> {
        self.into_future().block_on()
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> StartTurn<Structured<T>> {
    /// Runs this to its end on the current thread; see [`blocking`](self).
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// As when it is awaited.
    pub fn block_on(self) -> Result<Structured<T>> {
        self.into_future().block_on()
    }
}

macro_rules! block_on_turn {
    ($($name:ty),*) => {$(
        impl $name {
            /// Starts this on the current thread; see [`blocking`](self).
            ///
            /// # Panics
            /// Within an async runtime.
            ///
            /// # Errors
            /// As when it is awaited.
            pub fn block_on(self) -> Result<TurnHandle> {
                self.into_future().block_on().map(TurnHandle)
            }
        }
    )*};
}

block_on_turn!(StartTurn<crate::TurnHandle>, StartGoal);

/// A turn that was started or joined: an iterator over its notifications, and its controls.
///
/// It is a [`crate::TurnHandle`] that blocks. Dropping it doesn't interrupt the turn, unless one of its
/// deadlines has passed.
#[derive(Debug)]
#[must_use = "what comes for a turn lies in memory until it is read"]
pub struct TurnHandle(crate::TurnHandle);

impl TurnHandle {
    /// The turn's id. It is unique within its thread only: forks keep the ids of their source.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// The id of the turn's thread.
    pub fn thread_id(&self) -> &str {
        self.0.thread_id()
    }

    /// Waits for the end of the turn and returns all that it brought, what was already read included.
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// As for [`crate::TurnHandle::run`].
    pub fn run(self) -> Result<TurnResult> {
        self.0.run().block_on()
    }

    /// Adds to the input of the running turn (`turn/steer`).
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// As for [`TurnControl::steer`].
    pub fn steer(&self, input: impl Into<Input>) -> Result<TurnSteerResponse> {
        self.0.steer(input).block_on()
    }

    /// Interrupts the turn (`turn/interrupt`).
    ///
    /// # Panics
    /// Within an async runtime.
    ///
    /// # Errors
    /// As for [`TurnControl::interrupt`].
    pub fn interrupt(&self) -> Result<()> {
        self.0.interrupt().block_on()
    }

    /// The controls of this turn, to be used from another thread.
    pub fn control(&self) -> TurnControl {
        self.0.control()
    }
}

impl Iterator for TurnHandle {
    type Item = Result<Notification>;

    fn next(&mut self) -> Option<Self::Item> {
        flat(wait(self.0.next()))
    }
}

/// A [`NotificationStream`] that blocks, from its `into_iter`.
#[derive(Debug)]
pub struct Notifications(NotificationStream);

impl Iterator for Notifications {
    type Item = Result<Notification>;

    fn next(&mut self) -> Option<Self::Item> {
        flat(wait(self.0.next()))
    }
}

impl IntoIterator for NotificationStream {
    type Item = Result<Notification>;
    type IntoIter = Notifications;

    fn into_iter(self) -> Self::IntoIter {
        Notifications(self)
    }
}

/// [`Pages`] that block, from their `into_iter`.
#[derive(Debug)]
pub struct Entries<P: Paged>(Pages<P>);

impl<P: Paged> Iterator for Entries<P> {
    type Item = Result<P::Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        flat(wait(self.0.next()))
    }
}

impl<P: Paged> IntoIterator for Pages<P> {
    type Item = Result<P::Entry>;
    type IntoIter = Entries<P>;

    fn into_iter(self) -> Self::IntoIter {
        Entries(self)
    }
}

fn flat<T>(next: Result<Option<Result<T>>>) -> Option<Result<T>> {
    next.unwrap_or_else(|error| Some(Err(error)))
}

/// [`crate::retry_on_overload`], blocking.
///
/// # Panics
/// Within an async runtime.
///
/// # Errors
/// As for [`crate::retry_on_overload`].
pub fn retry_on_overload<T, F, C>(policy: RetryPolicy, call: F) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    wait(crate::retry_on_overload(policy, call))?
}
