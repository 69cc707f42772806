//! The conditions that tell a program what an error means.

use std::fmt;

/// Defines the enum, with the documentation and the advice of each variant.
macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $name:ident: $advice:literal,)*) => {
        /// The cause of an error, for a program to match on; from
        /// [`Error::condition`](crate::Error::condition).
        ///
        /// The runtime refuses nearly everything with the same code, and reports many failed turns as
        /// `other`. The SDK tells these apart by the wording of the pinned version. If another version
        /// words a message differently, the error has a more general condition, or none.
        ///
        /// `Display`, [`as_str`](Self::as_str) and the serialized form are the name of the variant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[non_exhaustive]
        pub enum Condition {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nWhat to do: ", $advice, ".")]
                $name,
            )*
        }

        impl Condition {
            /// All conditions that this version knows.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name of the variant.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What to do next. The messages of refusals and of failed turns end with it.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

conditions! {
    /// The thread is busy with something that excludes this operation.
    ThreadBusy: "wait for its turn or goal to end, steer it, or interrupt it",
    /// There is no running turn to steer or to interrupt.
    NoActiveTurn: "it has ended, so there is nothing left to do",
    /// There is no such thread, or it isn't loaded.
    ThreadNotFound: "look for its id with `thread_list`, or resume it first if it isn't loaded",
    /// The thread is already open, usually in another client on the same home: a thread has one writer.
    ThreadInUse: "use the client that has it open or close that, fork the thread, or start a new one",
    /// The thread is archived.
    ThreadArchived: "bring it back with `thread_unarchive`",
    /// The thread has no stored history: it is ephemeral, or no turn has run on it yet.
    ThreadNotStored: "run a turn on it first, and start it without `ephemeral`",
    /// Other threads were forked from this one and still need its history.
    ThreadHasForks: "delete the threads that were forked from it first, or archive it",
    /// The stored history of the thread is damaged or incomplete.
    ThreadUnreadable: "restore its file from a backup, or start a new thread",
    /// There is no login, or the provider refused it.
    NotAuthenticated: "log in (`login_chatgpt`, `login_chatgpt_device_code` or `login_api_key`), or \
                       fix the key of the provider in `config.toml`",
    /// The provider doesn't allow this for the account, or from this location.
    AccessDenied: "ask the provider what the account may do, and from where",
    /// The provider doesn't know the model, or refuses it for this account.
    ModelUnavailable: "choose another model (`codex.models()` lists them)",
    /// The runtime is too old for an option or a method that was used.
    RuntimeTooOld: "use the pinned runtime, or do without what it lacks",
    /// The runtime doesn't know the method, or has the feature switched off.
    FeatureUnsupported: "use the pinned runtime, or switch the feature on (`config`)",
    /// The call asks for something that isn't possible, for the reason in the message.
    InvalidRequest: "correct it as the message says; the same call would be refused again",
    /// The user, project or thread configuration has a mistake.
    ConfigInvalid: "fix the configuration that the message names (`config.toml` or `config`)",
    /// Somebody else has changed the configuration since it was read.
    ConfigChanged: "read it again, then write it with the new version",
    /// An MCP server is unknown, or one that the thread requires didn't start.
    McpServerFailed: "check the server's name, its command and its log",
    /// The thread no longer fits into the model's context window.
    ContextWindowExceeded: "start a new thread, or compact this one earlier",
    /// The thread's token budget, from the configuration, is spent.
    TokenBudgetSpent: "raise `features.rollout_budget`, or start a new thread",
    /// The account has used up what its plan, its quota or its balance allows.
    UsageLimitReached: "wait until it is renewed, or buy more",
    /// The provider received too many requests or tokens in too short a time.
    RateLimited: "run it again later, with longer pauses or fewer turns at once",
    /// The provider has no capacity for the model right now.
    ProviderOverloaded: "run it again later, or choose another model",
    /// The provider has no capacity for the service tier `flex` right now.
    FlexUnavailable: "run it again later, or choose another service tier",
    /// The provider failed or took too long: a status of 500 or more, 408 or 425.
    ProviderFailed: "run it again later",
    /// The provider, or another service, couldn't be reached.
    ProviderUnreachable: "check the network and the address, then run it again",
    /// The provider's answer broke off, stalled, or ended with an unknown error.
    StreamBroken: "run it again, knowing what it may have done until then",
    /// The provider, or the runtime, rejected what the turn asks for.
    RequestRejected: "correct it as the message says; the same turn would be rejected again",
    /// A policy of the provider stopped the turn.
    PolicyViolation: "change the prompt; the same one would be stopped again",
    /// The answer was cut off at the provider's limit of output tokens.
    AnswerTruncated: "ask for less in one answer",
    /// The reviewing model denied too many actions in one turn.
    TooManyDenials: "allow more in the sandbox, or decide yourself (`ApprovalMode::Ask`)",
    /// The sandbox for the model's commands couldn't be set up.
    SandboxFailed: "fix what the message names, or choose another sandbox",
    /// A handler of your program didn't give the turn a valid answer.
    HandlerFailed: "correct the `ServerRequestHandler` of this client",
    /// The runtime has run out of open files, memory, processes or disk space.
    ResourcesExhausted: "free what the message names, or raise its limit",
    /// A database in the runtime's home can't be opened: it is damaged, or other runtimes are starting on the same new
    /// home (the SDK waits for them, for 15 s).
    HomeDatabase: "if no other runtime is starting on its home, move the databases there (`*.sqlite*`) away; they are created again",
    /// The runtime can't write to its home.
    HomeUnwritable: "make its home writable, or choose another one with `codex_home`",
    /// The file system that holds the runtime's home is full.
    NoSpace: "free space where its home is, or choose another one with `codex_home`",
    /// The limit on open files per process is too low.
    TooManyOpenFiles: "raise the limit of open files (`ulimit -n`)",
    /// The runtime needs `/proc`, which isn't mounted.
    ProcUnavailable: "mount `/proc`",
    /// The runtime was still working when the startup deadline that the program set passed.
    StillStarting: "leave `startup_timeout` out, or raise it; if it was indexing its home, the home stays locked for up to 15 min",
    /// Something failed inside the runtime or on its machine.
    RuntimeFailed: "fix what the message names; the runtime's log (`RUST_LOG`) may say more",
    /// The runtime had too many requests at once and has not begun this one.
    RuntimeOverloaded: "make the call again a little later (`retry_on_overload`)",
    /// The client is closed, or its runtime has exited.
    ConnectionClosed: "start a new client",
    /// The connection to a server was lost. The turns that the server runs go on there.
    ConnectionLost: "connect again, then attach to the turns that ran (`attach`)",
    /// The server can't be reached: nothing listens there, its name doesn't resolve, or the network is down.
    ServerUnreachable: "check that it runs, its address, and the network",
    /// The server rejected the token, or none was given.
    ServerUnauthorized: "give the token that the server expects (`bearer_token`)",
    /// The server's certificate isn't signed by a trusted one, or isn't for this host.
    ServerUntrusted: "give the certificate that its own was signed with (`root_certificate`), and use the host that it is for",
    /// The server is shutting down: it accepts no new threads or turns.
    ServerDraining: "connect to another server, or wait until this one is back",
    /// A deadline of this client passed.
    DeadlinePassed: "raise the deadline if it may take longer",
}

impl Condition {
    /// Whether the same call may work later, with nothing changed
    /// ([`Error::is_transient`](crate::Error::is_transient)).
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::ProviderOverloaded
                | Self::FlexUnavailable
                | Self::ProviderFailed
                | Self::ProviderUnreachable
                | Self::StreamBroken
                | Self::RuntimeOverloaded
        )
    }

    /// Whether the same call can be made again, because the runtime hasn't begun it
    /// ([`Error::is_retryable`](crate::Error::is_retryable)).
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RuntimeOverloaded)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
