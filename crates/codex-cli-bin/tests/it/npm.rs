//! Runtimes from npm. No npm runs: a script in its place copies a tarball, or fails as npm does.

use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::time::Duration;

use codex_cli_bin::{Error, Flaw, Progress};

use crate::support::{Package, Sandbox, executable, failed, succeeded, target};

const PLACE: &str = "openai-codex-1.2.3";

#[test]
fn a_pin_for_npm_is_installed_by_npm() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    let output = install.output().unwrap();
    let codex = sandbox.path(format!("data/{PLACE}/codex_cli_bin/bin/codex"));
    assert_eq!(succeeded(&output).trim_end(), codex.to_str().unwrap());
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(
        progress.ends_with("Codex runtime 1.2.3: installed\n"),
        "{progress}"
    );
    assert_eq!(sandbox.installed(), [PLACE]);

    let second = install.env("PATH", "").output().unwrap();
    assert_eq!(succeeded(&second).trim_end(), codex.to_str().unwrap());
    assert!(second.stderr.is_empty(), "it reported progress");
}

#[test]
fn npm_is_asked_for_this_machine_and_sees_no_project() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    let seen = sandbox.path("npm-saw");
    let tarball = sandbox.path("index/openai-codex.tgz");
    sandbox.npm(&format!(
        r#"{{ ls -ld .; cat package.json; echo; echo "$npm_config_workspace,$*"; }} > {}; cp {} $to/"#,
        seen.display(),
        tarball.display()
    ));
    install.env("npm_config_workspace", "mine");
    succeeded(&install.output().unwrap());
    let seen = fs::read_to_string(seen).unwrap();
    let lines: Vec<_> = seen.lines().collect();
    assert!(lines[0].starts_with("drwx------"), "{seen}");
    assert_eq!(
        lines[1], "{}",
        "npm may obey the `.npmrc` of a project further up"
    );
    assert!(
        lines[2].starts_with(",pack --no-workspaces --ignore-scripts"),
        "{seen}"
    );
    let system = OS.replace("macos", "darwin");
    let processor = ARCH.replace("x86_64", "x64").replace("aarch64", "arm64");
    let package = format!(" @openai/codex@1.2.3-{system}-{processor}");
    assert!(lines[2].ends_with(&package), "{seen}");
}

#[test]
fn a_tarball_needs_no_npm() {
    let sandbox = Sandbox::new();
    sandbox.npm("exit 1");
    let mut seen = Vec::new();
    let runtime = sandbox
        .npm_installer(&Package::default())
        .install(|progress| seen.push(progress.clone()))
        .unwrap();
    let package = sandbox.data().join(PLACE).join("codex_cli_bin");
    assert_eq!(runtime.codex, package.join("bin/codex"));
    assert_eq!(runtime.path_dir, Some(package.join("codex-path")));
    assert_eq!(runtime.version.as_deref(), Some("1.2.3"));
    assert!(seen.ends_with(&[Progress::Checking, Progress::Installed]));

    let installer = sandbox.npm_installer(&Package::default());
    assert_eq!(installer.installed().unwrap(), Some(runtime));
}

#[test]
fn a_tampered_tarball_is_not_unpacked() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    let tarball = sandbox.path("index/openai-codex.tgz");
    let mut bytes = fs::read(&tarball).unwrap();
    bytes.push(0);
    fs::write(&tarball, bytes).unwrap();
    let ran = sandbox.path("tar-ran");
    let script = format!("#!/bin/sh\ntouch {}\nexit 1\n", ran.display());
    executable(&sandbox.path("bin/tar"), &script);
    let from_npm = failed(&install.output().unwrap());
    assert!(
        from_npm.contains("what npm downloaded does not match the pinned hashes"),
        "{from_npm}"
    );
    let from_file = failed(&install.arg("--wheel").arg(tarball).output().unwrap());
    assert!(
        from_file.contains("openai-codex.tgz does not match the pinned hashes"),
        "{from_file}"
    );
    assert!(!ran.exists(), "it was unpacked");
    assert!(sandbox.installed().is_empty());
}

#[test]
fn a_download_that_npm_itself_refuses_is_a_mismatch() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    sandbox.npm("echo npm error code EINTEGRITY >&2; exit 1");
    let error = failed(&install.output().unwrap());
    assert!(
        error.contains("does not match the pinned hashes"),
        "{error}"
    );
}

#[test]
fn a_wheel_of_the_same_version_is_another_runtime() {
    let sandbox = Sandbox::new();
    let package = Package::default();
    let from_index = sandbox.installer(&package).install(|_| {}).unwrap();
    let from_npm = sandbox.npm_installer(&package);
    assert_eq!(from_npm.installed().unwrap(), None);
    assert_ne!(from_npm.install(|_| {}).unwrap(), from_index);
    assert_eq!(sandbox.installed().len(), 2);
}

#[test]
fn without_npm_or_tar_the_error_names_it() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    install.env("PATH", sandbox.path("project"));
    let error = failed(&install.output().unwrap());
    assert!(
        error.contains("(npm: not found): install Node.js with npm,"),
        "{error}"
    );
    install
        .arg("--wheel")
        .arg(sandbox.path("index/openai-codex.tgz"));
    let error = failed(&install.output().unwrap());
    assert!(error.contains("(tar: not found): install tar,"), "{error}");
    assert!(sandbox.installed().is_empty());
}

