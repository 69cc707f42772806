//! The router beside a model of it, in random interleavings: turns and goals that are started, joined, watched,
//! steered, interrupted, dropped and ended in any order and way, requests of the runtime in between, and the end of
//! the connection at any moment.
//!
//! The model says what each handle must get, from nothing but the order in which things were sent. `MODEL_CASES` is
//! another number of cases than 1,000; a case has about a hundred steps. What fails is kept in `model.seeds` and is
//! tried first from then on.

use std::cell::Cell;
use std::io::Write as _;

use codex_sdk::Error;
use codex_sdk::types::{CommandExecutionApprovalDecision, CommandExecutionRequestApprovalResponse};
use codex_testkit::peer::shapes;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest};

use crate::goals::peer::{goal_is, goal_of};
use real::{Handle, Real, id_of, message};
use reference::{Model, RequestState};
use steps::{Step, among};

mod finish;
mod real;
mod reference;
mod steps;

const THREADS: usize = 3;

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
        Step::Interrupt { handle } => {
            if let Some((number, _)) = model.controlled(handle) {
                let turn = real.stream(number);
                let interrupt = turn.interrupt();
                real.controls
                    .push(real.tokio.spawn(async move { interrupt.await.is_ok() }));
            }
        }
        Step::Steer { handle } => {
            if let Some((number, turn)) = model.controlled(handle) {
                let steer = real.stream(number).steer("more");
                let runs = !model.turn(turn).ended;
                real.controls
                    .push(real.tokio.spawn(async move { steer.await.is_ok() == runs }));
            }
        }
        Step::Watch { thread } => {
            let watch = real.threads[thread].watch();
            real.watches.push(Some(watch));
        }
        Step::LookAway { watch } => {
            if let Some(watch) = among(watch, real.watches.len()) {
                real.watches[watch] = None;
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
                let item = message(model.items.len() - 1);
                let (thread, turn) = (id_of(thread), turn.to_string());
                real.tokio
                    .block_on(real.peer.turn(&thread, &turn).item_completed(item));
            }
        }
        Step::List { thread } => real.list(model, thread),
        Step::End { thread, .. } => {
            let ended = |number: &u32| {
                let turn = model.turn(*number);
                turn.thread == thread && turn.ended && !real.ended.contains(number)
            };
            if let Some(turn) = (0..).take(model.turns.len()).find(ended) {
                real.ended.insert(turn);
                let status = model.turn(turn).status;
                let (thread, turn) = (id_of(thread), turn.to_string());
                let mut turn = real.peer.turn(&thread, &turn);
                real.tokio.block_on(turn.completed(status));
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
            let unasked = times.checked_sub(model.turn(*turn).interrupts).unwrap();
            let before = real.seen.insert(*turn, unasked).unwrap_or_default();
            assert!(
                before == unasked || !model.is_wanted(*turn),
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

#[test]
fn the_router_does_what_its_model_says() {
    let cases = std::env::var("MODEL_CASES").map_or(1000, |cases| cases.parse().unwrap());
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/it/model.seeds",
        ))),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let steps = Cell::new(0);
    let mut runner = TestRunner::new(config.clone());
    let outcome = runner.run(
        &Model::sequential_strategy(1..200),
        |(model, transitions, seen)| {
            steps.set(steps.get() + transitions.len());
            Model::test_sequential(config.clone(), model, transitions, seen);
            Ok(())
        },
    );
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let steps = steps.get();
    // Past the capture of the test harness.
    writeln!(std::io::stdout(), "model | {cases} cases | {steps} steps").unwrap();
    // They have a hundred on average.
    assert!(cases > 0 && (cases < 100 || steps > 80 * cases as usize));
}
