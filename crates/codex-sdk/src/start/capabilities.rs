//! What a client may declare in the handshake, and what it may not.

use codex_types::InitializeCapabilities;

use crate::error::{Error, Result};

/// The notifications that this crate depends on. Without one of them, turns would never end, results would lack
/// items, logins would hang, or a turn would write elsewhere.
const NEEDED: [&str; 17] = [
    "account/login/completed",
    "error",
    "item/completed",
    "item/started",
    "mcpServer/oauthLogin/completed",
    "serverRequest/resolved",
    "thread/archived",
    "thread/closed",
    "thread/deleted",
    "thread/goal/cleared",
    "thread/goal/updated",
    "thread/settings/updated",
    "thread/started",
    "thread/status/changed",
    "thread/tokenUsage/updated",
    "turn/completed",
    "turn/started",
];

/// Refuses to opt out of what is needed.
pub(super) fn check(capabilities: &InitializeCapabilities) -> Result<()> {
    let refused = capabilities.opt_out_notification_methods.iter().flatten();
    match refused
        .into_iter()
        .find(|method| NEEDED.contains(&&***method))
    {
        Some(method) => Err(Error::InvalidInput(format!(
            "this client can't do without the notification `{method}`: leave it out of `opt_out_notification_methods`"
        ))),
        None => Ok(()),
    }
}
