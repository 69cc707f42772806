//! What is measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use codex_bench::measure::{Load, Report};
use codex_testkit::{CodexHome, Reply, ScriptedModel};
use indicatif::ProgressBar;

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

/// What a case has brought.
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

pub const CASES: [Case; 9] = [
    ("deltas-10k", |stage| deltas(stage, "deltas-10k", 10_000)),
    ("deltas-50k", |stage| deltas(stage, "deltas-50k", 50_000)),
    ("latency", latency),
    ("parallel", parallel),
    ("start", start),
    ("flood", flood),
    ("scale", scale),
    ("idle", idle),
    ("decode", crate::decode::case),
];

const MIB: f64 = 1024.0;

/// The medians of the reports of a program.
struct Medians {
    deltas: f64,
    cpu_us: f64,
    wall_us: f64,
    start_us: f64,
    rss_mib: f64,
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
    /// Runs the programs by turns. The model answers with so many pieces each time.
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

    fn alternate_on(
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

fn medians(reports: &BTreeMap<Program, Vec<Report>>) -> BTreeMap<Program, Medians> {
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

/// A ratio of two programs, and what it must not exceed.
fn beside(
    case: &'static str,
    of: &BTreeMap<Program, Medians>,
    [program, other]: [Program; 2],
    limit: f64,
) -> Row {
    let what = format!("CPU of {}, beside {}", program.name(), other.name());
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
            "wall time, beside the raw reader",
            of[&Sdk].wall_us / of[&Raw].wall_us,
            1.05,
            "×",
        ),
    ];
    rows.extend(small(case, &of));
    let tables = vec![table(format!("A turn of {count} pieces of text"), &of)];
    Ok(Outcome { rows, tables })
}

/// How many pieces a second the model writes at most: a slow one, a fast one, and more than any does.
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
            format!("added at {rate} pieces a second, median"),
            p50,
            0.2,
            "ms",
        ));
        rows.push(Row::at_most(
            "latency",
            format!("added at {rate} pieces a second, 99th percentile"),
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
        beside(case, &tiny, [Sdk, Python], 0.25),
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
            "until it is ready, beside Python",
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

/// A million notifications, of one turn or of a thousand: ten on each of a hundred threads.
fn flood(stage: &Stage) -> Result<Outcome> {
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
            "CPU of a notification with 1000 turns, beside one",
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

/// How many pieces come for each figure of [`scale`].
const PIECES: usize = 200_000;

/// What a piece costs, the more there are of something.
fn scale(stage: &Stage) -> Result<Outcome> {
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

/// The cost of a piece for each of these numbers, which become a load, clients, and pieces in a turn.
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

fn idle(stage: &Stage) -> Result<Outcome> {
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
