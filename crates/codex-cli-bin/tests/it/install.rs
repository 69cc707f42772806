use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use codex_cli_bin::{Error, Origin, Progress};

use crate::support::{Package, Sandbox, VERSION, executable, succeeded};

#[test]
fn the_second_installation_needs_no_installer() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install(&Package::default());
    let first = succeeded(&install.output().unwrap());
    let package = format!("data/openai-codex-cli-bin-{VERSION}/codex_cli_bin");
    let codex = sandbox.path(package).join("bin/codex");
    assert_eq!(first.trim_end(), codex.to_str().unwrap());

    let second = install.env("PATH", "").output().unwrap();
    assert_eq!(succeeded(&second), first);
    assert!(second.stderr.is_empty(), "it reported progress");
}

#[test]
fn a_wheel_needs_no_index() {
    let sandbox = Sandbox::new();
    let mut seen = Vec::new();
    let runtime = sandbox
        .installer(&Package::default())
        .install(|progress| seen.push(progress.clone()))
        .unwrap();
    let package = sandbox
        .data()
        .join("openai-codex-cli-bin-1.2.3/codex_cli_bin");
    assert_eq!(runtime.codex, package.join("bin/codex"));
    assert_eq!(runtime.path_dir, Some(package.join("codex-path")));
    assert_eq!(runtime.version.as_deref(), Some(VERSION));
    assert_eq!(runtime.origin, Origin::Installed);
    assert!(seen.ends_with(&[Progress::Checking, Progress::Installed]));
}

#[test]
fn the_bytes_that_arrive_are_reported() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.pipe("go-on");
    sandbox.uv(&format!(
        "dd if=/dev/null of=$TMPDIR/x.whl bs=1 seek=50000000
        read line < {pipe}
        mkdir -p $TMPDIR/target/codex_cli_bin
        dd if=/dev/null of=$TMPDIR/target/codex_cli_bin/codex bs=1 seek=300000000
        read line < {pipe}
        exit 1",
        pipe = go_on.display()
    ));
    let mut command = sandbox.install(&Package::default()).spawn().unwrap();
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    for reported in ["downloading (50 MB)", "unpacking (300 MB)"] {
        assert!(
            lines.any(|line| line.unwrap().ends_with(reported)),
            "not {reported}"
        );
        fs::write(&go_on, "\n").unwrap();
    }
    assert!(lines.any(|line| line.unwrap().ends_with("installed")));
    assert!(command.wait().unwrap().success());
}

#[test]
fn of_two_installations_at_once_one_downloads_and_both_succeed() {
    let sandbox = Sandbox::new();
    let (started, go_on) = (sandbox.pipe("started"), sandbox.pipe("go-on"));
    sandbox.uv(&format!(
        "echo once >> {log}; echo > {started}; read line < {go_on}; exit 1",
        log = sandbox.path("downloads").display(),
        started = started.display(),
        go_on = go_on.display()
    ));
    let mut install = sandbox.install(&Package::default());
    let first = install.spawn().unwrap();
    fs::read(started).unwrap();
    let mut second = install.spawn().unwrap();
    let mut stderr = BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for another installation"), "{line}");
    fs::write(go_on, "\n").unwrap();
    // Nobody reads the rest otherwise.
    let rest = thread::spawn(move || stderr.lines().count());

    let first = succeeded(&first.wait_with_output().unwrap());
    assert_eq!(succeeded(&second.wait_with_output().unwrap()), first);
    rest.join().unwrap();
    assert_eq!(
        fs::read_to_string(sandbox.path("downloads")).unwrap(),
        "once\n"
    );
}

#[test]
fn waiting_for_another_installation_ends() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.data()).unwrap();
    let lock = fs::File::create(sandbox.data().join("install.lock")).unwrap();
    lock.lock().unwrap();
    let installer = sandbox.installer(&Package::default());
    let result = installer.lock_timeout(Duration::ZERO).install(|_| {});
    assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
}

#[test]
fn nothing_in_the_callers_folder_takes_part() {
    let sandbox = Sandbox::new();
    let seen = sandbox.path("uv-ran-in");
    sandbox.uv(&format!(
        "{{ ls -ld .; wc -c < uv.toml; }} > {}; exit 1",
        seen.display()
    ));
    for module in ["pip.py", "sitecustomize.py", "zipfile.py"] {
        let hostile = "import sys; sys.exit('the code of the project ran')";
        fs::write(sandbox.path("project").join(module), hostile).unwrap();
    }
    fs::write(sandbox.path("project/uv.toml"), "no-index = true").unwrap();
    let mut install = sandbox.install(&Package::default());
    // A relative entry is relative to the folder that Python is started in.
    succeeded(&install.env("PYTHONPATH", ".").output().unwrap());
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.starts_with("drwx------"), "{seen}");
    let length = seen.lines().nth(1).map(str::trim);
    assert_eq!(length, Some("0"), "uv may obey a `uv.toml` further up");
}

#[test]
fn a_damaged_installation_is_replaced() {
    let sandbox = Sandbox::new();
    let installer = sandbox.installer(&Package::default());
    let runtime = installer.install(|_| {}).unwrap();
    fs::remove_file(&runtime.codex).unwrap();
    assert_eq!(installer.installed().unwrap(), None);
    assert_eq!(installer.install(|_| {}).unwrap(), runtime);
    assert!(runtime.codex.is_file());
    assert_eq!(sandbox.installed().len(), 1);
}

#[test]
fn settings_against_a_plain_installation_do_not_apply() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install(&Package::default());
    install
        .env("PIP_USER", "1")
        .env("PIP_REQUIRE_VIRTUALENV", "1");
    succeeded(&install.output().unwrap());
}

#[test]
fn what_a_failed_installer_left_is_not_used() {
    let sandbox = Sandbox::new();
    sandbox.uv("mkdir -p package/codex_cli_bin; echo half > package/codex_cli_bin/half; exit 1");
    let mut install = sandbox.install(&Package::default());
    let codex = succeeded(&install.output().unwrap());
    let bin = Path::new(codex.trim_end()).parent().unwrap();
    assert!(!bin.with_file_name("half").exists());
}

#[test]
fn a_shim_in_front_of_python_is_passed_by() {
    let sandbox = Sandbox::new();
    let which = ["-c", "import sys; print(sys.executable, end='')"];
    let python = Command::new("python3").args(which).output().unwrap();
    let shim = format!(
        "#!/bin/sh\ncase \"$*\" in *pip*) exit 1;; esac\nexec {} \"$@\"\n",
        succeeded(&python)
    );
    for name in ["python3", "python"] {
        executable(&sandbox.path("bin").join(name), &shim);
    }
    succeeded(&sandbox.install(&Package::default()).output().unwrap());
}
