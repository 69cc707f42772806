//! A client that works for hours, and what it takes meanwhile: `soak MINUTES [PAGE]`.
//!
//! The client is a process of its own, with nothing in it but the SDK. It works in rounds: turns, requests, interrupts
//! and dropped runs on one client of a child and on one of a server, then another client and another connection. After
//! each round it has nothing left to do, and says what it takes. With a page, the table and the plot go there.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use codex_e2e::idle;
use codex_sdk::{Codex, Server, Thread};
use codex_testkit::{CodexHome, Reply, ScriptedModel, Usage};
use serde::{Deserialize, Serialize};

#[path = "../../../bench/src/plot.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is the benchmark's, too")]
mod plot;

/// How many rows the table has.
const ROWS: u32 = 24;
/// What the client may take more at the end than after a quarter of the time, in KiB.
const MOST: u64 = 2048;

/// What the client takes after a round.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
struct Sample {
    seconds: u64,
    rounds: u64,
    turns: u64,
    requests: u64,
    steers: u64,
    rss_kib: u64,
    descriptors: usize,
    threads: usize,
    /// Everything in the tables of its clients.
    entries: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let minutes = arguments.first().context("how many minutes?")?;
    let minutes: f64 = minutes.parse()?;
    ensure!(minutes > 0.0 && minutes < 1e6, "{minutes} minutes?");
    ensure!(cfg!(target_os = "linux"), "it reads /proc, and needs Linux");
    let whole = Duration::from_secs_f64(60.0 * minutes);
    match arguments.get(1).map(|it| &**it) {
        Some("client") => tokio::runtime::Runtime::new()?.block_on(work(whole)),
        page => watch(whole, page.map(Path::new)),
    }
}

/// Runs the client, and prints a row now and then.
fn watch(whole: Duration, page: Option<&Path>) -> Result<()> {
    codex_testkit::runtime()?;
    let model = ScriptedModel::start_blocking()?;
    let usage = Usage {
        input: 100,
        output: 20,
        ..Usage::default()
    };
    model.default_reply(Reply::deltas(["word "; 20]).usage(usage));
    let home = CodexHome::builder().model(&model).build()?;
    let mut client = Command::new(env::current_exe()?);
    client.args([&(whole.as_secs_f64() / 60.0).to_string(), "client"]);
    let mut client = client
        .envs(home.env())
        .current_dir(home.workspace())
        .stdout(Stdio::piped())
        .spawn()?;
    println!("{HEAD}");
    let mut rows: Vec<Sample> = Vec::new();
    let output = client.stdout.take().context("it has no output")?;
    let mut last = Sample::default();
    for line in BufReader::new(output).lines() {
        last = serde_json::from_str(&line?)?;
        ensure!(
            last.entries == 0,
            "something is left in the tables: {last:?}"
        );
        // It keeps them for tests that look at them.
        drop(model.take_requests());
        let due = whole * u32::try_from(rows.len())? / ROWS;
        if Duration::from_secs(last.seconds) >= due {
            println!("{}", row(&last));
            rows.push(last.clone());
        }
    }
    ensure!(client.wait()?.success(), "the client has failed");
    if rows.last().is_none_or(|row| row.rounds < last.rounds) {
        println!("{}", row(&last));
        rows.push(last);
    }
    check(&rows)?;
    page.map_or(Ok(()), |page| write(page, &rows))
}

const HEAD: &str = "| minutes | rounds | turns | requests | RSS, MiB | descriptors | threads | entries |\n\
    | --- | --- | --- | --- | --- | --- | --- | --- |";

#[expect(clippy::cast_precision_loss, reason = "these are small")]
fn row(sample: &Sample) -> String {
    let Sample {
        rounds,
        turns,
        requests,
        descriptors,
        threads,
        entries,
        ..
    } = sample;
    let minutes = sample.seconds as f64 / 60.0;
    let rss = sample.rss_kib as f64 / 1024.0;
    format!(
        "| {minutes:.1} | {rounds} | {turns} | {requests} | {rss:.2} | {descriptors} | {threads} | {entries} |"
    )
}

/// Nothing may grow once the client is warm.
fn check(rows: &[Sample]) -> Result<()> {
    ensure!(rows.len() >= 4, "too short to tell: {} rows", rows.len());
    let warm = &rows[rows.len() / 4..];
    let (first, last) = (&warm[0], &warm[warm.len() - 1]);
    let grown = last.rss_kib.saturating_sub(first.rss_kib);
    ensure!(grown < MOST, "the client has grown by {grown} KiB");
    ensure!(last.steers > 0, "no turn was steered: {last:?}");
    for sample in warm {
        ensure!(
            sample.descriptors == first.descriptors,
            "descriptors: {sample:?}"
        );
        ensure!(sample.threads == first.threads, "threads: {sample:?}");
    }
    let turns = last.turns.saturating_sub(first.turns).max(1);
    println!(
        "\nAfter the first quarter, the client grew by {grown} KiB, {} bytes a turn. In this time, a leak of less than \
         {} bytes a turn would go unnoticed.",
        1024 * grown / turns,
        1024 * MOST / turns
    );
    Ok(())
}

