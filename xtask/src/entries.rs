//! Adds and removes entries in `schema/overrides.toml`, keeping the file's layout.

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use crate::problems::{Change, Problem};

/// The file's text with the changes that these problems propose.
pub fn changed<'a>(text: &str, problems: impl Iterator<Item = &'a Problem>) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("schema/overrides.toml")?;
    for change in problems.filter_map(|it| it.change.as_ref()) {
        match change {
            Change::Remove { section, entry } => remove(&mut document, section, entry),
            Change::Add {
                section,
                entry,
                value: None,
            } => add(&mut document, section, entry),
            Change::Add {
                section,
                entry,
                value: Some(text),
            } => {
                let table = document.entry(section).or_insert(Item::Table(Table::new()));
                table[entry.as_str()] = value(text);
            }
        }
    }
    Ok(document.to_string())
}

fn remove(document: &mut DocumentMut, section: &str, entry: &str) {
    match document.get_mut(section) {
        Some(Item::Value(Value::Array(list))) => list.retain(|it| it.as_str() != Some(entry)),
        Some(Item::Table(table)) => {
            table.remove(entry);
        }
        _ => {}
    }
}

/// Keeps the list sorted, with one entry a line.
fn add(document: &mut DocumentMut, section: &str, entry: &str) {
    let list = document
        .entry(section)
        .or_insert(Item::Value(Value::Array(Array::new())));
    let Some(list) = list.as_array_mut() else {
        return;
    };
    let place = list
        .iter()
        .position(|it| it.as_str().is_some_and(|it| it > entry));
    let mut entry = Value::from(entry);
    entry.decor_mut().set_prefix("\n    ");
    list.insert_formatted(place.unwrap_or(list.len()), entry);
    list.set_trailing("\n");
    list.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems::Problems;

    #[test]
    fn entries_go_and_come_and_the_rest_stays_as_it_is() {
        let text = "# Head.\nsecret_fields = [\n    \"A.a\",\n    \"C.c\",\n]\n\n# Tail.\n[responses]\n\"x/y\" = \"Y\"\n";
        let problems = Problems::default();
        problems.stale_entry("secret_fields", "C.c", "");
        problems.stale_entry("responses", "x/y", "");
        problems.undecided("secret_fields", "B.b", None, "");
        problems.undecided("responses", "z", Some("Z".to_owned()), "");
        problems.undecided("unhandled_requests", "q", None, "");
        let changed = changed(text, problems.all().iter()).unwrap();
        assert!(
            changed.contains("# Head.\nsecret_fields = [\n    \"A.a\",\n    \"B.b\",\n]\n"),
            "{changed}"
        );
        assert!(
            changed.contains("# Tail.\n[responses]\nz = \"Z\"\n"),
            "{changed}"
        );
        assert!(
            changed.contains("unhandled_requests = [\n    \"q\",\n]\n"),
            "{changed}"
        );
    }
}
