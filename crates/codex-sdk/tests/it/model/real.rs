//! The client, and the runtime that it talks to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{
    Call, Codex, Error, Notification, NotificationStream, PendingRequest, Result, ServerRequests,
    Thread, ThreadWatch, TurnHandle, TurnResult,
};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::THREADS;
use super::reference::{Model, RequestState};
use crate::goals::peer::{goal_is, goal_of};
use crate::support::{connect_with, start_thread};

/// A client and the runtime that it talks to.
pub(super) struct Real {
    pub(super) tokio: Runtime,
    pub(super) codex: Codex,
    pub(super) peer: Peer,
    pub(super) threads: Vec<Thread>,
    pub(super) handles: Vec<Handle>,
    pub(super) watches: Vec<Option<ThreadWatch>>,
    pub(super) rest: NotificationStream,
    pub(super) asked: ServerRequests,
    pub(super) requests: Vec<Option<PendingRequest>>,
    /// The ids of calls that aren't answered.
    pub(super) calls: [VecDeque<Value>; THREADS],
    /// The same of reads.
    pub(super) reads: [VecDeque<Value>; THREADS],
    /// Interrupts and steers of the program: whether they came out as they must.
    pub(super) controls: Vec<JoinHandle<bool>>,
    pub(super) interrupted: BTreeMap<u32, usize>,
    pub(super) steered: BTreeMap<u32, usize>,
    pub(super) answers: BTreeMap<usize, Vec<bool>>,
    /// Turns that were announced, that were ended, and whose interrupt was looked at.
    pub(super) begun: BTreeSet<u32>,
    pub(super) ended: BTreeSet<u32>,
    /// Handles whose goals were reported as reached.
    pub(super) reached: BTreeSet<usize>,
    pub(super) seen: BTreeMap<u32, usize>,
}

/// What the program has of a turn.
pub(super) enum Handle {
    Starts(JoinHandle<Result<TurnHandle>>),
    Runs(JoinHandle<Result<TurnResult>>),
    Stream(Box<TurnHandle>, Got),
    Gone,
}

/// What has come for a stream.
#[derive(Default)]
pub(super) struct Got {
    pub(super) items: Vec<usize>,
    pub(super) end: Option<TurnStatus>,
    pub(super) lost: bool,
}

impl Got {
    pub(super) fn take(&mut self, event: Result<Notification>) {
        match event {
            Ok(Notification::TurnCompleted(done)) => {
                assert_eq!(self.end.replace(done.turn.status), None);
            }
            Ok(event) => self.items.extend(item(&event)),
            Err(error) => {
                assert!(error.is_closed(), "{error:?}");
                self.lost = true;
            }
        }
    }
}

pub(super) fn id_of(thread: usize) -> String {
    format!("thread {thread}")
}

/// The item of this number.
pub(super) fn message(number: usize) -> Value {
    shapes::agent_message(&format!("item {number}"), &number.to_string())
}