/// Puts the table between the marks of a page, and the plot beside the others.
#[expect(clippy::cast_precision_loss, reason = "these are small")]
fn write(page: &Path, rows: &[Sample]) -> Result<()> {
    let (begin, end) = ("<!-- soak -->\n", "<!-- end of soak -->");
    let text = fs::read_to_string(page)?;
    let (before, rest) = text
        .split_once(begin)
        .context("the page has no place for it")?;
    let (_, after) = rest
        .split_once(end)
        .context("the page has no place for it")?;
    let table: Vec<_> = rows.iter().map(row).collect();
    fs::write(
        page,
        format!("{before}{begin}{HEAD}\n{}\n{end}{after}", table.join("\n")),
    )?;
    let points = rows
        .iter()
        .map(|it| (format!("{}", it.seconds / 60), it.rss_kib as f64 / 1024.0));
    let svg = plot::panels("RSS of the client", "MiB", &[("minutes", points.collect())]);
    fs::write(page.with_file_name("plots/soak.svg"), svg)?;
    Ok(())
}

/// Works until the time has passed.
async fn work(whole: Duration) -> Result<()> {
    let start = Instant::now();
    let child = Codex::start().await?;
    let server = Server::builder().start().await?;
    let remote = server.connect().await?;
    let mut sample = Sample::default();
    while start.elapsed() < whole {
        let (by_child, by_server) = tokio::try_join!(use_it(&child), use_it(&remote))?;
        let other = Codex::start().await?;
        let by_other = use_it(&other).await?;
        let mut left = entries(&other);
        other.close().await?;
        let another = server.connect().await?;
        let by_another = use_it(&another).await?;
        left += entries(&another);
        another.close().await?;
        for done in [by_child, by_server, by_other, by_another] {
            sample.turns += done.turns;
            sample.requests += done.requests;
            sample.steers += done.steers;
        }
        idle(&child).await;
        idle(&remote).await;
        sample.rounds += 1;
        sample.seconds = start.elapsed().as_secs();
        // The socket of a connection that was closed goes a moment later.
        let before = sample.descriptors;
        for _ in 0..100 {
            measure(&mut sample)?;
            if before == 0 || sample.descriptors <= before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sample.entries = left + entries(&child) + entries(&remote);
        println!("{}", serde_json::to_string(&sample)?);
    }
    remote.close().await?;
    server.stop().await?;
    child.close().await?;
    Ok(())
}

/// What was done on a client.
#[derive(Default)]
struct Done {
    turns: u64,
    /// Those that were answered, without the ones that start a turn.
    requests: u64,
    steers: u64,
}

/// Some of everything, on one client.
async fn use_it(codex: &Codex) -> Result<Done> {
    let mut done = Done::default();
    for _ in 0..10 {
        codex.models().await?;
        done.requests += 1;
    }
    let thread = codex.thread_start().ephemeral(true).await?;
    let result = thread.run("Say something.").await?;
    ensure!(result.items.len() == 2, "{result:?}");
    // One is streamed and steered, one interrupted, and one dropped.
    let mut turn = thread.turn("Say more.").await?;
    // It may have ended.
    done.steers += u64::from(turn.steer("Say it in other words.").await.is_ok());
    while let Some(event) = turn.next().await {
        event?;
    }
    let turn = thread.turn("Say more.").await?;
    turn.interrupt().await?;
    turn.run().await?;
    let mut viewer = thread.watch();
    let begun = async {
        while let Some(event) = viewer.next().await {
            if event?.method() == "turn/started" {
                return Ok(());
            }
        }
        anyhow::bail!("the watch has ended")
    };
    let run = thread.run("Say more.").into_future();
    tokio::select! {
        result = run => drop(result?),
        begun = begun => begun?,
    }
    idle(codex).await;
    is_usable(&thread).await?;
    drop(viewer);
    thread.close().await?;
    done.turns += 5;
    // To start and close the thread, to interrupt, to watch, and to steer.
    done.requests += 4 + done.steers;
    Ok(done)
}

async fn is_usable(thread: &Thread) -> Result<()> {
    let result = thread.run("Say the last thing.").await?;
    ensure!(result.final_response.is_some(), "{result:?}");
    Ok(())
}

/// What the tables of a client hold.
fn entries(client: &Codex) -> usize {
    let stats = client.stats();
    stats.requests_in_flight
        + stats.live_turns
        + stats.server_requests_pending
        + stats.known_threads
        + usize::from(stats.queued_bytes > 0)
}

fn measure(sample: &mut Sample) -> Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
    };
    sample.rss_kib = field("VmRSS:").context("no VmRSS")?;
    sample.threads = usize::try_from(field("Threads:").context("no Threads")?)?;
    // Without the one that reads the folder.
    sample.descriptors = fs::read_dir("/proc/self/fd")?.count() - 1;
    Ok(())
}
