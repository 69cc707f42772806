//! Cases on an app-server that only writes: floods, scale, viewers, idle threads.

use std::collections::BTreeMap;

use anyhow::Result;
use codex_bench::measure::Load;

use crate::cases::{MIB, Outcome, Stage, Table, medians};
use crate::programs::Program;
use crate::rows::Row;

/// A million notifications, from one turn or from a thousand: ten on each of a hundred threads.
pub fn flood(stage: &Stage) -> Result<Outcome> {
    let (mut lines, mut costs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (threads, turns) in [(1, 1), (100, 10)] {
        let each = 1_000_000 / (threads * turns);
        let env = BTreeMap::from([("PEER_DELTAS", each.to_string())]);
        let load = Load { threads, turns };
        let reports = stage.alternate_on(&[Program::Sdk], &stage.programs.peer(), load, &env)?;
        let it = &medians(&reports)[&Program::Sdk];
        costs.push(it.cpu_us / it.deltas);
        rates.push(it.deltas / it.wall_us);
        lines.push((
            format!("{} turns", threads * turns),
            vec![it.cpu_us / it.deltas, it.deltas / it.wall_us, it.rss_mib],
        ));
    }
    let rows = vec![
        Row::at_least(
            "flood",
            "notifications of one turn",
            rates[0],
            0.5,
            "million a second",
        ),
        Row::at_least(
            "flood",
            "notifications of 1000 turns",
            rates[1],
            0.5,
            "million a second",
        ),
        Row::at_most(
            "flood",
            "CPU of a notification with 1000 turns, relative to one",
            costs[1] / costs[0],
            1.25,
            "×",
        ),
    ];
    let tables = vec![Table {
        title: "A million notifications".to_owned(),
        columns: vec!["CPU each, µs", "millions a second", "peak RSS, MiB"],
        lines,
    }];
    Ok(Outcome { rows, tables })
}

/// The number of viewers in each line of [`viewers`].
const VIEWERS: [usize; 3] = [0, 1, 2];

/// The cost of additional viewers.
pub fn viewers(stage: &Stage) -> Result<Outcome> {
    let load = Load {
        threads: 1,
        turns: 1,
    };
    let mut lines = Vec::new();
    for viewers in VIEWERS {
        let env = BTreeMap::from([
            ("PEER_DELTAS", PIECES.to_string()),
            ("SDK_VIEWERS", viewers.to_string()),
        ]);
        let reports = stage.alternate_on(&[Program::Sdk], &stage.programs.peer(), load, &env)?;
        let it = &medians(&reports)[&Program::Sdk];
        let cpu = it.cpu_us / it.deltas;
        lines.push((format!("{viewers} viewers"), vec![cpu, it.rss_mib]));
    }
    let (none, two) = (lines[0].1[0], lines[2].1[0]);
    Ok(Outcome {
        rows: vec![Row::at_most(
            "viewers",
            "CPU of a piece that two others see, relative to one that nobody else sees",
            two / none,
            3.0,
            "×",
        )],
        tables: vec![Table {
            title: "A handle and its viewers".to_owned(),
            columns: vec!["CPU per piece, µs", "peak RSS, MiB"],
            lines,
        }],
    })
}

/// The number of pieces for each figure of [`scale`].
const PIECES: usize = 200_000;

/// The cost of a piece as the number of something grows.
pub fn scale(stage: &Stage) -> Result<Outcome> {
    let one = Load {
        threads: 1,
        turns: 1,
    };
    let tables = vec![
        scaled(
            stage,
            "Pieces in a turn",
            [1_000, 10_000, 100_000, 1_000_000],
            |n| (one, 1, n),
        )?,
        scaled(
            stage,
            "Turns, one after another",
            [1, 10, 100, 1_000],
            |turns| (Load { turns, ..one }, 1, PIECES / turns),
        )?,
        scaled(stage, "Threads at once", [1, 10, 100, 1_000], |threads| {
            (Load { threads, ..one }, 1, PIECES / threads)
        })?,
        scaled(stage, "Clients in a program", [1, 4, 16, 64], |clients| {
            (
                Load {
                    threads: clients,
                    ..one
                },
                clients,
                PIECES / clients,
            )
        })?,
    ];
    Ok(Outcome {
        rows: Vec::new(),
        tables,
    })
}

/// The cost of a piece for each of these numbers. `of` turns a number into a load, a number of clients, and
/// the pieces in a turn.
fn scaled(
    stage: &Stage,
    title: &str,
    numbers: [usize; 4],
    of: impl Fn(usize) -> (Load, usize, usize),
) -> Result<Table> {
    let mut lines = Vec::new();
    for number in numbers {
        let (load, clients, pieces) = of(number);
        let env = BTreeMap::from([
            ("PEER_DELTAS", pieces.to_string()),
            ("SDK_CLIENTS", clients.to_string()),
        ]);
        let reports = stage.alternate_on(&[Program::Sdk], &stage.programs.peer(), load, &env)?;
        let it = &medians(&reports)[&Program::Sdk];
        lines.push((number.to_string(), vec![it.cpu_us / it.deltas, it.rss_mib]));
    }
    Ok(Table {
        title: title.to_owned(),
        columns: vec!["CPU per piece, µs", "peak RSS, MiB"],
        lines,
    })
}

pub fn idle(stage: &Stage) -> Result<Outcome> {
    let mut rss = Vec::new();
    for threads in [1, 10_000] {
        let env = BTreeMap::from([("SDK_IDLE", "1".to_owned())]);
        let load = Load { threads, turns: 0 };
        let reports = stage.alternate_on(&[Program::Sdk], &stage.programs.peer(), load, &env)?;
        rss.push(medians(&reports)[&Program::Sdk].rss_mib);
    }
    let each = (rss[1] - rss[0]) * MIB / 10_000.0;
    let rows = vec![Row::at_most(
        "idle",
        "memory of an idle thread",
        each,
        1.0,
        "KiB",
    )];
    let tables = vec![Table {
        title: "10,000 idle threads on one client".to_owned(),
        columns: vec!["peak RSS with one, MiB", "with 10,000, MiB", "each, KiB"],
        lines: vec![(
            "codex-sdk, one thread".to_owned(),
            vec![rss[0], rss[1], each],
        )],
    }];
    Ok(Outcome { rows, tables })
}