#[test]
fn an_npm_that_leaves_no_tarball_has_failed() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    sandbox.npm("exit 0");
    let error = failed(&install.output().unwrap());
    assert!(
        error.contains("(npm: it succeeded without a tarball)"),
        "{error}"
    );
}

#[test]
fn what_npm_says_is_told_without_credentials() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    sandbox.npm(
        "echo npm error code E404 >&2
        echo 'npm error 404 Not Found - GET https://me:s3cret@registry/x?token=s3cret' >&2
        echo npm error A complete log of this run can be found in: x >&2
        exit 1",
    );
    let error = failed(&install.output().unwrap());
    assert!(
        error.contains("(npm: 404 Not Found - GET https://***@registry/x?***)"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_tarball_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let installer = sandbox.npm_installer(&Package::default());
    let result = installer.wheel(sandbox.path("no.tgz")).install(|_| {});
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Wheel { .. }), "{error}");
    let advice = "no.tgz: give the path of a tarball of @openai/codex";
    assert!(error.to_string().ends_with(advice), "{error}");
}

#[test]
fn an_unpacking_without_progress_is_ended() {
    let sandbox = Sandbox::new();
    let result = sandbox
        .npm_installer(&Package::default())
        .stall_timeout(Duration::ZERO)
        .install(|_| {});
    assert!(
        matches!(
            result,
            Err(Error::Stalled {
                installer: "tar",
                ..
            })
        ),
        "{result:?}"
    );
    assert!(sandbox.installed().is_empty());
}

#[test]
fn the_bytes_that_npm_gets_are_reported() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    let go_on = sandbox.pipe("go-on");
    sandbox.npm(&format!(
        "mkdir -p npm-cache/_cacache/tmp
        dd if=/dev/null of=npm-cache/_cacache/tmp/a1 bs=1 seek=50000000
        read line < {}
        cp {} $to/",
        go_on.display(),
        sandbox.path("index/openai-codex.tgz").display()
    ));
    let mut command = install.spawn().unwrap();
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("downloading (50 MB)")));
    fs::write(go_on, "\n").unwrap();
    assert!(lines.any(|line| line.unwrap().ends_with("installed")));
    assert!(command.wait().unwrap().success());
}

#[test]
fn a_download_by_npm_that_is_killed_leaves_no_process_and_no_runtime() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package::default());
    let pipe = sandbox.pipe("pipe");
    // The pipe stays open for as long as this script or its child lives.
    sandbox.npm(&format!(
        "exec 9> {}; echo half > $to/half.tgz; echo started >&9; (sleep 8; echo survived >&9) & wait",
        pipe.display()
    ));
    let mut command = install.spawn().unwrap();
    let mut pipe = BufReader::new(File::open(pipe).unwrap());
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    command.kill().unwrap();
    command.wait().unwrap();
    pipe.read_to_string(&mut line).unwrap();
    assert_eq!(line, "started\n", "a process was left");

    let mut install = sandbox.install_from_npm(&Package::default());
    let codex = succeeded(&install.output().unwrap());
    assert!(fs::exists(codex.trim_end()).unwrap());
    assert_eq!(sandbox.installed(), [PLACE]);
}

/// Installs `package`, which must fail and leave nothing.
fn flaw(package: &Package) -> Flaw {
    let sandbox = Sandbox::new();
    let result = sandbox.npm_installer(package).install(|_| {});
    assert!(sandbox.installed().is_empty(), "{:?}", sandbox.installed());
    match result {
        Err(Error::Unfit { flaw, .. }) => flaw,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_tarball_of_another_version_is_refused() {
    let found = |version: &str| Flaw::Version(version.to_owned());
    let package = Package {
        version: "1.2.4",
        ..Package::default()
    };
    assert_eq!(flaw(&package), found("1.2.4"));
    for npm_version in ["1.2.4-any", "1.2.3", "1.2.30-any"] {
        let package = Package {
            npm_version,
            ..Package::default()
        };
        assert_eq!(flaw(&package), found(npm_version));
    }
}

#[test]
fn a_tarball_of_another_package_is_refused() {
    let package = Package {
        npm_name: "codex",
        ..Package::default()
    };
    let missing = "package.json of @openai/codex".to_owned();
    assert_eq!(flaw(&package), Flaw::Incomplete(missing));
}

#[test]
fn a_tarball_for_another_machine_is_refused() {
    let target = target(ARCH, "windows");
    let package = Package {
        target: target.clone(),
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Platform(target));
}

#[test]
fn a_tarball_without_its_program_is_refused() {
    let package = Package {
        codex: None,
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Incomplete("bin/codex".to_owned()));
}

/// Such as npm's package of this version for no platform, which only starts one of the others.
#[test]
fn a_tarball_for_no_platform_is_refused() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install_from_npm(&Package {
        // A folder of this name is none below `vendor`.
        target: "../bin".to_owned(),
        ..Package::default()
    });
    let tarball = sandbox.path("index/openai-codex.tgz");
    let mut list = Command::new("tar");
    let list = succeeded(&list.arg("-tzf").arg(&tarball).output().unwrap());
    assert!(list.contains("package/vendor/\n"), "{list}");
    let error = failed(&install.arg("--wheel").arg(tarball).output().unwrap());
    assert!(
        error.contains("lacks a readable package.json and folder `vendor` for one platform"),
        "{error}"
    );
    assert!(sandbox.installed().is_empty());
}
