//! The tools of a thread that is about to be opened.

use std::sync::Arc;

use crate::connection::Connection;
use crate::tool::Toolbox;

/// The tools that a thread was given before the runtime is asked to open it, because the runtime may call one at once.
/// Unless they are kept, the thread gets its old tools back.
pub(crate) struct Equipment {
    connection: Arc<Connection>,
    thread_id: Arc<str>,
    tools: Toolbox,
    before: Option<Toolbox>,
}

impl Connection {
    /// Gives a thread its tools; with none, it keeps what it has.
    pub(crate) fn equip(self: &Arc<Self>, thread_id: &Arc<str>, tools: Toolbox) -> Equipment {
        let before = self.router().equip(thread_id, None, tools.clone());
        Equipment {
            connection: Arc::clone(self),
            thread_id: Arc::clone(thread_id),
            tools,
            before,
        }
    }
}

impl Equipment {
    /// Keeps the tools: the thread is open. They are set again, because the thread may have been closed
    /// for others in the meantime, and its tools forgotten.
    pub(crate) fn keep(mut self) {
        let tools = std::mem::take(&mut self.tools);
        let given = self.connection.router().equip(&self.thread_id, None, tools);
        drop((self.before.take(), given));
    }
}

impl Drop for Equipment {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            let given = self.connection.router().restore(&self.thread_id, before);
            drop(given);
        }
    }
}
