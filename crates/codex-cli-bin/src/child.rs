use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, io, thread};

const POLL: Duration = Duration::from_millis(50);
/// How much of the end of a child's output is read.
const TAIL: u64 = 64 * 1024;

/// Ties a program to the life of this process. A background shell waits for the end of its standard
/// input, which also comes when this process is killed, and then kills the process group. The shell
/// belongs to that group, so its id can't have been reused by then. The program gets an empty input
/// and the process id of the first shell.
#[cfg(unix)]
const LEASH: &str = r#"
exec 3<&0 </dev/null
(read -r end <&3; kill -9 -$$) >/dev/null 2>&1 &
exec "$@" 3<&-"#;

/// A child process that ends when this value or this process does; its output goes to a file.
///
/// On Windows it outlives this process if that is killed. It can then write only to a staging
/// folder that is never published.
pub(crate) struct Child {
    process: Process,
    /// Closing this kills the child and its children.
    leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Child {
    /// Prepares a command for [`Child::spawn`]; add arguments as usual.
    #[cfg(unix)]
    pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("/bin/sh");
        command.process_group(0);
        command.args(["-c", LEASH, "sh"]).arg(program);
        command
    }

    #[cfg(not(unix))]
    pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
        Command::new(program)
    }

    pub(crate) fn spawn(command: &mut Command, log: PathBuf) -> io::Result<Self> {
        // A file, not a pipe: nobody has to read it, and a grandchild can't block us by keeping it
        // open.
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        command.stdin(if cfg!(unix) {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut process = command.spawn()?;
        Ok(Self {
            leash: process.stdin.take(),
            process,
            log,
        })
    }

    /// Waits for the child to exit, and asks about twenty times a second whether to go on; `None`
    /// if not.
    pub(crate) fn wait_while(
        &mut self,
        mut go_on: impl FnMut() -> bool,
    ) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(Some(status));
            }
            if !go_on() {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }

    /// The end of the child's output.
    pub(crate) fn output(&self) -> String {
        tail(&self.log).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.log);
    }
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
