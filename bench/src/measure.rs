//! Shared by the measured programs: their instructions and their reports. The peers' programs include this
//! file, too.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A program's work: on each of some concurrent threads, a number of turns, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The number of concurrent threads.
    pub threads: usize,
    /// The number of turns on each thread.
    pub turns: usize,
}

impl Load {
    /// Reads the command line: the threads, then the turns.
    ///
    /// # Errors
    /// If it doesn't start with these two numbers.
    pub fn from_args() -> io::Result<Self> {
        let mut numbers = std::env::args().skip(1).map(|it| it.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(threads), Some(turns)) => Ok(Self { threads, turns }),
            _ => Err(io::Error::other("two numbers: threads, turns")),
        }
    }
}

/// What a program saw, and what that cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Pieces of the model's messages.
    pub deltas: usize,
    /// Processor time of the turns, in microseconds.
    pub cpu_us: f64,
    /// Time of the turns, in microseconds.
    pub wall_us: f64,
    /// The time from before the runtime is started until it is ready, in microseconds.
    pub start_us: f64,
    /// The peak resident memory, in KiB.
    pub rss_kib: u64,
    /// The delay between writing and delivering each piece, in microseconds, if pieces have a timestamp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latencies_us: Vec<f64>,
}

/// Measures time and processor time.
#[derive(Debug)]
pub struct Watch {
    begun: Instant,
    cpu: Duration,
}

impl Watch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self {
            begun: Instant::now(),
            cpu: cpu(),
        }
    }

    /// The time since the start, in microseconds.
    pub fn wall_us(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1e6
    }

    /// The cost of the turns since this watch was started.
    pub fn report(&self, deltas: usize, start_us: f64) -> Report {
        Report {
            deltas,
            cpu_us: cpu().saturating_sub(self.cpu).as_secs_f64() * 1e6,
            wall_us: self.wall_us(),
            start_us,
            rss_kib: rss_kib(),
            latencies_us: Vec::new(),
        }
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

/// The peak resident memory of this process in KiB; 0 if the system doesn't report it.
pub fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|it| it.parse().ok()).unwrap_or_default()
}
