//! What a user would want to know of though nobody subscribed.

use codex_types::{McpServerStartupState, TurnError};

use crate::connection::event_queue::Notification;

/// The methods of what is logged.
pub(crate) const LOGGED: [&str; 6] = [
    "warning",
    "configWarning",
    "deprecationNotice",
    "guardianWarning",
    "error",
    "mcpServer/startupStatus/updated",
];

/// Logs one of [`LOGGED`].
pub(crate) fn log(notification: &Notification) {
    match notification {
        Notification::Warning(it) => tracing::warn!(text = it.message, "warning"),
        Notification::ConfigWarning(it) => {
            tracing::warn!(text = it.summary, details = it.details, "configWarning");
        }
        Notification::DeprecationNotice(it) => {
            tracing::warn!(text = it.summary, details = it.details, "deprecationNotice");
        }
        Notification::GuardianWarning(it) => tracing::warn!(text = it.message, "guardianWarning"),
        Notification::Error(it) => {
            let TurnError {
                message,
                additional_details: details,
                ..
            } = &it.error;
            tracing::warn!(text = message, details, will_retry = it.will_retry, "error");
        }
        // Else the model just wouldn't have the server's tools.
        Notification::McpServerStartupStatusUpdated(it)
            if it.status == McpServerStartupState::Failed =>
        {
            tracing::warn!(
                server = it.name,
                error = it.error,
                "mcpServer/startupStatus"
            );
        }
        _ => {}
    }
}
