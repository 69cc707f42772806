use std::env::consts::{ARCH, OS};
use std::time::Duration;

use codex_cli_bin::{Error, Flaw};

use crate::support::{Package, Sandbox, target};

/// Installs `package`, which must fail and leave nothing.
fn flaw(package: &Package) -> Flaw {
    let sandbox = Sandbox::new();
    let installer = sandbox
        .installer(package)
        .check_timeout(Duration::from_millis(500));
    let result = installer.install(|_| {});
    assert!(sandbox.installed().is_empty(), "{:?}", sandbox.installed());
    match result {
        Err(Error::Unfit { flaw, .. }) => flaw,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_package_of_another_version_is_refused() {
    let package = Package {
        version: "1.2.4",
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Version("1.2.4".to_owned()));
}

#[test]
fn a_package_for_another_architecture_is_refused() {
    let target = target("riscv64", OS);
    let package = Package {
        target: target.clone(),
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Platform(target));
}

#[test]
fn a_package_for_another_system_is_refused() {
    let target = target(ARCH, "windows");
    let package = Package {
        target: target.clone(),
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Platform(target));
}

#[test]
fn a_package_without_its_entry_point_is_refused() {
    let package = Package {
        codex: None,
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Incomplete("bin/codex".to_owned()));
}

#[test]
fn a_runtime_that_hangs_is_refused_and_killed() {
    let package = Package {
        codex: Some("exec sleep 1000"),
        ..Package::default()
    };
    assert_eq!(
        flaw(&package),
        Flaw::Unresponsive(Duration::from_millis(500))
    );
}

#[test]
fn a_runtime_that_says_another_version_is_refused() {
    let package = Package {
        codex: Some("echo codex-cli 9.9.9"),
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Broken("codex-cli 9.9.9".to_owned()));
}

#[test]
fn a_runtime_that_does_not_start_is_refused() {
    let package = Package {
        codex: Some("echo no such library >&2; exit 1"),
        ..Package::default()
    };
    assert_eq!(flaw(&package), Flaw::Broken("no such library".to_owned()));
}
