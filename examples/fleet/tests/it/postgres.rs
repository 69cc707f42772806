//! A database of its own for a test, on a Unix socket in a temporary folder.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use std::{env, fs};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// The user `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

pub(crate) struct Postgres {
    server: Child,
    folder: TempDir,
}

impl Postgres {
    /// Starts one, or returns `None` where PostgreSQL isn't installed.
    pub(crate) async fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let root = fs::metadata("/proc/self").is_ok_and(|it| uid(&it) == 0);
        if root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let command = |name: &str| {
            let mut command = Command::new(programs.join(name));
            let log = File::options()
                .create(true)
                .append(true)
                .open(folder.path().join(name));
            let log = log.unwrap();
            command
                .current_dir(folder.path())
                .stdout(log.try_clone().unwrap())
                .stderr(log);
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        let data = folder.path().join("data");
        let mut initdb = command("initdb");
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--username=fleet",
            "--locale=C",
            "--encoding=UTF8",
        ]);
        assert!(
            initdb.arg(&data).status().unwrap().success(),
            "{}",
            log(folder.path(), "initdb")
        );
        let mut server = command("postgres");
        server
            .args(["-F", "-c", "listen_addresses=", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(data);
        let server = server.spawn().unwrap();
        let started = Self { server, folder };
        let ready = async {
            while PgConnection::connect(&started.url()).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ready = timeout(Duration::from_secs(30), ready).await;
        assert!(
            ready.is_ok(),
            "no database: {}",
            log(started.folder.path(), "postgres")
        );
        Some(started)
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://fleet@localhost/postgres?host={}",
            self.folder.path().display()
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, and with all of its processes.
        let id = self.server.id().try_into().unwrap();
        let _ = kill(Pid::from_raw(id), Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}

/// The folder of PostgreSQL's programs: on `PATH`, or where Debian has them.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let folders = env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    let mut folders =
        folders.filter(|it| it.join("initdb").exists() && it.join("postgres").exists());
    folders.next()
}

fn uid(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

fn log(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}
