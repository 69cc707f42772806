//! What there should be: nothing but the order in which things were sent.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::{Step, THREADS, among, step};

/// What there should be.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) threads: [ThreadModel; THREADS],
    pub(super) handles: Vec<HandleModel>,
    pub(super) requests: Vec<RequestModel>,
    /// Each item, with its turn, in the order in which they were sent.
    pub(super) items: Vec<u32>,
    pub(super) turns: Vec<TurnModel>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ThreadModel {
    pub(super) running: Option<u32>,
    /// Calls that aren't answered, by their handles.
    pub(super) unanswered: VecDeque<usize>,
    /// The handle whose goal has the thread.
    goal: Option<usize>,
    /// Whether a goal was given up here: a turn that begins without anybody may be interrupted.
    abandoned: bool,
}

#[derive(Debug, Clone)]
pub(super) struct TurnModel {
    pub(super) thread: usize,
    pub(super) begun: bool,
    pub(super) ended: bool,
}

#[derive(Debug, Clone)]
pub(super) struct HandleModel {
    pub(super) thread: usize,
    /// Dropping it gives up what it runs.
    pub(super) run: bool,
    /// How many items had been sent when it was called.
    pub(super) since: usize,
    /// At most one, unless it is a goal's.
    pub(super) turns: Vec<u32>,
    pub(super) goal: Option<GoalModel>,
    pub(super) refused: bool,
    pub(super) dropped: bool,
}

#[derive(Debug, Clone)]
pub(super) struct GoalModel {
    pub(super) pursued: bool,
    over: bool,
}

#[derive(Debug, Clone)]
pub(super) struct RequestModel {
    pub(super) turn: u32,
    pub(super) asked: usize,
    pub(super) state: RequestState,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RequestState {
    Open,
    Answered,
    Refused,
    Withdrawn,
}

impl Model {
    pub(super) fn turn(&self, turn: u32) -> &TurnModel {
        &self.turns[turn as usize]
    }

    fn turn_mut(&mut self, turn: u32) -> &mut TurnModel {
        &mut self.turns[turn as usize]
    }

    fn new_turn(&mut self, thread: usize) -> u32 {
        let turn = u32::try_from(self.turns.len()).unwrap();
        let (begun, ended) = (false, false);
        self.turns.push(TurnModel {
            thread,
            begun,
            ended,
        });
        self.threads[thread].running = Some(turn);
        turn
    }

    /// The turn of a thread that items may come of.
    pub(super) fn begun(&self, thread: usize) -> Option<u32> {
        let turn = self.threads[thread].running?;
        self.turn(turn).begun.then_some(turn)
    }

    fn call(&mut self, thread: usize, run: bool, goal: Option<GoalModel>) -> usize {
        self.handles.push(HandleModel {
            thread,
            run,
            since: self.items.len(),
            turns: Vec::new(),
            goal,
            refused: false,
            dropped: false,
        });
        self.handles.len() - 1
    }

    fn drop_handle(&mut self, number: usize) {
        let handle = &mut self.handles[number];
        handle.dropped = true;
        let of = &mut self.threads[handle.thread];
        if of.goal.take_if(|goal| *goal == number).is_some() {
            // Before its first turn it is a call, and dropping that gives the goal up.
            handle.run |= handle.turns.is_empty();
            of.abandoned |= handle.run;
        }
    }

    /// Whether what a handle runs has ended.
    pub(super) fn is_over(&self, handle: usize) -> bool {
        let HandleModel { goal, turns, .. } = &self.handles[handle];
        match goal {
            Some(goal) => goal.over,
            None => turns.iter().any(|turn| self.turn(*turn).ended),
        }
    }

    /// Ends the goal of a thread if it was reached and nothing runs for it.
    fn end_goal(&mut self, thread: usize) {
        let ThreadModel { running, goal, .. } = &mut self.threads[thread];
        if let (None, Some(handle)) = (running, *goal)
            && let Some(it) = &mut self.handles[handle].goal
            && !it.pursued
        {
            it.over = true;
            *goal = None;
        }
    }

    /// Whether the runtime may ask again: it does so only as long as the turn runs.
    pub(super) fn may_be_asked(&self, request: usize) -> bool {
        !self.turn(self.requests[request].turn).ended
    }

    /// The items that a handle must get.
    pub(super) fn of_handle(&self, handle: usize) -> Vec<usize> {
        let HandleModel { since, turns, .. } = &self.handles[handle];
        let items = self.items.iter().enumerate().skip(*since);
        items
            .filter(|(_, of)| turns.contains(of))
            .map(|(item, _)| item)
            .collect()
    }

    fn on_turn(&self, turn: u32) -> impl Iterator<Item = &HandleModel> {
        self.handles
            .iter()
            .filter(move |handle| handle.turns.contains(&turn))
    }

