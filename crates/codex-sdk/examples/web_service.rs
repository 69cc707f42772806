//! A web service: each user has a page with a conversation, approvals and any number of viewers.
//!
//! It listens on port 8080 of this machine; set another with `-- PORT`, or 0 for any free port. The user is the name
//! in `?user=ada`: a real service would check a login instead.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, io};

use anyhow::Context;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use codex_sdk::types::{
    CommandExecutionApprovalDecision as Command, FileChangeApprovalDecision as File, ServerRequest,
    TurnItemsView,
};
use codex_sdk::{
    Codex, Error, PendingRequest, Sandbox, ServerRequests, Thread, ThreadWatch, TurnControl,
};
use futures_core::Stream;
use futures_util::stream::{StreamExt as _, once, unfold};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell, watch};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port = env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let port: u16 = port.parse().context("which port? Give a number")?;
    let (builder, requests) = Codex::builder().server_requests();
    let codex = builder.start().await?;
    let folder = tempfile::tempdir()?;
    let service = Arc::new(Service {
        codex: codex.clone(),
        folder: folder.path().canonicalize()?,
        users: Mutex::default(),
        approvals: watch::Sender::default(),
        closing: watch::Sender::new(false),
    });
    tokio::spawn(park(Arc::clone(&service), requests));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    println!("Ctrl-C ends it.");
    let router = Router::new()
        .route("/", get(Html(include_str!("pages/web_service.html"))))
        .route("/events", get(events))
        .route("/turns", post(start_turn))
        .route("/interrupt", post(interrupt))
        .route("/approvals/{id}", post(answer))
        .layer(from_fn(only_from_here))
        .with_state(Arc::clone(&service));
    let stop = async move {
        // If signals aren't available, the service runs until its process is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        // The server waits for the responses it has started, and a stream of events never ends by itself.
        service.closing.send_replace(true);
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await?;
    codex.close().await?;
    println!("Goodbye.");
    Ok(())
}

/// State shared by all requests.
struct Service {
    codex: Codex,
    /// Contains a folder for each user.
    folder: PathBuf,
    /// A user's first request starts the thread; others wait for it.
    users: Mutex<HashMap<String, Arc<OnceCell<User>>>>,
    /// The runtime's requests, by the number that the page answers with. Viewers subscribe to them.
    approvals: watch::Sender<BTreeMap<u64, Arc<PendingRequest>>>,
    closing: watch::Sender<bool>,
}

/// A user's conversation, and the turn started last.
#[derive(Clone)]
struct User {
    folder: PathBuf,
    thread: Thread,
    turn: Arc<Mutex<Option<TurnControl>>>,
}

impl User {
    async fn start(service: &Service, name: &str) -> Result<Self, Failure> {
        let folder = service.folder.join(name);
        fs::create_dir_all(&folder)?;
        // Read-only: every change needs an approval.
        let thread = service.codex.thread_start().cwd(&folder);
        Ok(Self {
            folder,
            thread: thread.sandbox(Sandbox::ReadOnly).await?,
            turn: Arc::default(),
        })
    }

    /// Whether the request comes from the user's thread or a sub-agent of it.
    fn is_asked(&self, pending: &PendingRequest) -> bool {
        pending.context.root_thread_id() == Some(self.thread.id())
    }
}

impl FromRequestParts<Arc<Service>> for User {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Named {
            user: String,
        }
        let named = Query::<Named>::try_from_uri(&parts.uri).map_err(|_| Failure::User)?;
        // The name becomes a folder, and some file systems don't distinguish `Ada` from `ada`.
        let name = named.0.user.to_ascii_lowercase();
        if !(1..=32).contains(&name.len()) || !name.bytes().all(|it| it.is_ascii_alphanumeric()) {
            return Err(Failure::User);
        }
        let cell = Arc::clone(service.users.lock().await.entry(name.clone()).or_default());
        let user = cell.get_or_try_init(|| Self::start(service, &name)).await?;
        Ok(user.clone())
    }
}

#[derive(Deserialize)]
struct NewTurn {
    text: String,
}

/// Starts a turn, or steers the running one. `/events` reports what it does.
async fn start_turn(
    user: User,
    State(service): State<Arc<Service>>,
    turn: Result<Json<NewTurn>, JsonRejection>,
) -> Result<Json<serde_json::Value>, Failure> {
    let Json(NewTurn { text }) = turn?;
    // Keep closed requests until now: a late answer to one learns why it is too late.
    service.approvals.send_modify(|approvals| {
        approvals.retain(|_, it| it.is_open() || !user.is_asked(it));
    });
    let turn = user.thread.turn(text).await?;
    *user.turn.lock().await = Some(turn.control());
    Ok(Json(json!({ "turnId": turn.id() })))
}

