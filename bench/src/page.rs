//! docs/performance.md and its plots.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cases::{Outcome, Table};
use crate::plot;

const INTRODUCTION: &str = include_str!("../performance.md");

/// Writes the page and its plots into this folder.
pub fn write(docs: &Path, outcomes: &[Outcome]) -> Result<()> {
    let mut page = INTRODUCTION.replace("{machine}", &machine());
    page.push_str(
        "\n## Targets\n\n\
        A target is a goal: *missed* marks what isn't reached yet, and makes `--check` fail.\n\n\
        | case | what | figure | limit |\n| --- | --- | --- | --- |\n",
    );
    for row in outcomes.iter().flat_map(|it| &it.rows) {
        let sign = if row.holds() { "" } else { " **missed**" };
        writeln!(
            page,
            "| {} | {} | {} {}{sign} | {} {} |",
            row.case,
            row.what,
            number(row.figure),
            row.unit,
            row.sign(),
            number(row.limit)
        )?;
    }
    page.push_str("\n## What was measured\n");
    for table in outcomes.iter().flat_map(|it| &it.tables) {
        page.push_str(&rendered(table)?);
    }
    fs::write(docs.join("performance.md"), page)?;
    let plots = docs.join("plots");
    fs::create_dir_all(&plots)?;
    for (file, title, unit, of, at) in PLOTS {
        let tables = outcomes.iter().flat_map(|it| &it.tables);
        if let Some(table) = tables.into_iter().find(|it| it.title == of) {
            fs::write(
                plots.join(file),
                plot::bars(title, unit, &column(table, at)),
            )?;
        }
    }
    let tables = outcomes.iter().flat_map(|it| &it.tables);
    let scales = tables.filter(|it| SCALES.contains(&it.title.as_str()));
    let panels: Vec<_> = scales
        .map(|it| (it.title.as_str(), column(it, 0)))
        .collect();
    let title = "CPU time of a piece of text, the more there are of something";
    fs::write(plots.join("scale.svg"), plot::panels(title, "µs", &panels))?;
    Ok(())
}

/// The tables that become one plot.
const SCALES: [&str; 4] = [
    "Pieces in a turn",
    "Turns, one after another",
    "Threads at once",
    "Clients in a program",
];

fn column(table: &Table, at: usize) -> Vec<(String, f64)> {
    let lines = table.lines.iter();
    lines.map(|(name, it)| (name.clone(), it[at])).collect()
}

/// The file, its title, the unit, the table and its column.
const PLOTS: [(&str, &str, &str, &str, usize); 4] = [
    (
        "delta.svg",
        "CPU time of the client per piece of streamed text",
        "µs",
        "A turn of 10000 pieces of text",
        0,
    ),
    (
        "parallel.svg",
        "CPU time of 16 turns of 1000 pieces at once",
        "ms",
        "16 turns of 1000 pieces at once",
        1,
    ),
    (
        "start.svg",
        "From the start to the first request",
        "ms",
        "A start",
        0,
    ),
    (
        "build.svg",
        "CPU time of a cold release build of README's program",
        "s",
        "README's program, built from nothing but the fetched registry",
        0,
    ),
];

fn rendered(table: &Table) -> Result<String> {
    let mut text = format!("\n### {}\n\n| |", table.title);
    for column in &table.columns {
        write!(text, " {column} |")?;
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(table.columns.len()));
    for (name, figures) in &table.lines {
        write!(text, "\n| {name} |")?;
        for figure in figures {
            write!(text, " {} |", number(*figure))?;
        }
    }
    text.push('\n');
    Ok(text)
}

/// A figure with only its significant digits.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        large if large >= 100.0 || large >= 10.0 && large.fract() == 0.0 => format!("{figure:.0}"),
        middle if middle >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// The machine, and the date.
fn machine() -> String {
    let said = |command: &str, arguments: &[&str]| {
        let output = Command::new(command).args(arguments).output();
        let text = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.unwrap_or_default().trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores ({cpu}), {}, {}",
        said("uname", &["-sm"]),
        said("rustc", &["--version"]),
        said("date", &["+%-d %B %Y"])
    )
}
