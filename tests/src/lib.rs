//! Shared code of the end-to-end suites: an isolated runtime with a scripted model.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs};

use codex_sdk::{Codex, CodexBuilder, Listen, Server, Thread, TurnHandle};
use codex_testkit::{CodexHome, CodexHomeBuilder, ProxyRecorder, Reply, ScriptedModel};
use tokio::process::Command;

pub mod demo;
pub mod pinned;
pub mod watch;

/// How long after the end of a client its remains may exist, on a busy machine.
const LEFT: Duration = Duration::from_secs(10);

/// A scripted model, a home that points to it, and a recorder that must stay empty.
#[derive(Debug)]
pub struct Stage {
    /// The model that the runtime asks.
    pub model: ScriptedModel,
    /// The runtime's home and workspace.
    pub home: CodexHome,
    recorder: ProxyRecorder,
    /// The servers for its clients, unless the runtimes are children of this program.
    servers: Mutex<Vec<Arc<Server>>>,
}

impl Stage {
    /// Creates a stage with full access in its own folder.
    ///
    /// # Errors
    /// If the runtime can't be installed, or a folder or a port isn't available.
    pub async fn new() -> anyhow::Result<Self> {
        Self::with(|home| {
            home.model_name("gpt-5.5")
                .sandbox_mode("danger-full-access")
        })
        .await
    }

    /// Creates a stage whose home is built with `configure`.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub async fn with(
        configure: impl FnOnce(CodexHomeBuilder) -> CodexHomeBuilder,
    ) -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(codex_testkit::runtime).await??;
        let model = ScriptedModel::start().await?;
        let home = configure(CodexHome::builder().model(&model)).build()?;
        let recorder = ProxyRecorder::start()?;
        Ok(Self {
            model,
            home,
            recorder,
            servers: Mutex::default(),
        })
    }

    /// Creates a stage for ChatGPT logins. The scripted model also plays the login service, and answers all
    /// of its requests with 404.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub async fn with_chatgpt() -> anyhow::Result<Self> {
        let stage = Self::with(|home| {
            let home = home.requires_openai_auth(true).feature("apps", false);
            home.config_toml("[analytics]\nenabled = false")
        });
        let stage = stage.await?;
        let backend = format!("chatgpt_base_url = '{}'", stage.model.base_url());
        stage.home.merge_config(&backend)?;
        Ok(stage)
    }

    /// Returns the environment for a runtime on this stage, or for a program that starts one.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.home.env();
        env.extend(self.recorder.env());
        env
    }

    /// Returns the pinned runtime as a process on this stage, with pipes for its input and output. It is
    /// killed when its handle is dropped.
    ///
    /// # Errors
    /// If the runtime is missing, or its folder can't be added to `PATH`.
    pub fn runtime(&self) -> anyhow::Result<Command> {
        let runtime = codex_testkit::runtime()?;
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = runtime.path_dir.into_iter().chain(env::split_paths(&path));
        let mut command = Command::new(runtime.codex);
        command
            .envs(self.env())
            .env("PATH", env::join_paths(folders)?)
            .current_dir(self.home.workspace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// A program on this stage, with pipes for its input and output. No signal is ignored: what started the tests may
    /// have told them to, as shells do in the background.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new("env");
        command
            .args(["--default-signal", program])
            .envs(self.env())
            .current_dir(self.home.workspace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Returns a builder for a client on this stage.
    pub fn builder(&self) -> CodexBuilder {
        Codex::builder().envs(self.env()).cwd(self.home.workspace())
    }

    /// Starts a client on this stage, over the [transport](Transport) of this run; clients of servers share
    /// one.
    ///
    /// # Errors
    /// If the runtime doesn't start.
    pub async fn start(&self) -> codex_sdk::Result<Codex> {
        let running = || self.servers().first().cloned();
        match running() {
            Some(server) => server.connect().await,
            None => self.open(self.builder()).await,
        }
    }

    /// Starts a client whose runtime is a child of this program, whatever the transport of this run.
    ///
    /// # Errors
    /// If the runtime doesn't start.
    pub async fn child(&self) -> codex_sdk::Result<Codex> {
        self.builder().start().await
    }

    /// Starts a client with these options, over the [transport](Transport) of this run. If that needs a
    /// server, the client gets its own.
    ///
    /// # Errors
    /// If the runtime doesn't start.
    pub async fn open(&self, builder: CodexBuilder) -> codex_sdk::Result<Codex> {
        let listen = match Transport::of_this_run() {
            Transport::Stdio => return builder.start().await,
            Transport::Unix => {
                Listen::Unix(self.home.path().join(format!("{}.sock", self.count())))
            }
            Transport::WebSocket => Listen::Loopback,
        };
        // As with a child: the next client doesn't wait for this one's threads to be unloaded.
        let builder = builder.config("thread_unload_delay_secs", 0);
        let server = Arc::new(builder.serve().listen(listen).start().await?);
        let client = server.connect();
        self.servers().push(server);
        client.await
    }

    fn servers(&self) -> MutexGuard<'_, Vec<Arc<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> usize {
        self.servers().len()
    }

    /// Starts a server on this stage, on a local port.
    ///
    /// # Errors
    /// If it doesn't start.
    pub async fn server(&self) -> codex_sdk::Result<Server> {
        self.builder().serve().start().await
    }

    /// Starts a client and a thread on this stage.
    ///
    /// # Errors
    /// If the runtime doesn't start, or refuses the thread.
    pub async fn start_thread(&self) -> codex_sdk::Result<(Codex, Thread)> {
        let codex = self.start().await?;
        let thread = codex.thread_start().await?;
        Ok((codex, thread))
    }

    /// Creates a stage as [`Self::new`] does, and starts a client on it.
    ///
    /// # Errors
    /// As for [`Self::new`] and [`Self::start`].
    pub async fn with_client() -> anyhow::Result<(Self, Codex)> {
        let stage = Self::new().await?;
        let codex = stage.start().await?;
        Ok((stage, codex))
    }
}

/// How clients reach their runtime in this run, set by the variable `E2E_TRANSPORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// As a child of this program.
    Stdio,
    /// A server on a Unix socket.
    Unix,
    /// A server on a port.
    WebSocket,
}

