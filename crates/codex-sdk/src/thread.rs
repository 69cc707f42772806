//! Threads: conversations that turns belong to.

use std::{fmt, sync::Arc};

use crate::{
    Call, NotificationStream, ReadThread, RunInput, StartTurn, TurnHandle, TurnResult,
    client::Client,
    router::Topic,
    types::{ThreadCompactStartParams, ThreadSetNameParams},
};

/// A thread: a conversation, in which one turn runs at a time.
///
/// Clones are the same thread. They keep the runtime alive.
#[derive(Clone)]
pub struct Thread {
    client: Arc<Client>,
    id: Arc<str>,
    model: Arc<str>,
}

impl Thread {
    pub(crate) fn new(client: Arc<Client>, id: &str, model: &str) -> Self {
        Self {
            client,
            id: Arc::from(id),
            model: Arc::from(model),
        }
    }

    /// The thread's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The model that the thread had when this handle was made; a turn may have set another since.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Runs a turn to its end (`turn/start`) and returns all that it brought.
    pub fn run(&self, input: impl Into<RunInput>) -> StartTurn<TurnResult> {
        StartTurn::new(Arc::clone(&self.client), Arc::clone(&self.id), input.into())
    }

    /// Starts a turn (`turn/start`), to be followed while it runs.
    ///
    /// On a thread whose turn is still running, this joins that turn.
    pub fn turn(&self, input: impl Into<RunInput>) -> StartTurn<TurnHandle> {
        StartTurn::new(Arc::clone(&self.client), Arc::clone(&self.id), input.into())
    }

    /// Reads the thread as it is stored (`thread/read`).
    pub fn read(&self) -> ReadThread {
        ReadThread::new(Arc::clone(&self.client), &self.id)
    }

    /// Names the thread (`thread/name/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Dropping the call before it was queued sends nothing; afterwards the name is set.
    pub fn set_name(&self, name: impl Into<String>) -> Call<()> {
        let client = Arc::clone(&self.client);
        let params = ThreadSetNameParams::new(name, &*self.id);
        Call::new(async move { client.request(&params, None).await.map(drop) })
    }

    /// Asks the runtime to compact the thread's history (`thread/compact/start`).
    ///
    /// This returns when the compaction is scheduled. It runs as a turn of its own, and is done at the
    /// `item/completed` of its `contextCompaction`.
    ///
    /// # Errors and cancel safety
    /// As for [`Self::set_name`].
    pub fn compact(&self) -> Call<()> {
        let client = Arc::clone(&self.client);
        let params = ThreadCompactStartParams {
            thread_id: self.id.to_string(),
        };
        Call::new(async move { client.request(&params, None).await.map(drop) })
    }

    /// Subscribes to every notification of this thread that no live turn handle takes, from now on.
    pub fn notifications(&self) -> NotificationStream {
        self.client.subscribe(Topic::Thread(Arc::clone(&self.id)))
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
