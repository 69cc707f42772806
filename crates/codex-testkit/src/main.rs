//! The command `codex-testkit`: runs a program on a scripted model; shows the messages on the wire.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::exit;

use cli::run::Run;

mod cli;

const HELP: &str = r#"Tests for programs that drive Codex, without a model, a login or a network.

usage: codex-testkit run [OPTIONS] SCRIPT -- PROGRAM [ARGS…]
       codex-testkit tap [FILE]

run  Runs PROGRAM with the pinned Codex runtime, whose model says what SCRIPT has.
     The runtime is installed first if it isn't. CODEX_HOME is a fresh one; it is
     deleted when PROGRAM ends, and on Linux whatever PROGRAM has left running is
     ended. The exit code is PROGRAM's, 128 + N if signal N ended it, 127 if it
     isn't found, 126 if it can't be started, 125 if something else is wrong.

  --default TEXT  answer TEXT when no reply is left; otherwise such a turn fails
  --config TOML   add this to the config.toml of CODEX_HOME; can be repeated
  --workspace     start PROGRAM in an empty folder, not in the current one
  --quiet         don't report on stderr how many requests the model got

SCRIPT is a JSON list. Each request of the runtime takes one reply of it:

  "Hello."                                        a message
  {"text": "Let me see.", "phase": "commentary"}  phase: or "final_answer"
  {"deltas": ["Hel", "lo."]}                      a message in pieces
  {"reasoning": ["Hm."]}
  {"call": "exec_command", "arguments": {"cmd": "ls"}}
  {"custom_call": "apply_patch", "input": "*** Begin Patch…"}
  {"item": {…}}, {"event": {…}}                   anything else, sent as it is
  {"failed": {"code": "server_error", "message": "Sorry."}}
  {"incomplete": "max_output_tokens"}
  {"status": 503, "body": {…}}                    an HTTP status instead of a stream
  {"disconnect": true}, {"stall": true}           break off; never end
  {"all": ["Let me see.", {"call": …}]}           several in one reply
  {"default": "Done."}                            last: for all further requests

Messages, reasoning and calls can have an "id", calls a "namespace". Every reply
can have "delay_ms", the time before each of its events, and "usage", with any of
"input", "cached", "output" and "reasoning" tokens.

tap  Prints a line for each JSON-RPC message in FILE, or in the standard input: what
     passed between a client and `codex app-server`, in either direction.
"#;

#[derive(Debug)]
enum Command {
    Help,
    Run(Run),
    Tap(Option<OsString>),
}

fn main() {
    let code = match parse(env::args_os().skip(1)) {
        Ok(command) => start(command),
        Err(problem) => {
            eprintln!("error: {problem}; see `codex-testkit --help`");
            2
        }
    };
    exit(code)
}

fn start(command: Command) -> i32 {
    match command {
        Command::Help => match io::stdout().write_all(HELP.as_bytes()) {
            Ok(()) => 0,
            Err(_) => 1,
        },
        Command::Run(run) => run.run().unwrap_or_else(|error| {
            print(&error);
            error.exit_code()
        }),
        Command::Tap(file) => match cli::tap::tap(file.as_deref()) {
            Ok(()) => 0,
            Err(error) => {
                print(&error);
                1
            }
        },
    }
}

fn print(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("caused by: {error}");
        cause = error.source();
    }
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let command = arguments.next().ok_or("a command is missing")?;
    let mut arguments = arguments.peekable();
    if arguments.peek().is_some_and(is_help) || command == "help" || is_help(&command) {
        return Ok(Command::Help);
    }
    match command.to_str() {
        Some("run") => parse_run(arguments),
        Some("tap") => {
            let file = arguments.next();
            match arguments.next() {
                Some(more) => Err(format!("unexpected argument {}", more.display())),
                None => Ok(Command::Tap(file)),
            }
        }
        _ => Err(format!("unknown command {}", command.display())),
    }
}

fn parse_run(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut run = Run::default();
    let mut script = None;
    loop {
        let argument = arguments.next().ok_or("`-- PROGRAM` is missing")?;
        let mut text = |option: &str| {
            let value = arguments.next().ok_or(format!("{option} needs a value"))?;
            let value = value.into_string();
            value.map_err(|_| format!("the value of {option} is not UTF-8"))
        };
        match argument.to_str() {
            Some("--") => break,
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--default") => run.default = Some(text("--default")?),
            Some("--config") => run.config.push(text("--config")?),
            Some("--workspace") => run.in_workspace = true,
            Some("--quiet") => run.quiet = true,
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}"));
            }
            _ if script.is_none() => script = Some(argument),
            _ => {
                let argument = argument.display();
                return Err(format!("unexpected argument {argument} before `--`"));
            }
        }
    }
    run.script = script.ok_or("SCRIPT is missing")?.into();
    run.program = arguments.next().ok_or("PROGRAM is missing")?;
    run.arguments = arguments.collect();
    Ok(Command::Run(run))
}

fn is_help(argument: &OsString) -> bool {
    argument == "--help" || argument == "-h"
}
