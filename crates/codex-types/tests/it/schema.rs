//! Instances of everything the schema defines.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Sends JSON through a type and back.
pub(crate) type RoundTrip = fn(&str) -> Result<String, serde_json::Error>;

pub(crate) fn round_trip<T: Serialize + DeserializeOwned>(
    json: &str,
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::from_str::<T>(json)?)
}

/// What instances hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// Only what is required.
    Minimal,
    /// Every field.
    Maximal,
    /// Every field, and nothing that this version knows in enums.
    Unknown,
}

/// The schema as the runtime emits it, with the names that it writes.
pub(crate) struct Schema(Value);

/// Below this depth instances hold only what is required: types may hold themselves.
const DEEP: usize = 8;

/// Fields that the emitter names otherwise than the runtime writes them.
const MISNAMED: [(&str, &[(&str, &str)]); 2] = [
    (
        "ThreadRealtimeItem",
        &[("item_id", "itemId"), ("turn_id", "turnId")],
    ),
    (
        "ThreadTimelineEntry",
        &[
            ("turn_id", "turnId"),
            ("started_at", "startedAt"),
            ("completed_at", "completedAt"),
            ("duration_ms", "durationMs"),
        ],
    ),
];

impl Schema {
    pub(crate) fn load() -> Self {
        let text = include_str!("../../../../schema/experimental.json");
        let mut schema: Value = serde_json::from_str(text).unwrap();
        for (union, names) in MISNAMED {
            let union = &mut schema["definitions"]["v2"][union];
            let text = names
                .iter()
                .fold(union.to_string(), |text, (emitted, written)| {
                    text.replace(&format!("\"{emitted}\""), &format!("\"{written}\""))
                });
            *union = serde_json::from_str(&text).unwrap();
        }
        Self(schema)
    }

    /// The definition with this name.
    pub(crate) fn definition(&self, name: &str) -> &Value {
        let definitions = &self.0["definitions"];
        definitions
            .get(name)
            .or_else(|| definitions["v2"].get(name))
            .unwrap_or(&Value::Null)
    }

    /// Methods and schemas of params, from one of the message lists.
    pub(crate) fn messages(&self, list: &str) -> Vec<(String, &Value)> {
        let branches = self.definition(list)["oneOf"].as_array().unwrap();
        let read = |it: &'static str, branch: &Value| {
            branch["properties"][it]["enum"][0]
                .as_str()
                .unwrap()
                .to_owned()
        };
        branches
            .iter()
            .map(|it| (read("method", it), &it["properties"]["params"]))
            .collect()
    }

    /// Instances of a schema: one of each branch of a union.
    pub(crate) fn instances(&self, schema: &Value, style: Style) -> Vec<Value> {
        match branches(self.resolve(schema)) {
            Some(branches) if style != Style::Unknown => {
                let whole = self.resolve(schema);
                branches
                    .iter()
                    .map(|it| self.branch(whole, it, style, 0))
                    .collect()
            }
            _ => vec![self.instance(schema, style, 0)],
        }
    }

    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        while let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            schema = self.definition(target.rsplit('/').next().unwrap());
        }
        schema
    }

    fn instance(&self, schema: &Value, style: Style, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if let Some(only) = schema.get("allOf") {
            return self.instance(&only[0], style, depth);
        }
        if let Some(branches) = branches(schema) {
            return match (style, unknown(branches)) {
                (Style::Unknown, Some(value)) => value,
                _ => self.branch(schema, &branches[0], style, depth),
            };
        }
        if let Some(values) = schema.get("enum") {
            return if style == Style::Unknown {
                json!("brandNew")
            } else {
                values[0].clone()
            };
        }
        let types = schema.get("type");
        match types.and_then(|it| it.as_str().or_else(|| it[0].as_str())) {
            Some("string") => json!("text"),
            Some("boolean") => json!(true),
            Some("integer") => json!(7),
            Some("number") => json!(1.5),
            Some("null") => Value::Null,
            Some("array") => json!([self.instance(&schema["items"], style, depth + 1)]),
            Some("object") => self.object(schema, style, depth),
            _ => json!({"any": [1, null]}),
        }
    }

    fn object(&self, schema: &Value, style: Style, depth: usize) -> Value {
        let mut object = Map::new();
        let required = schema.get("required").and_then(Value::as_array);
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let needed = required.is_some_and(|it| it.contains(&json!(name)));
            if needed || (style != Style::Minimal && depth < DEEP) {
                object.insert(name.clone(), self.instance(property, style, depth + 1));
            }
        }
        if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
            object.insert("key".to_owned(), self.instance(values, style, depth + 1));
        }
        Value::Object(object)
    }

    /// A branch of a union, with the properties that the union has beside its branches.
    fn branch(&self, union: &Value, branch: &Value, style: Style, depth: usize) -> Value {
        let mut value = self.instance(branch, style, depth);
        for part in [union, self.resolve(branch)] {
            if part.get("properties").is_none() {
                continue;
            }
            if let (Value::Object(value), Value::Object(more)) =
                (&mut value, self.object(part, style, depth))
            {
                value.extend(more);
            }
        }
        // Alternatives inside a branch.
        if let Some(alternatives) = branch
            .get("anyOf")
            .filter(|_| branch.get("properties").is_some())
        {
            let more = self.object(&alternatives[0], style, depth);
            value
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
        }
        value
    }
}

fn branches(schema: &Value) -> Option<&Vec<Value>> {
    schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))
        .and_then(Value::as_array)
}

/// A value of a kind that the union does not have; none for mere optionality.
fn unknown(branches: &[Value]) -> Option<Value> {
    let tag = |branch: &Value| {
        let mut properties = branch.get("properties")?.as_object()?.iter();
        properties
            .find(|(_, it)| it.get("enum").is_some())
            .map(|(name, _)| name.clone())
    };
    let strings = |branch: &Value| branch.get("enum").is_some();
    if let Some(tag) = tag(&branches[0]) {
        return Some(json!({tag: "brandNew", "more": [1, null]}));
    }
    if branches.iter().all(strings) {
        return Some(json!("brandNew"));
    }
    branches
        .iter()
        .any(strings)
        .then(|| json!({"brandNew": {"more": 1}}))
}

/// Whether all of `part`, but nulls and unknown keys of known objects, is in `whole`.
pub(crate) fn kept(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(key, value)| {
            value.is_null() || whole.get(key).is_some_and(|it| kept(value, it))
        }),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len()
                && part
                    .iter()
                    .zip(whole)
                    .all(|(part, whole)| kept(part, whole))
        }
        _ => part == whole,
    }
}
