//! Every operation, dropped at each of its await points: after each of them the client and the thread are usable.

use std::future::pending;
use std::time::{Duration, Instant};

use codex_e2e::{Stage, idle};
use codex_sdk::schemars::{self, JsonSchema};
use codex_sdk::types::{ReviewTarget, ThreadGoalGetParams, ThreadGoalStatus, TurnStatus};
use codex_sdk::{Codex, Condition, Notification, Result, Thread, ThreadWatch, TurnHandle};
use codex_testkit::{Gate, Reply};
use serde_json::json;

use crate::dropping::{
    Moment, Scene, at, at_each_moment, at_each_point, at_each_point_before_the_rest, dropped_at,
    usable,
};
use crate::faults;
use crate::scenes::{half_an_answer, nothing_runs};

faults! {
    start: "`Codex::start`" => "no process is left";
    close: "`Codex::close`" => "no process is left";
    thread_start: "`thread_start`" => "the next one works";
    thread_resume: "`thread_resume`" => "the thread is usable";
    thread_fork: "`thread_fork`" => "the thread is usable";
    thread_close: "`Thread::close`" => "it is closed, or usable";
    archive: "`thread_archive` and `thread_unarchive`" => "the thread is in one of the lists";
    run: "`Thread::run`" => "its turn is interrupted; the thread is usable";
    run_as: "`Thread::run_as`" => "its turn is interrupted; the thread is usable";
    turn: "`Thread::turn`" => "its turn runs on, and then the thread is usable";
    handle_run: "`TurnHandle::run`" => "its turn runs on, and then the thread is usable";
    steer: "`TurnHandle::steer`" => "the turn runs on, and then the thread is usable";
    interrupt: "`TurnHandle::interrupt`" => "the turn is interrupted if that was sent; the thread is usable";
    goal: "`Thread::goal`" => "the goal is paused; the thread is usable";
    review: "`Thread::review`" => "the thread is usable";
    compact: "`Thread::compact`" => "the thread is busy until it has ended, and then usable";
    update: "`Thread::update`" => "the thread is usable";
    name: "`Thread::set_name`" => "it has one of the names";
    lists: "`models`, `account`, `thread_list`, `turns`, `items`, `read`" => "the next call works";
    raw: "`request_raw`" => "the next call works";
    login: "`login_chatgpt`" => "the next login works";
}

/// How the turns of a thread have ended that were told of.
async fn ends(mut told: ThreadWatch) -> Vec<TurnStatus> {
    let mut ends = Vec::new();
    loop {
        let event = tokio::select! {
            biased;
            event = told.next() => event.unwrap().unwrap(),
            () = tokio::task::yield_now() => return ends,
        };
        if let Notification::TurnCompleted(done) = event {
            ends.push(done.turn.status);
        }
    }
}

/// A stage whose model always answers, a client, and a thread with a turn.
async fn scene() -> (Stage, Codex, Thread) {
    let stage = Stage::new().await.unwrap();
    stage.model.default_reply(Reply::text("answer"));
    let codex = stage.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    thread.run("first").await.unwrap();
    (stage, codex, thread)
}

async fn start() -> String {
    let stage = Stage::new().await.unwrap();
    let after = async || nothing_runs(stage.home.path()).await;
    at(at_each_point(|| stage.child(), after).await)
}

async fn close() -> String {
    let stage = Stage::new().await.unwrap();
    let drop_at = async |moment| {
        let codex = stage.child().await.unwrap();
        let ended = dropped_at(moment, codex.close()).await;
        drop(codex);
        nothing_runs(stage.home.path()).await;
        ended
    };
    at(at_each_moment(drop_at).await)
}

async fn thread_start() -> String {
    let (_stage, codex, _thread) = scene().await;
    let after = async || idle(&codex).await;
    let points = at_each_point(|| codex.thread_start().ephemeral(true), after).await;
    usable(&codex, &codex.thread_start().await.unwrap()).await;
    at(points)
}

async fn thread_resume() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || usable(&codex, &thread).await;
    at(at_each_point(|| codex.thread_resume(thread.id()), after).await)
}

async fn thread_fork() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || usable(&codex, &thread).await;
    at(at_each_point(|| codex.thread_fork(thread.id()), after).await)
}

async fn thread_close() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || {
        idle(&codex).await;
        // Whether it was closed is open, so it is opened again.
        let again = codex.thread_resume(thread.id()).await.unwrap();
        usable(&codex, &again).await;
    };
    at(at_each_point(|| thread.close(), after).await)
}

