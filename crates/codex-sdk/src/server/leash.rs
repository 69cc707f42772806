//! Ties a server to the life of this program.

use std::ffi::OsStr;

use tokio::process::Command;

/// A background shell waits for the end of its standard input, which also comes when this program is killed. Then it
/// asks the server to leave; again a second later, which ends a turn that runs, and kills what is left two seconds
/// after that. It is in the server's process group, so that the group can't be another's by then.
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

/// The same command, which ends when its standard input does.
pub(super) fn leashed(command: &Command) -> Command {
    let inner = command.as_std();
    let mut leashed = begin(inner.get_program());
    leashed.args(inner.get_args()).env_clear();
    // All of them are set, and none is inherited.
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

/// Its job object ends it.
#[cfg(not(unix))]
fn begin(program: &OsStr) -> Command {
    Command::new(program)
}
