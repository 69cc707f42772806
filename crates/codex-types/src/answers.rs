//! Answers that contain only a decision.

use crate::{
    CommandExecutionApprovalDecision, CommandExecutionRequestApprovalResponse,
    FileChangeApprovalDecision, FileChangeRequestApprovalResponse,
};

impl From<CommandExecutionApprovalDecision> for CommandExecutionRequestApprovalResponse {
    fn from(decision: CommandExecutionApprovalDecision) -> Self {
        Self { decision }
    }
}

impl From<FileChangeApprovalDecision> for FileChangeRequestApprovalResponse {
    fn from(decision: FileChangeApprovalDecision) -> Self {
        Self { decision }
    }
}
