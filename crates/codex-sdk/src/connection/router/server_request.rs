//! What the router knows of a request of the runtime.

use std::sync::{Arc, Weak};

use codex_types::ThreadItem;

use crate::tool::Tool;

/// What becomes of a request of the runtime.
pub(crate) enum Asked {
    /// It is answered by this tool of the program, else by its handler.
    New(Context, Option<Tool>),
    /// It was asked before, and its answer is on its way.
    Again,
    /// It was asked before, and this line is its answer.
    Answered(String),
    /// Its turn has ended: it is refused without asking anybody.
    TooLate,
}

/// What a handler is told beside the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// The item that it is about, as it was announced.
    pub(crate) item: Option<Arc<ThreadItem>>,
    /// The thread whose sub-agent asks.
    pub(crate) parent_thread_id: Option<String>,
    /// The thread at the head of all that made it.
    pub(crate) root_thread_id: Option<String>,
    /// Whether its turn began before this client saw anything of it.
    pub(crate) is_replay: bool,
    /// Gone once the runtime no longer waits for the answer.
    pub(crate) waits: Weak<()>,
}
