//! Any bytes as the output of the runtime, in pieces: the client reports, skips or delivers, and lives on.
#![no_main]

use codex_fuzz::{connect, finish, run, settle, start_thread};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| run(async {
    let (codex, mut peer) = connect().await;
    let mut notifications = codex.notifications();
    let _thread = start_thread(&codex, &mut peer, "t").await;
    let size = usize::from(bytes.first().copied().unwrap_or_default()) + 1;
    for piece in bytes.chunks(size) {
        peer.raw(piece).await;
        tokio::task::yield_now().await;
    }
    peer.raw(*b"\n").await;
    settle(&codex, &mut peer).await;
    finish(codex, peer).await;
    while notifications.next().await.is_some() {}
}));
