//! Carries out the router's effects: interrupts, pauses, look-ups, and logging.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use codex_types::{ClientMethod, TurnInterruptParams};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::connection::router::effect::Effect;
use crate::connection::router::goal_route::pause;
use crate::connection::{Connection, unhandled};
use crate::retry::{RetryPolicy, retry_on_overload};
use crate::tasks::recovery::recover;

/// How long after a goal is paused one of its turns may still begin; it takes milliseconds.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// How many times an overloaded runtime is asked to end something.
const OVERLOADED: u32 = 20;

/// Runs until the connection has ended.
pub(crate) async fn run(connection: Arc<Connection>, mut wanted: mpsc::UnboundedReceiver<Effect>) {
    loop {
        let effect = tokio::select! {
            biased;
            effect = wanted.recv() => effect,
            _ = connection.closed() => return,
        };
        let Some(effect) = effect else { return };
        // Log subscribers and the program's tools are foreign code: a panic ends only this effect.
        let _ = catch_unwind(AssertUnwindSafe(|| apply(&connection, effect)));
    }
}

fn apply(connection: &Arc<Connection>, effect: Effect) {
    let own = Arc::clone(connection);
    match effect {
        Effect::Interrupt(orphan) => {
            let params = TurnInterruptParams {
                thread_id: orphan.thread_id,
                turn_id: orphan.turn_id,
            };
            let running = connection.cleaning();
            connection.spawn(async move { clean_up(&own, &params, running).await });
        }
        Effect::PauseGoal(thread_id) => {
            let running = connection.cleaning();
            connection.spawn(async move { clean_up(&own, &pause(&thread_id), running).await });
        }
        Effect::AcceptTurns(thread_id) => connection.spawn(async move {
            tokio::select! {
                () = sleep(STRAGGLERS) => own.router().accept_turns(&thread_id),
                _ = own.closed() => {}
            }
        }),
        Effect::LookUp(doubt) => connection.spawn(recover(own, doubt)),
        Effect::Drop(tools) => drop(tools),
        Effect::Tell(tell) => drop(tell),
        Effect::Log {
            unheard, missed, ..
        } => {
            unhandled::log_missed(missed);
            unhandled::log(&unheard);
        }
    }
}

/// Sends a request that ends what nobody waits for any more, even after this side has asked for the end, and again if
/// the runtime is overloaded. While `running` lives, a server isn't left: it drops the requests of a connection that
/// ends.
async fn clean_up<M: ClientMethod>(
    connection: &Arc<Connection>,
    params: &M,
    running: watch::Receiver<()>,
) {
    let policy = RetryPolicy::default().max_attempts(OVERLOADED);
    let call = || async {
        let mut request = connection.outgoing(Cow::Borrowed(M::METHOD), params, None)?;
        request.last = true;
        connection.request(request, None).await
    };
    if let Err(error) = retry_on_overload(policy, || Box::pin(call())).await {
        // It may have ended by itself.
        tracing::debug!(%error, method = M::METHOD, "nothing to clean up");
    }
    drop(running);
}
