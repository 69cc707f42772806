//! Proof that a program opens no unexpected connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

/// An HTTP proxy on loopback that refuses and records everything.
///
/// Set [`env`](Self::env) in a child's environment, and its requests beyond loopback arrive here.
/// At the end, a test asserts that [`connections`](Self::connections) is empty. The recorder sees
/// only programs that honour these variables; the runtime does.
#[derive(Debug)]
pub struct ProxyRecorder {
    address: SocketAddr,
    record: Arc<Record>,
}

#[derive(Debug, Default)]
struct Record {
    lines: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl ProxyRecorder {
    /// Starts listening on a free port of 127.0.0.1, on its own thread.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let record = Arc::<Record>::default();
        let shared = Arc::clone(&record);
        thread::Builder::new()
            .name("proxy-recorder".into())
            .spawn(move || shared.listen(&listener))?;
        Ok(Self { address, record })
    }

    /// Returns the variables that route a program's connections here, except those to loopback.
    pub fn env(&self) -> Vec<(String, String)> {
        let proxy = format!("http://{}", self.address);
        let direct = "127.0.0.1,localhost,::1";
        let variables = [
            ("HTTP_PROXY", proxy.as_str()),
            ("HTTPS_PROXY", &proxy),
            ("ALL_PROXY", &proxy),
            ("NO_PROXY", direct),
        ];
        let both_cases = variables
            .into_iter()
            .flat_map(|(name, value)| [(name.to_owned(), value), (name.to_lowercase(), value)]);
        both_cases
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }

    /// Returns the first line of each connection so far, such as `CONNECT host:443 HTTP/1.1`; empty
    /// for one that has sent nothing yet.
    pub fn connections(&self) -> Vec<String> {
        self.record.lines().clone()
    }
}

impl Drop for ProxyRecorder {
    fn drop(&mut self) {
        self.record.stopped.store(true, Ordering::Release);
        // Wakes the thread in `accept`.
        let _ = TcpStream::connect(self.address);
    }
}

impl Record {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream else { continue };
            // Recorded before reading: a silent connection counts too.
            let index = {
                let mut lines = self.lines();
                lines.push(String::new());
                lines.len() - 1
            };
            if let Ok(line) = refuse(&stream) {
                self.lines()[index] = line;
            }
        }
    }
}

/// Reads the first line and refuses the connection.
fn refuse(mut stream: &TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut line = Vec::new();
    BufReader::new(stream.take(8192)).read_until(b'\n', &mut line)?;
    stream
        .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
