//! The command `codex-cli-bin`: installs and finds the pinned Codex runtime.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use codex_cli_bin::{Installer, Pin, RUNTIME_VERSION, data_dir, locate, terminal_progress_of};

const USAGE: &str = "\
usage: codex-cli-bin install [--wheel FILE] [--pin FILE]   install the pinned Codex runtime
       codex-cli-bin path                                  print the path of its executable
       codex-cli-bin info                                  print what was found, and where

  --wheel FILE   install from a downloaded wheel or npm tarball, offline
  --pin FILE     install what another requirements file pins, with its hashes:
                 `openai-codex-cli-bin==VERSION --hash=sha256:HEX ...`, or
                 `@openai/codex==VERSION --hash=sha512:HEX ...` for npm
";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

enum Command {
    Help,
    Install {
        wheel: Option<PathBuf>,
        pin: Option<PathBuf>,
    },
    Path,
    Info,
}

fn main() -> ExitCode {
    let Some(command) = parse(env::args_os().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Command> {
    let command = arguments.next()?;
    let (mut wheel, mut pin) = (None, None);
    let installs = command == "install";
    while let Some(option) = arguments.next() {
        match option.to_str()? {
            "--wheel" if installs => wheel = Some(arguments.next()?.into()),
            "--pin" if installs => pin = Some(arguments.next()?.into()),
            _ => return None,
        }
    }
    match command.to_str()? {
        "install" => Some(Command::Install { wheel, pin }),
        "path" => Some(Command::Path),
        "info" => Some(Command::Info),
        "help" | "--help" | "-h" => Some(Command::Help),
        _ => None,
    }
}

fn run(command: Command) -> Result<()> {
    let mut out = io::stdout();
    match command {
        Command::Help => write!(out, "{USAGE}")?,
        Command::Install { wheel, pin } => {
            let pin = match pin {
                Some(pin) => Pin::parse(&fs::read_to_string(pin)?)?,
                None => Pin::default(),
            };
            let progress = terminal_progress_of(pin.version());
            let mut installer = Installer::default().pin(pin);
            if let Some(wheel) = wheel {
                installer = installer.wheel(wheel);
            }
            let runtime = installer.install(progress)?;
            writeln!(out, "{}", runtime.codex.display())?;
        }
        Command::Path => writeln!(out, "{}", locate()?.codex.display())?,
        Command::Info => {
            writeln!(out, "pinned   {RUNTIME_VERSION}")?;
            writeln!(out, "folder   {}", data_dir()?.display())?;
            writeln!(out, "{}", locate()?)?;
        }
    }
    Ok(())
}
