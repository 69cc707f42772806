//! Writes queued lines.

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::error::closed::CloseReason;

/// Short lines are written together up to about this size.
const WRITE_BATCH: usize = 64 * 1024;

/// Writes queued lines until the connection ends. Dropping its input signals the runtime to exit.
pub(crate) async fn write(
    mut lines: mpsc::Receiver<String>,
    mut input: impl AsyncWrite + Unpin + Send,
) -> CloseReason {
    while let Some(mut batch) = lines.recv().await {
        batch.push('\n');
        while batch.len() < WRITE_BATCH
            && let Ok(line) = lines.try_recv()
        {
            batch.push_str(&line);
            batch.push('\n');
        }
        let written = async {
            input.write_all(batch.as_bytes()).await?;
            input.flush().await
        };
        if let Err(error) = written.await {
            return CloseReason::Io(error.to_string());
        }
    }
    CloseReason::Requested
}
