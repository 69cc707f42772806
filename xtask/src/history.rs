//! The release that introduced each method and option: `schema/history.json`, from the schemas of the
//! runtime's releases, and the gates in `codex-sdk` that are generated from it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use quote::quote;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::codegen;
use crate::model::{Definition, Field, Kind, Method, Model};
use crate::schema::reference;

/// The file, and the source generated from it.
pub const FILE: &str = "schema/history.json";
pub const GATES: &str = "crates/codex-sdk/src/codex/gates.rs";

/// Stands for the method itself among its options.
const ITSELF: &str = "";
/// This method's options are the fields of the client's capabilities.
const HANDSHAKE: &str = "initialize";
const CAPABILITIES: &str = "capabilities";
/// Separates an option from its value.
const VALUE: char = '=';

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The releases whose schemas were recorded, oldest first. The SDK rejects anything older than the
    /// first.
    pub releases: Vec<String>,
    /// By method and option: the first release that has it.
    pub since: BTreeMap<String, BTreeMap<String, String>>,
}

impl History {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let history: Self = serde_json::from_str(text).context(FILE)?;
        ensure!(!history.releases.is_empty(), "{FILE} knows no release");
        Ok(history)
    }

    /// The file's text.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Adds a release. It may lie between known ones.
    pub fn add(&mut self, version: &str, model: &Model) {
        for method in &model.client_requests {
            let known = self.since.entry(method.name.clone()).or_default();
            for option in options(model, method) {
                let since = known.entry(option).or_insert_with(|| version.to_owned());
                if compare(version, since) == Ordering::Less {
                    version.clone_into(since);
                }
            }
        }
        if !self.releases.iter().any(|it| it == version) {
            self.releases.push(version.to_owned());
            self.releases.sort_by(|a, b| compare(a, b));
        }
    }

    /// The table for `codex-sdk`. It lists methods newer than the oldest release, options newer than
    /// their methods, and values newer than their options. `later` corrects methods that the schema
    /// lists too early.
    pub fn gates(&self, later: &BTreeMap<String, String>) -> Result<String> {
        let least = &self.releases[0];
        let mut rows = Vec::new();
        for (method, options) in &self.since {
            let since = |option: &str| match later.get(method).filter(|_| option == ITSELF) {
                Some(later) => Some(later),
                None => options.get(option),
            };
            for option in options.keys() {
                let older = match option.split_once(VALUE) {
                    Some((option, _)) => since(option),
                    None if option == ITSELF => Some(least),
                    None => since(ITSELF),
                };
                let since = since(option).unwrap_or(least);
                if older.is_some_and(|older| compare(since, older) == Ordering::Greater) {
                    rows.push(quote!((#method, #option, #since),));
                }
            }
        }
        let items = [
            quote! {
                /// The oldest release that this SDK works with.
                pub(super) const LEAST: &str = #least;
            },
            quote! {
                /// The method; the option, `option=value`, or nothing for the method itself; the first release that has it.
                pub(super) const GATES: &[(&str, &str, &str)] = &[#(#rows)*];
            },
        ];
        codegen::file(
            "//! What is younger than the oldest runtime, out of schema/history.json.\n",
            &items,
        )
    }
}

/// The method itself, the fields of its params, and the named values of those fields.
fn options(model: &Model, method: &Method) -> BTreeSet<String> {
    let fields = |name: &str| {
        let definition = model.definition(name);
        definition.map(Definition::fields).unwrap_or_default()
    };
    let params = method.params_type().unwrap_or_default();
    let mut all: Vec<&Field> = fields(params).iter().collect();
    if method.name == HANDSHAKE {
        let capabilities = all.iter().find(|it| it.wire == CAPABILITIES);
        let capabilities = capabilities.and_then(|it| reference(&it.schema));
        all.extend(fields(capabilities.unwrap_or_default()));
    }
    let mut options = BTreeSet::from([ITSELF.to_owned()]);
    for field in all {
        let values = reference(&field.schema).and_then(|it| model.definition(it));
        if let Some(Kind::StringEnum(values)) = values.map(|it| &it.kind) {
            options.extend(
                values
                    .iter()
                    .map(|it| format!("{}{VALUE}{}", field.wire, it.wire)),
            );
        }
        options.insert(field.wire.clone());
    }
    options
}

/// Compares as semver does; a text that is not a version comes first.
fn compare(one: &str, other: &str) -> Ordering {
    Version::parse(one).ok().cmp(&Version::parse(other).ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::generate::generate;
    use crate::problems::Problems;
    use crate::regen::{inputs, recorded, root};

    fn checked_in() -> (History, Model, String) {
        let root = root().unwrap();
        let history = History::parse(&fs::read_to_string(root.join(FILE)).unwrap()).unwrap();
        let emitted = recorded(&root).unwrap();
        let version = emitted.version.clone();
        let inputs = inputs(&root, emitted).unwrap();
        let model = generate(&inputs, &Problems::default()).unwrap().model;
        (history, model, version)
    }

    #[test]
    fn the_pinned_schema_is_part_of_the_history() {
        let (history, model, version) = checked_in();
        let mut again = history.clone();
        again.add(&version, &model);
        assert_eq!(again, history);
        let methods: BTreeSet<_> = history.since.keys().collect();
        for method in &model.client_requests {
            assert!(methods.contains(&method.name), "{}", method.name);
        }
    }

    #[test]
    fn an_option_is_as_old_as_the_oldest_release_that_has_it() {
        let (_, model, _) = checked_in();
        let mut history = History {
            releases: Vec::new(),
            since: BTreeMap::new(),
        };
        for version in ["0.150.0", "0.99.0", "0.149.3"] {
            history.add(version, &model);
        }
        assert_eq!(history.releases, ["0.99.0", "0.149.3", "0.150.0"]);
        assert_eq!(history.since["thread/list"]["cursor"], "0.99.0");
        assert!(history.since["initialize"].contains_key("extensions"));
        history
            .since
            .insert("turn/start".to_owned(), BTreeMap::new());
        history.add("0.150.0", &model);
        let later = BTreeMap::from([("turn/steer".to_owned(), "0.151.0".to_owned())]);
        let gates = history.gates(&later).unwrap();
        assert!(
            gates.contains("(\"turn/steer\", \"\", \"0.151.0\")"),
            "{gates}"
        );
        // The method is newer than the option.
        assert_eq!(gates.matches("turn/start").count(), 1, "{gates}");
        assert!(
            gates.contains("(\"turn/start\", \"\", \"0.150.0\")"),
            "{gates}"
        );
    }
}
