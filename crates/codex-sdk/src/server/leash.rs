//! Ties a server's lifetime to that of this program.

use std::ffi::OsStr;

use tokio::process::Command;

/// A background shell waits for the end of its standard input, which also comes when this program is killed. It then
/// asks the server's process group to terminate, asks again a second later, which ends a running turn, and kills what
/// is left two seconds after that. The shell is in that group, so the group's id can't be reused by then.
#[cfg(unix)]
const LEASH: &str = r#"
exec 3<&0 </dev/null
(
    trap '' TERM
    read -r end <&3
    kill -TERM -$$; sleep 1
    kill -TERM -$$; sleep 2
    kill -KILL -$$
) >/dev/null 2>&1 &
exec "$@" 3<&-"#;

/// The same command, made to end when its standard input does.
pub(super) fn leashed(command: &Command) -> Command {
    let inner = command.as_std();
    let mut leashed = begin(inner.get_program());
    leashed.args(inner.get_args()).env_clear();
    // The command sets all of its variables and inherits none.
    let set = inner.get_envs();
    leashed.envs(set.filter_map(|(key, value)| Some((key, value?))));
    if let Some(folder) = inner.get_current_dir() {
        leashed.current_dir(folder);
    }
    leashed
}

#[cfg(unix)]
fn begin(program: &OsStr) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", LEASH, "sh"]).arg(program);
    command
}

/// The job object ends the server.
#[cfg(not(unix))]
fn begin(program: &OsStr) -> Command {
    Command::new(program)
}
