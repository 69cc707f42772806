use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::{fs, thread};

use crate::support::{Package, Sandbox, VERSION, succeeded};

#[test]
fn an_installation_that_is_killed_leaves_no_process_and_no_runtime() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.pipe("pipe");
    // The pipe stays open for as long as this script or its child lives.
    sandbox.uv(&format!(
        "exec 9> {}; echo started >&9; (sleep 8; echo survived >&9) & wait",
        pipe.display()
    ));
    let mut install = sandbox.install(&Package::default());
    let mut command = install.spawn().unwrap();
    let mut pipe = BufReader::new(File::open(pipe).unwrap());
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    command.kill().unwrap();
    command.wait().unwrap();
    pipe.read_to_string(&mut line).unwrap();
    assert_eq!(line, "started\n", "a process was left");
    let left = sandbox.installed();
    assert_eq!(
        left.len(),
        1,
        "no staging folder was left to sweep: {left:?}"
    );

    sandbox.uv("exit 1");
    let codex = succeeded(&install.output().unwrap());
    assert!(fs::exists(codex.trim_end()).unwrap());
    assert_eq!(
        sandbox.installed(),
        [format!("openai-codex-cli-bin-{VERSION}").as_str()]
    );
}

#[test]
fn a_panic_leaves_nothing() {
    let sandbox = Sandbox::new();
    let installer = sandbox.installer(&Package::default());
    let panicked = thread::spawn(move || installer.install(|_| panic!("by the caller")).is_ok());
    panicked.join().unwrap_err();
    assert!(sandbox.installed().is_empty(), "{:?}", sandbox.installed());
}
