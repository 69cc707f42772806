//! Runs each program by turns against one scripted model, and compares.
#![expect(clippy::print_stdout, reason = "what this program is for")]

use std::process::Command;

use anyhow::{Result, ensure};
use codex_bench::Report;
use codex_testkit::{CodexHome, Reply, ScriptedModel};

fn main() -> Result<()> {
    let runtime = codex_testkit::runtime()?;
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .map(|it| it.parse().unwrap_or(1))
        .collect();
    let (threads, turns, deltas, runs) = (args[0], args[1], args[2], args[3]);
    let host = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let model = host.block_on(ScriptedModel::start())?;
    model.default_reply(Reply::deltas((0..deltas).map(|n| format!("word{n} "))));
    let folder = std::env::current_exe()?
        .parent()
        .map(std::path::Path::to_owned)
        .unwrap_or_default();
    let programs: [(&str, &str, Option<&str>); 4] = [
        ("raw", "raw", None),
        ("sdk", "sdk", None),
        ("sdk-2", "sdk", Some("2")),
        ("old", "sdk-old", Some("2")),
    ];
    let mut all: Vec<Vec<Report>> = vec![Vec::new(); 4];
    for _ in 0..runs {
        for (index, (_, program, workers)) in programs.iter().enumerate() {
            let home = CodexHome::builder().model(&model).build()?;
            let path = folder.join(program);
            if !path.exists() {
                continue;
            }
            let mut command = Command::new(path);
            command
                .args([threads.to_string(), turns.to_string()])
                .envs(home.env())
                .env("CODEX_BIN", &runtime.codex)
                .current_dir(home.workspace());
            if let Some(workers) = workers {
                command.env("SDK_WORKERS", workers);
            }
            let output = command.output()?;
            ensure!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            all[index].push(serde_json::from_slice(&output.stdout)?);
        }
    }
    let median = |of: &dyn Fn(&Report) -> f64, reports: &[Report]| {
        let mut v: Vec<f64> = reports.iter().map(of).collect();
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let raw = median(&|r| r.cpu_us, &all[0]);
    for (index, (name, ..)) in programs.iter().enumerate() {
        if all[index].is_empty() {
            continue;
        }
        let r = &all[index];
        let cpu = median(&|r| r.cpu_us, r);
        println!(
            "{name:8} deltas {} cpu/delta {:.2} us ratio {:.2} wall {:.0} ms start {:.0} ms rss {} KiB",
            r[0].deltas,
            cpu / r[0].deltas as f64,
            cpu / raw,
            median(&|r| r.wall_us, r) / 1e3,
            median(&|r| r.start_us, r) / 1e3,
            median(&|r| r.rss_kib as f64, r)
        );
    }
    Ok(())
}
