//! From the schema to instances of it.

use serde_json::{Map, Value, json};

use crate::picks::{DEEP, Picks, Presence, Style};
use crate::sample::{Fields, Kind, Sample, Site, Step, Wire};
use crate::schema::Schema;
use crate::shapes::{
    branches, catch_all, is_anything, is_null, is_required, limits, not_null, single_key, strings,
    tag,
};

/// Makes one instance.
pub(crate) struct Generator<'a> {
    schema: &'static Schema,
    picks: &'a mut Picks,
    path: Vec<Step>,
    sites: Vec<Site>,
    buffered: bool,
}

/// An instance of a schema.
pub(crate) fn sample(schema: &'static Schema, root: &'static Value, picks: &mut Picks) -> Sample {
    let mut generator = Generator {
        schema,
        picks,
        path: Vec::new(),
        sites: Vec::new(),
        buffered: false,
    };
    let value = generator.value(root, true);
    Sample {
        value,
        sites: generator.sites,
        wires: &Wire::ALL,
    }
}

/// Instances that take every option in turn, for each list of options on their way.
pub(crate) fn systematic(
    schema: &'static Schema,
    root: &'static Value,
    style: Style,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut longest = 1;
    while samples.len() < longest {
        let mut picks = Picks::systematic(style, samples.len());
        samples.push(sample(schema, root, &mut picks));
        longest = longest.max(picks.longest);
    }
    samples
}

