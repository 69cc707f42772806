//! Checks that a test leaves nothing behind.
//!
//! `#[codex_e2e_macros::test]` wraps each test in this. Once everything that the test holds is dropped, and while
//! its Tokio runtime is still running, each client that it started must come to its end: its handles and tasks are
//! gone, its pipes are closed, its counters are zero. No task may be left on the test's runtime either.
//!
//! A client is tracked by its span `codex.connection`: each of its tasks and handles holds that span, and its last
//! event in it reports the counters.

use std::fmt::Write;
use std::fs;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use tokio::runtime::{self, Handle};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::LEFT;

/// How often to check whether everything has ended.
const POLL: Duration = Duration::from_millis(2);
/// The counters that must be zero at the end. The others are totals, or count threads.
const COUNTERS: [&str; 4] = [
    "requests_in_flight",
    "live_turns",
    "server_requests_pending",
    "queued_bytes",
];

static CLIENTS: Mutex<Vec<Client>> = Mutex::new(Vec::new());

fn clients() -> MutexGuard<'static, Vec<Client>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test, then waits until nothing of it is left.
///
/// # Panics
/// If something is left 10 seconds later.
pub async fn watched<T>(test: impl Future<Output = T>) -> T {
    install();
    let origin = Origin::here();
    let outcome = test.await;
    let deadline = Instant::now() + LEFT;
    while !origin.is_clean(deadline) {
        tokio::time::sleep(POLL).await;
    }
    outcome
}

/// Runs a test without an async runtime; otherwise like [`watched`].
///
/// # Panics
/// As for [`watched`].
pub fn watched_blocking<T>(test: impl FnOnce() -> T) -> T {
    install();
    let origin = Origin::here();
    let outcome = test();
    let deadline = Instant::now() + LEFT;
    while !origin.is_clean(deadline) {
        thread::sleep(POLL);
    }
    outcome
}

/// Returns what is left of this test right now, each in a few words.
pub fn left() -> Vec<String> {
    Origin::here().left()
}

/// Watches the clients of all threads that don't have their own subscriber.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let registry = tracing_subscriber::registry().with(Watch);
        let subscriber = registry.with(filter_fn(|it| is_client(it) || is_end(it)));
        // This fails only if there is one already; then no client reports its counters.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

fn is_client(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name() == "codex.connection"
}

fn is_end(metadata: &Metadata<'_>) -> bool {
    let fields = metadata.fields();
    metadata.is_event() && COUNTERS.iter().all(|name| fields.field(name).is_some())
}

/// Where a test runs or a client was started. A multi-threaded test is identified by its Tokio runtime, a blocking
/// one by its thread.
#[derive(Debug, Clone, Copy)]
struct Origin {
    thread: ThreadId,
    runtime: Option<runtime::Id>,
}

impl Origin {
    fn here() -> Self {
        Self {
            thread: thread::current().id(),
            runtime: Handle::try_current().ok().map(|runtime| runtime.id()),
        }
    }

    fn has(self, client: &Client) -> bool {
        let of = client.origin;
        self.thread == of.thread || (self.runtime.is_some() && self.runtime == of.runtime)
    }

    fn is_clean(self, deadline: Instant) -> bool {
        let left = self.left();
        assert!(
            left.is_empty() || Instant::now() < deadline,
            "left behind: {left:#?}"
        );
        if left.is_empty() {
            clients().retain(|client| !self.has(client));
        }
        left.is_empty()
    }

    fn left(self) -> Vec<String> {
        let open = open_pipes();
        let mut left = Vec::new();
        for client in clients().iter().filter(|client| self.has(client)) {
            let number = client.number;
            let what = client.left(&open).into_iter();
            left.extend(what.map(|what| format!("client {number}: {what}")));
        }
        if self.runtime.is_some() {
            let tasks = Handle::current().metrics().num_alive_tasks();
            left.extend((tasks > 0).then(|| format!("tasks of the test's runtime: {tasks}")));
        }
        left
    }
}

/// A client that was started.
#[derive(Debug)]
struct Client {
    /// The number in its span, which is unique in this process.
    number: u64,
    origin: Origin,
    /// The pipes to its runtime process.
    pipes: Vec<String>,
    /// Its counters that weren't zero; `None` until it has reported them.
    counters: Option<String>,
    is_open: bool,
}

impl Client {
    fn left(&self, open: &[String]) -> Vec<String> {
        let mut left = Vec::new();
        if self.is_open {
            left.push("a task or a handle".to_owned());
        }
        let pipes = self.pipes.iter().filter(|pipe| open.contains(pipe));
        left.extend(pipes.cloned());
        match &self.counters {
            Some(counters) if !counters.is_empty() => left.push(format!("it counted{counters}")),
            None if !self.is_open => left.push("it ended without its counters".to_owned()),
            _ => {}
        }
        left
    }
}

/// Sees clients start and end. A test with its own subscriber adds this layer to it.
#[derive(Debug)]
pub struct Watch;

/// A client's number, stored with its span.
#[derive(Debug, Clone, Copy)]
struct Number(u64);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_client(attributes.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let number = fields.number;
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Number(number));
        }
        clients().push(Client {
            number,
            origin: Origin::here(),
            pipes: pipes_to_youngest_child(),
            counters: None,
            is_open: true,
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !is_end(event.metadata()) {
            return;
        }
        let span = context.event_span(event);
        let number = span.and_then(|span| span.extensions().get::<Number>().copied());
        let mut fields = Fields::default();
        event.record(&mut fields);
        change(number, |client| client.counters = Some(fields.counters));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        let number = span.and_then(|span| span.extensions().get::<Number>().copied());
        change(number, |client| client.is_open = false);
    }
}

fn change(number: Option<Number>, change: impl FnOnce(&mut Client)) {
    let mut clients = clients();
    let mut clients = clients.iter_mut();
    if let Some(client) = clients.find(|client| Some(client.number) == number.map(|it| it.0)) {
        change(client);
    }
}

#[derive(Debug, Default)]
struct Fields {
    number: u64,
    counters: String,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "number" {
            self.number = value;
        } else if COUNTERS.contains(&field.name()) && value > 0 {
            // Writing to a string can't fail.
            let _ = write!(self.counters, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

/// The pipes to the process that this thread started last. Works only on Linux.
fn pipes_to_youngest_child() -> Vec<String> {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let Some(child) = children.split_whitespace().last() else {
        return Vec::new();
    };
    // It inherited others, which stay open.
    let standard = |process: &str| (0..3).filter_map(pipe(process)).collect();
    let (own, mut pipes): (Vec<_>, Vec<_>) = (standard("self"), standard(child));
    pipes.retain(|pipe| !own.contains(pipe));
    pipes
}

/// The pipes that this process has open. Works only on Linux.
fn open_pipes() -> Vec<String> {
    let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let names = descriptors.flatten().map(|it| it.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    numbers.filter_map(pipe("self")).collect()
}

/// The name of a process's descriptor if it is a pipe: `pipe:[12345]`, the same at both ends.
fn pipe(process: &str) -> impl Fn(u32) -> Option<String> {
    let folder = format!("/proc/{process}/fd");
    move |number| {
        let target = fs::read_link(format!("{folder}/{number}")).ok()?;
        let target = target.into_os_string().into_string().ok()?;
        target.starts_with("pipe:").then_some(target)
    }
}
