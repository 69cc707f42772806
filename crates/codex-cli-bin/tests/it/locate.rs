use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use codex_cli_bin::{Error, Origin, RUNTIME_VERSION, explicit};

use crate::support::{Package, Sandbox, default_place, executable, failed, succeeded};

/// Puts a runtime into each of the places that count, the first one first.
fn everywhere(sandbox: &Sandbox, version: &'static str) -> [PathBuf; 3] {
    let chosen = sandbox.path("chosen");
    executable(&chosen, "");
    let installed = sandbox.data().join(default_place());
    let environment = sandbox.path("venv/lib/python3.12/site-packages");
    let package = Package {
        version,
        ..Package::default()
    };
    package.unpack(&installed);
    package.unpack(&environment);
    let codex = |site: &Path| site.join("codex_cli_bin/bin/codex");
    [chosen, codex(&installed), codex(&environment)]
}

#[test]
fn the_first_place_that_has_a_runtime_counts() {
    let sandbox = Sandbox::new();
    let [chosen, installed, environment] = everywhere(&sandbox, RUNTIME_VERSION);
    let mut path = sandbox.command(["path"]);
    path.env("VIRTUAL_ENV", sandbox.path("venv"))
        .env("CODEX_SDK_BIN", &chosen);
    let chosen = format!("{}\n", chosen.display());
    assert_eq!(succeeded(&path.output().unwrap()), chosen);
    path.env("CODEX_SDK_BIN", "");
    assert_eq!(
        succeeded(&path.output().unwrap()),
        format!("{}\n", installed.display())
    );
    fs::remove_dir_all(sandbox.data()).unwrap();
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        path.env_remove("VIRTUAL_ENV")
            .env(variable, sandbox.path("venv"));
        assert_eq!(
            succeeded(&path.output().unwrap()),
            format!("{}\n", environment.display())
        );
    }
}

#[test]
fn a_python_environment_with_another_version_does_not_count() {
    let sandbox = Sandbox::new();
    everywhere(&sandbox, "1.2.3");
    fs::remove_dir_all(sandbox.data()).unwrap();
    let mut path = sandbox.command(["path"]);
    let error = failed(
        &path
            .env("VIRTUAL_ENV", sandbox.path("venv"))
            .output()
            .unwrap(),
    );
    assert!(error.contains("is not installed"), "{error}");
}

#[test]
fn a_codex_on_the_path_is_never_taken() {
    let sandbox = Sandbox::new();
    executable(&sandbox.path("bin/codex"), "");
    let error = failed(&sandbox.command(["path"]).output().unwrap());
    for remedy in ["codex_sdk::runtime::install", "cargo xtask runtime install"] {
        assert!(error.contains(remedy), "{error}");
    }
}

#[test]
fn a_wrong_choice_is_an_error_whatever_else_there_is() {
    let sandbox = Sandbox::new();
    everywhere(&sandbox, RUNTIME_VERSION);
    let mut path = sandbox.command(["path"]);
    let missing = sandbox.path("missing");
    let error = failed(&path.env("CODEX_SDK_BIN", &missing).output().unwrap());
    let expected = format!(
        "CODEX_SDK_BIN names {}, which does not exist",
        missing.display()
    );
    assert!(error.contains(&expected), "{error}");
}

#[test]
fn everything_that_is_known_of_a_runtime_is_printed() {
    let sandbox = Sandbox::new();
    let [_, codex, _] = everywhere(&sandbox, RUNTIME_VERSION);
    let info = succeeded(&sandbox.command(["info"]).output().unwrap());
    let bundled = codex.parent().unwrap().parent().unwrap().join("codex-path");
    let expected = format!(
        "pinned   {RUNTIME_VERSION}\nfolder   {}\ncodex    {}\norigin   installed\nversion  {RUNTIME_VERSION}\non PATH  {}\n",
        sandbox.data().display(),
        codex.display(),
        bundled.display()
    );
    assert_eq!(info, expected);
}

