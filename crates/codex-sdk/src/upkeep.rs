//! Does what the router wants done: interrupts, pauses, look-ups, and what is logged.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};

use crate::{
    connection::Connection,
    goals::pause,
    router::Effect,
    types::{ClientMethod, TurnInterruptParams},
    unheard,
};

/// How long after the pause of a goal a turn of it may still begin; it takes milliseconds.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// Runs until the connection has ended.
pub(crate) async fn run(connection: Arc<Connection>, mut wanted: mpsc::UnboundedReceiver<Effect>) {
    loop {
        let effect = tokio::select! {
            biased;
            effect = wanted.recv() => effect,
            _ = connection.closed() => return,
        };
        let Some(effect) = effect else { return };
        apply(&connection, effect);
    }
}

fn apply(connection: &Arc<Connection>, effect: Effect) {
    let own = Arc::clone(connection);
    match effect {
        Effect::Interrupt(orphan) => {
            let params = TurnInterruptParams::new(orphan.thread_id, orphan.turn_id);
            connection.spawn(async move { clean_up(&own, &params).await });
        }
        Effect::PauseGoal(thread_id) => {
            connection.spawn(async move { clean_up(&own, &pause(&thread_id)).await });
        }
        Effect::AcceptTurns(thread_id) => connection.spawn(async move {
            tokio::select! {
                () = sleep(STRAGGLERS) => own.router().accept_turns(&thread_id),
                _ = own.closed() => {}
            }
        }),
        Effect::LookUp(doubt) => connection.spawn(own.recover(doubt)),
        Effect::Drop(tools) => drop(tools),
        Effect::Log(notification) => unheard::log(&notification),
    }
}

/// Sends a request that ends what nobody waits for any more.
async fn clean_up<M: ClientMethod>(connection: &Arc<Connection>, params: &M) {
    let done = async {
        let request = connection.outgoing(Cow::Borrowed(M::METHOD), params, None)?;
        connection.request(request, None).await
    };
    if let Err(error) = done.await {
        // It may have ended by itself.
        tracing::debug!(%error, method = M::METHOD, "nothing to clean up");
    }
}
