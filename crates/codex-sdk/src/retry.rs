//! Trying again what failed for a passing reason.

use std::future::IntoFuture;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often and after which delays [`retry_on_overload`] and [`retry_on_transient`] try again.
///
/// The default is three attempts, 0.25 s between the first two and twice as long after each further
/// one up to 2 s, all of it 20 % more or less.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct RetryPolicy {
    max_attempts: u32,
    initial_delay: Duration,
    max_delay: Duration,
    jitter_ratio: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(2),
            jitter_ratio: 0.2,
        }
    }
}

impl RetryPolicy {
    /// How often it is tried in all, the first time included. Default: 3. With 0 nothing is tried, which
    /// is an error.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The delay after the first attempt. Default: 0.25 s.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// The longest delay, before jitter. Default: 2 s.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// By which part a delay may be longer or shorter, so that many clients don't come back at once.
    /// From 0 to 1. Default: 0.2.
    pub fn jitter_ratio(mut self, ratio: f64) -> Self {
        self.jitter_ratio = if ratio.is_nan() {
            0.0
        } else {
            ratio.clamp(0.0, 1.0)
        };
        self
    }

    fn jittered(&self, delay: Duration) -> Duration {
        let factor = 1.0 + self.jitter_ratio * (2.0 * fastrand::f64() - 1.0);
        // Too long for a `Duration` is as good as for ever.
        Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}

/// Makes a call, and makes it again while the runtime says that it is overloaded
/// ([`Error::is_retryable`]). Every other error is returned at once.
///
/// A refused call has not begun, so that trying it again repeats nothing. Wrap the call that was
/// refused and not more: a whole `run` may have done its work before something in it failed.
///
/// ```no_run
/// # async fn overloaded(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
/// use codex_sdk::{RetryPolicy, retry_on_overload};
///
/// let models = retry_on_overload(RetryPolicy::default(), || codex.models()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The last attempt's; [`Error::InvalidInput`] for a policy without any attempt.
///
/// # Cancel safety
/// As for the call that is made. Dropped between two attempts, nothing is under way.
pub async fn retry_on_overload<T, F, C>(policy: RetryPolicy, call: F) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    retry(policy, call, Error::is_retryable).await
}

/// Makes a call, and makes it again while it fails for a passing reason ([`Error::is_transient`]): an
/// overload, a rate that was too high, a provider that fails, a stream that broke. Every other error is
/// returned at once.
///
/// Put into it what may be done twice. A turn that failed has begun: the model may have run commands
/// and changed files, and the prompt stays in the history of its thread. So start a thread for each
/// attempt, as here, or prompt the model to look at what is there:
///
/// ```no_run
/// # async fn transient(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
/// use std::time::Duration;
///
/// use codex_sdk::{RetryPolicy, retry_on_transient};
///
/// let policy = RetryPolicy::default()
///     .max_attempts(6)
///     .initial_delay(Duration::from_secs(2))
///     .max_delay(Duration::from_secs(60));
/// let result = retry_on_transient(policy, async || {
///     let thread = codex.thread_start().ephemeral(true).await?;
///     thread.run("Name the longest river of Portugal.").await
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The last attempt's; [`Error::InvalidInput`] for a policy without any attempt.
///
/// # Cancel safety
/// As for the call that is made. Dropped between two attempts, nothing is under way.
pub async fn retry_on_transient<T, F, C>(policy: RetryPolicy, call: F) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    retry(policy, call, Error::is_transient).await
}

async fn retry<T, F, C>(policy: RetryPolicy, mut call: F, again: fn(&Error) -> bool) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    if policy.max_attempts == 0 {
        let message = "`max_attempts` must be at least 1";
        return Err(Error::InvalidInput(message.to_owned()));
    }
    let mut delay = policy.initial_delay;
    for _ in 1..policy.max_attempts {
        match call().await {
            Err(error) if again(&error) => {
                let delay = policy.jittered(delay.min(policy.max_delay));
                tracing::debug!(?delay, condition = ?error.condition(), "trying again");
                tokio::time::sleep(delay).await;
            }
            done => return done,
        }
        delay = delay.saturating_mul(2);
    }
    call().await
}
