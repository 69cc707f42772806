use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use codex_cli_bin::{Installer, Pin, RUNTIME_VERSION};
use tempfile::TempDir;

/// A project, a runtime folder and a `PATH` of a test's own.
pub(crate) struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let sandbox = Self {
            root: TempDir::new().unwrap(),
        };
        for folder in ["project", "bin", "index"] {
            fs::create_dir(sandbox.path(folder)).unwrap();
        }
        sandbox.uv("exit 1");
        sandbox
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// What is in the runtime folder beside the lock.
    pub(crate) fn installed(&self) -> Vec<OsString> {
        fs::read_dir(self.data())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "install.lock")
            .collect()
    }

    /// Puts an `uv` first on the `PATH`: the real one may or may not be on this machine.
    pub(crate) fn uv(&self, script: &str) {
        executable(&self.path("bin/uv"), &format!("#!/bin/sh\n{script}\n"));
    }

    /// As [`Self::uv`]. Where the script wants npm's tarball to be is `$to`.
    pub(crate) fn npm(&self, script: &str) {
        let destination =
            r#"for word; do [ "$last" = --pack-destination ] && to=$word; last=$word; done"#;
        let script = format!("#!/bin/sh\n{destination}\n{script}\n");
        executable(&self.path("bin/npm"), &script);
    }

    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    }

    /// The command, with the folder `index` for pip's index.
    pub(crate) fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut path = OsString::from(self.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-cli-bin"));
        command
            .args(arguments)
            .current_dir(self.path("project"))
            .env("PATH", path)
            .env("CODEX_SDK_RUNTIME_DIR", self.data())
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.path("index"))
            .env_remove("CODEX_SDK_BIN")
            .env_remove("VIRTUAL_ENV")
            .env_remove("CONDA_PREFIX")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The command that installs `package` from the index.
    pub(crate) fn install(&self, package: &Package) -> Command {
        let wheel = package.build(&self.path("index"));
        let pin = self.path("pin.txt");
        fs::write(&pin, requirements(&wheel)).unwrap();
        let mut command = self.command(["install", "--pin"]);
        command.arg(pin);
        command
    }

    /// The command that installs `package` by an npm that has its tarball.
    pub(crate) fn install_from_npm(&self, package: &Package) -> Command {
        let tarball = package.pack(&self.path("index"));
        self.npm(&format!("cp {} $to/", tarball.display()));
        let pin = self.path("npm-pin.txt");
        fs::write(&pin, npm_requirements(&tarball)).unwrap();
        let mut command = self.command(["install", "--pin"]);
        command.arg(pin);
        command
    }

    /// An installer of `package` from its tarball, in this process.
    pub(crate) fn npm_installer(&self, package: &Package) -> Installer {
        let tarball = package.pack(&self.path("index"));
        Installer::default()
            .pin(Pin::parse(&npm_requirements(&tarball)).unwrap())
            .data_dir(self.data())
            .wheel(tarball)
    }

    /// An installer of `package` from its wheel, in this process.
    pub(crate) fn installer(&self, package: &Package) -> Installer {
        let wheel = package.build(&self.path("index"));
        Installer::default()
            .pin(Pin::parse(&requirements(&wheel)).unwrap())
            .data_dir(self.data())
            .wheel(wheel)
    }
}

/// A package like the real one, with a shell script for a runtime.
pub(crate) struct Package {
    /// The version in the manifest; the wheel's is always [`VERSION`].
    pub(crate) version: &'static str,
    pub(crate) target: String,
    pub(crate) codex: Option<&'static str>,
    /// What the tarball's `package.json` says.
    pub(crate) npm_name: &'static str,
    pub(crate) npm_version: &'static str,
}

pub(crate) const VERSION: &str = "1.2.3";

impl Default for Package {
    fn default() -> Self {
        Self {
            version: VERSION,
            target: target(ARCH, OS),
            codex: Some("echo codex-cli 1.2.3"),
            npm_name: "@openai/codex",
            npm_version: "1.2.3-any",
        }
    }
}

