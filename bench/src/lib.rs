//! What the programs that are measured have in common: what they are told, and what they report.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a program is to do: on each of so many threads, at once, so many turns, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Threads at once.
    pub threads: usize,
    /// Turns on each of them.
    pub turns: usize,
}

impl Load {
    /// What stands on the command line: the threads, then the turns.
    ///
    /// # Errors
    /// If something else stands there.
    pub fn from_args() -> Result<Self> {
        let mut args = std::env::args().skip(1);
        let mut number = || -> Result<usize> {
            let text = args.next().context("two numbers: threads, turns")?;
            Ok(text.parse()?)
        };
        Ok(Self {
            threads: number()?,
            turns: number()?,
        })
    }
}

/// What a program has seen, and what that has cost it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Pieces of the model's messages.
    pub deltas: usize,
    /// Processor time of the turns, in microseconds.
    pub cpu_us: f64,
    /// Time of the turns, in microseconds.
    pub wall_us: f64,
    /// From before the runtime is started until it is ready, in microseconds.
    pub start_us: f64,
    /// The most memory that was resident, in KiB.
    pub rss_kib: u64,
}

/// A watch for what is measured.
#[derive(Debug)]
pub struct Watch {
    begun: Instant,
    cpu: Duration,
}

impl Watch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self {
            begun: Instant::now(),
            cpu: cpu(),
        }
    }

    /// The time since, in microseconds.
    pub fn wall_us(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1e6
    }

    /// The processor time of this process since, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        cpu().saturating_sub(self.cpu).as_secs_f64() * 1e6
    }
}

/// The processor time of this process, without its children.
#[cfg(unix)]
fn cpu() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let sum = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(sum).unwrap_or_default())
}

#[cfg(not(unix))]
fn cpu() -> Duration {
    Duration::ZERO
}

/// The most memory of this process that was resident, in KiB; 0 where the system doesn't tell.
pub fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|it| it.parse().ok()).unwrap_or_default()
}
