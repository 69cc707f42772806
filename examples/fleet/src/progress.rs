//! What a worker shows: plain lines, and on a terminal also a bar for each running job.
#![expect(clippy::print_stdout, reason = "a command prints")]

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};

#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// On stderr, and hidden if that isn't a terminal.
    bars: MultiProgress,
}

impl Progress {
    pub(crate) fn print(&self, line: &str) {
        self.bars.suspend(|| println!("{line}"));
    }

    /// A bar that disappears when it is dropped.
    pub(crate) fn bar(&self, name: String) -> ProgressBar {
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_prefix(name);
        let bar = self.bars.add(bar.with_finish(ProgressFinish::AndClear));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}
