//! Where a type is used: for its documentation, and for code that depends on the direction.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Kind, Model};
use crate::schema::reference;

/// The uses of every type.
pub struct Usage {
    roles: BTreeMap<String, Vec<Role>>,
    users: BTreeMap<String, Vec<String>>,
}

/// The part a type plays in a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Params,
    Result,
    Payload,
}

struct Role {
    part: Part,
    message: &'static str,
    method: String,
}

impl Usage {
    /// Finds all uses.
    pub fn of(model: &Model) -> Self {
        let mut usage = Self {
            roles: BTreeMap::new(),
            users: BTreeMap::new(),
        };
        for (methods, message) in [
            (&model.client_requests, "client request"),
            (&model.server_requests, "server request"),
        ] {
            for method in methods {
                usage.role(method.params_type(), Part::Params, message, &method.name);
                usage.role(Some(&method.response), Part::Result, message, &method.name);
            }
        }
        for notification in &model.server_notifications {
            usage.role(
                Some(&notification.payload),
                Part::Payload,
                "server notification",
                &notification.name,
            );
        }
        for definition in model.definitions.values() {
            let mut targets = Vec::new();
            definition
                .fields()
                .iter()
                .for_each(|it| references(&it.schema, &mut targets));
            definition
                .variants()
                .iter()
                .filter_map(|it| it.body.as_ref())
                .for_each(|it| references(it, &mut targets));
            if let Kind::Wrapper(target) = &definition.kind {
                targets.push(target.clone());
            }
            targets.sort_unstable();
            targets.dedup();
            for target in targets {
                usage
                    .users
                    .entry(target)
                    .or_default()
                    .push(definition.name.clone());
            }
        }
        usage
    }

    fn role(&mut self, name: Option<&str>, part: Part, message: &'static str, method: &str) {
        if let Some(name) = name {
            let role = Role {
                part,
                message,
                method: method.to_owned(),
            };
            self.roles.entry(name.to_owned()).or_default().push(role);
        }
    }

    /// A sentence about the type's purpose.
    pub fn sentence(&self, model: &Model, name: &str) -> String {
        if let Some([first, rest @ ..]) = self.roles.get(name).map(Vec::as_slice) {
            let part = match first.part {
                Part::Params => "Params",
                Part::Result => "Result",
                Part::Payload => "Payload",
            };
            let methods: Vec<_> = std::iter::once(first)
                .chain(rest)
                .map(|it| format!("`{}`", it.method))
                .collect();
            return format!("{part} of the {} {}.", first.message, methods.join(" and "));
        }
        match self.users.get(name).map(Vec::as_slice) {
            None | Some([]) => {
                "Defined by the protocol, and used by none of its methods.".to_owned()
            }
            Some([only]) => match branch(model, only, name) {
                Some((tag, wire)) => format!("A {} whose {tag} `{wire}`.", link(only)),
                None => format!("Part of {}.", link(only)),
            },
            Some([first, second]) => format!("Part of {} and {}.", link(first), link(second)),
            Some([first, rest @ ..]) => {
                format!("Part of {} and {} other types.", link(first), rest.len())
            }
        }
    }
}

/// A link that works in every module.
fn link(name: &str) -> String {
    format!("[`{name}`](crate::{name})")
}

/// How the union selects this body.
fn branch(model: &Model, union: &str, body: &str) -> Option<(String, String)> {
    let definition = model.definition(union)?;
    let selects = match &definition.kind {
        Kind::Tagged { tag, .. } => format!("`{tag}` is"),
        Kind::External(_) => "only key is".to_owned(),
        _ => return None,
    };
    let holds = |it: &&super::Variant| it.body.as_ref().and_then(reference) == Some(body);
    Some((
        selects,
        definition.variants().iter().find(holds)?.wire.clone(),
    ))
}

/// Collects the names of all types mentioned in a schema.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            found.extend(reference(schema).map(str::to_owned));
            object.values().for_each(|it| references(it, found));
        }
        Value::Array(list) => list.iter().for_each(|it| references(it, found)),
        _ => {}
    }
}