pub(crate) fn target(arch: &str, os: &str) -> String {
    match os {
        "macos" => format!("{arch}-apple-darwin"),
        _ => format!("{arch}-unknown-{os}-musl"),
    }
}

impl Package {
    /// Writes the unpacked package into a `site-packages` folder.
    pub(crate) fn unpack(&self, site: &Path) {
        self.write(&site.join("codex_cli_bin"));
        let metadata = site.join(format!("openai_codex_cli_bin-{VERSION}.dist-info"));
        fs::create_dir(&metadata).unwrap();
        let name =
            format!("Metadata-Version: 2.1\nName: openai-codex-cli-bin\nVersion: {VERSION}\n");
        fs::write(metadata.join("METADATA"), name).unwrap();
        fs::write(
            metadata.join("WHEEL"),
            "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
        )
        .unwrap();
        fs::write(metadata.join("RECORD"), "").unwrap();
    }

    fn write(&self, package: &Path) {
        fs::create_dir_all(package.join("codex-path")).unwrap();
        fs::write(package.join("codex-path/rg"), "").unwrap();
        let manifest = format!(
            r#"{{"layoutVersion": 1, "version": "{}", "target": "{}", "entrypoint": "bin/codex", "pathDir": "codex-path"}}"#,
            self.version, self.target
        );
        fs::write(package.join("codex-package.json"), manifest).unwrap();
        if let Some(script) = self.codex {
            fs::create_dir(package.join("bin")).unwrap();
            executable(
                &package.join("bin/codex"),
                &format!("#!/bin/sh\n{script}\n"),
            );
        }
    }

    fn build(&self, folder: &Path) -> PathBuf {
        let site = TempDir::new().unwrap();
        self.unpack(site.path());
        let wheel = folder.join(format!("openai_codex_cli_bin-{VERSION}-py3-none-any.whl"));
        let zip = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
        let mut python = Command::new("python3");
        python.args(["-c", zip]).arg(&wheel).arg(site.path());
        assert!(python.status().unwrap().success());
        fs::rename(wheel.with_extension("whl.zip"), &wheel).unwrap();
        wheel
    }

    /// Writes the tarball that npm has of it for this machine.
    pub(crate) fn pack(&self, folder: &Path) -> PathBuf {
        let root = TempDir::new().unwrap();
        let package = root.path().join("package");
        self.write(&package.join("vendor").join(&self.target));
        let (name, version) = (self.npm_name, self.npm_version);
        let metadata = format!(r#"{{"name": "{name}", "version": "{version}"}}"#);
        fs::write(package.join("package.json"), metadata).unwrap();
        let tarball = folder.join("openai-codex.tgz");
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(&tarball).arg("-C").arg(root.path());
        assert!(tar.arg("package").status().unwrap().success());
        tarball
    }
}

fn requirements(wheel: &Path) -> String {
    let sha256 = digest("sha256", wheel);
    format!("openai-codex-cli-bin=={VERSION} --hash=sha256:{sha256}")
}

fn npm_requirements(tarball: &Path) -> String {
    let sha512 = digest("sha512", tarball);
    format!("@openai/codex=={VERSION} --hash=sha512:{sha512}")
}

fn digest(kind: &str, file: &Path) -> String {
    let digest = "import hashlib, sys; \
                  print(hashlib.new(sys.argv[1], open(sys.argv[2], 'rb').read()).hexdigest())";
    let mut python = Command::new("python3");
    let output = python.args(["-c", digest, kind]).arg(file).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// The folder of the runtime that is installed by default.
pub(crate) fn default_place() -> String {
    let mut lines = include_str!("../../requirements.txt").lines();
    let from_npm = lines.any(|line| line.starts_with("@openai/codex=="));
    let package = if from_npm {
        "openai-codex"
    } else {
        "openai-codex-cli-bin"
    };
    format!("{package}-{RUNTIME_VERSION}")
}

pub(crate) fn executable(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", printed(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error that the command ended with.
pub(crate) fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", printed(output));
    printed(output)
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
