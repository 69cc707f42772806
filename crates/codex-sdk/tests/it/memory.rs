//! What is freed, as the system sees it.

use std::fs;

use crate::support::{connect, is_alone, settle, start_thread, start_turn};

const MEGABYTE: usize = 1 << 20;

/// How many bytes of memory this process has.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn parity_88_a_handle_that_is_dropped_unread_frees_what_it_held() {
    // In a process of its own, whose allocator gives back at once what is large.
    let name = "memory::parity_88_a_handle_that_is_dropped_unread_frees_what_it_held";
    if !is_alone(name, "export MALLOC_MMAP_THRESHOLD_=65536") {
        return;
    }
    let (codex, mut peer) = connect().await;
    let thread = start_thread(&codex, &mut peer, "t").await;
    let unread = start_turn(&thread, &mut peer, "1").await;
    let before = resident();
    let text = "x".repeat(MEGABYTE);
    for _ in 0..48 {
        peer.turn("t", "1").delta("i", &text).await;
        settle(&codex, &mut peer).await;
    }
    let full = resident();
    assert!(full > before + 40 * MEGABYTE, "{before} {full}");
    drop(unread);
    let freed = resident();
    assert!(freed < full - 40 * MEGABYTE, "{full} {freed}");
    // The turn runs on, and nothing of it is kept.
    for _ in 0..16 {
        peer.turn("t", "1").delta("i", &text).await;
        settle(&codex, &mut peer).await;
    }
    let later = resident();
    assert!(later < freed + 8 * MEGABYTE, "{freed} {later}");
    assert_eq!(codex.stats().live_turns, 1);
}
