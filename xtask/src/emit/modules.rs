//! Assigns types to files.

use std::collections::BTreeMap;

use crate::model::{Definition, Model};

/// The modules of types, by the start of their names; the first match wins.
const MODULES: &[(&str, &[&str])] = &[
    (
        "approval",
        &[
            "AdditionalFileSystem",
            "AdditionalNetwork",
            "AdditionalPermission",
            "ApplyPatch",
            "AskForApproval",
            "Approval",
            "AutoReview",
            "CommandExecutionApproval",
            "CommandExecutionRequestApproval",
            "ExecCommandApproval",
            "ExecPolicy",
            "FileChange",
            "FileSystem",
            "Granted",
            "Guardian",
            "Network",
            "ParsedCommand",
            "Permission",
            "RequestPermission",
            "ReviewDecision",
            "Sandbox",
            "ToolRequestUserInput",
        ],
    ),
    (
        "item",
        &[
            "AgentMessage",
            "CommandAction",
            "CommandExecution",
            "ContentItem",
            "DynamicTool",
            "FunctionCall",
            "Image",
            "Item",
            "LocalShell",
            "MessagePhase",
            "PatchApply",
            "PatchChange",
            "Plan",
            "RawResponse",
            "Reasoning",
            "Response",
            "ThreadItem",
            "WebSearch",
        ],
    ),
    ("realtime", &["Realtime", "ThreadRealtime"]),
    ("thread", &["Thread", "Session", "SubAgent", "Token"]),
    (
        "turn",
        &[
            "Turn",
            "UserInput",
            "TextElement",
            "ByteRange",
            "Collab",
            "Mode",
            "MultiAgent",
            "Review",
        ],
    ),
    (
        "account",
        &[
            "Account",
            "Attestation",
            "Auth",
            "Bedrock",
            "CancelLogin",
            "Chatgpt",
            "ConsumeAccount",
            "Gateway",
            "GetAccount",
            "GetWorkspace",
            "Login",
            "Logout",
            "RateLimit",
            "SendAddCredits",
            "SpendControl",
            "UserVerification",
            "Workspace",
        ],
    ),
    (
        "config",
        &[
            "Analytics",
            "Browser",
            "Computer",
            "Config",
            "Experimental",
            "Feature",
            "Managed",
            "Model",
        ],
    ),
    (
        "mcp",
        &["Elicitation", "ListMcp", "Mcp", "Resource", "Tool"],
    ),
    (
        "plugin",
        &[
            "App",
            "Connector",
            "ExternalAgent",
            "Hook",
            "Marketplace",
            "Migration",
            "Plugin",
            "Skill",
        ],
    ),
    (
        "process",
        &[
            "Command",
            "Environment",
            "Fs",
            "FuzzyFile",
            "Process",
            "Remote",
            "Windows",
        ],
    ),
];

/// The module for everything else.
const MISC: &str = "misc";

/// The types in every module.
pub fn sort(model: &Model) -> BTreeMap<&'static str, Vec<&Definition>> {
    let mut modules: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for definition in model.definitions.values() {
        let starts = |starts: &&[&str]| starts.iter().any(|it| definition.name.starts_with(it));
        let module = MODULES
            .iter()
            .find(|(_, it)| starts(it))
            .map_or(MISC, |(module, _)| module);
        modules.entry(module).or_default().push(definition);
    }
    modules
}
