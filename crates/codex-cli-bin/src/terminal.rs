use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::{Progress, RUNTIME_VERSION};

/// Approximate sizes; archives differ by platform, and the pin has no sizes.
const ARCHIVE: u64 = 142_000_000;
const UNPACKED: u64 = 377_000_000;

/// Shows an installation's progress on standard error: a bar on a terminal, which disappears when
/// the returned value is dropped, or a few lines otherwise.
pub fn terminal_progress() -> impl FnMut(&Progress) {
    terminal_progress_of(RUNTIME_VERSION)
}

/// Shows progress like [`terminal_progress`], for the runtime of another [`Pin`](crate::Pin).
pub fn terminal_progress_of(version: &str) -> impl FnMut(&Progress) + use<> {
    let title = format!("Codex runtime {version}");
    let mut show: Box<dyn FnMut(&Progress)> = if std::io::stderr().is_terminal() {
        Box::new(bar(title))
    } else {
        let mut shown = None;
        Box::new(move |progress| line(&title, progress, &mut shown))
    };
    move |progress| show(progress)
}

fn bar(title: String) -> impl FnMut(&Progress) {
    let bar = ProgressBar::no_length()
        .with_finish(ProgressFinish::AndClear)
        .with_prefix(title);
    let style = |template| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
    };
    let plain = style("{spinner} {prefix}: {msg}");
    let sized = style(
        "{spinner} {prefix}: {msg} {wide_bar} {decimal_bytes} of about {decimal_total_bytes}",
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    move |progress| {
        if let Some((stage, bytes, about)) = sizes(progress) {
            bar.set_style(sized.clone());
            bar.set_length(about.max(bytes));
            bar.set_position(bytes);
            bar.set_message(stage);
        } else {
            bar.set_style(plain.clone());
            bar.set_message(progress.to_string());
        }
    }
}

/// Prints a line at the start of each stage and at about each quarter of it. `shown` is the stage
/// and quarter printed last.
fn line(title: &str, progress: &Progress, shown: &mut Option<(&'static str, u64)>) {
    let stage = match sizes(progress) {
        Some((stage, bytes, about)) => (stage, (bytes * 4 / about).min(4)),
        None if matches!(progress, Progress::Waiting { .. }) => ("waiting", 0),
        None if matches!(progress, Progress::Checking) => ("checking", 0),
        None => ("installed", 0),
    };
    if *shown != Some(stage) {
        *shown = Some(stage);
        eprintln!("{title}: {progress}");
    }
}

/// The stage, the bytes so far, and about how many to expect.
fn sizes(progress: &Progress) -> Option<(&'static str, u64, u64)> {
    match progress {
        Progress::Downloading { bytes } => Some(("downloading", *bytes, ARCHIVE)),
        Progress::Unpacking { bytes } => Some(("unpacking", *bytes, UNPACKED)),
        _ => None,
    }
}
