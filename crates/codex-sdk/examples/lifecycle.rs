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
    println!("Started the thread {}", thread.id());

    thread.set_name("What is what").await?;
    let stored = thread.read().include_turns(true).await?.thread;
    let name = stored.name.unwrap_or_default();
    println!("It is named {name:?} and has {} turns.", stored.turns.len());
    let listed = is_listed(&codex, thread.id(), false).await?;
    ensure!(listed, "the thread is missing among those that are stored");
    println!("It is in the list of threads.");

    codex.thread_archive(thread.id()).await?;
    let archived = is_listed(&codex, thread.id(), true).await?;
    ensure!(
        archived,
        "the thread is missing among those that are archived"
    );
    println!("Now it is in the list of archived threads.");
    codex.thread_unarchive(thread.id()).await?;
    println!("It is back from the archive.");

    // You can change a thread's settings when you resume it.
    let thread = codex
        .thread_resume(thread.id())
        .model(thread.model())
        .config(serde_json::json!({ "model_reasoning_effort": "low" }))
        .await?;
    println!("It is resumed, with less effort.");

    let fork = codex.thread_fork(thread.id()).await?;
    fork.run("Only in the fork: what is an item?").await?;
    println!("It is forked as {}", fork.id());

    thread.compact().await?;
    println!("It is compacted.");

    for thread in [&thread, &fork] {
        codex.thread_archive(thread.id()).await?;
    }
    println!("Both threads are archived.");
    codex.close().await?;
    Ok(())
}

/// Whether the archived threads, or the others, include this one.
async fn is_listed(codex: &Codex, thread_id: &str, archived: bool) -> anyhow::Result<bool> {
    let mut threads = codex.thread_list().archived(archived).limit(50).stream();
    while let Some(thread) = threads.next().await {
        if thread?.id == thread_id {
            return Ok(true);
        }
    }
    Ok(false)
}