    /// Whether a turn has to be interrupted: nobody has it but calls of `run` that were dropped.
    pub(super) fn is_given_up(&self, turn: u32) -> bool {
        let of = self.turn(turn);
        let mut on_it = self.on_turn(turn).peekable();
        let may_join = !self.threads[of.thread].unanswered.is_empty();
        of.begun
            && !of.ended
            && !may_join
            && on_it.peek().is_some()
            && on_it.all(|it| it.run && it.dropped)
    }

    /// How many calls of `run` on a turn were dropped. Each may interrupt it: a call that comes after one interrupt
    /// joins a turn that hasn't ended yet.
    pub(super) fn dropped_runs(&self, turn: u32) -> usize {
        self.on_turn(turn).filter(|it| it.run && it.dropped).count()
    }

    /// Whether a turn may be what is left of a goal that was given up.
    pub(super) fn is_straggler(&self, turn: u32) -> bool {
        self.threads[self.turn(turn).thread].abandoned
    }

    /// Whether somebody has a turn, so that it must not be interrupted.
    pub(super) fn is_wanted(&self, turn: u32) -> bool {
        self.on_turn(turn).any(|handle| !handle.dropped)
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        step().boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        match *step {
            Step::Start { thread, run } => {
                let handle = model.call(thread, run, None);
                if model.threads[thread].goal.is_some() {
                    model.handles[handle].refused = true;
                } else {
                    model.threads[thread].unanswered.push_back(handle);
                }
            }
            Step::Goal { thread, run } => {
                let (pursued, over) = (true, false);
                let handle = model.call(thread, run, Some(GoalModel { pursued, over }));
                let of = &mut model.threads[thread];
                if of.running.is_none() && of.unanswered.is_empty() && of.goal.is_none() {
                    of.goal = Some(handle);
                } else {
                    model.handles[handle].refused = true;
                }
            }
            Step::Accept { thread } => {
                if let Some(handle) = model.threads[thread].unanswered.pop_front() {
                    let running = model.threads[thread].running;
                    let turn = running.unwrap_or_else(|| model.new_turn(thread));
                    model.handles[handle].turns.push(turn);
                }
            }
            Step::Refuse { thread } => {
                if let Some(handle) = model.threads[thread].unanswered.pop_front() {
                    model.handles[handle].refused = true;
                }
            }
            Step::Begin { thread } => {
                let of = &model.threads[thread];
                let (running, goal) = (of.running, of.goal);
                if running.is_some() || !of.unanswered.is_empty() || goal.is_some() {
                    let turn = running.unwrap_or_else(|| model.new_turn(thread));
                    if let (None, Some(goal)) = (running, goal) {
                        model.handles[goal].turns.push(turn);
                    }
                    model.turn_mut(turn).begun = true;
                }
            }
            Step::Say { thread } => model.items.extend(model.begun(thread)),
            Step::End { thread } => {
                if let Some(turn) = model.begun(thread) {
                    model.turn_mut(turn).ended = true;
                    model.threads[thread].running = None;
                    model.end_goal(thread);
                    let of_turn = model.requests.iter_mut().filter(|it| it.turn == turn);
                    for request in of_turn.filter(|it| it.state == RequestState::Open) {
                        request.state = RequestState::Withdrawn;
                    }
                }
            }
            Step::Reach { thread } => {
                if let Some(handle) = model.threads[thread].goal
                    && let HandleModel { goal, turns, .. } = &mut model.handles[handle]
                    && let (Some(goal), [_, ..]) = (goal, &**turns)
                {
                    goal.pursued = false;
                    model.end_goal(thread);
                }
            }
            Step::Read { .. } => {}
            Step::Drop { handle } => {
                if let Some(handle) = among(handle, model.handles.len()) {
                    model.drop_handle(handle);
                }
            }
            Step::Ask { thread } => {
                if let Some(turn) = model.begun(thread) {
                    let (asked, state) = (1, RequestState::Open);
                    model.requests.push(RequestModel { turn, asked, state });
                }
            }
            Step::AskAgain { request } => {
                if let Some(request) = among(request, model.requests.len())
                    && model.may_be_asked(request)
                {
                    model.requests[request].asked += 1;
                }
            }
            Step::Answer { request } | Step::Forget { request } => {
                if let Some(request) = among(request, model.requests.len()) {
                    let request = &mut model.requests[request];
                    if request.state == RequestState::Open {
                        let answers = matches!(step, Step::Answer { .. });
                        request.state = if answers {
                            RequestState::Answered
                        } else {
                            RequestState::Refused
                        };
                    }
                }
            }
        }
        model
    }
}
