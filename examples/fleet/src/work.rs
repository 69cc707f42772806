//! A worker, which runs each job once although any process may be killed at any time.
//!
//! - *A result is written once.* The statement needs an open job and the latest claim on it, and closes the job.
//! - *A claim starts at most one turn*, and only if no turn of the job is running or complete. To make that certain,
//!   the thread is stored before its turn is started, and the turn's ticket right after. A worker that is killed in
//!   between leaves a thread without a ticket; the next worker to claim the job checks whether the thread has a turn.
//! - *An expired claim can be taken over.* The next worker attaches to the job's turn, whether it is still running or
//!   has ended. If the server was killed, attaching reports that the turn was interrupted, and the job gets another
//!   turn on the same thread. Anything the first turn did, such as changing a file, has happened; the model sees it
//!   in the thread's history.
//!
//! One gap remains: a worker that is suspended for longer than its lease between its last write and `turn/start`.

use std::time::Duration;

use anyhow::Result;
use codex_sdk::types::{SortDirection, ThreadUnsubscribeParams, Turn, TurnStatus};
use codex_sdk::{Codex, Condition, Error, Thread, TurnHandle, TurnTicket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::progress::Progress;
use crate::queue::{Job, Queue};
use crate::servers::Servers;

/// How often a worker looks for jobs.
const PAUSE: Duration = Duration::from_millis(200);
/// A turn that is silent for this long is interrupted.
const STALL: Duration = Duration::from_secs(600);
/// A job that was claimed more often fails.
const MOST_ATTEMPTS: i32 = 20;

#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) queue: Queue,
    pub(crate) servers: Servers,
    pub(crate) progress: Progress,
    /// How long a job waits for a server that is down before it moves to another.
    pub(crate) give_up: Option<Duration>,
}

/// The outcome of an attempt.
enum Outcome {
    Done(String),
    Failed(String),
    /// Why the job needs another attempt.
    Again(String),
}