impl Generator<'_> {
    /// An instance; one that is null only where it may be.
    fn value(&mut self, schema: &'static Value, null: bool) -> Value {
        assert!(self.path.len() < 40, "no end: {:?}", self.path);
        if let Some(reference) = schema.get("$ref") {
            let own = std::mem::replace(&mut self.picks.own, false);
            let value = self.value(self.schema.target(reference.as_str().unwrap()), null);
            self.picks.own = own;
            return value;
        }
        if let Some(only) = schema.get("allOf") {
            return self.value(&only[0], null);
        }
        if let Some(branches) = branches(schema) {
            return self.union(schema, branches, null);
        }
        if let Some(values) = schema.get("enum") {
            let values = values.as_array().unwrap();
            // A number that is always the same is a number like others.
            if values.iter().any(Value::is_string) {
                self.site(Kind::Choice);
            }
            return values[self.option(schema, "enum", values.len())].clone();
        }
        match schema.get("type") {
            None => self.anything(schema),
            Some(Value::String(kind)) => self.typed(schema, kind),
            Some(kinds) => {
                let kinds = kinds.as_array().unwrap();
                let others: Vec<_> = kinds.iter().filter_map(not_null).collect();
                if others.len() < kinds.len() && null && self.is_null(schema) {
                    return Value::Null;
                }
                let picked = self.option(schema, "type", others.len());
                self.typed(schema, others[picked])
            }
        }
    }

    /// One of some options, unless the instance is deep already.
    fn option(&mut self, schema: &'static Value, what: &'static str, options: usize) -> usize {
        if self.path.len() > DEEP {
            return 0;
        }
        self.picks.option(schema, what, options)
    }

    fn is_null(&mut self, schema: &'static Value) -> bool {
        self.picks.null(schema, self.path.len())
    }

    fn typed(&mut self, schema: &'static Value, kind: &str) -> Value {
        match kind {
            "string" => json!(self.picks.string(schema)),
            "boolean" => json!(self.option(schema, "boolean", 2) == 1),
            "integer" => {
                let limits = limits(schema);
                limits[self.option(schema, "limit", limits.len())].clone()
            }
            "number" => {
                const NUMBERS: [f64; 5] = [0.0, 1.5, -0.1, f64::MAX, f64::MIN_POSITIVE];
                json!(NUMBERS[self.option(schema, "number", NUMBERS.len())])
            }
            "null" => Value::Null,
            "array" => {
                let length = self.picks.length(schema, self.path.len());
                let items = &schema["items"];
                let each = |index| self.inside(Step::Index(index), items, true);
                (0..length).map(each).collect()
            }
            "object" => self.object(&[schema], None),
            other => panic!("the type {other} is new to the tests"),
        }
    }

    fn union(&mut self, schema: &'static Value, branches: &'static [Value], null: bool) -> Value {
        let others: Vec<_> = branches.iter().filter(|it| !is_null(it)).collect();
        if others.len() < branches.len() && null && self.is_null(schema) {
            return Value::Null;
        }
        let branch = others[self.option(schema, "branch", others.len())];
        if others.len() == 1 {
            return self.value(branch, false);
        }
        if let Some(tag) = tag(&others) {
            self.site(Kind::Tagged(tag.to_owned()));
            return self.tagged(schema, branch, tag);
        }
        if others.iter().all(|it| strings(it) || single_key(it)) {
            if *branch == catch_all() {
                return self.anything(branch);
            }
            if !strings(branch) {
                self.site(Kind::Keyed);
                let (key, body) = branch["properties"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .next()
                    .unwrap();
                return json!({ key: self.inside(Step::Key(key.clone()), body, true) });
            }
            return self.value(branch, false);
        }
        let buffered = std::mem::replace(&mut self.buffered, true);
        let value = self.value(branch, false);
        self.buffered = buffered;
        value
    }

    /// A branch, with what all branches have, and one of the alternatives inside of it.
    fn tagged(&mut self, union: &'static Value, branch: &'static Value, tag: &str) -> Value {
        let mut parts = vec![branch, union];
        if let Some(alternatives) = branches(branch) {
            let picked = self.option(branch, "alternative", alternatives.len());
            parts.push(&alternatives[picked]);
        }
        self.object(&parts, Some(tag))
    }

    /// An object with the properties of several schemas, of which the third is an alternative
    /// among others: for its type, nothing in it is required.
    fn object(&mut self, parts: &[&'static Value], tag: Option<&str>) -> Value {
        let mut object = Map::new();
        let mut fields = Fields::default();
        let depth = self.path.len();
        for (part_index, part) in parts.iter().enumerate() {
            for (name, property) in part["properties"].as_object().into_iter().flatten() {
                if tag == Some(name) {
                    object.insert(name.clone(), property["enum"][0].clone());
                    continue;
                }
                let nullable = self.nullable(property);
                let needed = is_required(part, name);
                let default = property.get("default").filter(|it| !it.is_null());
                if needed && !nullable && default.is_none() && part_index < 2 {
                    fields.required.push((name.clone(), self.wrong(property)));
                }
                let presence = if needed {
                    Presence::Present
                } else {
                    self.picks.presence(property, nullable, depth)
                };
                match presence {
                    Presence::Null => _ = object.insert(name.clone(), Value::Null),
                    Presence::Absent => fields
                        .defaults
                        .extend(default.map(|it| (name.clone(), it.clone()))),
                    Presence::Present => {
                        let value = self.inside(Step::Key(name.clone()), property, needed);
                        object.insert(name.clone(), value);
                    }
                }
            }
            fields.open |= self.entries(part, &mut object);
        }
        // A map is no object with fields: its nulls count.
        if parts.iter().any(|it| it.get("properties").is_some()) || !fields.open {
            self.site(Kind::Object(fields));
        }
        Value::Object(object)
    }

    /// Adds entries without a field; returns whether there may be some.
    fn entries(&mut self, schema: &'static Value, object: &mut Map<String, Value>) -> bool {
        let Some(values) = schema
            .get("additionalProperties")
            .filter(|it| **it != false)
        else {
            return false;
        };
        for nth in 0..self.picks.length(schema, self.path.len()) {
            let key = self.picks.key(nth);
            if !object.contains_key(&key) {
                let value = self.inside(Step::Key(key.clone()), values, true);
                object.insert(key, value);
            }
        }
        true
    }

    fn anything(&mut self, schema: &'static Value) -> Value {
        let some = [
            json!("anything"),
            json!({"null": null, "": {"deep": [[], {}, "\u{2028}"]}}),
            json!([0, null, u64::MAX, i64::MIN, -0.5]),
            json!(false),
        ];
        // The catch-all for newer runtimes takes the first two of them.
        let options = if schema.get("type").is_some() {
            2
        } else {
            some.len()
        };
        some[self.option(schema, "anything", options)].clone()
    }

    fn inside(&mut self, step: Step, schema: &'static Value, null: bool) -> Value {
        self.path.push(step);
        let value = self.value(schema, null);
        self.path.pop();
        value
    }

    fn site(&mut self, kind: Kind) {
        self.sites.push(Site {
            path: self.path.clone(),
            kind,
            own: self.picks.own,
            buffered: self.buffered,
        });
    }

    fn resolve(&self, mut schema: &'static Value) -> &'static Value {
        loop {
            if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                schema = self.schema.target(reference);
            } else if let Some(only) = schema.get("allOf") {
                schema = &only[0];
            } else {
                return schema;
            }
        }
    }

    fn nullable(&self, schema: &'static Value) -> bool {
        let schema = self.resolve(schema);
        let kinds = schema.get("type").and_then(Value::as_array);
        kinds.is_some_and(|it| it.iter().any(|it| it == "null"))
            || branches(schema)
                .is_some_and(|it| it.iter().any(|it| is_null(it) || self.nullable(it)))
            || is_anything(schema)
            || is_null(schema)
    }

    /// A value that no instance of a schema is; none where the type takes anything.
    fn wrong(&self, schema: &'static Value) -> Option<Value> {
        let schema = self.resolve(schema);
        if let Some(branches) = branches(schema) {
            let others: Vec<_> = branches.iter().filter(|it| !is_null(it)).collect();
            let known =
                tag(&others).is_some() || others.iter().all(|it| strings(it) || single_key(it));
            return known.then(|| json!(5));
        }
        match schema.get("type")?.as_str()? {
            "string" => Some(json!(5)),
            _ => Some(json!("wrong")),
        }
    }
}