async fn interrupt(user: User) -> Result<StatusCode, Failure> {
    let turn = user.turn.lock().await.clone();
    if let Some(turn) = turn {
        turn.interrupt().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps approvals until the page answers them. Any other request is dropped, which refuses it.
async fn park(service: Arc<Service>, mut requests: ServerRequests) {
    let mut id = 0;
    while let Some(pending) = requests.next().await {
        if let ServerRequest::ItemCommandExecutionRequestApproval(_)
        | ServerRequest::ItemFileChangeRequestApproval(_) = pending.request
        {
            id += 1;
            let (service, pending) = (Arc::clone(&service), Arc::new(pending));
            service.approvals.send_modify(|approvals| {
                approvals.insert(id, Arc::clone(&pending));
            });
            tokio::spawn(async move {
                // Answered or no longer needed: viewers learn that it isn't waiting any more.
                pending.withdrawn().await;
                service.approvals.send_modify(|_| ());
            });
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    accept: bool,
}

async fn answer(
    user: User,
    State(service): State<Arc<Service>>,
    Path(id): Path<u64>,
    answer: Result<Json<Answer>, JsonRejection>,
) -> Result<StatusCode, Failure> {
    let Json(Answer { accept }) = answer?;
    let approvals = service.approvals.borrow();
    let pending = approvals.get(&id).filter(|it| user.is_asked(it));
    let pending = pending.ok_or(Failure::NoApproval(id))?;
    match (&pending.request, accept) {
        (ServerRequest::ItemFileChangeRequestApproval(_), true) => pending.respond(File::Accept),
        (ServerRequest::ItemFileChangeRequestApproval(_), false) => pending.respond(File::Decline),
        (_, true) => pending.respond(Command::Accept),
        (_, false) => pending.respond(Command::Decline),
    }?;
    Ok(StatusCode::NO_CONTENT)
}

/// Streams the history of the user's thread, then everything that happens on it and the open approvals.
async fn events(
    user: User,
    State(service): State<Arc<Service>>,
) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    // Start watching before reading the history, to miss nothing in between.
    let watch = user.thread.watch();
    let turns = user.thread.turns().items_view(TurnItemsView::Full).await;
    // The runtime returns an error for a thread without turns.
    let turns = turns.map_or(Vec::new(), |page| page.data);
    let history = json!({ "folder": user.folder, "turns": turns });
    let history = Event::default().event("history").json_data(history);
    let viewer = Viewer {
        watch,
        user,
        approvals: service.approvals.subscribe(),
        shown: None,
        closing: service.closing.subscribe(),
    };
    let events = unfold(viewer, async |mut viewer| {
        let event = viewer.next().await?;
        Some((event, viewer))
    });
    Sse::new(once(ready(history)).chain(events)).keep_alive(KeepAlive::default())
}

struct Viewer {
    watch: ThreadWatch,
    user: User,
    approvals: watch::Receiver<BTreeMap<u64, Arc<PendingRequest>>>,
    /// The approvals shown on the page.
    shown: Option<Vec<u64>>,
    closing: watch::Receiver<bool>,
}

impl Viewer {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        loop {
            if let Some(event) = self.approvals() {
                return Some(event);
            }
            tokio::select! {
                event = self.watch.next() => return Some(match event? {
                    Ok(event) => Event::default().event("notification").json_data(event),
                    Err(error) => Event::default().event("trouble").json_data(error),
                }),
                changed = self.approvals.changed() => changed.ok()?,
                _ = self.closing.wait_for(|closing| *closing) => return None,
            }
        }
    }

    /// Returns the user's open approvals if they have changed through a request, an answer or the end of a turn.
    fn approvals(&mut self) -> Option<Result<Event, axum::Error>> {
        let approvals = self.approvals.borrow_and_update();
        let waiting = approvals
            .iter()
            .filter(|(_, it)| it.is_open() && self.user.is_asked(it));
        let ids = waiting.clone().map(|(id, _)| *id).collect();
        if self.shown.as_ref() == Some(&ids) {
            return None;
        }
        self.shown = Some(ids);
        let shown = waiting.map(
            |(id, it)| json!({ "id": id, "request": it.request, "changes": it.context.changes() }),
        );
        let shown = shown.collect::<Vec<_>>();
        Some(Event::default().event("approvals").json_data(shown))
    }
}

/// Rejects pages of other sites, whether they send requests here or their host name resolves to this machine.
async fn only_from_here(request: Request, next: Next) -> Result<Response, Failure> {
    if !is_from_here(request.headers()) {
        return Err(Failure::Elsewhere);
    }
    Ok(next.run(request).await)
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| Some(headers.get(name)?.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost"].contains(&name)
        && text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"))
}

/// Why a request failed: a status, plus a kind and a message as JSON.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0:?}")]
    Codex(#[from] Error),
    #[error("{0}")]
    Body(#[from] JsonRejection),
    #[error("the folder of the user can't be made: {0}")]
    Folder(#[from] io::Error),
    #[error("name the user, as in `?user=ada`: 1 to 32 ASCII letters and digits")]
    User,
    #[error("nobody asked this user for the approval {0}")]
    NoApproval(u64),
    #[error("only the page of this service may ask, at http://127.0.0.1 or http://localhost")]
    Elsewhere,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind) = match &self {
            Self::Codex(error) => {
                let status = match error {
                    Error::RequestWithdrawn { .. } => StatusCode::GONE,
                    Error::InvalidInput(_) => StatusCode::BAD_REQUEST,
                    error if error.is_closed() => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::BAD_GATEWAY,
                };
                // Serialised, it has a kind, a message and more.
                return (status, Json(error)).into_response();
            }
            Self::Body(rejection) => (rejection.status(), "Body"),
            Self::Folder(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Folder"),
            Self::User => (StatusCode::BAD_REQUEST, "User"),
            Self::NoApproval(_) => (StatusCode::NOT_FOUND, "NoApproval"),
            Self::Elsewhere => (StatusCode::FORBIDDEN, "Elsewhere"),
        };
        let message = self.to_string();
        (status, Json(json!({ "kind": kind, "message": message }))).into_response()
    }
}