async fn archive() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || {
        // Back, if it was archived.
        if is_archived(&codex, &thread).await {
            codex.thread_unarchive(thread.id()).await.unwrap();
        }
        assert!(!is_archived(&codex, &thread).await);
    };
    let archived = at_each_point(|| codex.thread_archive(thread.id()), after).await;
    codex.thread_archive(thread.id()).await.unwrap();
    let after = async || {
        if !is_archived(&codex, &thread).await {
            codex.thread_archive(thread.id()).await.unwrap();
        }
        assert!(is_archived(&codex, &thread).await);
    };
    at(archived + at_each_point(|| codex.thread_unarchive(thread.id()), after).await)
}

/// Which of the two lists has a thread: it must be in one.
async fn is_archived(codex: &Codex, thread: &Thread) -> bool {
    idle(codex).await;
    let mut found = Vec::new();
    for archived in [false, true] {
        let list = codex.thread_list().archived(archived).await.unwrap();
        found.extend(
            list.data
                .iter()
                .any(|it| it.id == thread.id())
                .then_some(archived),
        );
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

async fn run() -> String {
    let (stage, codex, thread) = scene().await;
    let scene = (&stage, &codex, &thread);
    let interrupted = is_interrupted(scene, || thread.run("go")).await;
    let after = async || usable(&codex, &thread).await;
    at(interrupted + at_each_point(|| thread.run("go"), after).await)
}

#[derive(serde::Deserialize, JsonSchema)]
struct Answer {
    #[expect(dead_code, reason = "it is decoded")]
    number: u32,
}

async fn run_as() -> String {
    let (stage, codex, thread) = scene().await;
    let scene = (&stage, &codex, &thread);
    let interrupted = is_interrupted(scene, || thread.run_as::<Answer>("go")).await;
    stage.model.default_reply(Reply::text(r#"{"number":7}"#));
    let after = async || usable(&codex, &thread).await;
    at(interrupted + at_each_point(|| thread.run_as::<Answer>("go"), after).await)
}

/// An operation whose turn is interrupted wherever it is dropped, while the model has more to say.
async fn is_interrupted<F: IntoFuture<Output = Result<T>>, T>(
    scene: Scene<'_>,
    operation: impl Fn() -> F,
) -> usize {
    let after = async |_: &Gate, told: ThreadWatch, runs: bool| {
        idle(scene.1).await;
        match &*ends(told).await {
            // It may not have been sent.
            [] => assert!(!runs),
            ends => assert_eq!(ends, [TurnStatus::Interrupted]),
        }
    };
    at_each_point_before_the_rest(scene, operation, after).await
}

async fn turn() -> String {
    let (stage, codex, thread) = scene().await;
    let scene = (&stage, &codex, &thread);
    let after = async || usable(&codex, &thread).await;
    let points = at_each_point(|| thread.turn("go"), after).await;
    let operation = || {
        let turn = thread.turn("go");
        async move {
            drop(turn.await.unwrap());
            // There is nothing more to wait for.
            pending::<Result<()>>().await
        }
    };
    at(points + runs_on(scene, operation).await)
}

async fn handle_run() -> String {
    let (stage, codex, thread) = scene().await;
    let scene = (&stage, &codex, &thread);
    let operation = || {
        let turn = thread.turn("go");
        async move { turn.await?.run().await }
    };
    let held = runs_on(scene, operation).await;
    let after = async || usable(&codex, &thread).await;
    at(held + at_each_point(operation, after).await)
}

/// An operation whose turn comes to its own end wherever it is dropped.
async fn runs_on<F: IntoFuture<Output = Result<T>>, T>(
    scene: Scene<'_>,
    operation: impl Fn() -> F,
) -> usize {
    let after = async |gate: &Gate, told: ThreadWatch, runs: bool| {
        if runs {
            assert_eq!(scene.1.stats().live_turns, 1);
        }
        gate.release();
        idle(scene.1).await;
        match &*ends(told).await {
            [] => assert!(!runs),
            ends => assert_eq!(ends, [TurnStatus::Completed]),
        }
    };
    at_each_point_before_the_rest(scene, operation, after).await
}

async fn steer() -> String {
    let status = |_, _| &[TurnStatus::Completed][..];
    controlled(
        async |turn: &TurnHandle| turn.steer("more").await.map(drop),
        status,
    )
    .await
}

async fn interrupt() -> String {
    let status = |is_begun, ended| match (is_begun, ended) {
        (_, true) => &[TurnStatus::Interrupted][..],
        (false, _) => &[TurnStatus::Completed],
        // It may not have been sent.
        (true, false) => &[TurnStatus::Interrupted, TurnStatus::Completed],
    };
    controlled(async |turn: &TurnHandle| turn.interrupt().await, status).await
}

/// A control of a turn whose message waits for its rest, dropped at each point. How the turn may end depends on whether
/// the control was begun, and whether it has ended.
async fn controlled(
    control: impl AsyncFn(&TurnHandle) -> Result<()>,
    expected: impl Fn(bool, bool) -> &'static [TurnStatus],
) -> String {
    let (stage, codex, thread) = scene().await;
    let drop_at = async |moment: Moment| {
        let (turn, gate) = half_an_answer(&stage, &thread).await;
        let ended = dropped_at(moment, control(&turn)).await;
        // With this answer, the runtime has read what was sent before.
        codex.models().await.unwrap();
        gate.release();
        let status = turn.run().await.unwrap().status;
        let expected = expected(moment.polls > 0, ended);
        assert!(expected.contains(&status), "{status} {moment:?} {ended}");
        usable(&codex, &thread).await;
        ended
    };
    at(at_each_moment(drop_at).await)
}

async fn goal() -> String {
    let (stage, codex, thread) = scene().await;
    let scene = (&stage, &codex, &thread);
    let after = async |_: &Gate, told: ThreadWatch, runs: bool| {
        let status = async || {
            idle(&codex).await;
            let params = ThreadGoalGetParams::new(thread.id());
            let goal = codex.request(params).await.unwrap().goal;
            goal.map(|goal| goal.status)
        };
        // It is paused once the answer to the call that has set it is there.
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match status().await {
                Some(ThreadGoalStatus::Active) => assert!(Instant::now() < deadline),
                status => break status,
            }
        };
        idle(&codex).await;
        match &*ends(told).await {
            // It may not have begun, or not even have been set.
            [] => assert!(!runs && matches!(status, None | Some(ThreadGoalStatus::Paused))),
            ends => assert_eq!(
                (ends, status),
                (
                    &[TurnStatus::Interrupted][..],
                    Some(ThreadGoalStatus::Paused)
                )
            ),
        }
    };
    at(at_each_point_before_the_rest(scene, || thread.goal("Count.").run(), after).await)
}

async fn review() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || usable(&codex, &thread).await;
    let target = || ReviewTarget::Custom(codex_sdk::types::ReviewTargetCustom::new("Look."));
    let operation = || {
        let review = thread.review(target());
        async move { review.await?.run().await }
    };
    at(at_each_point(operation, after).await)
}

async fn compact() -> String {
    let (stage, codex, thread) = scene().await;
    let gate = Gate::new();
    stage
        .model
        .default_reply(Reply::text("summary").gate(&gate));
    let sent = Moment {
        polls: 1,
        at_once: true,
    };
    dropped_at(sent, thread.compact()).await;
    gate.reached().await;
    let busy = thread.run("go").await.unwrap_err();
    assert_eq!(busy.condition(), Some(Condition::ThreadBusy), "{busy}");
    gate.release();
    stage.model.default_reply(Reply::text("answer"));
    let after = async || usable(&codex, &thread).await;
    at(at_each_point(|| thread.compact(), after).await)
}

async fn update() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || usable(&codex, &thread).await;
    at(at_each_point(|| thread.update().effort("low"), after).await)
}

async fn name() -> String {
    let (_stage, codex, thread) = scene().await;
    thread.set_name("old").await.unwrap();
    let after = async || {
        idle(&codex).await;
        let stored = thread.read().await.unwrap().thread;
        assert!(["old", "new"].contains(&stored.name.as_deref().unwrap()));
    };
    at(at_each_point(|| thread.set_name("new"), after).await)
}

async fn lists() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || idle(&codex).await;
    let mut points = at_each_point(|| codex.models(), after).await;
    points += at_each_point(|| codex.account(), after).await;
    points += at_each_point(|| codex.thread_list(), after).await;
    points += at_each_point(|| thread.turns(), after).await;
    points += at_each_point(|| thread.items(), after).await;
    points += at_each_point(|| thread.read().include_turns(true), after).await;
    usable(&codex, &thread).await;
    at(points)
}

async fn raw() -> String {
    let (_stage, codex, thread) = scene().await;
    let after = async || idle(&codex).await;
    let points = at_each_point(|| codex.request_raw("model/list", json!({})), after).await;
    usable(&codex, &thread).await;
    at(points)
}

async fn login() -> String {
    let stage = Stage::with_chatgpt().await.unwrap();
    let codex = stage.start().await.unwrap();
    let after = async || idle(&codex).await;
    let operation = || {
        let login = codex.login_chatgpt();
        async move { login.await?.cancel().await }
    };
    let points = at_each_point(operation, after).await;
    codex.login_chatgpt().await.unwrap().cancel().await.unwrap();
    at(points)
}
