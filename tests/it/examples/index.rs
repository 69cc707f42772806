//! Each example is in the index and has a script.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use codex_e2e::demo;

#[test]
fn every_example_has_a_script_and_a_line_in_the_index() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/codex-sdk/examples");
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let examples = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let examples = examples.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let examples: BTreeSet<_> = examples.collect();
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    for name in &examples {
        assert!(
            index.contains(&format!("[`{name}`]({name}.rs)")),
            "{name} is not in the index"
        );
    }
    assert_eq!(index.matches(".rs)").count(), examples.len());
    // The quickstart has its own.
    let scripted = demo::NAMES
        .map(str::to_owned)
        .into_iter()
        .chain(["quickstart".to_owned()]);
    assert_eq!(
        scripted.collect::<BTreeSet<_>>(),
        examples,
        "see tests/src/demo.rs"
    );
    assert!(
        demo::NAMES
            .iter()
            .all(|name| demo::script(name, None).is_some())
    );
}
