use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;

/// Awaits `event` for at most `limit`, then panics with a message that names `caller`.
///
/// An `async fn` can't be `#[track_caller]`, so public waits capture the location first and pass it
/// in.
pub(crate) async fn within<T, C: Display>(
    limit: Duration,
    caller: &Location<'_>,
    what: impl Display,
    event: impl Future<Output = T>,
    came_instead: impl FnOnce() -> C,
) -> T {
    let outcome = tokio::time::timeout(limit, event).await;
    outcome.unwrap_or_else(|_elapsed| {
        panic!("{caller}: no {what} within {limit:?}; {}", came_instead())
    })
}
