//! What happens when something goes wrong: a fault, what must come of it, and what came.
//!
//! Each test prints its row. docs/reliability.md has the table; `cargo xtask reliability` writes it. After each test
//! no process, descriptor, task or entry of a table may be left, as after all end-to-end tests.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

mod answers;
mod approvals;
mod cancelled;
mod consumers;
mod dropping;
mod floods;
mod host;
mod lines;
mod memory;
#[path = "../../crates/codex-sdk/tests/it/support.rs"]
#[allow(dead_code, reason = "the tests of the SDK use the rest of it")]
mod peer;
mod places;
mod process;
#[path = "../../crates/codex-sdk/tests/it/refusals.rs"]
mod refusals;
mod remote;
mod scenes;
mod secrets;
mod shapes;
#[path = "../it/secrets/shown.rs"]
mod shown;
#[path = "../it/connections/way.rs"]
#[allow(dead_code, reason = "the tests of connections use the rest of it")]
mod way;

/// A fault and what comes of it.
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) outcome: &'static str,
}

/// The rows of a module, and a test for each: a function of the same name that fails unless the outcome is the one
/// that is told, and returns a figure, or what else there is to say.
macro_rules! faults {
    ($($name:ident: $fault:literal => $outcome:literal;)*) => {
        pub(crate) const ROWS: &[$crate::Row] = &[$($crate::Row {
            fault: $fault,
            outcome: $outcome,
        }),*];

        mod rows {
            $(#[codex_e2e_macros::test]
            async fn $name() {
                let figure = tokio::time::timeout($crate::LONG, super::$name()).await.unwrap();
                $crate::print($fault, $outcome, &figure);
            })*
        }
    };
}
pub(crate) use faults;

/// Around the tables on the page.
const BEGIN: &str = "<!-- faults -->";
const END: &str = "<!-- end of faults -->";

/// By what goes wrong, in the order of the page.
const GROUPS: [(&str, &[Row]); 13] = [
    ("The runtime's process", process::ROWS),
    ("Answers", answers::ROWS),
    ("Lines", lines::ROWS),
    ("Shapes", shapes::ROWS),
    ("Floods", floods::ROWS),
    ("Memory", memory::ROWS),
    ("Consumers and handlers", consumers::ROWS),
    ("Approvals", approvals::ROWS),
    ("Operations, dropped at each await point", cancelled::ROWS),
    ("This program", host::ROWS),
    ("The machine", places::ROWS),
    ("Servers", remote::ROWS),
    ("Secrets", secrets::ROWS),
];

/// No row may take longer: whatever happens, nothing hangs.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Runs a row once more in a process of its own, where the memory is its own, and returns the figure: `None` there.
fn alone(name: &str) -> Option<String> {
    const ALONE: &str = "E2E_FAULT_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name]).env(ALONE, "1").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    // With one thread, the harness has begun the line.
    let row = said.lines().find(|line| line.contains("fault | "));
    let (_, figure) = row
        .unwrap_or_else(|| panic!("{said}"))
        .rsplit_once(" | ")
        .unwrap();
    Some(figure.to_owned())
}

/// Past the capture of the test harness, so that a run shows all rows.
fn print(fault: &str, outcome: &str, figure: &str) {
    let line = format!("fault | {fault} | {outcome} | {figure}\n");
    // Whoever can't be told isn't listening.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// How long something took, as the table has it.
fn since(start: Instant) -> String {
    let elapsed = start.elapsed();
    match elapsed.as_millis() {
        0 => "under 1 ms".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

/// How long something took whose deadline is this: no less, and on a busy machine up to 3 s more.
fn after(deadline: Duration, start: Instant) -> String {
    let elapsed = start.elapsed();
    let expected = deadline..deadline + Duration::from_secs(3);
    assert!(expected.contains(&elapsed), "{elapsed:?}, not {expected:?}");
    since(start)
}

/// The page; with `CODEX_WRITE_FAULTS`, its tables are written anew from the rows that this file has.
#[test]
fn the_page_has_every_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let page = fs::read_to_string(&path).unwrap();
    if let Some(rows) = std::env::var_os("CODEX_WRITE_FAULTS") {
        let printed = fs::read_to_string(rows).unwrap();
        let (start, _) = page.split_once(BEGIN).unwrap();
        let (_, end) = page.split_once(END).unwrap();
        let tables = tables(|row| {
            let cells = format!("fault | {} | {} | ", row.fault, row.outcome);
            let figure = printed.lines().find_map(|line| line.strip_prefix(&cells));
            figure
                .unwrap_or_else(|| panic!("not printed: {cells}"))
                .to_owned()
        });
        fs::write(path, format!("{start}{BEGIN}\n{tables}\n{END}{end}")).unwrap();
        return;
    }
    // Figures differ from run to run.
    let without = |line: &str| match line.rsplit_once(" | ") {
        Some((cells, figure)) if line.starts_with("| ") => {
            assert!(figure.len() > 2, "{line}: without a figure");
            cells.to_owned()
        }
        _ => line.to_owned(),
    };
    let expected = tables(|_| "…".to_owned());
    let (_, rest) = page.split_once(BEGIN).unwrap();
    let (found, _) = rest.split_once(END).unwrap();
    let found: Vec<_> = found.trim().lines().map(without).collect();
    let expected: Vec<_> = expected.trim().lines().map(without).collect();
    assert_eq!(found, expected, "run `cargo xtask reliability`");
    let rows: usize = GROUPS.iter().map(|(_, rows)| rows.len()).sum();
    assert!(
        page.contains(&format!("{rows} faults")),
        "there are {rows} now"
    );
}

fn tables(figure: impl Fn(&Row) -> String) -> String {
    let mut text = String::new();
    for (group, rows) in GROUPS {
        writeln!(
            text,
            "\n### {group}\n\n| fault | outcome | figure |\n| --- | --- | --- |"
        )
        .unwrap();
        for row in rows {
            writeln!(
                text,
                "| {} | {} | {} |",
                row.fault,
                row.outcome,
                figure(row)
            )
            .unwrap();
        }
    }
    text
}
