//! What can happen, and what the model makes of it.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::THREADS;
use super::reference::{GoalModel, HandleModel, Model, RequestModel, RequestState, WatchModel};

/// What happens next. The numbers choose among what there is, and where there is nothing, nothing happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
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
    /// The running turn ends. One of a goal is completed.
    End {
        thread: usize,
        status: &'static str,
    },
    /// The goal of a thread is reached. It is over with the turn that runs.
    Reach {
        thread: usize,
    },
    /// The program reads what there is for a handle.
    Read {
        handle: usize,
    },
    /// The program interrupts a turn that it has a handle of.
    Interrupt {
        handle: usize,
    },
    /// The program steers it. The runtime refuses that after the end of the turn.
    Steer {
        handle: usize,
    },
    /// The program watches a thread from now on, and reads what runs there.
    Watch {
        thread: usize,
    },
    /// The runtime answers the oldest read of a thread.
    List {
        thread: usize,
    },
    /// The program drops what it watches with.
    LookAway {
        watch: usize,
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
    let status = prop_oneof![
        4 => Just("completed"),
        1 => Just("failed"),
        1 => Just("interrupted"),
    ];
    prop_oneof![
        4 => (thread.clone(), any::<bool>()).prop_map(|(thread, run)| Step::Start { thread, run }),
        2 => (thread.clone(), any::<bool>()).prop_map(|(thread, run)| Step::Goal { thread, run }),
        4 => thread.clone().prop_map(|thread| Step::Accept { thread }),
        1 => thread.clone().prop_map(|thread| Step::Refuse { thread }),
        4 => thread.clone().prop_map(|thread| Step::Begin { thread }),
        6 => thread.clone().prop_map(|thread| Step::Say { thread }),
        3 => (thread.clone(), status).prop_map(|(thread, status)| Step::End { thread, status }),
        1 => thread.clone().prop_map(|thread| Step::Reach { thread }),
        3 => number.prop_map(|handle| Step::Read { handle }),
        2 => number.prop_map(|handle| Step::Drop { handle }),
        1 => number.prop_map(|handle| Step::Interrupt { handle }),
        1 => number.prop_map(|handle| Step::Steer { handle }),
        1 => thread.clone().prop_map(|thread| Step::Watch { thread }),
        2 => thread.clone().prop_map(|thread| Step::List { thread }),
        1 => number.prop_map(|watch| Step::LookAway { watch }),
        2 => thread.prop_map(|thread| Step::Ask { thread }),
        1 => number.prop_map(|request| Step::AskAgain { request }),
        2 => number.prop_map(|request| Step::Answer { request }),
        1 => number.prop_map(|request| Step::Forget { request }),
    ]
}

/// The number that is meant, if there are any.
pub(super) fn among(number: usize, count: usize) -> Option<usize> {
    number.checked_rem(count)
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
        model.by_the_program(step);
        model.by_the_runtime(step);
        model
    }
}

impl Model {
    fn by_the_program(&mut self, step: &Step) {
        match *step {
            Step::Start { thread, run } => {
                let handle = self.call(thread, run, None);
                if self.threads[thread].goal.is_some() {
                    self.handles[handle].refused = true;
                } else {
                    self.threads[thread].unanswered.push_back(handle);
                }
            }
            Step::Goal { thread, run } => {
                let (pursued, over) = (true, false);
                let handle = self.call(thread, run, Some(GoalModel { pursued, over }));
                let of = &mut self.threads[thread];
                if of.running.is_none() && of.unanswered.is_empty() && of.goal.is_none() {
                    of.goal = Some(handle);
                } else {
                    self.handles[handle].refused = true;
                }
            }
            Step::Watch { thread } => {
                let of = &mut self.threads[thread];
                of.unread.push_back(self.watches.len());
                let (turn, since) = (self.begun(thread), self.items.len());
                self.watches.push(WatchModel {
                    thread,
                    turn,
                    since,
                });
            }
            Step::Interrupt { handle } => {
                if let Some((_, turn)) = self.controlled(handle)
                    && let turn = self.turn_mut(turn)
                    && !turn.ended
                {
                    turn.interrupts += 1;
                }
            }
            Step::Steer { handle } => {
                if let Some((_, turn)) = self.controlled(handle) {
                    self.turn_mut(turn).steers += 1;
                }
            }
            Step::Drop { handle } => {
                if let Some(handle) = among(handle, self.handles.len()) {
                    self.drop_handle(handle);
                }
            }
            Step::Answer { request } | Step::Forget { request } => {
                if let Some(request) = among(request, self.requests.len()) {
                    let request = &mut self.requests[request];
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
            _ => {}
        }
    }

    fn by_the_runtime(&mut self, step: &Step) {
        match *step {
            Step::Accept { thread } => {
                if let Some(handle) = self.threads[thread].unanswered.pop_front() {
                    let running = self.threads[thread].running;
                    let turn = running.unwrap_or_else(|| self.new_turn(thread));
                    self.handles[handle].turns.push(turn);
                }
            }
            Step::Refuse { thread } => {
                if let Some(handle) = self.threads[thread].unanswered.pop_front() {
                    self.handles[handle].refused = true;
                }
            }
            Step::Begin { thread } => {
                let of = &self.threads[thread];
                let (running, goal) = (of.running, of.goal);
                if running.is_some() || !of.unanswered.is_empty() || goal.is_some() {
                    let turn = running.unwrap_or_else(|| self.new_turn(thread));
                    if let (None, Some(goal)) = (running, goal) {
                        self.handles[goal].turns.push(turn);
                    }
                    self.turn_mut(turn).begun = true;
                }
            }
            Step::Say { thread } => self.items.extend(self.begun(thread)),
            Step::End { thread, status } => {
                if let Some(turn) = self.begun(thread) {
                    let of_goal = self.on_turn(turn).any(|it| it.goal.is_some());
                    let it = self.turn_mut(turn);
                    it.ended = true;
                    it.status = if of_goal { "completed" } else { status };
                    self.threads[thread].running = None;
                    self.end_goal(thread);
                    let of_turn = self.requests.iter_mut().filter(|it| it.turn == turn);
                    for request in of_turn.filter(|it| it.state == RequestState::Open) {
                        request.state = RequestState::Withdrawn;
                    }
                }
            }
            Step::Reach { thread } => {
                if let Some(handle) = self.threads[thread].goal
                    && let HandleModel { goal, turns, .. } = &mut self.handles[handle]
                    && let (Some(goal), [_, ..]) = (goal, &**turns)
                {
                    goal.pursued = false;
                    self.end_goal(thread);
                }
            }
            Step::List { thread } => self.list(thread),
            Step::Ask { thread } => {
                if let Some(turn) = self.begun(thread) {
                    let (asked, state) = (1, RequestState::Open);
                    self.requests.push(RequestModel { turn, asked, state });
                }
            }
            Step::AskAgain { request } => {
                if let Some(request) = among(request, self.requests.len())
                    && self.may_be_asked(request)
                {
                    self.requests[request].asked += 1;
                }
            }
            _ => {}
        }
    }
}
