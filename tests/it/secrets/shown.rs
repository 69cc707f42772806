//! What a program shows of its errors, its values and its log.
#![allow(dead_code, reason = "not every suite uses all of it")]

use std::fmt::{Debug, Display};
use std::io;
use std::sync::{Arc, Mutex};

use codex_e2e::watch::Watch;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

/// What was logged, and what would be if somebody logged it.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    pub(crate) fn debug(&self, value: impl Debug) {
        self.add(&format!("{value:?} {value:#?}"));
    }

    /// An error and all its causes, in both forms.
    pub(crate) fn error(&self, error: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(error), |error| error.source());
        for error in chain {
            self.debug(error);
            self.display(error);
        }
    }

    pub(crate) fn display(&self, value: impl Display) {
        self.add(&value.to_string());
    }

    fn add(&self, text: &str) {
        self.0.lock().unwrap().extend(text.as_bytes());
    }

    pub(crate) fn take(&self) -> String {
        let shown = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(shown).unwrap()
    }
}

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps all that this thread logs, as long as the guards live.
pub(crate) fn capture(logged: &Shown) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish()
        .with(Watch);
    // With no other subscriber, an event that another test's thread meets first would be off for good.
    let other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    (other, tracing::subscriber::set_default(subscriber))
}
