//! Requests of older runtimes that the pinned one no longer sends.
//!
//! The SDK also works with those runtimes and answers these requests, so their types stay: a bump moves
//! them from the previous schema into `schema/retired.json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::problems::{Kind, Problems};
use crate::schema::reference;

/// The content of `schema/retired.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// Requests by method.
    pub requests: BTreeMap<String, Request>,
    /// The types they need that the schema no longer has.
    pub definitions: Map<String, Value>,
}

/// A request of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The pinned version in which the request was gone.
    pub since: String,
    /// Whether it needed the experimental API.
    pub experimental: bool,
    /// Its branch of `ServerRequest`.
    pub branch: Value,
}

impl Retired {
    /// Parses the file's text; without a file, nothing is retired.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let retired = text.map(serde_json::from_str).transpose();
        Ok(retired.context("schema/retired.json")?.unwrap_or_default())
    }

    /// The file's text; `None` if nothing is retired.
    pub fn text(&self) -> Result<Option<String>> {
        if self.requests.is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::to_string_pretty(self)? + "\n"))
    }

    /// The requests that didn't need the experimental API.
    pub fn stable(&self) -> Self {
        let mut stable = self.clone();
        stable.requests.retain(|_, it| !it.experimental);
        if stable.requests.is_empty() {
            stable.definitions.clear();
        }
        stable
    }

    /// Adds the retired requests back to an emitted schema.
    pub fn restore(&self, raw: &mut Value, problems: &Problems) {
        let Some(definitions) = raw.get_mut("definitions").and_then(Value::as_object_mut) else {
            return;
        };
        for (name, definition) in &self.definitions {
            let inner = definitions.get("v2").and_then(|it| it.get(name));
            if inner.is_none() && !definitions.contains_key(name) {
                definitions.insert(name.clone(), definition.clone());
            }
        }
        let branches = definitions
            .get_mut("ServerRequest")
            .and_then(|it| it.get_mut("oneOf")?.as_array_mut());
        let Some(branches) = branches else { return };
        for (method, request) in &self.requests {
            if branches.iter().any(|it| method_of(it) == Some(method)) {
                let text = format!(
                    "schema/retired.json: the runtime sends `{method}` again: leave it out there"
                );
                problems.add(Kind::Stale, text, None);
            } else {
                branches.push(request.branch.clone());
            }
        }
    }

    /// Keeps requests that only the older schema has, and forgets those that are sent again.
    pub fn update(&mut self, old: &Value, new: &Value, stable: &Value, since: &str) {
        let sent = |raw: &Value, method: &str| {
            requests(raw).any(|it| method_of(it).is_some_and(|it| it == method))
        };
        self.requests.retain(|method, _| !sent(new, method));
        for branch in requests(old) {
            let Some(method) = method_of(branch).filter(|it| !sent(new, it)) else {
                continue;
            };
            let request = Request {
                since: since.to_owned(),
                experimental: !sent(stable, method),
                branch: branch.clone(),
            };
            self.requests.entry(method.to_owned()).or_insert(request);
            self.keep(old, branch.clone());
            // The answer is named after the params; nothing refers to it.
            let params = branch.pointer("/properties/params").and_then(reference);
            if let Some(params) = params.and_then(|it| it.strip_suffix("Params")) {
                let target = format!("#/definitions/{params}Response");
                self.keep(old, json!({ "$ref": target }));
            }
        }
    }

    /// Keeps everything that a schema refers to.
    fn keep(&mut self, raw: &Value, schema: Value) {
        let mut pending = vec![schema];
        while let Some(schema) = pending.pop() {
            for target in targets(&schema) {
                let name = target.rsplit('/').next().unwrap_or_default().to_owned();
                let found = raw.pointer(target.trim_start_matches('#'));
                if let Some(found) = found.filter(|_| !self.definitions.contains_key(&name)) {
                    pending.push(found.clone());
                    self.definitions.insert(name, found.clone());
                }
            }
        }
    }
}

fn requests(raw: &Value) -> impl Iterator<Item = &Value> {
    let branches = raw.pointer("/definitions/ServerRequest/oneOf");
    branches.and_then(Value::as_array).into_iter().flatten()
}

fn method_of(branch: &Value) -> Option<&str> {
    branch.pointer("/properties/method/enum/0")?.as_str()
}

/// All types that a schema refers to.
fn targets(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(object) => {
            let own = object
                .get("$ref")
                .and_then(Value::as_str)
                .map(str::to_owned);
            own.into_iter()
                .chain(object.values().flat_map(targets))
                .collect()
        }
        Value::Array(list) => list.iter().flat_map(targets).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(methods: &[&str]) -> Value {
        let branch = |method: &&str| {
            json!({"properties": {
                "method": {"enum": [method]},
                "params": {"$ref": "#/definitions/AskParams"},
            }})
        };
        let branches: Vec<_> = methods.iter().map(branch).collect();
        json!({"definitions": {
            "ServerRequest": {"oneOf": branches},
            "AskParams": {"properties": {"id": {"$ref": "#/definitions/v2/Id"}}},
            "AskResponse": {"type": "object"},
            "v2": {"Id": {"type": "string"}},
        }})
    }

    #[test]
    fn a_request_that_is_gone_is_kept_with_its_types_until_it_comes_back() {
        let (old, mut new) = (schema(&["ask", "other"]), schema(&["other"]));
        for name in ["AskParams", "AskResponse"] {
            new["definitions"].as_object_mut().unwrap().remove(name);
        }
        let mut retired = Retired::default();
        retired.update(&old, &new, &new, "2.0.0");
        assert_eq!(retired.requests["ask"].since, "2.0.0");
        assert!(retired.requests["ask"].experimental);
        let names: Vec<_> = retired.definitions.keys().collect();
        assert_eq!(names, ["AskParams", "AskResponse", "Id"]);
        let text = retired.text().unwrap().unwrap();
        assert_eq!(Retired::parse(Some(&text)).unwrap(), retired);

        let problems = Problems::default();
        let mut restored = new.clone();
        retired.restore(&mut restored, &problems);
        assert_eq!(
            requests(&restored)
                .filter_map(method_of)
                .collect::<Vec<_>>(),
            ["other", "ask"]
        );
        assert!(restored["definitions"].get("AskResponse").is_some());
        // It is already in the other namespace.
        assert!(restored["definitions"].get("Id").is_none());
        assert_eq!(problems.to_string(), "");

        retired.restore(&mut old.clone(), &problems);
        assert!(problems.to_string().contains("sends `ask` again"));
        retired.update(&new, &old, &old, "3.0.0");
        assert_eq!(retired.requests.len(), 0);
    }
}
