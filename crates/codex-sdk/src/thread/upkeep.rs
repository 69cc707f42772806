//! Operations on a thread other than its turns.

use std::sync::Arc;

use codex_types::{
    ClientMethod, ThreadArchiveParams, ThreadCompactStartParams, ThreadRevertParams,
    ThreadSetNameParams, ThreadUnarchiveParams, ThreadUnsubscribeParams, ThreadUnsubscribeStatus,
    TurnStatus,
};
use tokio::time::timeout;

use crate::call::Call;
use crate::codex::inner::CodexInner;
use crate::codex::{Codex, compat};
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;
use crate::error::turn::TurnFailed;
use crate::error::{Error, Result};
use crate::results::TurnResult;
use crate::thread::Thread;
use crate::turn::collector::Collector;
use crate::turn::settings::UpdateThread;

/// The first release that unloads a thread on request.
const UNLOADS: &str = "0.154.0";

impl Thread {
    /// Names the thread (`thread/name/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once sent, the name is set.
    pub fn set_name(&self, name: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let (name, thread_id) = (name.into(), self.id().to_owned());
        let params = ThreadSetNameParams { name, thread_id };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Compacts the thread's history (`thread/compact/start`) and returns when the thread is usable again: the
    /// compaction runs as a turn. It would interrupt another turn, so it is refused while one is known to run.
    ///
    /// # Errors
    /// As for [`Self::set_name`]; [`Error::ThreadBusy`] while a turn, a goal or another compaction of this
    /// client runs on the thread; [`Error::TurnFailed`] if the compaction failed or was interrupted;
    /// [`Error::TurnIncomplete`] if the thread was closed meanwhile.
    ///
    /// # Cancel safety
    /// Once sent, the history is compacted. Until the compaction has ended, the runtime refuses turns
    /// ([`Condition::ThreadBusy`](crate::Condition::ThreadBusy)). Another compaction requested before this
    /// one's turn has begun interrupts it and fails with it.
    pub fn compact(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            let _compaction = Compaction::begin(&codex, &thread_id)?;
            let mut events = codex.subscribe(Topic::Thread(Arc::clone(&thread_id)));
            let params = ThreadCompactStartParams {
                thread_id: thread_id.to_string(),
            };
            codex.request(&params, None).await?;
            // Nothing else runs, so whatever begins now is the compaction.
            let mut own: Option<(String, Collector)> = None;
            while let Some(event) = events.next().await {
                let event = event?;
                if own.is_none() && (event.method() == "turn/started" || ends_thread(&event)) {
                    let turn_id = event.turn_id().unwrap_or_default();
                    own = Some((turn_id.to_owned(), Collector::new(turn_id, None)));
                }
                let is_own = |turn_id: &str| event.turn_id().is_none_or(|it| it == turn_id);
                let Some((_, turn)) = own.as_mut().filter(|(turn_id, _)| is_own(turn_id)) else {
                    continue;
                };
                turn.observe(&event);
                if event.method() == "turn/completed" || ends_thread(&event) {
                    let result = own.map(|(_, turn)| turn.finish()).transpose()?;
                    return result.map_or(Ok(()), compacted);
                }
            }
            Err(codex.connection.ended().await)
        })
    }

    /// Unloads the thread (`thread/unsubscribe`) and returns when the runtime has done so.
    ///
    /// Each loaded thread costs the runtime about 1.3 MB and two open files, with or without a handle: dropping
    /// a [`Thread`] frees nothing. A stored thread can be resumed; an ephemeral one is gone. This client
    /// releases what it keeps for the thread, including its tools. A server keeps a thread that another client
    /// has open; in that case this returns once this client no longer has it open. Needs Codex 0.154.0: earlier
    /// runtimes keep a thread for another half hour.
    ///
    /// # Errors
    /// [`Error::ThreadBusy`] while a turn or a goal of this client runs on it; [`Error::Rpc`],
    /// [`Error::Timeout`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Once sent, the thread is unloaded.
    pub fn close(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            codex.connection.router().refuse_if_busy(&thread_id)?;
            let version = &codex.metadata.server_version;
            compat::require(version, ThreadUnsubscribeParams::METHOD, UNLOADS)?;
            let mut events = codex.subscribe(Topic::Thread(Arc::clone(&thread_id)));
            let params = ThreadUnsubscribeParams {
                thread_id: thread_id.to_string(),
            };
            let status = codex.request(&params, None).await?.status;
            if status == ThreadUnsubscribeStatus::NotLoaded {
                return Ok(());
            }
            if codex.connection.limits.is_of_server() {
                // Another client may have it open too, and then it stays.
                let tools = codex.connection.router().forget(&thread_id);
                drop(tools);
                return Ok(());
            }
            let after = codex.connection.limits.request_timeout;
            let closed = async {
                while let Some(event) = events.next().await {
                    if ends_thread(&event?) {
                        return Ok(());
                    }
                }
                Err(codex.connection.ended().await)
            };
            timeout(after, closed).await.unwrap_or_else(|_| {
                Err(Error::Timeout {
                    method: ThreadUnsubscribeParams::METHOD.to_owned(),
                    after,
                })
            })
        })
    }

    /// Changes settings for turns that begin from now on (`thread/settings/update`): the model, the sandbox,
    /// who approves. [`UpdateThread`] lists them.
    ///
    /// # Cancel safety
    /// Once sent, the settings change.
    pub fn update(&self) -> UpdateThread {
        UpdateThread::new(Arc::clone(&self.codex), &self.id)
    }

    /// Reverts the conversation to before a turn (`thread/revert`): removes that turn and all later ones. Files
    /// stay as they are. To keep the turns, fork the thread before one
    /// ([`ForkThread::before_turn_id`](crate::ForkThread::before_turn_id)). A revert would interrupt a running
    /// turn, so it is refused while one is known to run.
    ///
    /// # Errors
    /// As for [`Self::set_name`], and [`Error::ThreadBusy`] while a turn or a goal of this client runs on the
    /// thread.
    ///
    /// # Cancel safety
    /// Once sent, the turns are gone.
    pub fn revert(&self, before_turn_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let params = ThreadRevertParams {
            before_turn_id: before_turn_id.into(),
            thread_id: self.id.to_string(),
        };
        Call::new(async move {
            codex
                .connection
                .router()
                .refuse_if_busy(&params.thread_id)?;
            codex.request(&params, None).await.map(drop)
        })
    }
}

