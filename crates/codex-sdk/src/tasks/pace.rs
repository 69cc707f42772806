//! When to let lines gather.

use std::time::{Duration, Instant};

/// Whether lines come so fast that it pays to let some gather before the next read.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    /// Lines since `begun`.
    lines: u32,
    /// Lines in the last read.
    last: u32,
    busy: bool,
}

/// How long to count lines before they can pass for many, and how many per millisecond that takes.
const MANY: (Duration, u32) = (Duration::from_millis(4), 6);
/// The same for passing for few again; longer, because the runtime pauses now and then.
const FEW: (Duration, u32) = (Duration::from_millis(64), 2);
/// After a read with this many lines, there is no reason to wait for more.
const ENOUGH: u32 = 64;
/// How long lines gather.
const PAUSE: Duration = Duration::from_millis(1);

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            lines: 0,
            last: 0,
            busy: false,
        }
    }

    /// Records a read.
    pub(super) fn note(&mut self, lines: u32, now: Instant) {
        self.last = lines;
        self.lines = self.lines.saturating_add(lines);
        let passed = now.duration_since(self.begun);
        let (window, least) = if self.busy { FEW } else { MANY };
        if passed >= window {
            self.busy = u128::from(self.lines) >= u128::from(least) * passed.as_millis();
            self.begun = now;
            self.lines = 0;
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// How long to pause before the next read.
    pub(super) fn pause(&self) -> Option<Duration> {
        (self.busy && self.last < ENOUGH).then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{ENOUGH, MANY, PAUSE, Pace};

    /// Records 100 reads of this many lines, this far apart, and returns how many were followed by a pause.
    fn pauses(pace: &mut Pace, now: &mut Instant, lines: u32, apart: Duration) -> usize {
        let mut pauses = 0;
        for _ in 0..100 {
            *now += apart;
            pace.note(lines, *now);
            if let Some(pause) = pace.pause() {
                pauses += 1;
                *now += pause;
            }
        }
        pauses
    }

    #[test]
    fn only_lines_that_come_fast_are_let_gather() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let (slow, fast) = (Duration::from_millis(1), Duration::from_micros(50));
        assert_eq!(pauses(&mut pace, &mut now, 1, slow), 0);
        assert!(pauses(&mut pace, &mut now, 8, fast) > 10);
        // What has gathered is read at once.
        assert!(pauses(&mut pace, &mut now, ENOUGH, fast) <= 1);
        // A pause of the runtime doesn't end the load.
        now += Duration::from_millis(20);
        assert!(pauses(&mut pace, &mut now, 8, fast) > 90);
        assert!(pauses(&mut pace, &mut now, 1, slow) < 80);
        assert!(!pace.is_busy());
    }

    #[test]
    fn the_first_line_after_a_rest_is_no_reason_to_pause() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        assert!(pauses(&mut pace, &mut now, 8, Duration::from_micros(50)) > 10);
        now += Duration::from_secs(1);
        pace.note(1, now);
        assert!(!pace.is_busy());
        assert!(PAUSE < MANY.0);
    }
}
