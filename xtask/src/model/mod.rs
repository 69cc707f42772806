//! The meaning of the schema: types, methods, and their marks.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use crate::normalise::Bundle;
use crate::problems::{self, Problems};

mod definitions;
mod methods;
mod overrides;
mod secrets;
mod shapes;
mod usage;

pub use methods::{Method, Notification, Params};
pub use overrides::Overrides;
pub use shapes::Shape;
pub use usage::Usage;

/// The whole protocol.
#[derive(Debug)]
pub struct Model {
    /// All types by name; the bodies of union branches are separate types.
    pub definitions: BTreeMap<String, Definition>,
    /// The client's requests.
    pub client_requests: Vec<Method>,
    /// The server's requests.
    pub server_requests: Vec<Method>,
    /// The server's notifications.
    pub server_notifications: Vec<Notification>,
    /// The client's notifications; none has a payload.
    pub client_notifications: Vec<String>,
}

/// A type.
#[derive(Debug)]
pub struct Definition {
    /// Upstream's name, or the names of the union and the branch whose body it is.
    pub name: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// Absent from the stable schema.
    pub experimental: bool,
    /// The kind of type.
    pub kind: Kind,
}

/// The kinds of types.
#[derive(Debug)]
pub enum Kind {
    /// An object with known fields.
    Struct(Struct),
    /// A named string.
    Text,
    /// An enum of strings.
    StringEnum(Vec<Variant>),
    /// An object whose `tag` field selects the variant.
    Tagged { tag: String, variants: Vec<Variant> },
    /// A string or an object with one key, which selects the variant.
    External(Vec<Variant>),
    /// A value whose shape selects the variant.
    Untagged(Vec<Variant>),
    /// The same as another type, for a method that shares its params type.
    Wrapper(String),
}

/// The fields of an object.
#[derive(Debug)]
pub struct Struct {
    /// Fields, in the order of the schema.
    pub fields: Vec<Field>,
    /// Unknown fields are part of the value.
    pub open: bool,
    /// Unknown fields are never printed.
    pub secret_extra: bool,
    /// Values can be added up.
    pub sums: bool,
}

impl Struct {
    /// An object that may contain anything, and prints none of it.
    pub fn of_anything() -> Self {
        Self {
            fields: Vec::new(),
            open: true,
            secret_extra: true,
            sums: false,
        }
    }
}

/// A field.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
pub struct Field {
    /// The name in JSON.
    pub wire: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// The schema, without `null` and default.
    pub schema: Value,
    /// Whether it must be present.
    pub required: bool,
    /// Whether it may be `null`.
    pub nullable: bool,
    /// The value that absence stands for, if any.
    pub default: Option<Value>,
    /// Absent from the stable schema.
    pub experimental: bool,
    /// Absent, `null` and a value are three different states.
    pub double: bool,
    /// Never printed.
    pub secret: bool,
}

impl Field {
    /// Whether the Rust type is an `Option`.
    pub fn is_option(&self) -> bool {
        self.nullable || (!self.required && self.default.is_none())
    }
}

/// A variant of an enum.
#[derive(Debug)]
pub struct Variant {
    /// The Rust name.
    pub ident: String,
    /// The string, tag or key that selects it; for untagged unions, the name of its body.
    pub wire: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// Absent from the stable schema.
    pub experimental: bool,
    /// The schema of its content.
    pub body: Option<Value>,
    /// The shapes that identify a value of an untagged union.
    pub shapes: Vec<Shape>,
}

/// Names of our own types, or of types in the standard library.
const TAKEN: &[&str] = &[
    "Box",
    "BTreeMap",
    "ClientMethod",
    "ClientNotification",
    "ClientRequest",
    "DecodeError",
    "Default",
    "Err",
    "Map",
    "Message",
    "MessageError",
    "None",
    "NotificationEnvelope",
    "Ok",
    "Option",
    "Result",
    "JsonRpcError",
    "ServerMethod",
    "ServerNotification",
    "ServerRequest",
    "Some",
    "String",
    "Value",
    "Vec",
];

impl Definition {
    /// The variants of an enum; empty for other kinds.
    pub fn variants(&self) -> &[Variant] {
        match &self.kind {
            Kind::StringEnum(variants)
            | Kind::Tagged { variants, .. }
            | Kind::External(variants)
            | Kind::Untagged(variants) => variants,
            Kind::Struct(_) | Kind::Text | Kind::Wrapper(_) => &[],
        }
    }