impl Worker {
    /// Runs jobs, this many at once, until none is open.
    pub(crate) async fn work(self, at_once: usize) -> Result<()> {
        let mut running = JoinSet::new();
        while !running.is_empty() || self.queue.has_open().await? {
            let reachable = self.servers.reachable();
            while running.len() < at_once
                && !reachable.is_empty()
                && let Some(job) = self.queue.claim(&reachable, self.give_up).await?
            {
                running.spawn(self.clone().run(job));
            }
            match timeout(PAUSE, running.join_next()).await {
                Ok(Some(ended)) => ended?,
                Ok(None) => sleep(PAUSE).await,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Runs a job while its claim lasts. A worker that takes it over finds its turn running.
    async fn run(self, mut job: Job) {
        let id = job.id;
        let ended = tokio::select! {
            lost = self.queue.renew(id, job.attempts) => lost.map(|()| String::new()),
            ended = self.attempt(&mut job) => ended,
        };
        let ended = ended.unwrap_or_else(|error| format!("dropped: {error:#}"));
        self.progress.print(&format!("job {id}: {ended}"));
    }

    /// Makes one attempt at a job, and stores the outcome.
    async fn attempt(&self, job: &mut Job) -> Result<String> {
        let outcome = match self.servers.client(&job.server) {
            _ if job.attempts > MOST_ATTEMPTS => {
                Outcome::Failed(format!("no answer in {MOST_ATTEMPTS} attempts"))
            }
            None => Outcome::Again("its server is down".to_owned()),
            Some(codex) => match self.answer(&codex, job).await {
                Ok(outcome) => outcome,
                // A database error ends the attempt; once the lease expires, the job can be claimed again.
                Err(error) => judge(job, &error.downcast()?),
            },
        };
        let (ended, lease) = match outcome {
            Outcome::Done(answer) => {
                (job.state, job.result) = ("done", Some(answer));
                ("done".to_owned(), Duration::ZERO)
            }
            Outcome::Failed(reason) => {
                (job.state, job.result) = ("failed", Some(reason.clone()));
                (format!("failed: {reason}"), Duration::ZERO)
            }
            Outcome::Again(reason) => {
                let wait = Duration::from_secs(job.attempts.unsigned_abs().into());
                (format!("again in {wait:?}: {reason}"), wait)
            }
        };
        self.queue.save(job, lease).await?;
        Ok(ended)
    }

    /// Finds or starts the job's turn, and waits for its answer.
    async fn answer(&self, codex: &Codex, job: &mut Job) -> Result<Outcome> {
        let mut turn = match job.ticket.clone() {
            Some(ticket) => self.attach(codex, job, ticket).await?,
            None => self.find_or_start(codex, job).await?,
        };
        job.ticket = Some(turn.ticket());
        self.queue.save(job, self.queue.lease).await?;

        let bar = self
            .progress
            .bar(format!("job {} on {}", job.id, job.server));
        let mut text = String::new();
        while let Some(event) = turn.next().await {
            text.push_str(event?.text_delta().unwrap_or_default());
            bar.set_message(text.lines().last().unwrap_or_default().to_owned());
        }
        let thread = ThreadUnsubscribeParams::new(turn.thread_id());
        let result = turn.run().await?;
        // A server keeps a thread in memory while anybody is subscribed to it.
        let _ = codex.request(thread).await;
        if result.status != TurnStatus::Completed {
            job.ticket = None;
            return Ok(Outcome::Again("its turn was interrupted".to_owned()));
        }
        Ok(Outcome::Done(result.final_response.unwrap_or_default()))
    }

    /// For a job without a ticket: attaches to the newest turn of its thread unless that failed, else starts one.
    async fn find_or_start(&self, codex: &Codex, job: &mut Job) -> Result<TurnHandle> {
        let known = match &job.thread {
            Some(id) => known_thread(codex, id).await?,
            None => None,
        };
        let thread = match known {
            Some((thread, Some(turn))) if is_running_or_complete(&turn) => {
                let ticket = TurnTicket::new(thread.id(), turn.id);
                return self.attach(codex, job, ticket).await;
            }
            Some((thread, _)) => thread,
            // The server's configuration applies. Nobody is there to approve anything, so requests are declined.
            None => codex.thread_start().await?,
        };
        job.thread = Some(thread.id().to_owned());
        // Save before starting the turn; this fails if the claim was lost.
        self.queue.save(job, self.queue.lease).await?;
        self.progress
            .print(&format!("job {}: starting on {}", job.id, job.server));
        Ok(thread.turn(&*job.prompt).stall_timeout(STALL).await?)
    }

    async fn attach(&self, codex: &Codex, job: &Job, ticket: TurnTicket) -> Result<TurnHandle> {
        self.progress
            .print(&format!("job {}: attaching on {}", job.id, job.server));
        Ok(codex.attach(ticket).stall_timeout(STALL).await?)
    }
}

/// Returns a stored thread with its newest turn, if the server has the thread.
async fn known_thread(codex: &Codex, id: &str) -> Result<Option<(Thread, Option<Turn>)>> {
    let thread = match codex.thread_resume(id).include_turns(false).await {
        Ok(thread) => thread,
        Err(error) => {
            return match error.condition() {
                // A thread is stored when its first turn begins. Either there was none, or the server was killed at
                // that moment.
                Some(Condition::ThreadNotFound | Condition::ThreadUnreadable) => Ok(None),
                _ => Err(error.into()),
            };
        }
    };
    let newest = thread.turns().sort_direction(SortDirection::Desc).limit(1);
    let newest = newest.await?.data.into_iter().next();
    Ok(Some((thread, newest)))
}

fn is_running_or_complete(turn: &Turn) -> bool {
    matches!(turn.status, TurnStatus::InProgress | TurnStatus::Completed)
}

/// Only a turn that would fail again fails its job; after any other error the job gets another attempt.
fn judge(job: &mut Job, error: &Error) -> Outcome {
    if matches!(error, Error::TurnFailed(_)) && !error.is_transient() {
        return Outcome::Failed(error.to_string());
    }
    // A turn outlives the connection, so its ticket is kept. Otherwise the next attempt looks at the thread.
    if !error.is_closed() {
        job.ticket = None;
    }
    Outcome::Again(error.to_string())
}