/// A requested compaction. Once dropped, it no longer keeps the thread busy: its turn does, once it has begun.
struct Compaction {
    codex: Arc<CodexInner>,
    thread_id: Arc<str>,
    id: i64,
}

impl Compaction {
    fn begin(codex: &Arc<CodexInner>, thread_id: &Arc<str>) -> Result<Self> {
        let id = codex.connection.next_id();
        codex.connection.router().begin_compaction(thread_id, id)?;
        Ok(Self {
            codex: Arc::clone(codex),
            thread_id: Arc::clone(thread_id),
            id,
        })
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        let mut router = self.codex.connection.router();
        router.end_compaction(&self.thread_id, self.id);
    }
}

/// Elsewhere an interrupted turn is not an error, but here it has compacted nothing.
fn compacted(result: TurnResult) -> Result<()> {
    if result.status != TurnStatus::Interrupted {
        return Ok(());
    }
    Err(Error::TurnFailed(Box::new(TurnFailed {
        message: "the compaction was interrupted".to_owned(),
        codex_error_info: None,
        additional_details: None,
        result,
    })))
}

impl Codex {
    /// Archives a thread (`thread/archive`), which also unloads it.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once sent, the thread is archived.
    pub fn thread_archive(&self, thread_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(self.inner());
        let params = ThreadArchiveParams {
            thread_id: thread_id.into(),
        };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Takes a thread out of the archive (`thread/unarchive`) and resumes it (`thread/resume`), because the
    /// runtime alone would leave it unusable.
    ///
    /// # Errors
    /// As for [`Self::thread_archive`].
    ///
    /// # Cancel safety
    /// Dropped between its two requests, it leaves the thread unarchived and not loaded. Once both are sent, it
    /// may leave the thread loaded without a handle.
    pub fn thread_unarchive(&self, thread_id: impl Into<String>) -> Call<Thread> {
        let codex = self.clone();
        let thread_id = thread_id.into();
        Call::new(async move {
            let params = ThreadUnarchiveParams {
                thread_id: thread_id.clone(),
            };
            codex.inner().request(&params, None).await?;
            codex.thread_resume(thread_id).include_turns(false).await
        })
    }
}

/// Whether this notification is the last of its thread.
fn ends_thread(notification: &Notification) -> bool {
    matches!(
        notification,
        Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadDeleted(_)
    )
}
