//! The example with a real database, real servers and scripted models, while processes are killed.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use codex_e2e::{Stage, processes_in};
use codex_sdk::types::{ThreadItem, ThreadTurnsListParams, TurnItemsView, TurnStatus, UserInput};
use codex_sdk::{Listen, Server};
use codex_testkit::{Gate, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use postgres::Postgres;

mod postgres;

const LONG: Duration = Duration::from_secs(60);
/// How many jobs a worker runs at once by default.
const AT_ONCE: usize = 4;

/// A database, and a folder for sockets and logs.
struct Setting {
    postgres: Postgres,
    pool: PgPool,
    folder: TempDir,
}

impl Setting {
    /// With these jobs in the queue.
    async fn with_jobs(prompts: &[String]) -> Option<Self> {
        let Some(postgres) = Postgres::start().await else {
            eprintln!("PostgreSQL isn't installed: nothing was tested");
            return None;
        };
        let pool = PgPool::connect(&postgres.url()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let setting = Self {
            postgres,
            pool,
            folder,
        };
        let file = setting.folder.path().join("prompts");
        fs::write(&file, prompts.join("\n")).unwrap();
        let mut enqueue = setting.fleet("enqueue");
        let added = enqueue.arg("enqueue").arg(file).status().await.unwrap();
        assert!(added.success(), "{}", setting.log("enqueue"));
        Some(setting)
    }

    /// The program, with a log of this name.
    fn fleet(&self, log: &str) -> Command {
        let log = fs::File::create(self.folder.path().join(log)).unwrap();
        let mut fleet = Command::new(env!("CARGO_BIN_EXE_fleet"));
        fleet
            .env("DATABASE_URL", self.postgres.url())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        fleet
    }

    fn worker(&self, name: &str, servers: &[&Server]) -> Child {
        let mut work = self.fleet(name);
        work.args(["work", "--lease", "2"]);
        for server in servers {
            work.args(["--server", server.url()]);
        }
        work.spawn().unwrap()
    }

    async fn finished(&self, name: &str, mut worker: Child) {
        let ended = timeout(LONG, worker.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it doesn't end:\n{}", self.log(name)));
        assert!(ended.unwrap().success(), "{}", self.log(name));
    }

    async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

async fn serve(stage: &Stage, socket: &Path) -> Server {
    let server = stage
        .builder()
        .serve()
        .listen(Listen::Unix(socket.to_owned()));
    server.start().await.unwrap()
}

/// Kills the runtime of a server, without a warning.
async fn kill_server(stage: &Stage, server: Server) {
    let processes = processes_in(stage.home.path());
    let runtimes = processes.iter().filter(|it| it.contains(" app-server"));
    for runtime in runtimes {
        let id = runtime.split(' ').next().unwrap().parse().unwrap();
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
    timeout(LONG, server.ended()).await.unwrap();
    // A child that it was about to start can hold the socket for a moment longer.
    let socket = server.url().trim_start_matches("unix://");
    while UnixStream::connect(socket).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// How the turns ended that the server has stored, by their prompts. A turn whose server was killed at once has stored no
/// prompt: its thread has it with the next turn, if at all.
async fn stored_turns(server: &Server) -> BTreeMap<String, Vec<TurnStatus>> {
    let codex = server.connect().await.unwrap();
    let mut turns = BTreeMap::<_, Vec<_>>::new();
    let mut threads = codex.thread_list().stream();
    while let Some(thread) = threads.next().await {
        let mut list = ThreadTurnsListParams::new(thread.unwrap().id);
        list.items_view = Some(TurnItemsView::Full);
        let stored = codex.request(list).await.unwrap().data;
        let prompt = stored
            .iter()
            .map(|turn| prompt(&turn.items))
            .max()
            .unwrap_or_default();
        let ended = stored.into_iter().map(|turn| turn.status);
        turns.entry(prompt).or_default().extend(ended);
    }
    codex.close().await.unwrap();
    turns
}

fn prompt(items: &[ThreadItem]) -> String {
    let texts = items.iter().filter_map(|item| match item {
        ThreadItem::UserMessage(message) => Some(&message.content),
        _ => None,
    });
    let texts = texts.flatten().filter_map(|input| match input {
        UserInput::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("|")
}

/// How often the model was asked for each prompt.
fn asked(stage: &Stage) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in stage.model.requests() {
        let texts = request.user_texts();
        *asked
            .entry((*texts.last().unwrap()).to_owned())
            .or_default() += 1;
    }
    asked
}

#[codex_e2e_macros::test]
async fn no_job_is_lost_or_done_twice_when_a_worker_and_a_server_are_killed() {
    let seed =
        std::env::var("FLEET_SEED").map_or_else(|_| fastrand::u64(..), |it| it.parse().unwrap());
    eprintln!("FLEET_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let prompts: Vec<String> = (1..=100)
        .map(|number| format!("Job number {number}."))
        .collect();
    let Some(setting) = Setting::with_jobs(&prompts).await else {
        return;
    };
    // Notes each write that leaves a job done.
    let notes = "CREATE TABLE ends (job bigint);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO ends VALUES (NEW.id); RETURN NEW; END';
         CREATE TRIGGER note AFTER UPDATE ON jobs FOR EACH ROW WHEN (NEW.state <> 'open')
             EXECUTE FUNCTION note()";
    sqlx::raw_sql(notes).execute(&setting.pool).await.unwrap();
    let (steady, shaky) = (Stage::new().await.unwrap(), Stage::new().await.unwrap());
    for (stage, name) in [(&steady, "steady"), (&shaky, "shaky")] {
        for number in 0..200 {
            let reply = Reply::text(format!("{name} {number}"));
            stage
                .model
                .push(reply.delay(Duration::from_millis(random.u64(20..200))));
        }
    }
    let one = serve(&steady, &setting.socket("steady.sock")).await;
    let mut other = serve(&shaky, &setting.socket("shaky.sock")).await;
    let mut workers = BTreeMap::new();
    for name in ["worker 1", "worker 2", "worker 3"] {
        workers.insert(name, setting.worker(name, &[&one, &other]));
    }

    let mut kills = [(random.i64(5..60), true), (random.i64(5..60), false)];
    kills.sort_unstable();
    for (done, is_worker) in kills {
        let enough = async {
            while setting
                .count("SELECT count(*) FROM jobs WHERE state = 'done'")
                .await
                < done
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(
            timeout(LONG, enough).await.is_ok(),
            "{}",
            setting.log("worker 1")
        );
        sleep(Duration::from_millis(random.u64(0..100))).await;
        if is_worker {
            workers.remove("worker 2").unwrap().kill().await.unwrap();
        } else {
            kill_server(&shaky, other).await;
            sleep(Duration::from_millis(random.u64(0..2000))).await;
            other = serve(&shaky, &setting.socket("shaky.sock")).await;
        }
    }
    for (name, worker) in workers {
        setting.finished(name, worker).await;
    }

    let mut status = setting.fleet("status");
    assert!(status.arg("status").status().await.unwrap().success());
    eprintln!("{}", setting.log("status"));
    let done = "SELECT count(*) FROM jobs WHERE state = 'done' AND result LIKE server_name(server) || ' %'";
    let name = "CREATE FUNCTION server_name(text) RETURNS text LANGUAGE sql AS
             $$ SELECT substring($1 FROM '([a-z]+)\\.sock$') $$";
    sqlx::raw_sql(name).execute(&setting.pool).await.unwrap();
    assert_eq!(setting.count(done).await, 100);
    assert_eq!(setting.count("SELECT count(*) FROM ends").await, 100);
    assert_eq!(
        setting.count("SELECT count(DISTINCT job) FROM ends").await,
        100
    );
    assert_eq!(
        setting
            .count("SELECT count(DISTINCT result) FROM jobs")
            .await,
        100
    );

    let mut completed = Vec::new();
    let mut interrupted = 0;
    let turns = [stored_turns(&one).await, stored_turns(&other).await];
    for (prompt, turns) in turns.iter().flatten() {
        for turn in turns {
            match turn {
                TurnStatus::Completed => completed.push(prompt.clone()),
                TurnStatus::Interrupted => interrupted += 1,
                other => panic!("{prompt}: {other}"),
            }
        }
    }
    completed.sort_unstable();
    let mut expected = prompts.clone();
    expected.sort_unstable();
    assert_eq!(completed, expected);
    eprintln!("{interrupted} turns were interrupted");
    // Another turn is only started if the one before it was interrupted: all of those of the server that was killed,
    // and maybe the one or other that was beginning when its worker was killed.
    for (stage, turns) in [(&steady, &turns[0]), (&shaky, &turns[1])] {
        for (prompt, times) in asked(stage) {
            let turns = &turns[&prompt];
            assert!(
                times <= turns.len(),
                "{prompt}: asked {times} times, {turns:?}"
            );
        }
    }
    let again = turns[0].values().filter(|turns| turns.len() > 1).count();
    assert!(again <= AT_ONCE, "{:?}", turns[0]);
    setting.pool.close().await;
}

#[codex_e2e_macros::test]
async fn whatever_a_dead_worker_left_is_taken_up() {
    let prompts = ["running", "complete", "fresh", "forgotten", "interrupted"].map(str::to_owned);
    let Some(setting) = Setting::with_jobs(&prompts).await else {
        return;
    };
    let stage = Stage::new().await.unwrap();
    let server = serve(&stage, &setting.socket("codex.sock")).await;
    let codex = server.connect().await.unwrap();
    let url = server.url();
    let left = async |prompt: &str, thread: &str, turn: Option<&str>| {
        let ticket = turn.map(|turn| serde_json::json!({ "threadId": thread, "turnId": turn }));
        let left =
            "UPDATE jobs SET server = $2, thread = $3, ticket = $4, attempts = 1 WHERE prompt = $1";
        let left = sqlx::query(left)
            .bind(prompt)
            .bind(url)
            .bind(thread)
            .bind(ticket);
        left.execute(&setting.pool).await.unwrap();
    };
    // Its ticket wasn't written: the turn is complete, was interrupted, runs; or there was none.
    stage.model.push(Reply::text("complete"));
    let thread = codex.thread_start().await.unwrap();
    thread.run("complete").await.unwrap();
    left("complete", thread.id(), None).await;

    stage.model.push(Reply::stall());
    let thread = codex.thread_start().await.unwrap();
    let request = stage.model.next_request();
    let turn = thread.turn("interrupted").await.unwrap();
    request.await;
    timeout(LONG, stage.model.wait_for_requests(2))
        .await
        .unwrap();
    turn.interrupt().await.unwrap();
    left("interrupted", thread.id(), Some(turn.id())).await;
    turn.run().await.unwrap();

    let thread = codex.thread_start().await.unwrap();
    left("fresh", thread.id(), None).await;
    left("forgotten", "00000000-0000-7000-8000-000000000000", None).await;

    let gate = Gate::new();
    stage.model.push(Reply::text("running").gate(&gate));
    let thread = codex.thread_start().await.unwrap();
    let turn = thread.turn("running").await.unwrap();
    timeout(LONG, gate.reached()).await.unwrap();
    left("running", turn.thread_id(), None).await;
    drop((turn, thread));
    codex.close().await.unwrap();
    for _ in 0..3 {
        stage.model.push(Reply::text("anew"));
    }

    let worker = setting.worker("worker", &[&server]);
    let others = async {
        while setting
            .count("SELECT count(*) FROM jobs WHERE state = 'done'")
            .await
            < 4
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        timeout(LONG, others).await.is_ok(),
        "{}",
        setting.log("worker")
    );
    gate.release();
    setting.finished("worker", worker).await;
    let results = sqlx::query_as("SELECT prompt, result FROM jobs ORDER BY id");
    let results: Vec<(String, String)> = results.fetch_all(&setting.pool).await.unwrap();
    let expected = ["running", "complete", "anew", "anew", "anew"].map(str::to_owned);
    let expected: Vec<_> = prompts.into_iter().zip(expected).collect();
    assert_eq!(results, expected, "{}", setting.log("worker"));
    let asked = asked(&stage);
    assert_eq!(asked["interrupted"], 2);
    assert_eq!(asked.values().sum::<usize>(), 6, "{asked:?}");
    setting.pool.close().await;
}
