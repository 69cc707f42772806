//! Lists of any length, page by page.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use codex_types::{
    ClientMethod, ListMcpServerStatusParams, McpServerStatus, Model, ModelListParams, Thread,
    ThreadItemEntry, ThreadItemsListCursor, ThreadItemsListParams, ThreadListParams,
    ThreadTurnsListParams, Turn,
};
use futures_core::Stream;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::error::{Error, Result};

/// A method that lists something a page at a time, given by its parameters. This crate implements all of them.
pub trait Paged: sealed::Paged {}

mod sealed {
    use codex_types::ClientMethod;

    pub trait Paged:
        ClientMethod<Response: Send + Unpin> + Clone + Send + Sync + Unpin + 'static
    {
        type Entry: Unpin;
        fn turn_to(&mut self, cursor: String);
        fn entries(response: Self::Response) -> (Vec<Self::Entry>, Option<String>);
    }
}

macro_rules! paged {
    ($($params:ident of $entry:ident by $cursor:expr;)*) => {$(
        impl Paged for $params {}

        impl sealed::Paged for $params {
            type Entry = $entry;

            fn turn_to(&mut self, cursor: String) {
                self.cursor = Some($cursor(cursor));
            }

            fn entries(response: Self::Response) -> (Vec<$entry>, Option<String>) {
                (response.data, response.next_cursor)
            }
        }
    )*};
}

paged! {
    ThreadListParams of Thread by std::convert::identity;
    ThreadTurnsListParams of Turn by std::convert::identity;
    ThreadItemsListParams of ThreadItemEntry by ThreadItemsListCursor::String;
    ModelListParams of Model by std::convert::identity;
    ListMcpServerStatusParams of McpServerStatus by std::convert::identity;
}

/// All entries of a list, with one page in memory at a time: from `stream()` of the list builders.
///
/// The builder's `limit` is the page size. A page is requested when its first entry is. The stream ends after
/// the last entry or an error.
#[must_use = "nothing is sent until this is read"]
pub struct Pages<P: Paged> {
    /// Requests a page. Behind a `dyn`, so that it is compiled here and not in each program.
    ask: Box<dyn Fn(P) -> Call<P::Response> + Send + Sync>,
    /// The parameters of the next page; `None` after the last.
    params: Option<P>,
    page: VecDeque<P::Entry>,
    circle: Circle,
    /// Why the list ends early.
    broken: Option<Error>,
    asked: Option<Call<P::Response>>,
}

impl<P: Paged> Pages<P> {
    pub(crate) fn new(codex: Arc<CodexInner>, params: P) -> Self {
        let ask = move |params| {
            let codex = Arc::clone(&codex);
            Call::new(async move { codex.request(&params, None).await })
        };
        Self {
            ask: Box::new(ask),
            params: Some(params),
            page: VecDeque::new(),
            circle: Circle::default(),
            broken: None,
            asked: None,
        }
    }

    /// The next entry, or `None` after the last.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed), [`Error::Decode`](crate::Error::Decode),
    /// [`Error::EndlessList`](crate::Error::EndlessList); each ends the
    /// stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call gets a page that was already requested.
    pub async fn next(&mut self) -> Option<Result<P::Entry>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<P::Entry>>> {
        loop {
            if let Some(entry) = self.page.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            let Some(params) = &mut self.params else {
                return Poll::Ready(self.broken.take().map(Err));
            };
            let ask = || (self.ask)(params.clone());
            let asked = self.asked.get_or_insert_with(ask);
            let response = ready!(Pin::new(asked).poll(context));
            self.asked = None;
            match response.map(P::entries) {
                Ok((entries, cursor)) => {
                    self.page = entries.into();
                    match cursor {
                        Some(cursor) if self.circle.closes(&cursor) => {
                            let method = <P as ClientMethod>::METHOD;
                            self.broken = Some(Error::EndlessList { method });
                            self.params = None;
                        }
                        Some(cursor) => params.turn_to(cursor),
                        None => self.params = None,
                    }
                }
                Err(error) => {
                    self.params = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// Detects pages that lead back to one that was read, without keeping all their cursors: it keeps one, for
/// twice as many pages each time.
#[derive(Debug, Default)]
struct Circle {
    kept: Option<String>,
    pages: u64,
    keep_at: u64,
}

impl Circle {
    fn closes(&mut self, cursor: &String) -> bool {
        if self.kept.as_ref() == Some(cursor) {
            return true;
        }
        self.pages += 1;
        if self.pages > self.keep_at {
            self.keep_at = 2 * self.pages;
            self.kept = Some(cursor.clone());
        }
        false
    }
}

impl<P: Paged> Stream for Pages<P> {
    type Item = Result<P::Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl<P: Paged> fmt::Debug for Pages<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("method", &<P as ClientMethod>::METHOD)
            .finish_non_exhaustive()
    }
}
