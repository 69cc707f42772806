//! A crate outside of this workspace that depends on the SDK, as a user's does: the programs of the README
//! and of the guides are copied into it, built, and run.

use std::fs;
use std::path::{Path, PathBuf};

use codex_e2e::{Stage, blocks};
use codex_testkit::Reply;
use tokio::process::Command;
use tokio::sync::OnceCell;

const README: &str = include_str!("../../README.md");
const START: &str = include_str!("../../docs/getting-started.md");
const GUIDE: &str = include_str!("../../docs/guide.md");

/// The programs, built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The first of the README, with the dependencies that it gives.
    pub(crate) first: PathBuf,
    /// The same with the feature `blocking`.
    first_with_blocking: PathBuf,
    /// The guide's program for the feature `blocking`.
    pub(crate) blocking: PathBuf,
}

/// Builds them, once.
pub(crate) async fn programs() -> &'static Programs {
    static PROGRAMS: OnceCell<Programs> = OnceCell::const_new();
    PROGRAMS.get_or_init(build_all).await
}

async fn build_all() -> Programs {
    let [manifest] = blocks(README, "toml")[..] else {
        panic!("the README doesn't say once what to depend on");
    };
    let [first] = programs_in(README)[..] else {
        panic!("the README has other programs than the first");
    };
    let [with_blocking] = blocks(GUIDE, "toml")[..] else {
        panic!("the guide doesn't say once what to depend on");
    };
    let [blocking] = programs_in(GUIDE)[..] else {
        panic!("the guide has other programs than the blocking one");
    };
    assert!(first.lines().count() <= 12, "{first}");
    let both = manifest.replace(" }\ntokio", ", features = [\"blocking\"] }\ntokio");
    assert!(both.contains("blocking"), "{both}");

    let [with_serde] = blocks(START, "toml")[..] else {
        panic!("the first steps don't say once what to depend on");
    };
    let [beginning, change] = programs_in(START)[..] else {
        panic!("the first steps have other programs than these two");
    };
    assert_eq!(beginning, first, "the first steps begin as the README does");
    build("reviewed_change", with_serde, change).await;
    Programs {
        first: build("first", manifest, first).await,
        first_with_blocking: build("first_with_blocking", &both, first).await,
        blocking: build("blocking", with_blocking, blocking).await,
    }
}

fn programs_in(page: &str) -> Vec<&str> {
    let blocks = blocks(page, "rust").into_iter();
    blocks.filter(|block| block.contains("fn main")).collect()
}

/// The dependencies with a checkout beside the crate for the address of the repository, whatever that is, and its tag.
fn in_checkout(dependencies: &str) -> String {
    let Some((before, git)) = dependencies.split_once("git = \"") else {
        return dependencies.to_owned();
    };
    let (_address, rest) = git.split_once("\", tag = \"v").unwrap();
    let (tag, rest) = rest.split_once('"').unwrap();
    assert_eq!(tag, env!("CARGO_PKG_VERSION"), "the tag is this version's");
    format!("{before}path = \"../codex-sdk/crates/codex-sdk\"{rest}")
}

/// A crate with these dependencies and this program, built as its user builds it.
async fn build(name: &str, dependencies: &str, program: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Only the place of the repository is not the reader's.
    let dependencies =
        in_checkout(dependencies).replace("../codex-sdk", workspace.to_str().unwrap());
    let package = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n\n{dependencies}");
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
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    assert_eq!(errors, "", "a program without warnings");
    let file = format!("debug/{name}{}", std::env::consts::EXE_SUFFIX);
    target.join(file)
}

#[codex_e2e_macros::test]
async fn the_programs_of_the_pages_run_in_a_crate_outside_of_the_workspace() {
    let stage = Stage::new().await.unwrap();
    let programs = programs().await;
    for program in [
        &programs.first,
        &programs.first_with_blocking,
        &programs.blocking,
    ] {
        stage.model.push(Reply::text("A sentence."));
        let output = Command::new(program)
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

/// The program of the first steps is an example, too: so it runs in a demo, and in the tests of the examples.
#[test]
fn the_program_of_the_first_steps_is_the_example_reviewed_change() {
    let example = include_str!("../../crates/codex-sdk/examples/reviewed_change.rs");
    let (_lints, example) = example.split_once("\n\n").unwrap();
    assert_eq!(programs_in(START)[1].trim(), example.trim());
}
