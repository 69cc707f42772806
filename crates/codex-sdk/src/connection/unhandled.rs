//! What a user wants to know about even without a subscription.

use codex_types::{McpServerStartupState, TurnError};

use crate::connection::event_queue::Notification;

/// The methods that are logged.
pub(crate) const LOGGED: [&str; 6] = [
    "warning",
    "configWarning",
    "deprecationNotice",
    "guardianWarning",
    "error",
    "mcpServer/startupStatus/updated",
];

/// Logs how many of them a slow log has missed.
pub(crate) fn log_missed(missed: usize) {
    if missed > 0 {
        tracing::warn!(missed, "the log is too slow for what the runtime reports");
    }
}

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
        // Otherwise the model would lack the server's tools, and nothing would say why.
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
