//! Queries with options: each is a builder around the parameters of its method.

use std::future::IntoFuture;
use std::sync::Arc;

use codex_types::{
    GetAccountParams, GetAccountResponse, ListMcpServerStatusParams, ListMcpServerStatusResponse,
    McpServerStatusDetail, ModelListParams, ModelListResponse, SortDirection,
    ThreadItemsListCursor, ThreadItemsListParams, ThreadItemsListResponse, ThreadListCwdFilter,
    ThreadListParams, ThreadListResponse, ThreadReadParams, ThreadReadResponse, ThreadSortKey,
    ThreadSourceKind, ThreadTurnsListParams, ThreadTurnsListResponse, TurnItemsView,
};

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::{Codex, compat};
use crate::error::Result;
use crate::lists::pages::Pages;
use crate::setters::{debug_shows, setters};

pub(crate) mod pages;

/// The first release that sorts threads by recency.
const RECENCY: &str = "0.142.0";

impl Codex {
    /// Lists stored threads, a page at a time (`thread/list`). See [`ListThreads`] for its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn thread_list(&self) -> ListThreads {
        ListThreads::new(self.inner(), ThreadListParams::default())
    }

    /// Lists the models, a page at a time (`model/list`). See [`ListModels`] for its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn models(&self) -> ListModels {
        ListModels::new(self.inner(), ModelListParams::default())
    }

    /// Lists the MCP servers with their tools, a page at a time (`mcpServerStatus/list`). See
    /// [`ListMcpServers`] for its options and errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn mcp_servers(&self) -> ListMcpServers {
        ListMcpServers::new(self.inner(), ListMcpServerStatusParams::default())
    }

    /// Reads the account that is logged in, if any (`account/read`). See [`ReadAccount`] for its options and
    /// errors.
    ///
    /// # Cancel safety
    /// Dropping it is harmless: the reply is ignored.
    pub fn account(&self) -> ReadAccount {
        ReadAccount::new(self.inner(), GetAccountParams::default())
    }
}