#[test]
fn an_explicit_path_must_be_an_executable_file() {
    let sandbox = Sandbox::new();
    let plain = sandbox.path("plain");
    fs::write(&plain, "").unwrap();
    for (path, expected) in [
        (sandbox.path("missing"), "does not exist"),
        (sandbox.path("bin"), "is not a file"),
        (plain, "is not executable"),
    ] {
        match explicit(&path) {
            Err(Error::UnusableBinary { problem, .. }) => assert_eq!(problem, expected),
            other => panic!("{other:?}"),
        }
    }
    let runtime = explicit(sandbox.path("bin/uv")).unwrap();
    assert_eq!(runtime.codex, sandbox.path("bin/uv"));
    assert_eq!((runtime.path_dir, runtime.version), (None, None));
    assert_eq!(runtime.origin, Origin::Explicit);
}

/// An installed runtime, and the one in the Python environment: each is changed, and must then be refused.
fn refused(change: impl Fn(&Path), expected: &str) {
    let sandbox = Sandbox::new();
    let [_, installed, environment] = everywhere(&sandbox, RUNTIME_VERSION);
    let mut path = sandbox.command(["path"]);
    path.env("VIRTUAL_ENV", sandbox.path("venv"));
    succeeded(&path.output().unwrap());
    for codex in [installed, environment] {
        let package = codex.ancestors().nth(2).unwrap();
        change(package);
        let error = failed(&path.output().unwrap());
        assert!(error.contains(expected), "{error}");
        let site = package.parent().unwrap().display().to_string();
        assert!(error.contains(&site), "{error}");
        let _ = fs::remove_dir_all(sandbox.data());
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_runtime_that_others_may_change_is_not_used() {
    let changed = "can be changed by other users";
    refused(|package| mode(&package.join("bin/codex"), 0o777), changed);
    refused(
        |package| mode(&package.join("codex-package.json"), 0o666),
        changed,
    );
    refused(|package| mode(&package.join("codex-path"), 0o777), changed);
    refused(|package| mode(package, 0o757), changed);
    refused(|package| mode(package.parent().unwrap(), 0o777), changed);
}

/// As the FAQ says.
#[test]
fn a_runtime_that_others_may_not_change_any_more_is_used() {
    let sandbox = Sandbox::new();
    let [_, installed, _] = everywhere(&sandbox, RUNTIME_VERSION);
    let package = installed.ancestors().nth(2).unwrap();
    mode(package, 0o777);
    mode(&package.join("bin/codex"), 0o777);
    failed(&sandbox.command(["path"]).output().unwrap());
    let mut chmod = Command::new("chmod");
    chmod.args(["-R", "go-w"]).arg(package);
    succeeded(&chmod.output().unwrap());
    let path = succeeded(&sandbox.command(["path"]).output().unwrap());
    assert_eq!(path, format!("{}\n", installed.display()));
}

#[test]
fn a_runtime_of_another_user_is_not_used() {
    // Only root can give a file away.
    let sandbox = Sandbox::new();
    let probe = sandbox.path("probe");
    fs::write(&probe, "").unwrap();
    if std::os::unix::fs::chown(&probe, Some(65_534), None).is_err() {
        return;
    }
    let give_away = |package: &Path| {
        std::os::unix::fs::chown(package.join("bin/codex"), Some(65_534), None).unwrap();
    };
    refused(give_away, "can be changed by other users");
}

#[test]
fn a_runtime_whose_program_is_elsewhere_is_not_used() {
    for (entrypoint, path_dir) in [
        ("/bin/sh", "codex-path"),
        ("../../bin/codex", "codex-path"),
        ("bin/codex", "/tmp"),
        ("bin/codex", "../up"),
    ] {
        let manifest = format!(
            r#"{{"version": "{RUNTIME_VERSION}", "target": "", "entrypoint": "{entrypoint}", "pathDir": "{path_dir}"}}"#
        );
        let write =
            |package: &Path| fs::write(package.join("codex-package.json"), &manifest).unwrap();
        refused(write, "which is not in it");
    }
    let link = |package: &Path| {
        fs::remove_file(package.join("bin/codex")).unwrap();
        std::os::unix::fs::symlink("/bin/sh", package.join("bin/codex")).unwrap();
    };
    refused(link, "which is not in it");
}

#[test]
fn an_installed_runtime_of_another_version_is_not_used() {
    let sandbox = Sandbox::new();
    everywhere(&sandbox, "9.9.9");
    let error = failed(&sandbox.command(["path"]).output().unwrap());
    assert!(error.contains("says that it is version 9.9.9"), "{error}");
}
