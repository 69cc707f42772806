//! The same client for programs without an async runtime (feature `blocking`).
//!
//! There is no second interface: every operation has `block_on()` instead of `.await`. A turn and the streams
//! are iterators.
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
//! Background work runs on a Tokio runtime of this crate, with four threads. It starts when first needed and
//! lives as long as the program. Handlers and tools run there, and may block and call `block_on`; once four of
//! them block for long at the same time, they hold up others. You can block on operations from any thread,
//! several at once: one thread can read a turn while another steers or interrupts it. If the runtime's threads
//! can't be started, each operation returns [`Error::Thread`].
//!
//! # Panics
//! `block_on` and the iterators panic within an async runtime of the program, because they would block its
//! thread: await the operation there instead.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use codex_types::{
    ClientMethod, GetAccountResponse, ListMcpServerStatusResponse, ModelListResponse,
    ThreadItemsListResponse, ThreadListResponse, ThreadReadResponse, ThreadTurnsListResponse,
};
use futures_core::Stream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::block_in_place;

use crate::call::Call;
pub use crate::codex::Codex;
use crate::codex::notifications::NotificationStream;
use crate::codex::request::{SendRawRequest, SendRequest};
use crate::connection::event_queue::Notification;
use crate::error::{Error, Result};
use crate::lists::pages::{Paged, Pages};
use crate::lists::{
    ListItems, ListMcpServers, ListModels, ListThreads, ListTurns, ReadAccount, ReadThread,
};
use crate::login::mcp::{McpLogin, StartMcpLogin};
use crate::retry::RetryPolicy;
use crate::server_requests::stream::{PendingRequest, ServerRequests};
#[cfg(feature = "remote")]
use crate::start::builder::CodexBuilder;
#[cfg(feature = "remote")]
use crate::start::ends::Remote;
pub use crate::thread::Thread;
use crate::thread::open::{ForkThread, ResumeThread, StartThread};
use crate::thread::watch::ThreadWatch;
use crate::turn::attach::AttachTurn;
pub use crate::turn::control::TurnControl;
use crate::turn::goal::StartGoal;
use crate::turn::handle::TurnHandle;
use crate::turn::output::TurnOutput;
use crate::turn::review::StartReview;
use crate::turn::settings::{UpdateThread, UpdateTurn};
use crate::turn::start::StartTurn;

/// A handler or a tool that blocks takes one of them; the others serve the rest.
const WORKERS: usize = 4;

/// The runtime behind `block_on`.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, Error>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("codex-sdk")
            .enable_all()
            .build()
            .map_err(|error| {
                let source = Arc::new(error);
                Error::Thread { source }
            })
    });
    runtime.as_ref().map_err(Clone::clone)
}

/// Waits for a future on this thread.
fn wait<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = runtime()?;
    match Handle::try_current() {
        Err(_) => Ok(runtime.block_on(future)),
        // In a handler or a tool: the worker hands its other tasks to another worker.
        Ok(current) if current.id() == runtime.handle().id() => {
            Ok(block_in_place(|| current.block_on(future)))
        }
        Ok(_) => panic!(
            "`block_on` was called within an async runtime, whose thread it would block: await the operation instead"
        ),
    }
}

impl<T> Call<T> {
    /// Runs this to completion on the current thread; see [`blocking`](self).
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
    ($($name:ty $([$parameter:ident: $($bounds:tt)+])? => $output:ty;)*) => {$(
        impl $(<$parameter: $($bounds)+>)? $name {
            /// Runs this to completion on the current thread; see [`blocking`](self).
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
    SendRequest<M> [M: ClientMethod<Response: Send> + Send + Sync + 'static] => M::Response;
    SendRawRequest => serde_json::Value;
    StartTurn<TurnHandle<O>> [O: TurnOutput] => TurnHandle<O>;
    StartTurn<O> [O: TurnOutput] => O;
    StartReview => TurnHandle;
    UpdateThread => ();
    UpdateTurn => ();
    StartGoal => TurnHandle;
    AttachTurn => TurnHandle;
}

#[cfg(feature = "remote")]
block_on! {
    CodexBuilder<Remote> => Codex;
}

/// A blocking iterator over a stream: from `into_iter` of `&mut turn`, of notifications, and of list entries.
///
/// You can iterate over a turn in parts: what isn't read stays with its handle.
#[derive(Debug)]
pub struct Blocking<S>(S);

impl<T, S: Stream<Item = Result<T>> + Unpin> Iterator for Blocking<S> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = poll_fn(|context| Pin::new(&mut self.0).poll_next(context));
        wait(next).unwrap_or_else(|error| Some(Err(error)))
    }
}

#[expect(
    clippy::into_iter_without_iter,
    reason = "a turn is no collection; it is gone through once"
)]
impl<O> IntoIterator for &mut TurnHandle<O> {
    type Item = Result<Notification>;
    type IntoIter = Blocking<Self>;

    fn into_iter(self) -> Self::IntoIter {
        Blocking(self)
    }
}

/// Blocks until the next request arrives; ends with the client.
impl Iterator for Blocking<ServerRequests> {
    type Item = PendingRequest;

    fn next(&mut self) -> Option<Self::Item> {
        wait(self.0.next()).ok().flatten()
    }
}

impl IntoIterator for ServerRequests {
    type Item = PendingRequest;
    type IntoIter = Blocking<Self>;

    fn into_iter(self) -> Self::IntoIter {
        Blocking(self)
    }
}

impl IntoIterator for ThreadWatch {
    type Item = Result<Notification>;
    type IntoIter = Blocking<Self>;

    fn into_iter(self) -> Self::IntoIter {
        Blocking(self)
    }
}

impl IntoIterator for NotificationStream {
    type Item = Result<Notification>;
    type IntoIter = Blocking<Self>;

    fn into_iter(self) -> Self::IntoIter {
        Blocking(self)
    }
}

impl<P: Paged> IntoIterator for Pages<P> {
    type Item = Result<P::Entry>;
    type IntoIter = Blocking<Self>;

    fn into_iter(self) -> Self::IntoIter {
        Blocking(self)
    }
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
    wait(crate::retry::retry_on_overload(policy, call))?
}

/// [`crate::retry_on_transient`], blocking.
///
/// # Panics
/// Within an async runtime.
///
/// # Errors
/// As for [`crate::retry_on_transient`].
pub fn retry_on_transient<T, F, C>(policy: RetryPolicy, call: F) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    wait(crate::retry::retry_on_transient(policy, call))?
}
