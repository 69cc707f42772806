//! A process that writes as fast as it is read, so that its pipe is read on a thread.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use codex_sdk::{Codex, Thread};
use codex_testkit::peer::shapes;
use serde_json::json;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support;

const LINES: usize = 20_000;

/// A client of a program that answers as many requests as the test has, and floods each turn.
async fn flooded(folder: &Path) -> (Codex, Thread) {
    let delta = r#"{"method":"item/agentMessage/delta","params":{"threadId":"t","turnId":"1","itemId":"i","delta":"d"}}"#;
    let completed = json!({"threadId": "t", "turn": shapes::turn("1", "completed")});
    let completed = json!({"method": "turn/completed", "params": completed});
    let flood = format!("{delta}\n").repeat(LINES) + &format!("{completed}\n");
    fs::write(folder.join("flood"), flood).unwrap();
    let answer = |result| format!("'{}'", json!({"id": "ID", "result": result}));
    // The client counts its requests from 0.
    let script = format!(
        "cd '{}'\nid=0\nwhile read -r line; do\n\
         case \"$line\" in\n*'\"initialize\"'*) a={} ;;\n*'\"thread/start\"'*) a={} ;;\n\
         *'\"turn/start\"'*) a={} ;;\n*) continue ;;\nesac\n\
         printf '%s\\n' \"$a\" | sed \"s/\\\"ID\\\"/$id/\"\nid=$((id + 1))\n\
         case \"$line\" in *'\"turn/start\"'*) cat flood ;; esac\ndone\n",
        folder.display(),
        answer(shapes::initialize_response()),
        answer(shapes::thread_start_response("t")),
        answer(shapes::turn_start_response("1")),
    );
    let program = folder.join("flooding");
    fs::write(&program, script).unwrap();
    let sh = Codex::builder().codex_bin("/bin/sh").launch_args([program]);
    let codex = sh.start().await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    (codex, thread)
}

/// Reads a turn to its end, and says whether it was read on a thread.
async fn read(thread: &Thread) -> bool {
    let mut turn = thread.turn("go").await.unwrap();
    let (mut deltas, mut gathered) = (0, false);
    while let Some(event) = turn.next().await {
        deltas += usize::from(event.unwrap().text_delta().is_some());
        if deltas % 1000 == 0 {
            gathered |= readers() > 0;
        }
    }
    assert_eq!(deltas, LINES);
    gathered
}

/// How many threads of this process read pipes.
fn readers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names
        .filter(|name| name.starts_with("codex-sdk-reade"))
        .count()
}

/// Waits until no thread reads any more.
async fn calm() {
    let deadline = Instant::now() + Duration::from_secs(10);
    while readers() > 0 {
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
}

/// `true` in a process of its own, in which few files may be open.
fn is_alone(name: &str) -> bool {
    support::is_alone(&format!("under_load::{name}"), "ulimit -n 100")
}

#[tokio::test]
async fn a_reader_without_a_descriptor_to_spare_reads_on() {
    if !is_alone("a_reader_without_a_descriptor_to_spare_reads_on") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (codex, thread) = flooded(folder.path()).await;
    assert!(read(&thread).await);
    calm().await;
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let mut turn = thread.turn("go").await.unwrap();
    let mut deltas = 0;
    while let Some(event) = turn.next().await {
        deltas += usize::from(event.unwrap().text_delta().is_some());
    }
    assert_eq!(deltas, LINES);
    drop(files);
    assert!(read(&thread).await);
    codex.close().await.unwrap();
}

#[tokio::test]
async fn the_thread_goes_once_nothing_comes() {
    if !is_alone("the_thread_goes_once_nothing_comes") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (codex, thread) = flooded(folder.path()).await;
    assert!(read(&thread).await);
    calm().await;
    codex.close().await.unwrap();
}

/// Starts a task for each event, as exporters do.
struct Spawning(Arc<AtomicUsize>);

impl Subscriber for Spawning {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        tokio::spawn(async {});
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_log_finds_the_async_runtime_on_the_thread_too() {
    if !is_alone("a_log_finds_the_async_runtime_on_the_thread_too") {
        return;
    }
    let count = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Spawning(Arc::clone(&count)));
    let folder = tempfile::tempdir().unwrap();
    let (codex, thread) = flooded(folder.path()).await;
    assert!(read(&thread).await);
    assert!(count.load(Ordering::Relaxed) > LINES);
    codex.close().await.unwrap();
}
