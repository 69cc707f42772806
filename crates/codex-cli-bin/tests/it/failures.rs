use std::fs;
use std::process::Command;
use std::time::Duration;

use codex_cli_bin::{Error, Installer};

use crate::support::{Package, Sandbox, executable, failed};

#[test]
fn a_tampered_wheel_is_refused() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install(&Package::default());
    let wheel = sandbox.path("index/openai_codex_cli_bin-1.2.3-py3-none-any.whl");
    let mut bytes = fs::read(&wheel).unwrap();
    bytes.push(0);
    fs::write(&wheel, bytes).unwrap();
    let from_index = failed(&install.output().unwrap());
    assert!(
        from_index.contains("what python3 -m pip downloaded does not match the pinned hashes"),
        "{from_index}"
    );
    let from_file = failed(&install.arg("--wheel").arg(wheel).output().unwrap());
    assert!(
        from_file.contains("any.whl does not match the pinned hashes"),
        "{from_file}"
    );
    assert!(sandbox.installed().is_empty());
}

#[test]
fn a_truncated_wheel_is_refused() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install(&Package::default());
    let wheel = sandbox.path("index/openai_codex_cli_bin-1.2.3-py3-none-any.whl");
    let bytes = fs::read(&wheel).unwrap();
    fs::write(&wheel, &bytes[..bytes.len() / 2]).unwrap();
    let error = failed(&install.arg("--wheel").arg(wheel).output().unwrap());
    assert!(
        error.contains("does not match the pinned hashes"),
        "{error}"
    );
    assert!(sandbox.installed().is_empty());
}

#[test]
fn a_wheel_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let installer = Installer::default().data_dir(sandbox.data());
    let result = installer.wheel(sandbox.path("no.whl")).install(|_| {});
    assert!(matches!(result, Err(Error::Wheel { .. })), "{result:?}");
}

#[test]
fn without_uv_and_python_the_error_names_what_was_tried() {
    let sandbox = Sandbox::new();
    let mut install = sandbox.install(&Package::default());
    let error = failed(
        &install
            .env("PATH", sandbox.path("project"))
            .output()
            .unwrap(),
    );
    let tried = "(uv: not found; python3 -m pip: not found; python -m pip: not found)";
    assert!(error.contains(tried), "{error}");
}

#[test]
fn a_python_without_pip_is_skipped() {
    let sandbox = Sandbox::new();
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--without-pip"])
        .arg(sandbox.path("venv"));
    assert!(venv.status().unwrap().success());
    let python = sandbox.path("venv/bin/python3");
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", python.display());
    executable(&sandbox.path("bin/python3"), &script);
    let mut install = sandbox.install(&Package::default());
    let error = failed(&install.env("PATH", sandbox.path("bin")).output().unwrap());
    assert!(
        error.contains("No module named pip; python -m pip: not found"),
        "{error}"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    // Below a file, because the superuser may write into a folder that is read-only.
    let folder = sandbox.path("bin/uv/data");
    let mut install = sandbox.install(&Package::default());
    let error = failed(
        &install
            .env("CODEX_SDK_RUNTIME_DIR", &folder)
            .output()
            .unwrap(),
    );
    let folder = format!("cannot write to the runtime folder {}", folder.display());
    assert!(error.contains(&folder), "{error}");
    assert!(error.contains("CODEX_SDK_RUNTIME_DIR"), "{error}");
}

#[test]
fn an_installer_without_progress_is_ended() {
    let sandbox = Sandbox::new();
    let installer = sandbox.installer(&Package::default());
    let result = installer.stall_timeout(Duration::ZERO).install(|_| {});
    assert!(matches!(result, Err(Error::Stalled { .. })), "{result:?}");
    assert!(sandbox.installed().is_empty());
}

#[test]
fn the_credentials_of_an_index_are_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.uv("echo \"error: no answer from $PIP_INDEX_URL?token=s3cret\" >&2; exit 2");
    let mut install = sandbox.install(&Package::default());
    install
        .env_remove("PIP_NO_INDEX")
        .env("PIP_FIND_LINKS", sandbox.path("project"));
    install
        .env("PIP_INDEX_URL", "http://me:s3cret@127.0.0.1:1/simple")
        .env("PIP_RETRIES", "0");
    let error = failed(&install.output().unwrap());
    assert!(
        error.contains("uv: error: no answer from http://***@127.0.0.1:1/simple"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}
