//! Interrupting a turn of the runtime.

use codex_types::TurnInterruptParams;

use crate::codex::inner::CodexInner;
use crate::error::Result;

/// Sends `turn/interrupt`. Returns once the runtime has replied, or once `ended` says that the turn is over:
/// for a turn that was already interrupted, the reply arrives only with the next turn.
pub(super) async fn interrupt(
    codex: &CodexInner,
    params: &TurnInterruptParams,
    ended: impl Future<Output = bool>,
) -> Result<()> {
    tokio::select! {
        biased;
        reply = codex.request(params, None) => reply.map(drop),
        true = ended => Ok(()),
    }
}
