//! Micro-benchmarks of decoding and routing: `cargo bench --package codex-bench`.

#![expect(clippy::unwrap_used, reason = "a benchmark whose stage fails is none")]

use std::hint::black_box;

use codex_bench::messages;
use codex_sdk::types::NotificationEnvelope;
use codex_sdk::{Codex, TurnHandle};
use codex_testkit::Peer;
use codex_testkit::peer::shapes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

fn main() {
    divan::main();
}

#[divan::bench(args = messages::KINDS)]
fn typed(bencher: Bencher, kind: &str) {
    let line = messages::of_kind(kind);
    bencher
        .counter(BytesCount::of_str(&line))
        .bench(|| NotificationEnvelope::decode_line(black_box(line.as_bytes())));
}

/// What decoding would cost without types.
#[divan::bench(args = messages::KINDS)]
fn value(bencher: Bencher, kind: &str) {
    let line = messages::of_kind(kind);
    bencher
        .counter(BytesCount::of_str(&line))
        .bench(|| serde_json::from_str::<Value>(black_box(&line)));
}

/// How many lines are written, read, routed and taken in one round.
const LINES: usize = 2048;

/// From the stream to the handles of so many turns at once, whose lines are mixed.
#[divan::bench(args = [1, 16, 256])]
fn routed(bencher: Bencher, turns: usize) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut stage = Stage::new(&runtime, turns);
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| runtime.block_on(stage.round()));
}

struct Stage {
    _codex: Codex,
    peer: Peer,
    turns: Vec<TurnHandle>,
    lines: Vec<u8>,
}

impl Stage {
    fn new(runtime: &Runtime, turns: usize) -> Self {
        runtime.block_on(async {
            let (mut peer, (output, input)) = Peer::pair();
            let codex = Codex::builder().start_with_io(output, input);
            let (codex, _) = tokio::join!(codex, peer.handshake());
            let codex = codex.unwrap();
            let mut handles = Vec::new();
            for n in 0..turns {
                let name = n.to_string();
                handles.push(start_turn(&codex, &mut peer, &name).await);
            }
            let lines = (0..LINES).map(|n| messages::delta(&(n % turns).to_string(), "turn"));
            let lines: String = lines.map(|line| line + "\n").collect();
            Self {
                _codex: codex,
                peer,
                turns: handles,
                lines: lines.into_bytes(),
            }
        })
    }

    async fn round(&mut self) {
        let each = LINES / self.turns.len();
        let read = async {
            for turn in &mut self.turns {
                for _ in 0..each {
                    black_box(turn.next().await.unwrap().unwrap());
                }
            }
        };
        tokio::join!(self.peer.raw(self.lines.clone()), read);
    }
}

async fn start_turn(codex: &Codex, peer: &mut Peer, thread: &str) -> TurnHandle {
    let serve = async {
        let request = peer.expect_request("thread/start").await;
        let reply = shapes::thread_start_response(thread);
        peer.reply(&request.id, reply).await;
        let request = peer.expect_request("turn/start").await;
        peer.reply(&request.id, shapes::turn_start_response("turn"))
            .await;
    };
    let start = async {
        let thread = codex.thread_start().await.unwrap();
        thread.turn("go").await.unwrap()
    };
    tokio::join!(start, serve).0
}
