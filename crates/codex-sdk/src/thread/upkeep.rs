//! What is done to a thread beside its turns.

use std::sync::Arc;

use codex_types::{
    ClientMethod, ThreadArchiveParams, ThreadCompactStartParams, ThreadRevertParams,
    ThreadSetNameParams, ThreadUnarchiveParams, ThreadUnsubscribeParams, ThreadUnsubscribeStatus,
};
use tokio::time::timeout;

use crate::call::Call;
use crate::codex::{Codex, compat};
use crate::connection::event_queue::Notification;
use crate::connection::router::subscriptions::Topic;
use crate::connection::router::thread_turns::ThreadTurns;
use crate::error::Error;
use crate::thread::Thread;
use crate::turn::collector::Collector;
use crate::turn::settings::UpdateThread;

/// The first release that unloads a thread when it is told to.
const UNLOADS: &str = "0.154.0";

impl Thread {
    /// Names the thread (`thread/name/set`).
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once it is sent, the name is set.
    pub fn set_name(&self, name: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let (name, thread_id) = (name.into(), self.id().to_owned());
        let params = ThreadSetNameParams { name, thread_id };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Compacts the thread's history (`thread/compact/start`), and returns when the thread is usable again: the
    /// compaction runs as a turn of its own.
    ///
    /// # Errors
    /// As for [`Self::set_name`]; [`Error::TurnFailed`] if the compaction failed, and
    /// [`Error::TurnIncomplete`] if the thread was closed meanwhile.
    ///
    /// # Cancel safety
    /// Once it is sent, the history is compacted.
    pub fn compact(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            let mut events = codex.subscribe(Topic::Thread(Arc::clone(&thread_id)));
            codex.connection.router().expect_turn(&thread_id);
            let params = ThreadCompactStartParams {
                thread_id: thread_id.to_string(),
            };
            codex.request(&params, None).await?;
            let mut turn: Option<Collector> = None;
            while let Some(event) = events.next().await {
                let event = event?;
                if let Notification::TurnStarted(it) = &event {
                    turn = Some(Collector::new(&it.turn.id, None));
                }
                if let Some(turn) = &mut turn {
                    turn.observe(&event);
                }
                let over = matches!(event, Notification::TurnCompleted(_)) || ends_thread(&event);
                if let Some(turn) = turn.take_if(|_| over) {
                    return turn.finish().map(drop);
                }
            }
            Err(codex.connection.ended().await)
        })
    }

    /// Lets the runtime unload the thread (`thread/unsubscribe`), and returns when it has.
    ///
    /// Each thread that is loaded costs the runtime about 1.3 MB and two open files, whether or not it has a
    /// handle: dropping a [`Thread`] frees nothing. A thread that is stored can be resumed; an ephemeral one is
    /// gone. What this client keeps for the thread, its tools too, is let go of. Needs Codex 0.154.0: those before
    /// keep a thread for half an hour more.
    ///
    /// # Errors
    /// [`Error::ThreadBusy`] while a turn or a goal of this client runs on it; [`Error::Rpc`],
    /// [`Error::Timeout`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Once it is sent, the thread is unloaded.
    pub fn close(&self) -> Call<()> {
        let (codex, thread_id) = (Arc::clone(&self.codex), Arc::clone(&self.id));
        Call::new(async move {
            let busy = |turns: &mut ThreadTurns| turns.count() > 0;
            if codex
                .connection
                .router()
                .thread(&thread_id)
                .is_some_and(busy)
            {
                return Err(Error::thread_busy(&thread_id));
            }
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

    /// Changes settings for the turns that begin from now on (`thread/settings/update`): the model, the
    /// sandbox, who approves. [`UpdateThread`] has them.
    ///
    /// # Cancel safety
    /// Once it is sent, the settings change.
    pub fn update(&self) -> UpdateThread {
        UpdateThread::new(Arc::clone(&self.codex), &self.id)
    }

    /// Takes the conversation back to before a turn (`thread/revert`): that and all later turns are gone from
    /// it. Files stay as they are. To keep the turns, fork the thread before one
    /// ([`ForkThread::before_turn_id`](crate::ForkThread::before_turn_id)).
    ///
    /// # Errors
    /// As for [`Self::set_name`].
    ///
    /// # Cancel safety
    /// Once it is sent, the turns are gone.
    pub fn revert(&self, before_turn_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(&self.codex);
        let params = ThreadRevertParams {
            before_turn_id: before_turn_id.into(),
            thread_id: self.id.to_string(),
        };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }
}

impl Codex {
    /// Archives a thread (`thread/archive`), which also unloads it.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once it is sent, the thread is archived.
    pub fn thread_archive(&self, thread_id: impl Into<String>) -> Call<()> {
        let codex = Arc::clone(self.inner());
        let params = ThreadArchiveParams {
            thread_id: thread_id.into(),
        };
        Call::new(async move { codex.request(&params, None).await.map(drop) })
    }

    /// Takes a thread out of the archive (`thread/unarchive`) and resumes it (`thread/resume`), since
    /// the runtime alone would leave it unusable.
    ///
    /// # Errors
    /// As for [`Self::thread_archive`].
    ///
    /// # Cancel safety
    /// Dropped between its two requests, the thread is unarchived and not loaded; once both are sent, it may
    /// be loaded without a handle.
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

/// Whether nothing more comes of the thread of this notification.
fn ends_thread(notification: &Notification) -> bool {
    matches!(
        notification,
        Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadDeleted(_)
    )
}
