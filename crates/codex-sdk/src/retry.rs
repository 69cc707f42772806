//! Retries what failed for a temporary reason.

use std::future::IntoFuture;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often and after which delays [`retry_on_overload`] and [`retry_on_transient`] retry.
///
/// The default is three attempts. The delay is 0.25 s after the first and doubles after each further one, up to
/// 2 s; each delay varies by up to 20 %.
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
    /// The total number of attempts, including the first. Default: 3. With 0, nothing is tried, which is an
    /// error.
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

    /// By what fraction a delay may vary, so that many clients don't return at once. From 0 to 1. Default: 0.2.
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
        // Too long for a `Duration` is as good as forever.
        Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}

/// Makes a call and repeats it while the runtime says that it is overloaded ([`Error::is_retryable`]). Returns
/// every other error at once.
///
/// A refused call has not begun, so a retry repeats nothing. Wrap only the call that was refused: a whole `run`
/// may have done its work before something in it failed.
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
/// The last attempt's error; [`Error::InvalidInput`] for a policy without any attempt.
///
/// # Cancel safety
/// As for the wrapped call. Between two attempts, nothing is under way.
pub async fn retry_on_overload<T, F, C>(policy: RetryPolicy, call: F) -> Result<T>
where
    F: FnMut() -> C,
    C: IntoFuture<Output = Result<T>>,
{
    retry(policy, call, Error::is_retryable).await
}

/// Makes a call and repeats it while it fails for a temporary reason ([`Error::is_transient`]): an overload, an
/// exceeded rate, a failing provider, a broken stream. Returns every other error at once.
///
/// Wrap only what may be done twice. A failed turn has begun: the model may have run commands and changed
/// files, and the prompt stays in the thread's history. So start a thread for each attempt, as here, or prompt
/// the model to look at what is already there:
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
/// The last attempt's error; [`Error::InvalidInput`] for a policy without any attempt.
///
/// # Cancel safety
/// As for the wrapped call. Between two attempts, nothing is under way.
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