impl Transport {
    /// # Panics
    /// For an unknown transport.
    pub fn of_this_run() -> Self {
        match env::var("E2E_TRANSPORT").as_deref() {
            Err(_) | Ok("stdio") => Self::Stdio,
            Ok("unix") => Self::Unix,
            Ok("ws") => Self::WebSocket,
            Ok(other) => panic!("no transport: {other}"),
        }
    }
}

impl Drop for Stage {
    /// # Panics
    /// If the runtime opened a connection to another machine, or if a process of this stage is left: a
    /// runtime, or a process it started.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.servers().clear();
        assert_eq!(self.recorder.connections(), Vec::<String>::new());
        assert_eq!(left_in(self.home.path()), Vec::<String>::new());
    }
}

/// Returns the code blocks of this language in a page.
pub fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let parts = page.split("\n```").filter_map(|part| part.split_once('\n'));
    let parts = parts.filter(|(info, _)| info.split(',').next() == Some(language));
    parts.map(|(_, block)| block).collect()
}

/// Returns whether no request is unanswered and no turn is known to run.
pub fn is_idle(codex: &Codex) -> bool {
    let stats = codex.stats();
    (stats.requests_in_flight, stats.live_turns) == (0, 0)
}

/// Waits until no request is unanswered and no turn is known to run.
///
/// # Panics
/// If that takes longer than 15 seconds.
pub async fn idle(codex: &Codex) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !is_idle(codex) {
        assert!(Instant::now() < deadline, "{:?}", codex.stats());
        tokio::task::yield_now().await;
    }
}

/// Runs an ordinary turn on this thread, and checks that the client is idle before and after it.
///
/// # Panics
/// If the turn fails, or the client doesn't become idle.
pub async fn is_usable(stage: &Stage, codex: &Codex, thread: &Thread) {
    idle(codex).await;
    stage.model.push(Reply::text("usable"));
    let run = thread.run("Still there?").timeout(Duration::from_secs(30));
    let result = run.await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(result.final_response.as_deref(), Some("usable"));
    idle(codex).await;
}

/// Returns the next piece of the model's message in this turn, or `None` at its end.
///
/// # Panics
/// If the stream fails, or contains events of another thread.
pub async fn next_text<O>(turn: &mut TurnHandle<O>) -> Option<String> {
    while let Some(event) = turn.next().await {
        let event = event.unwrap_or_else(|error| panic!("the stream broke off: {error}"));
        assert_eq!(event.thread_id(), Some(turn.thread_id()));
        if let Some(text) = event.text_delta() {
            return Some(text.to_owned());
        }
    }
    None
}

/// Returns the processes with this home in their environment: programs under test, runtimes, tools. Each is
/// its id and command line. This reads `/proc`, so it finds none on systems other than Linux.
pub fn processes_in(home: &Path) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let marker = format!("CODEX_HOME={}\0", home.display());
    let own = std::process::id().to_string();
    let ids = processes.flatten().filter_map(|process| {
        let id = process.file_name().into_string().ok()?;
        let environment = fs::read(process.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment);
        let command = fs::read(process.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        (id != own && environment.contains(&marker)).then(|| format!("{id} {command}"))
    });
    ids.collect()
}

/// Returns what is left of them, once nothing is or 10 s have passed: on a busy machine, a process that was killed is
/// there for a moment longer.
pub fn left_in(home: &Path) -> Vec<String> {
    let deadline = Instant::now() + LEFT;
    loop {
        let left = processes_in(home);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::yield_now();
    }
}

/// Returns the id of the only process with this home in its environment. Its children don't count: a
/// runtime briefly starts some to inspect a repository.
///
/// # Panics
/// If there is another process, or none, as on every system but Linux.
pub fn only_process_in(home: &Path) -> String {
    let running = processes_in(home);
    let ids = running.iter().filter_map(|it| it.split(' ').next());
    let ids: Vec<&str> = ids.collect();
    let is_first = |id: &&&str| parent(id).is_some_and(|parent| !ids.contains(&&*parent));
    let first: Vec<&&str> = ids.iter().filter(is_first).collect();
    let [id] = first[..] else {
        panic!("not one process: {running:?}");
    };
    (*id).to_owned()
}

/// The parent's process id.
fn parent(id: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some(parent.trim().to_owned())
}

/// Compiles the programs in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

// Pages whose programs are compiled and whose links rustdoc resolves. It resolves them only inside a module,
// and only if nothing outside the module documents it too.

#[cfg(any(doc, doctest))]
pub mod faq {
    #![doc = include_str!(concat!(env!("OUT_DIR"), "/faq.md"))]

    use codex_sdk::*;
}

#[cfg(any(doc, doctest))]
pub mod guide {
    #![doc = include_str!("../../docs/guide.md")]
}

#[cfg(any(doc, doctest))]
pub mod getting_started {
    #![doc = include_str!("../../docs/getting-started.md")]
}

#[cfg(any(doc, doctest))]
pub mod migrating_from_python {
    #![doc = include_str!(concat!(env!("OUT_DIR"), "/migrating-from-python.md"))]

    use codex_sdk::*;
}

#[cfg(doc)]
pub mod parity {
    #![doc = include_str!("../../docs/parity.md")]

    use codex_sdk::*;
}
