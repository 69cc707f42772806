//! A crate outside of this workspace that depends on the SDK, as a user's does: the programs of the README
//! are copied into it, built, and run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use codex_e2e::Stage;
use codex_testkit::Reply;

const README: &str = include_str!("../../README.md");

/// The programs of the README, built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The first of them, with the dependencies that the README gives.
    pub(crate) first: PathBuf,
    /// The first of them, with the feature `blocking`.
    pub(crate) first_with_blocking: PathBuf,
    /// The one for the feature `blocking`.
    pub(crate) blocking: PathBuf,
}

/// Builds them, once.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let [dependencies, dependencies_blocking] = &blocks("toml")[..] else {
            panic!("the README has other dependencies: {:?}", blocks("toml"));
        };
        let programs = blocks("rust");
        let mut programs = programs
            .iter()
            .filter(|program| program.contains("fn main"));
        let first = programs.next().unwrap();
        let blocking = programs.next().unwrap();
        assert_eq!(programs.next(), None, "a program that nobody tries");
        assert!(first.lines().count() <= 12, "{first}");
        Programs {
            first: build("first", dependencies, first),
            first_with_blocking: build(
                "first_with_blocking",
                &dependencies.replace(" }\ntokio", ", features = [\"blocking\"] }\ntokio"),
                first,
            ),
            blocking: build("blocking", dependencies_blocking, blocking),
        }
    })
}

/// The blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let parts = README.split("\n```");
    let blocks = parts.filter_map(|block| block.split_once('\n'));
    let blocks = blocks.filter(|(info, _)| info.split(',').next() == Some(language));
    blocks.map(|(_, text)| text.to_owned()).collect()
}

/// A crate with these dependencies and this program, built as its user builds it.
fn build(name: &str, dependencies: &str, program: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Only the place of the repository is not the reader's.
    let dependencies = dependencies.replace("../codex-sdk", workspace.to_str().unwrap());
    let package =
        format!("[package]\nname = \"readme_{name}\"\nedition = \"2024\"\n\n{dependencies}");
    fs::write(folder.path().join("Cargo.toml"), package).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), program).unwrap();
    // The versions that are there already, so that nothing is fetched.
    let lock = "Cargo.lock";
    fs::copy(workspace.join(lock), folder.path().join(lock)).unwrap();

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dependent");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    assert_eq!(errors, "", "a program without warnings");
    target.join(format!(
        "debug/readme_{name}{}",
        std::env::consts::EXE_SUFFIX
    ))
}

#[tokio::test]
async fn the_programs_of_the_readme_run_in_a_crate_outside_of_the_workspace() {
    let stage = Stage::new().await.unwrap();
    let programs = tokio::task::spawn_blocking(programs).await.unwrap();
    for program in [
        &programs.first,
        &programs.first_with_blocking,
        &programs.blocking,
    ] {
        stage.model.push(Reply::text("A sentence."));
        let output = tokio::process::Command::new(program)
            .current_dir(stage.home.workspace())
            .envs(stage.env())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "A sentence.\n");
    }
}
