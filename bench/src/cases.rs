//! The cases that are measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use codex_bench::measure::{Load, Report};
use codex_testkit::{CodexHome, Reply, ScriptedModel};
use indicatif::ProgressBar;

use crate::floods;
use crate::programs::{Program, Programs};
use crate::rows::{Row, median, quantile};

/// Everything that a case needs.
pub struct Stage {
    pub programs: Programs,
    pub model: ScriptedModel,
    pub codex: PathBuf,
    /// How often each program runs.
    pub runs: usize,
    pub progress: ProgressBar,
}

/// The result of a case.
#[derive(Debug, Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    pub tables: Vec<Table>,
}

/// The figures of several programs.
#[derive(Debug)]
pub struct Table {
    pub title: String,
    pub columns: Vec<&'static str>,
    pub lines: Vec<(String, Vec<f64>)>,
}

pub type Case = (&'static str, fn(&Stage) -> Result<Outcome>);

pub const CASES: [Case; 10] = [
    ("deltas-10k", |stage| deltas(stage, "deltas-10k", 10_000)),
    ("deltas-50k", |stage| deltas(stage, "deltas-50k", 50_000)),
    ("latency", latency),
    ("parallel", parallel),
    ("start", start),
    ("flood", floods::flood),
    ("scale", floods::scale),
    ("viewers", floods::viewers),
    ("idle", floods::idle),
    ("decode", crate::decode::case),
];

pub const MIB: f64 = 1024.0;

/// The medians of a program's reports.
pub struct Medians {
    pub deltas: f64,
    pub cpu_us: f64,
    pub wall_us: f64,
    pub start_us: f64,
    pub rss_mib: f64,
}

impl Medians {
    fn of(reports: &[Report]) -> Self {
        let of = |figure: fn(&Report) -> f64| median(reports.iter().map(figure).collect());
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        Self {
            deltas: of(|it| it.deltas as f64),
            cpu_us: of(|it| it.cpu_us),
            wall_us: of(|it| it.wall_us),
            start_us: of(|it| it.start_us),
            rss_mib: of(|it| it.rss_kib as f64) / MIB,
        }
    }
}

impl Stage {
    /// Runs the programs in turn. The model answers with `deltas` pieces each time.
    fn alternate(
        &self,
        programs: &[Program],
        load: Load,
        deltas: usize,
    ) -> Result<BTreeMap<Program, Vec<Report>>> {
        self.model
            .default_reply(Reply::deltas((0..deltas).map(|n| format!("word{n} "))));
        self.alternate_on(programs, &self.codex, load, &BTreeMap::new())
    }

    pub fn alternate_on(
        &self,
        programs: &[Program],
        codex: &std::path::Path,
        load: Load,
        env: &BTreeMap<&str, String>,
    ) -> Result<BTreeMap<Program, Vec<Report>>> {
        let mut reports: BTreeMap<Program, Vec<Report>> = BTreeMap::new();
        for _ in 0..self.runs {
            for program in programs {
                self.progress.set_message(program.name());
                let home = CodexHome::builder().model(&self.model).build()?;
                let report = self.programs.run(*program, codex, &home, load, env)?;
                reports.entry(*program).or_default().push(report);
            }
        }
        Ok(reports)
    }
}

pub fn medians(reports: &BTreeMap<Program, Vec<Report>>) -> BTreeMap<Program, Medians> {
    let each = reports.iter();
    each.map(|(program, reports)| (*program, Medians::of(reports)))
        .collect()
}

fn table(title: String, of: &BTreeMap<Program, Medians>) -> Table {
    let lines = Program::ALL.iter().filter_map(|program| {
        let it = of.get(program)?;
        let figures = vec![
            it.cpu_us / it.deltas,
            it.cpu_us / 1e3,
            it.wall_us / 1e3,
            it.rss_mib,
        ];
        Some((program.name().to_owned(), figures))
    });
    Table {
        title,
        columns: vec![
            "CPU per piece, µs",
            "CPU, ms",
            "wall time, ms",
            "peak RSS, MiB",
        ],
        lines: lines.collect(),
    }
}

/// The ratio of two programs, and its limit.
fn beside(
    case: &'static str,
    of: &BTreeMap<Program, Medians>,
    [program, other]: [Program; 2],
    limit: f64,
) -> Row {
    let what = format!("CPU of {}, relative to {}", program.name(), other.name());
    Row::at_most(
        case,
        what,
        of[&program].cpu_us / of[&other].cpu_us,
        limit,
        "×",
    )
}

fn small(case: &'static str, of: &BTreeMap<Program, Medians>) -> Vec<Row> {
    let ours = [Program::Sdk, Program::SdkTwo];
    let ours = ours
        .iter()
        .filter_map(|program| Some((program, of.get(program)?)));
    ours.map(|(program, it)| {
        let what = format!("peak RSS of {}", program.name());
        Row::at_most(case, what, it.rss_mib, 8.0, "MiB")
    })
    .collect()
}

fn deltas(stage: &Stage, case: &'static str, count: usize) -> Result<Outcome> {
    use Program::{CodesAsync, CodesSync, Python, Raw, Sdk, SdkTwo};
    let load = Load {
        threads: 1,
        turns: 1,
    };
    let of = medians(&stage.alternate(&Program::ALL, load, count)?);
    let mut rows = vec![
        beside(case, &of, [Sdk, Raw], 1.0),
        beside(case, &of, [SdkTwo, Raw], 1.15),
        beside(case, &of, [Sdk, Python], 0.25),
        beside(case, &of, [Sdk, CodesSync], 0.6),
        beside(case, &of, [Sdk, CodesAsync], 0.6),
        Row::at_most(
            case,
            "wall time, relative to the raw reader",
            of[&Sdk].wall_us / of[&Raw].wall_us,
            1.05,
            "×",
        ),
    ];
    rows.extend(small(case, &of));
    let tables = vec![table(format!("A turn of {count} pieces of text"), &of)];
    Ok(Outcome { rows, tables })
}

/// The maximum pieces a second from the model: slow, fast, and faster than any model.
const RATES: [usize; 4] = [100, 1_000, 5_000, 20_000];

fn latency(stage: &Stage) -> Result<Outcome> {
    use Program::{Raw, Sdk};
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for rate in RATES {
        let env = BTreeMap::from([
            ("PEER_RATE", rate.to_string()),
            ("PEER_DELTAS", (rate / 2).to_string()),
        ]);
        let load = Load {
            threads: 1,
            turns: 1,
        };
        let reports = stage.alternate_on(&[Raw, Sdk], &stage.programs.peer(), load, &env)?;
        let added = |share| {
            let of = |program| {
                let each = reports[&program].iter();
                median(
                    each.map(|it| quantile(&mut it.latencies_us.clone(), share))
                        .collect(),
                )
            };
            (of(Raw), of(Sdk), (of(Sdk) - of(Raw)) / 1e3)
        };
        let ((raw, sdk, p50), (raw_99, sdk_99, p99)) = (added(0.5), added(0.99));
        rows.push(Row::at_most(
            "latency",
            format!("at {rate} pieces a second, median beyond the raw reader's"),
            p50,
            0.2,
            "ms",
        ));
        rows.push(Row::at_most(
            "latency",
            format!("at {rate} pieces a second, 99th percentile beyond the raw reader's"),
            p99,
            1.2,
            "ms",
        ));
        lines.push((format!("{rate} a second"), vec![raw, sdk, raw_99, sdk_99]));
    }
    let tables = vec![Table {
        title: "From the write of a piece to its delivery, µs".to_owned(),
        columns: vec![
            "raw, median",
            "codex-sdk, median",
            "raw, 99th",
            "codex-sdk, 99th",
        ],
        lines,
    }];
    Ok(Outcome { rows, tables })
}

fn parallel(stage: &Stage) -> Result<Outcome> {
    use Program::{Python, Sdk};
    let case = "parallel";
    let many = medians(&stage.alternate(
        &[Sdk, Python],
        Load {
            threads: 16,
            turns: 1,
        },
        1_000,
    )?);
    let tiny = medians(&stage.alternate(
        &[Sdk, Python],
        Load {
            threads: 1,
            turns: 50,
        },
        3,
    )?);
    let mut rows = vec![
        beside(case, &many, [Sdk, Python], 1.0 / 8.0),
        beside("short turns", &tiny, [Sdk, Python], 0.25),
    ];
    rows.extend(small(case, &many));
    let tables = vec![
        table("16 turns of 1000 pieces at once".to_owned(), &many),
        table("50 turns of 3 pieces, one after another".to_owned(), &tiny),
    ];
    Ok(Outcome { rows, tables })
}

fn start(stage: &Stage) -> Result<Outcome> {
    use Program::{Python, Raw, Sdk};
    let of = medians(&stage.alternate(
        &[Raw, Sdk, Python],
        Load {
            threads: 1,
            turns: 0,
        },
        1,
    )?);
    let added = (of[&Sdk].start_us - of[&Raw].start_us) / 1e3;
    let rows = vec![
        Row::at_most(
            "start",
            "until it is ready, beyond the raw reader",
            added,
            5.0,
            "ms",
        ),
        Row::at_most(
            "start",
            "until it is ready, relative to Python",
            of[&Sdk].start_us / of[&Python].start_us,
            0.1,
            "×",
        ),
    ];
    let lines = of.iter().map(|(program, it)| {
        (
            program.name().to_owned(),
            vec![it.start_us / 1e3, it.rss_mib],
        )
    });
    let tables = vec![Table {
        title: "A start".to_owned(),
        columns: vec!["until it is ready, ms", "peak RSS, MiB"],
        lines: lines.collect(),
    }];
    Ok(Outcome { rows, tables })
}
