//! What there should be: nothing but the order in which things were sent.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::THREADS;
use super::steps::among;

/// What there should be.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) threads: [ThreadModel; THREADS],
    pub(super) handles: Vec<HandleModel>,
    pub(super) requests: Vec<RequestModel>,
    /// Each item, with its turn, in the order in which they were sent.
    pub(super) items: Vec<u32>,
    pub(super) turns: Vec<TurnModel>,
    pub(super) watches: Vec<WatchModel>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ThreadModel {
    pub(super) running: Option<u32>,
    /// Calls that aren't answered, by their handles.
    pub(super) unanswered: VecDeque<usize>,
    /// The watches whose reads aren't answered.
    pub(super) unread: VecDeque<usize>,
    /// The handle whose goal has the thread.
    pub(super) goal: Option<usize>,
    /// Whether a goal was given up here: a turn that begins without anybody may be interrupted.
    pub(super) abandoned: bool,
}

#[derive(Debug, Clone)]
pub(super) struct TurnModel {
    pub(super) thread: usize,
    pub(super) begun: bool,
    pub(super) ended: bool,
    pub(super) status: &'static str,
    /// How often the program has interrupted it while it ran.
    pub(super) interrupts: usize,
    /// How often it was steered, whether it ran or not.
    pub(super) steers: usize,
}

#[derive(Debug, Clone)]
pub(super) struct WatchModel {
    pub(super) thread: usize,
    /// What ran there when it began, unless it wasn't listed any more when the runtime answered.
    pub(super) turn: Option<u32>,
    /// How many items had been sent when it began.
    pub(super) since: usize,
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
    pub(super) over: bool,
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

    pub(super) fn turn_mut(&mut self, turn: u32) -> &mut TurnModel {
        &mut self.turns[turn as usize]
    }

    pub(super) fn new_turn(&mut self, thread: usize) -> u32 {
        let turn = u32::try_from(self.turns.len()).unwrap();
        self.turns.push(TurnModel {
            thread,
            begun: false,
            ended: false,
            status: "inProgress",
            interrupts: 0,
            steers: 0,
        });
        self.threads[thread].running = Some(turn);
        turn
    }

    /// The turn of a thread that items may come of.
    pub(super) fn begun(&self, thread: usize) -> Option<u32> {
        let turn = self.threads[thread].running?;
        self.turn(turn).begun.then_some(turn)
    }

    pub(super) fn call(&mut self, thread: usize, run: bool, goal: Option<GoalModel>) -> usize {
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

    pub(super) fn drop_handle(&mut self, number: usize) {
        let handle = &mut self.handles[number];
        handle.dropped = true;
        let of = &mut self.threads[handle.thread];
        if of.goal.take_if(|goal| *goal == number).is_some() {
            // Before its first turn it is a call, and dropping that gives the goal up.
            handle.run |= handle.turns.is_empty();
            of.abandoned |= handle.run;
        }
    }

    /// Ends the goal of a thread if it was reached and nothing runs for it.
    pub(super) fn end_goal(&mut self, thread: usize) {
        let ThreadModel { running, goal, .. } = &mut self.threads[thread];
        if let (None, Some(handle)) = (running, *goal)
            && let Some(it) = &mut self.handles[handle].goal
            && !it.pursued
        {
            it.over = true;
            *goal = None;
        }
    }

    /// How many requests aren't answered, whether anybody still waits for them or not.
    pub(super) fn in_flight(&self) -> usize {
        let of = |thread: &ThreadModel| thread.unanswered.len() + thread.unread.len();
        self.threads.iter().map(of).sum()
    }

    /// How many turns the client may take for running.
    pub(super) fn live_turns(&self) -> RangeInclusive<usize> {
        let (mut least, mut most) = (0, 0);
        for thread in &self.threads {
            let wanted = thread.running.is_some_and(|turn| self.is_wanted(turn));
            least += thread.unanswered.len() + usize::from(wanted);
            most += thread.unanswered.len() + usize::from(thread.running.is_some());
            most += usize::from(thread.goal.is_some()) + usize::from(thread.abandoned);
        }
        least..=most
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

    /// Answers the oldest read of a thread.
    pub(super) fn list(&mut self, thread: usize) {
        if let Some(watch) = self.threads[thread].unread.pop_front() {
            let newest = self.newest(thread);
            let turn = &mut self.watches[watch].turn;
            turn.take_if(|turn| !newest.contains(turn));
        }
    }

    /// What is listed of a thread: its last two turns, the newest first.
    pub(super) fn newest(&self, thread: usize) -> Vec<u32> {
        let is_of = |turn: &u32| self.turn(*turn).thread == thread && self.turn(*turn).begun;
        let turns = (0..).take(self.turns.len()).filter(is_of);
        let mut turns: Vec<_> = turns.collect();
        turns.reverse();
        turns.truncate(2);
        turns
    }

    /// The items that a watch must get.
    pub(super) fn of_watch(&self, watch: usize) -> Vec<usize> {
        let WatchModel {
            thread,
            turn,
            since,
        } = self.watches[watch];
        let items = self.items.iter().enumerate();
        items
            .filter(|(item, of)| {
                let (item, of) = (*item, **of);
                turn == Some(of) || item >= since && self.turn(of).thread == thread
            })
            .map(|(item, _)| item)
            .collect()
    }

    /// The handle that is meant and its turn, if the program can steer and interrupt that.
    pub(super) fn controlled(&self, handle: usize) -> Option<(usize, u32)> {
        let number = among(handle, self.handles.len())?;
        let handle = &self.handles[number];
        let turn = *handle.turns.first()?;
        // What waits for a turn to begin waits for some seconds.
        let can = !handle.run && !handle.dropped && handle.goal.is_none();
        (can && self.turn(turn).begun).then_some((number, turn))
    }

    /// How what a handle runs has ended.
    pub(super) fn status(&self, handle: usize) -> Option<&'static str> {
        let HandleModel { goal, turns, .. } = &self.handles[handle];
        let turn = self.turn(*turns.first()?);
        match goal {
            Some(goal) => goal.over.then_some("completed"),
            None => turn.ended.then_some(turn.status),
        }
    }

    pub(super) fn on_turn(&self, turn: u32) -> impl Iterator<Item = &HandleModel> {
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
