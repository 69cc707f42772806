//! The router beside a model of it, in random interleavings: turns and goals that are started, joined, dropped
//! and ended in any order, requests of the runtime in between, and the end of the connection at any moment.
//!
//! The model says what each handle must get, from nothing but the order in which things were sent. `MODEL_CASES` is
//! another number of cases than 1,000; a case has about a hundred steps. What fails is kept in `model.seeds` and is
//! tried first from then on.

use codex_sdk::Error;
use codex_sdk::types::{CommandExecutionApprovalDecision, CommandExecutionRequestApprovalResponse};
use codex_testkit::peer::shapes;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::goals::peer::{goal_is, goal_of};
use real::{Handle, Real, id_of};
use reference::{Model, RequestState};

mod real;
mod reference;

const THREADS: usize = 3;

/// What happens next. The numbers choose among what there is, and where there is nothing, nothing happens.
#[derive(Debug, Clone)]
enum Step {
    /// The program calls `turn`, or `run`.
    Start {
        thread: usize,
        run: bool,
    },
    /// The program sets a goal, or runs one. Only an idle thread takes it.
    Goal {
        thread: usize,
        run: bool,
    },
    /// The runtime answers the oldest call of a thread, with the turn that runs there or a new one.
    Accept {
        thread: usize,
    },
    /// The runtime refuses it.
    Refuse {
        thread: usize,
    },
    /// A turn begins: one that was accepted, one whose call is answered later, or one for the goal.
    Begin {
        thread: usize,
    },
    /// An item of the running turn.
    Say {
        thread: usize,
    },
    End {
        thread: usize,
    },
    /// The goal of a thread is reached. It is over with the turn that runs.
    Reach {
        thread: usize,
    },
    /// The program reads what there is for a handle.
    Read {
        handle: usize,
    },
    /// The program drops a handle, or a call that waits.
    Drop {
        handle: usize,
    },
    /// The runtime asks for an approval.
    Ask {
        thread: usize,
    },
    /// It asks again, as after a resume.
    AskAgain {
        request: usize,
    },
    Answer {
        request: usize,
    },
    /// The program drops a request, which refuses it.
    Forget {
        request: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (thread, number) = (0..THREADS, any::<usize>());
    prop_oneof![
        4 => (thread.clone(), any::<bool>()).prop_map(|(thread, run)| Step::Start { thread, run }),
        2 => (thread.clone(), any::<bool>()).prop_map(|(thread, run)| Step::Goal { thread, run }),
        4 => thread.clone().prop_map(|thread| Step::Accept { thread }),
        1 => thread.clone().prop_map(|thread| Step::Refuse { thread }),
        4 => thread.clone().prop_map(|thread| Step::Begin { thread }),
        6 => thread.clone().prop_map(|thread| Step::Say { thread }),
        3 => thread.clone().prop_map(|thread| Step::End { thread }),
        1 => thread.clone().prop_map(|thread| Step::Reach { thread }),
        3 => number.prop_map(|handle| Step::Read { handle }),
        2 => number.prop_map(|handle| Step::Drop { handle }),
        2 => thread.prop_map(|thread| Step::Ask { thread }),
        1 => number.prop_map(|request| Step::AskAgain { request }),
        2 => number.prop_map(|request| Step::Answer { request }),
        1 => number.prop_map(|request| Step::Forget { request }),
    ]
}

/// The number that is meant, if there are any.
fn among(number: usize, count: usize) -> Option<usize> {
    number.checked_rem(count)
}

/// What the program does.
fn by_the_program(real: &mut Real, model: &Model, step: &Step) {
    match *step {
        Step::Start { thread, run } => {
            let thread = &real.threads[thread];
            let (turn, whole) = (thread.turn("go"), thread.run("go"));
            real.call(run, turn.into_future(), whole.into_future());
        }
        Step::Goal { thread, run } => {
            let goal = |real: &Real| real.threads[thread].goal("go");
            let (turn, whole) = (goal(real).into_future(), goal(real).run());
            real.call(run, turn, whole);
        }
        Step::Read { handle } => {
            if let Some(handle) = among(handle, real.handles.len()) {
                real.read(handle);
            }
        }
        Step::Drop { handle } => {
            if let Some(number) = among(handle, real.handles.len()) {
                match std::mem::replace(&mut real.handles[number], Handle::Gone) {
                    Handle::Starts(call) => call.abort(),
                    Handle::Runs(run) => run.abort(),
                    Handle::Stream(..) | Handle::Gone => {}
                }
            }
        }
        Step::Answer { request } => {
            if let Some(number) = among(request, model.requests.len())
                && let Some(request) = real.requests[number].take()
            {
                let accept = CommandExecutionApprovalDecision::Accept;
                let answered =
                    request.respond(CommandExecutionRequestApprovalResponse::from(accept));
                match model.requests[number].state {
                    RequestState::Answered => answered.unwrap(),
                    _ => assert!(matches!(answered, Err(Error::RequestWithdrawn { .. }))),
                }
            }
        }
        Step::Forget { request } => {
            if let Some(number) = among(request, model.requests.len()) {
                real.requests[number] = None;
            }
        }
        _ => {}
    }
}

/// What the runtime does.
fn by_the_runtime(real: &mut Real, model: &Model, step: &Step) {
    match *step {
        Step::Accept { thread } => {
            if let Some(call) = real.calls[thread].pop_front() {
                let turn = model.threads[thread].running.unwrap();
                let response = shapes::turn_start_response(&turn.to_string());
                real.tokio.block_on(real.peer.reply(&call, response));
            }
        }
        Step::Refuse { thread } => {
            if let Some(call) = real.calls[thread].pop_front() {
                real.tokio
                    .block_on(real.peer.reply_error(&call, -32600, "no", None));
            }
        }
        Step::Begin { thread } => {
            if let Some(turn) = model.begun(thread)
                && !real.begun.contains(&turn)
            {
                real.begun.insert(turn);
                let (thread, turn) = (id_of(thread), turn.to_string());
                real.tokio
                    .block_on(real.peer.turn(&thread, &turn).started());
            }
        }
        Step::Say { thread } => {
            if let Some(turn) = model.begun(thread) {
                let text = (model.items.len() - 1).to_string();
                let item = shapes::agent_message(&format!("item {text}"), &text);
                let (thread, turn) = (id_of(thread), turn.to_string());
                real.tokio
                    .block_on(real.peer.turn(&thread, &turn).item_completed(item));
            }
        }
        Step::End { thread } => {
            let ended = |number: &u32| {
                let turn = model.turn(*number);
                turn.thread == thread && turn.ended && !real.ended.contains(number)
            };
            if let Some(turn) = (0..).take(model.turns.len()).find(ended) {
                real.ended.insert(turn);
                let (thread, turn) = (id_of(thread), turn.to_string());
                real.tokio
                    .block_on(real.peer.turn(&thread, &turn).completed("completed"));
            }
        }
        Step::Reach { thread } => {
            let reached = |number: &usize| {
                let handle = &model.handles[*number];
                let goal = handle.goal.as_ref();
                handle.thread == thread
                    && goal.is_some_and(|goal| !goal.pursued)
                    && !real.reached.contains(number)
            };
            if let Some(handle) = (0..model.handles.len()).find(reached) {
                real.reached.insert(handle);
                let goal = goal_of(&id_of(thread), "complete");
                real.tokio.block_on(goal_is(&mut real.peer, goal));
            }
        }
        Step::Ask { .. } if real.requests.len() < model.requests.len() => {
            let request = real.requests.len();
            real.ask(model, request);
            let asked = real.tokio.block_on(real.asked.next());
            real.requests.push(Some(asked.unwrap()));
        }
        Step::AskAgain { request } => {
            if let Some(request) = among(request, model.requests.len())
                && model.may_be_asked(request)
            {
                real.ask(model, request);
            }
        }
        _ => {}
    }
}

impl StateMachineTest for Model {
    type SystemUnderTest = Real;
    type Reference = Self;

    fn init_test(_: &Self) -> Real {
        Real::start()
    }

    /// Does what the model has already done: that one is a step ahead.
    fn apply(mut real: Real, model: &Self, step: Step) -> Real {
        by_the_program(&mut real, model, &step);
        by_the_runtime(&mut real, model, &step);
        real.settle();
        // Nobody may lose a turn that he has.
        for (turn, times) in &real.interrupted {
            let before = real.seen.insert(*turn, *times).unwrap_or_default();
            assert!(
                before == *times || !model.is_wanted(*turn),
                "turn {turn} was wanted"
            );
        }
        real.check(model);
        real
    }

    fn teardown(real: Real, model: Self) {
        real.finish(&model);
    }
}

prop_state_machine! {
    #![proptest_config(Config {
        cases: std::env::var("MODEL_CASES").map_or(1000, |cases| cases.parse().unwrap()),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/it/model.seeds"))),
        max_shrink_iters: 20_000,
        ..Config::default()
    })]

    #[test]
    fn the_router_does_what_its_model_says(sequential 1..200 => Model);
}
