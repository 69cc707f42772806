//! What the router knows about a server request.

use std::sync::{Arc, Weak};

use codex_types::ThreadItem;

use crate::tool::Tool;

/// What happens to a server request.
pub(crate) enum Asked {
    /// It is answered by this tool of the program, else by the handler.
    New(Context, Option<Tool>),
    /// It was asked before, and is still being answered.
    Again,
    /// It was asked before, and this line is its answer.
    Answered(String),
    /// Its turn has ended: it is refused without asking anybody.
    TooLate,
}

/// What a handler is given besides the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// The item that it is about, as announced.
    pub(crate) item: Option<Arc<ThreadItem>>,
    /// The thread whose sub-agent asks.
    pub(crate) parent_thread_id: Option<String>,
    /// The thread at the root of those that started it.
    pub(crate) root_thread_id: Option<String>,
    /// Whether its turn began before this client saw anything of it.
    pub(crate) is_replay: bool,
    /// Gone once the runtime no longer waits for the answer.
    pub(crate) waits: Weak<()>,
}