    /// The fields of a struct; empty for other kinds.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(body) => &body.fields,
            _ => &[],
        }
    }
}

impl Model {
    /// Builds the model of the complete schema, and marks what the stable one lacks.
    pub fn build(
        complete: &Bundle,
        stable: &Bundle,
        overrides: &Overrides,
        problems: &Problems,
    ) -> Result<Self> {
        let mut model = Self {
            definitions: definitions::build(&complete.definitions, overrides, problems),
            client_requests: Vec::new(),
            server_requests: Vec::new(),
            server_notifications: methods::server_notifications(complete)?,
            client_notifications: methods::client_notifications(complete)?,
        };
        methods::requests(&mut model, complete, overrides, problems)?;
        model.mark_experimental(stable, overrides)?;
        overrides.apply(&mut model, problems);
        model.settle_names(problems);
        Ok(model)
    }

    /// Marks what the stable schema lacks; the schema itself has no reliable mark.
    fn mark_experimental(&mut self, stable: &Bundle, overrides: &Overrides) -> Result<()> {
        // Its problems are the same as those of the complete schema.
        let known = definitions::build(&stable.definitions, overrides, &Problems::default());
        for definition in self.definitions.values_mut() {
            if let Kind::Wrapper(_) = definition.kind {
                continue;
            }
            let Some(known) = known.get(&definition.name) else {
                definition.experimental = true;
                continue;
            };
            let fields: BTreeSet<_> = known.fields().iter().map(|it| &it.wire).collect();
            let variants: BTreeSet<_> = known.variants().iter().map(|it| &it.wire).collect();
            match &mut definition.kind {
                Kind::Struct(body) => {
                    body.fields
                        .iter_mut()
                        .for_each(|it| it.experimental = !fields.contains(&it.wire));
                }
                Kind::StringEnum(them)
                | Kind::Tagged { variants: them, .. }
                | Kind::External(them)
                | Kind::Untagged(them) => them
                    .iter_mut()
                    .for_each(|it| it.experimental = !variants.contains(&it.wire)),
                Kind::Text | Kind::Wrapper(_) => {}
            }
        }
        let known = methods::names(&stable.client_requests)?;
        self.client_requests
            .iter_mut()
            .for_each(|it| it.experimental = !known.contains(&it.name));
        for method in &self.client_requests {
            let params = method
                .params_type()
                .and_then(|it| self.definitions.get_mut(it));
            if let Some(params) = params.filter(|it| matches!(it.kind, Kind::Wrapper(_))) {
                params.experimental = method.experimental;
            }
        }
        let known = methods::names(&stable.server_requests)?;
        self.server_requests
            .iter_mut()
            .for_each(|it| it.experimental = !known.contains(&it.name));
        let known = methods::names(&stable.server_notifications)?;
        self.server_notifications
            .iter_mut()
            .for_each(|it| it.experimental = !known.contains(&it.name));
        Ok(())
    }

    /// Resolves names that would clash with ours or with each other.
    fn settle_names(&mut self, problems: &Problems) {
        for definition in self.definitions.values_mut() {
            if TAKEN.contains(&definition.name.as_str()) {
                let text = format!("the type name `{}` is taken", definition.name);
                problems.add(problems::Kind::New, text, None);
            }
            let mut seen = BTreeSet::from(["Unrecognized".to_owned()]);
            let variants = match &mut definition.kind {
                Kind::StringEnum(variants)
                | Kind::Tagged { variants, .. }
                | Kind::External(variants)
                | Kind::Untagged(variants) => variants.iter_mut(),
                Kind::Struct(_) | Kind::Text | Kind::Wrapper(_) => continue,
            };
            for variant in variants {
                let mut ident = variant.ident.clone();
                while !seen.insert(ident.clone()) {
                    ident.push('2');
                }
                if ident == variant.ident {
                    continue;
                }
                let path = format!("{}.{}", definition.name, variant.wire);
                let text = format!("`{path}` needs a name of its own under [variants]");
                problems.undecided("variants", &path, Some(ident.clone()), text);
                variant.ident = ident;
            }
        }
        for method in &mut self.client_requests {
            let Params::None { unit } = &mut method.params else {
                continue;
            };
            if self.definitions.contains_key(unit) {
                let name = format!("{unit}Request");
                let text = format!("`{}` needs a name of its own under [units]", method.name);
                problems.undecided("units", &method.name, Some(name.clone()), text);
                *unit = name;
            }
        }
    }

    /// The definition of this name.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }
}
