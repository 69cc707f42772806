//! The life of a thread: run, list, read, name, archive and back, resume, fork, compact.
#![expect(clippy::print_stdout, reason = "an example prints")]

use anyhow::ensure;
use codex_sdk::{Codex, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let codex = Codex::start().await?;
    let thread = codex.thread_start().sandbox(Sandbox::ReadOnly).await?;
    thread.run("In one sentence: what is a thread?").await?;
    thread.run("And what is a turn?").await?;
    println!("started: {}", thread.id());

    thread.set_name("What is what").await?;
    let stored = thread.read().include_turns(true).await?.thread;
    let name = stored.name.unwrap_or_default();
    println!("read: {name}, {} turns", stored.turns.len());
    let listed = is_listed(&codex, thread.id(), false).await?;
    println!("listed: {listed}");

    codex.thread_archive(thread.id()).await?;
    let archived = is_listed(&codex, thread.id(), true).await?;
    println!("archived: {archived}");
    ensure!(listed && archived, "the thread is missing in a list");
    codex.thread_unarchive(thread.id()).await?;
    println!("unarchived: {}", thread.id());

    // Resumed, a thread may get other settings.
    let thread = codex
        .thread_resume(thread.id())
        .model(thread.model())
        .config(serde_json::json!({ "model_reasoning_effort": "low" }))
        .await?;
    println!("resumed: {}", thread.id());

    let fork = codex.thread_fork(thread.id()).await?;
    fork.run("Only in the fork: what is an item?").await?;
    println!("forked: {}", fork.id());

    thread.compact().await?;
    println!("compacted: {}", thread.id());

    for thread in [&thread, &fork] {
        codex.thread_archive(thread.id()).await?;
    }
    println!("Lifecycle OK: {}", thread.id());
    codex.close().await?;
    Ok(())
}

/// Whether a thread is among those that are archived, or among the others.
async fn is_listed(codex: &Codex, thread_id: &str, archived: bool) -> anyhow::Result<bool> {
    let mut threads = codex.thread_list().archived(archived).limit(50).stream();
    while let Some(thread) = threads.next().await {
        if thread?.id == thread_id {
            return Ok(true);
        }
    }
    Ok(false)
}