/// The number of an item, if the notification has one.
pub(super) fn item(event: &Notification) -> Option<usize> {
    match event {
        Notification::ItemCompleted(done) => match &done.item {
            ThreadItem::AgentMessage(message) => message.text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

impl Real {
    pub(super) fn start() -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread();
        let tokio = { tokio }.enable_all().build().unwrap();
        let parts = tokio.block_on(async {
            let (builder, asked) = Codex::builder().server_requests();
            let (codex, mut peer) = connect_with(builder).await;
            let rest = codex.notifications();
            let mut threads = Vec::new();
            for thread in 0..THREADS {
                threads.push(start_thread(&codex, &mut peer, &id_of(thread)).await);
            }
            (codex, peer, rest, asked, threads)
        });
        let (codex, peer, rest, asked, threads) = parts;
        Self {
            tokio,
            codex,
            peer,
            threads,
            handles: Vec::new(),
            watches: Vec::new(),
            rest,
            asked,
            requests: Vec::new(),
            calls: Default::default(),
            reads: Default::default(),
            controls: Vec::new(),
            interrupted: BTreeMap::new(),
            steered: BTreeMap::new(),
            answers: BTreeMap::new(),
            begun: BTreeSet::new(),
            ended: BTreeSet::new(),
            reached: BTreeSet::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Begins one of two calls, which has the next handle.
    pub(super) fn call(&mut self, run: bool, turn: Call<TurnHandle>, whole: Call<TurnResult>) {
        let handle = if run {
            Handle::Runs(self.tokio.spawn(whole))
        } else {
            Handle::Starts(self.tokio.spawn(turn))
        };
        self.handles.push(handle);
    }

    /// Lets both sides deal with everything that has been sent.
    pub(super) fn settle(&mut self) {
        let Self {
            tokio,
            codex,
            peer,
            calls,
            reads,
            controls,
            interrupted,
            steered,
            ended,
            answers,
            ..
        } = self;
        tokio.block_on(async {
            // What one round brings can bring something in turn, by way of a task or two.
            let mut quiet = 0;
            while quiet < 3 {
                quiet += 1;
                let probe = tokio::spawn(codex.request_raw("probe", json!({})).into_future());
                loop {
                    let message = peer.next_message().await.unwrap();
                    let id = message["id"].clone();
                    let params = &message["params"];
                    match message["method"].as_str() {
                        Some("probe") => {
                            peer.reply(&id, json!({})).await;
                            break;
                        }
                        Some("turn/start") => {
                            let thread = (0..THREADS).find(|it| params["threadId"] == id_of(*it));
                            calls[thread.unwrap()].push_back(id);
                        }
                        Some("thread/turns/list") => {
                            let thread = (0..THREADS).find(|it| params["threadId"] == id_of(*it));
                            reads[thread.unwrap()].push_back(id);
                        }
                        Some("thread/read") => {
                            let thread = shapes::thread(params["threadId"].as_str().unwrap());
                            peer.reply(&id, json!({ "thread": thread })).await;
                        }
                        Some("thread/goal/clear") => {
                            peer.reply(&id, json!({ "cleared": true })).await;
                        }
                        Some("thread/goal/set") => {
                            let status = params["status"].as_str().unwrap();
                            let goal = goal_of(params["threadId"].as_str().unwrap(), status);
                            peer.reply(&id, json!({ "goal": goal })).await;
                            goal_is(peer, goal).await;
                        }
                        Some("turn/interrupt") => {
                            let turn = params["turnId"].as_str().unwrap().parse();
                            *interrupted.entry(turn.unwrap()).or_default() += 1;
                            peer.reply(&id, json!({})).await;
                        }
                        Some("turn/steer") => {
                            let turn = params["expectedTurnId"].as_str().unwrap();
                            let number = turn.parse().unwrap();
                            *steered.entry(number).or_default() += 1;
                            if ended.contains(&number) {
                                let message = "no active turn to steer";
                                peer.reply_error(&id, -32600, message, None).await;
                            } else {
                                peer.reply(&id, json!({ "turnId": turn })).await;
                            }
                        }
                        Some(other) => panic!("{other} was not expected"),
                        None => {
                            let id = usize::try_from(id.as_u64().unwrap()).unwrap();
                            let accepted = message["result"]["decision"] == "accept";
                            answers.entry(id).or_default().push(accepted);
                        }
                    }
                    quiet = 0;
                }
                probe.await.unwrap().unwrap();
            }
            for control in controls.drain(..) {
                assert!(control.await.unwrap());
            }
        });
    }

    /// A handle that has a turn.
    pub(super) fn stream(&mut self, number: usize) -> &TurnHandle {
        self.read(number);
        match &self.handles[number] {
            Handle::Stream(turn, _) => turn,
            _ => panic!("handle {number} has no turn"),
        }
    }

    /// Answers a read of a thread with its newest turns.
    pub(super) fn list(&mut self, model: &Model, thread: usize) {
        let Some(read) = self.reads[thread].pop_front() else {
            return;
        };
        let turns = model.newest(thread).into_iter().map(|number| {
            let mut turn = shapes::turn(&number.to_string(), model.turn(number).status);
            let items = (0..model.items.len()).filter(|it| model.items[*it] == number);
            turn["items"] = items.map(message).collect();
            turn
        });
        let page = json!({ "data": turns.collect::<Vec<_>>(), "nextCursor": null });
        self.tokio.block_on(self.peer.reply(&read, page));
    }

    pub(super) fn ask(&mut self, model: &Model, request: usize) {
        let turn = model.requests[request].turn;
        let thread = id_of(model.turn(turn).thread);
        let approval = shapes::command_approval(&thread, &turn.to_string(), "item", "ls");
        let method = "item/commandExecution/requestApproval";
        self.tokio
            .block_on(self.peer.request(request, method, approval));
    }

    /// Takes what has come for a handle: a stream of its turn, or the result of its run.
    pub(super) fn read(&mut self, number: usize) {
        let handle = std::mem::replace(&mut self.handles[number], Handle::Gone);
        self.handles[number] = self.tokio.block_on(async {
            let mut handle = match handle {
                Handle::Starts(call) if call.is_finished() => match call.await.unwrap() {
                    Ok(turn) => Handle::Stream(Box::new(turn), Got::default()),
                    Err(error) if is_refusal(&error) => Handle::Gone,
                    Err(error) => panic!("{error:?}"),
                },
                other => other,
            };
            if let Handle::Stream(turn, got) = &mut handle {
                while let Some(event) = ready(turn.next()).await.flatten() {
                    got.take(event);
                }
            }
            handle
        });
    }

    /// Compares with the model.
    pub(super) fn check(&mut self, model: &Model) {
        let stats = self.codex.stats();
        assert_eq!(stats.requests_in_flight, model.in_flight());
        let runs = model.live_turns();
        assert!(runs.contains(&stats.live_turns), "{stats:?} {runs:?}");
        let open = model
            .requests
            .iter()
            .filter(|it| it.state == RequestState::Open);
        assert_eq!(stats.server_requests_pending, open.count());
        for (number, request) in model.requests.iter().enumerate() {
            let answers = self.answers.get(&number).map_or(&[][..], |it| it);
            let (expected, accepted) = match request.state {
                RequestState::Open => (0..=0, false),
                RequestState::Answered => (1..=request.asked, true),
                RequestState::Refused => (1..=request.asked, false),
                RequestState::Withdrawn => (0..=request.asked, false),
            };
            assert!(expected.contains(&answers.len()), "{request:?} {answers:?}");
            assert!(
                answers.iter().all(|it| *it == accepted),
                "{request:?} {answers:?}"
            );
        }
        for (number, turn) in (0..).zip(&model.turns) {
            let interrupts = self.interrupted.get(&number).copied().unwrap_or_default();
            let least = usize::from(model.is_given_up(number));
            let most = model.dropped_runs(number) + usize::from(model.is_straggler(number));
            let (least, most) = (least + turn.interrupts, most + turn.interrupts);
            assert!(
                (least..=most).contains(&interrupts),
                "{number}: {turn:?} has {interrupts} interrupts"
            );
            let steers = self.steered.get(&number).copied().unwrap_or_default();
            assert_eq!(steers, turn.steers, "{number}: {turn:?}");
        }
    }
}

/// Whether the runtime has refused a call, or the client itself because of what runs on the thread.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Rpc(_) | Error::ThreadBusy { .. })
}

/// The output of a future if it is ready now.
async fn ready<F: Future>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}
