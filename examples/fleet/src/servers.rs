//! The connections to the servers that are up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codex_sdk::{Codex, Result};

use crate::progress::Progress;

/// How long connecting may take, and how long to wait before the next try.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// A client for each server that is up, by address.
#[derive(Clone, Default)]
pub(crate) struct Servers(Arc<Mutex<BTreeMap<String, Codex>>>);

impl Servers {
    /// Connects to these servers, and reconnects whenever a connection is lost.
    pub(crate) fn connect(urls: Vec<String>, token: Option<&str>, progress: &Progress) -> Self {
        let servers = Self::default();
        for url in urls {
            let (token, progress) = (token.map(str::to_owned), progress.clone());
            tokio::spawn(servers.clone().stay_connected(url, token, progress));
        }
        servers
    }

    pub(crate) fn reachable(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn client(&self, url: &str) -> Option<Codex> {
        self.lock().get(url).cloned()
    }

    async fn stay_connected(self, url: String, token: Option<String>, progress: Progress) {
        let mut last_error = String::new();
        loop {
            match connect(&url, token.as_deref()).await {
                Ok(codex) => {
                    progress.print(&format!("{url}: connected"));
                    last_error.clear();
                    // This stream ends when the connection does.
                    let mut notifications = codex.notifications();
                    self.lock().insert(url.clone(), codex);
                    while let Some(Ok(_)) = notifications.next().await {}
                    self.lock().remove(&url);
                    progress.print(&format!("{url}: connection lost"));
                }
                Err(error) if error.to_string() == last_error => {}
                Err(error) => {
                    last_error = error.to_string();
                    progress.print(&format!("{url}: {last_error}"));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Codex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(url: &str, token: Option<&str>) -> Result<Codex> {
    let mut client = Codex::connect(url).startup_timeout(PATIENCE);
    if let Some(token) = token {
        client = client.bearer_token(token.to_owned());
    }
    client.await
}
