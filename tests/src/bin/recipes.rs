//! Runs a recipe from the pages as a reader would: `recipes NAME`. Without a name, lists them.
#![expect(clippy::print_stdout, reason = "it tells its test what there is")]

use std::{env, fmt};

use anyhow::{Context, anyhow};
use codex_sdk::{Codex, Thread, blocking};

type Recipe = fn() -> anyhow::Result<()>;

mod pages {
    #![allow(
        warnings,
        clippy::all,
        clippy::pedantic,
        reason = "each block stands as its page shows it"
    )]

    use super::Recipe;

    include!(concat!(env!("OUT_DIR"), "/recipes.rs"));
}

fn main() -> anyhow::Result<()> {
    let Some(name) = env::args().nth(1) else {
        for (name, _) in pages::ALL {
            println!("{name}");
        }
        return Ok(());
    };
    let recipe = pages::ALL.iter().find(|recipe| recipe.0 == name);
    let (_, run) = recipe.context("there is no such recipe")?;
    run.context("it takes something that this program doesn't have")?()
}

fn block_on(recipe: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(recipe)
}

async fn client() -> codex_sdk::Result<Codex> {
    Codex::start().await
}

async fn thread() -> codex_sdk::Result<(Codex, Thread)> {
    let codex = client().await?;
    let thread = codex.thread_start().await?;
    Ok((codex, thread))
}

/// A thread that has had a turn.
async fn stored_thread() -> codex_sdk::Result<(Codex, Thread)> {
    let (codex, thread) = thread().await?;
    thread.run("Hello?").await?;
    Ok((codex, thread))
}

fn blocking_thread() -> codex_sdk::Result<(blocking::Codex, blocking::Thread)> {
    let codex = blocking::Codex::start().block_on()?;
    let thread = codex.thread_start().block_on()?;
    Ok((codex, thread))
}

/// A recipe's return value.
trait Outcome {
    fn result(self) -> anyhow::Result<()>;
}

impl Outcome for () {
    fn result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<T, E: fmt::Display> Outcome for Result<T, E> {
    fn result(self) -> anyhow::Result<()> {
        self.map(drop).map_err(|error| anyhow!("{error}"))
    }
}

fn outcome(outcome: impl Outcome) -> anyhow::Result<()> {
    outcome.result()
}
