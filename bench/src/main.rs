//! Measures the client's overhead, compared with its peers: `cargo xtask bench`.
#![expect(unreachable_pub, reason = "nothing reaches into a binary")]
#![expect(clippy::print_stdout, reason = "what this program is for")]

use std::path::Path;

use anyhow::{Result, bail, ensure};
use codex_testkit::ScriptedModel;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cases::{CASES, Case, Outcome, Stage};
use crate::page::number;
use crate::programs::Programs;

mod builds;
mod cases;
mod decode;
mod floods;
mod page;
mod plot;
mod programs;
mod rows;

/// How often each program runs.
const RUNS: usize = 7;

fn main() -> Result<()> {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let check = wanted.iter().any(|it| it == "--check");
    wanted.retain(|it| it != "--check");
    let all: Vec<Case> = CASES
        .into_iter()
        .chain([("build", builds::case as _)])
        .collect();
    for name in &wanted {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        ensure!(
            names.contains(&name.as_str()),
            "there is no case {name:?}, only {}",
            names.join(", ")
        );
    }
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == name))
        .collect();
    let outcomes = measure(&chosen)?;
    show(&outcomes);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if wanted.is_empty() && !check {
        page::write(&root.join("docs"), &outcomes)?;
    }
    let missed = outcomes
        .iter()
        .flat_map(|it| &it.rows)
        .filter(|row| !row.holds())
        .count();
    if check && missed > 0 {
        bail!("{missed} of the figures miss their limit");
    }
    Ok(())
}

fn measure(cases: &[Case]) -> Result<Vec<Outcome>> {
    let progress = ProgressBar::new(u64::try_from(cases.len())?);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix} {wide_msg:.dim}")?;
    progress.set_style(style);
    progress.set_message("installing what is compared with");
    let runtime = codex_testkit::runtime()?;
    let target = std::env::current_exe()?;
    let folder = target
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .join("bench");
    let stage = Stage {
        programs: Programs::install(&folder)?,
        model: ScriptedModel::start_blocking()?,
        codex: runtime.codex,
        runs: RUNS,
        progress,
    };
    let mut outcomes = Vec::new();
    for (name, case) in cases {
        stage.progress.set_prefix(*name);
        outcomes.push(case(&stage)?);
        stage.progress.inc(1);
    }
    stage.progress.finish_and_clear();
    Ok(outcomes)
}

fn show(outcomes: &[Outcome]) {
    for outcome in outcomes {
        for table in &outcome.tables {
            println!("\n{}\n  {}", table.title, table.columns.join(" | "));
            for (name, figures) in &table.lines {
                let figures: Vec<_> = figures.iter().map(|it| number(*it)).collect();
                println!("  {name:24} {}", figures.join(" | "));
            }
        }
        for row in &outcome.rows {
            let sign = if row.holds() { "ok    " } else { "MISSED" };
            let (figure, limit) = (number(row.figure), number(row.limit));
            println!(
                "{sign} {figure} {} ({} {limit}): {}",
                row.unit,
                row.sign(),
                row.what
            );
        }
    }
}
