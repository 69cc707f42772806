//! Signals meant for the program.

#[cfg(not(unix))]
pub(super) use other::Signals;
#[cfg(unix)]
pub(super) use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, getpgrp, tcgetpgrp};
    use tokio::signal::unix::{self as streams, SignalKind};

    /// The signals that would end this process; once listening, they don't.
    pub(in crate::cli) struct Signals(Vec<(Signal, streams::Signal)>);

    impl Signals {
        pub(in crate::cli) fn listen() -> io::Result<Self> {
            let signals = [
                Signal::SIGINT,
                Signal::SIGTERM,
                Signal::SIGHUP,
                Signal::SIGQUIT,
            ];
            let listen = |signal: Signal| {
                let stream = streams::signal(SignalKind::from_raw(signal as i32))?;
                Ok((signal, stream))
            };
            signals
                .into_iter()
                .map(listen)
                .collect::<io::Result<_>>()
                .map(Self)
        }

        /// Forwards the next signal to the program. Returns whether the program must end now.
        pub(in crate::cli) async fn forward(&mut self, program: Option<u32>) -> bool {
            let signal = self.next().await;
            let id = program.and_then(|id| i32::try_from(id).ok());
            if let Some(id) = id.filter(|_| !terminal_sends(signal)) {
                // Fails only if the program has exited.
                let _ = kill(Pid::from_raw(id), signal);
            }
            matches!(signal, Signal::SIGTERM | Signal::SIGHUP)
        }

        async fn next(&mut self) -> Signal {
            poll_fn(|context| {
                let mut signals = self.0.iter_mut();
                let ready = signals.find_map(|(signal, stream)| {
                    stream.poll_recv(context).is_ready().then_some(*signal)
                });
                ready.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    /// Whether the program already got the signal: a terminal sends its key signals to the whole
    /// foreground group. Many programs take a second one to mean "at once".
    fn terminal_sends(signal: Signal) -> bool {
        let by_key = matches!(signal, Signal::SIGINT | Signal::SIGQUIT);
        let foreground = || tcgetpgrp(File::open("/dev/tty").ok()?).ok();
        by_key && foreground() == Some(getpgrp())
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;

    /// Ctrl-C, which the console also sends to the program.
    pub(in crate::cli) struct Signals;

    impl Signals {
        #[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
        pub(in crate::cli) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Keeps this process alive. Returns whether the program must end now.
        pub(in crate::cli) async fn forward(&mut self, _: Option<u32>) -> bool {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            false
        }
    }
}
