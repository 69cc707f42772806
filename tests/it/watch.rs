//! What is looked for at the end of each test.

use std::fs;
use std::path::Path;

use codex_e2e::{Stage, watch};

#[codex_e2e_macros::test]
async fn what_a_client_keeps_is_seen_until_it_has_ended() {
    assert_eq!(watch::left(), [""; 0]);
    let stage = Stage::new().await.unwrap();
    let codex = stage.child().await.unwrap();
    // The test fails if any of it is still there once the client is dropped.
    let left = watch::left();
    let count = |words: &str| left.iter().filter(|it| it.contains(words)).count();
    assert_eq!(count(": a task or a handle"), 1, "{left:?}");
    assert_eq!(count(": pipe:["), 3, "{left:?}");
    assert_eq!(count("tasks of the test's runtime: "), 1, "{left:?}");
    assert_eq!(codex.stats().requests_in_flight, 0);
}

#[test]
fn no_async_test_goes_unwatched() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("it")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            let unwatched = lines.any(|line| line.starts_with("#[tokio::test"));
            assert!(!unwatched, "use codex_e2e_macros::test: {}", path.display());
        }
    }
}