/// Writes a builder around `$params` that returns `$response`.
macro_rules! query {
    ($(#[$doc:meta])* $name:ident($params:ident) -> $response:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
        /// [`Error::Closed`](crate::Error::Closed), [`Error::Decode`](crate::Error::Decode);
        /// [`Error::RuntimeTooOld`](crate::Error::RuntimeTooOld) for an option that the runtime would
        /// ignore.
        ///
        /// # Cancel safety
        /// Dropping the call is harmless: the reply is ignored.
        #[derive(Clone)]
        #[must_use = "nothing is sent until this is awaited"]
        pub struct $name {
            codex: Arc<CodexInner>,
            params: $params,
        }

        impl $name {
            pub(crate) fn new(codex: &Arc<CodexInner>, params: $params) -> Self {
                let codex = Arc::clone(codex);
                Self { codex, params }
            }
        }

        impl IntoFuture for $name {
            type Output = Result<$response>;
            type IntoFuture = Call<$response>;

            fn into_future(self) -> Self::IntoFuture {
                Call::new(async move { self.codex.request(&self.params, None).await })
            }
        }

        debug_shows!($name { params: params });
    };
}

/// Writes the stream over all pages of a list.
macro_rules! pages {
    ($($name:ident($params:ident);)*) => {$(
        impl $name {
            /// All entries from here on, with one page in memory at a time.
            pub fn stream(self) -> Pages<$params> {
                Pages::new(self.codex, self.params)
            }
        }
    )*};
}

pages! {
    ListModels(ModelListParams);
    ListTurns(ThreadTurnsListParams);
    ListItems(ThreadItemsListParams);
    ListMcpServers(ListMcpServerStatusParams);
}

query! {
    /// Which stored threads to list (`thread/list`), from
    /// [`Codex::thread_list`](crate::Codex::thread_list).
    ///
    /// What isn't set has the runtime's default: threads that aren't archived, of interactive programs, which
    /// this crate's are. Awaiting it returns one page, whose `next_cursor` is the `cursor` of the next;
    /// [`Self::stream`] returns all threads. As in all lists, a thread that can't be read is left out, logged
    /// and counted in [`Stats::unrecognized`](crate::Stats::unrecognized).
    ///
    /// ```no_run
    /// # async fn example(codex: codex_sdk::Codex) -> codex_sdk::Result<()> {
    /// let mut threads = codex.thread_list().archived(false).limit(100).stream();
    /// while let Some(thread) = threads.next().await {
    ///     println!("{}", thread?.preview);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ListThreads(ThreadListParams) -> ThreadListResponse
}

impl ListThreads {
    /// All threads from here on, with one page in memory at a time.
    ///
    /// Without a `sort_key`, they are sorted by recency, or by last change on a runtime before 0.142.0, which
    /// doesn't know recency. Sorted by creation, the runtime loses threads of the same second at the end of a
    /// page, unless `use_state_db_only` is set.
    pub fn stream(mut self) -> Pages<ThreadListParams> {
        self.params.sort_key.get_or_insert_with(|| {
            let version = &self.codex.metadata.server_version;
            match compat::require(version, "sortKey", RECENCY) {
                Ok(()) => ThreadSortKey::RecencyAt,
                Err(_) => ThreadSortKey::UpdatedAt,
            }
        });
        Pages::new(self.codex, self.params)
    }

    setters! {
        /// Only archived threads; with false only others, which is the runtime's default.
        archived = bool => params.archived;
        /// Where the page begins: the `next_cursor` of the previous one.
        cursor: String => params.cursor;
        /// Only threads whose working folder is exactly this, or one of these.
        cwd: ThreadListCwdFilter => params.cwd;
        /// The most threads per page. The runtime has a default.
        limit = u32 => params.limit;
        /// Only threads with one of these providers; with an empty list, those of all providers.
        model_providers: Vec<String> => params.model_providers;
        /// Only threads whose title contains this.
        search_term: String => params.search_term;
        /// Only threads in this section; with `None`, those in no section. Needs Codex 0.147.0.
        section_id: Option<String> => params.section_id;
        /// Which end comes first. The runtime's default: the newest.
        sort_direction: SortDirection => params.sort_direction;
        /// What to sort by. The runtime's default is creation; the default of [`Self::stream`] is recency.
        /// Recency needs Codex 0.142.0.
        sort_key: ThreadSortKey => params.sort_key;
        /// Only threads of one of these kinds. The runtime's default: those of interactive programs.
        source_kinds: Vec<ThreadSourceKind> => params.source_kinds;
        /// Whether to read only the runtime's database, which is faster. The runtime's default: no.
        use_state_db_only = bool => params.use_state_db_only;
        /// Leaves out these threads, at most 100. Each page needs the same list. Needs Codex 0.163.0.
        excluded_thread_ids: Vec<String> => params.excluded_thread_ids;
        /// Only threads that one of these programs started. A runtime on this machine refuses it. Needs
        /// Codex 0.154.0.
        originators: Vec<String> => params.originators;
        /// Only threads of this project; with `None`, those of no project. Needs Codex 0.149.0.
        project_id: Option<String> => params.project_id;
        /// Only threads that this one started. Needs Codex 0.141.0.
        parent_thread_id: String => params.parent_thread_id;
        /// Only threads that this one, or one of its descendants, started. Can't be combined with
        /// [`Self::parent_thread_id`]. Needs Codex 0.143.0.
        ancestor_thread_id: String => params.ancestor_thread_id;
    }
}

query! {
    /// Which models to list (`model/list`), from [`Codex::models`](crate::Codex::models).
    ListModels(ModelListParams) -> ModelListResponse
}

impl ListModels {
    setters! {
        /// Whether to list models that a picker would hide. The runtime's default: no.
        include_hidden = bool => params.include_hidden;
        /// Where the page begins: the `next_cursor` of the previous one.
        cursor: String => params.cursor;
        /// The most models per page. The runtime has a default.
        limit = u32 => params.limit;
    }
}

query! {
    /// Which turns of a thread to list (`thread/turns/list`), from
    /// [`Thread::turns`](crate::Thread::turns).
    ListTurns(ThreadTurnsListParams) -> ThreadTurnsListResponse
}

impl ListTurns {
    setters! {
        /// Where the page begins: the `next_cursor` of the previous one.
        cursor: String => params.cursor;
        /// The most turns per page. The runtime has a default.
        limit = u32 => params.limit;
        /// Which end comes first. The runtime's default: the newest.
        sort_direction: SortDirection => params.sort_direction;
        /// How much of each turn's items to include. The runtime's default: a summary.
        items_view: TurnItemsView => params.items_view;
    }
}

query! {
    /// Which items of a thread to list (`thread/items/list`), from
    /// [`Thread::items`](crate::Thread::items).
    ListItems(ThreadItemsListParams) -> ThreadItemsListResponse
}

impl ListItems {
    setters! {
        /// Where the page begins: the `next_cursor` of the previous one, or after an item of the turn that
        /// [`Self::turn_id`] names.
        cursor: ThreadItemsListCursor => params.cursor;
        /// The most items per page. The runtime has a default.
        limit = u32 => params.limit;
        /// Which end comes first. The runtime's default: the oldest.
        sort_direction: SortDirection => params.sort_direction;
        /// Only items of this turn.
        turn_id: String => params.turn_id;
    }
}

query! {
    /// How a thread is read (`thread/read`), from [`Thread::read`](crate::Thread::read).
    ReadThread(ThreadReadParams) -> ThreadReadResponse
}

impl ReadThread {
    setters! {
        /// Whether to include the turns: the whole history, which may be large. The runtime's default: no.
        include_turns = bool => params.include_turns;
    }
}

query! {
    /// How the account is read (`account/read`), from [`Codex::account`](crate::Codex::account).
    ReadAccount(GetAccountParams) -> GetAccountResponse
}

impl ReadAccount {
    setters! {
        /// Whether to refresh the login's token first. The runtime's default: no.
        refresh_token = bool => params.refresh_token;
    }
}

query! {
    /// Which MCP servers to list (`mcpServerStatus/list`), from
    /// [`Codex::mcp_servers`](crate::Codex::mcp_servers).
    ///
    /// Without a thread, this lists the servers in the configuration, and starts them to do so.
    ListMcpServers(ListMcpServerStatusParams) -> ListMcpServerStatusResponse
}

impl ListMcpServers {
    setters! {
        /// The servers of this thread, with its connections. Needs Codex 0.135.0.
        thread_id: String => params.thread_id;
        /// Only this server. Needs Codex 0.159.0.
        server_name: String => params.server_name;
        /// How much to return for each. The runtime's default: everything, including resources.
        detail: McpServerStatusDetail => params.detail;
        /// Where the page begins: the `next_cursor` of the previous one.
        cursor: String => params.cursor;
        /// The most servers per page. The runtime has a default.
        limit = u32 => params.limit;
    }
}
