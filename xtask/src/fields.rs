//! Names and types of fields, from typify.
//!
//! typify sees only plain structs whose fields are all required. Unions, enums and newtypes are replaced
//! by paths to our own, and `null`, absence and defaults are handled here: typify gets those wrong in
//! places (a union of a string and objects becomes a struct of flattened options).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::TokenStream;
use schemars_0_8::schema::Schema;
use serde_json::{Map, Value, json};
use syn::visit_mut::VisitMut;
use syn::{Ident, Item, Meta, Type};
use typify_impl::{TypeSpace, TypeSpaceSettings};

use crate::model::Model;

/// Rust names and types by definition and wire name.
///
/// For a union, the wire name is the variant's, and the type is its body's.
pub struct FieldTypes(BTreeMap<(String, String), (Ident, Type)>);

impl FieldTypes {
    /// Runs typify on the model.
    pub fn resolve(model: &Model) -> Result<Self> {
        let stream = run_typify(model)?;
        let file: syn::File = syn::parse2(stream).context("typify's output does not parse")?;
        let mut found = BTreeMap::new();
        for item in file.items {
            let Item::Struct(item) = item else { continue };
            let name = item.ident.to_string();
            let name = name.strip_suffix(CARRIER).unwrap_or(&name).to_owned();
            for field in item.fields {
                let Some(ident) = field.ident else { continue };
                let wire = renamed(&field.attrs)?.unwrap_or_else(|| ident.to_string());
                let mut ty = field.ty;
                ShortPaths.visit_type_mut(&mut ty);
                found.insert((name.clone(), wire), (ident, ty));
            }
        }
        Ok(Self(found))
    }

    /// The name and type of a field, or of a variant's body.
    pub fn of(&self, definition: &str, wire: &str) -> Result<&(Ident, Type)> {
        let key = (definition.to_owned(), wire.to_owned());
        self.0
            .get(&key)
            .with_context(|| format!("typify made no field of `{definition}.{wire}`"))
    }
}

/// The suffix of a struct that only carries the bodies of a union through typify.
const CARRIER: &str = "BodyCarrier";

fn run_typify(model: &Model) -> Result<TokenStream> {
    let structs = structs(model);
    ingest(model, &structs).map_err(|error| {
        // An error for the whole doesn't name the definition; an error for a single one does.
        let alone = |(name, schema): (&String, &Value)| {
            ingest(model, &BTreeMap::from([(name.clone(), schema.clone())]))
                .err()
                .map(|_| format!("`{name}`"))
        };
        let culprits: Vec<_> = structs.iter().filter_map(alone).collect();
        let culprits = culprits.join(", ");
        error.context(format!("typify cannot take {culprits}: normalise it away"))
    })
}

/// The model's structs and the carriers of its unions, in the form for typify.
fn structs(model: &Model) -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    for definition in model.definitions.values() {
        let name = &definition.name;
        let fields = definition.fields().iter();
        let fields: Map<_, _> = fields
            .map(|it| (it.wire.clone(), it.schema.clone()))
            .collect();
        if !fields.is_empty() {
            schemas.insert(name.clone(), all_required(&fields));
        }
        let variants = definition.variants().iter();
        let bodies: Map<_, _> = variants
            .filter_map(|it| Some((it.wire.clone(), it.body.clone()?)))
            .collect();
        if !bodies.is_empty() {
            schemas.insert(format!("{name}{CARRIER}"), all_required(&bodies));
        }
    }
    schemas
}

/// Passes these structs to typify; all other types are paths to ours.
fn ingest(model: &Model, structs: &BTreeMap<String, Value>) -> Result<TokenStream> {
    let mut settings = TypeSpaceSettings::default();
    settings.with_map_type("::std::collections::BTreeMap".to_owned());
    let mut schemas = structs.clone();
    for name in model
        .definitions
        .keys()
        .map(String::as_str)
        .chain(["RequestId"])
    {
        if !structs.contains_key(name) {
            settings.with_replacement(name, name, std::iter::empty());
            schemas.insert(name.to_owned(), json!({"type": "string"}));
        }
    }
    let schemas = schemas
        .into_iter()
        .map(|(name, schema)| Ok((name, serde_json::from_value(schema)?)));
    let schemas: Vec<(String, Schema)> = schemas.collect::<Result<_>>()?;

    // typify panics on unsupported constructs instead of returning an error.
    let run = || {
        let mut space = TypeSpace::new(&settings);
        space.add_ref_types(schemas)?;
        Ok::<_, typify_impl::Error>(space.to_stream())
    };
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let stream = outcome.map_err(|_| anyhow!("typify panicked, see above"))?;
    stream.map_err(|error| anyhow!("typify refused the schema: {error}"))
}

fn all_required(properties: &Map<String, Value>) -> Value {
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// The name in `#[serde(rename = "…")]`.
fn renamed(attributes: &[syn::Attribute]) -> Result<Option<String>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|it| it.path().is_ident("serde")) {
        let Meta::List(list) = &attribute.meta else {
            continue;
        };
        list.parse_nested_meta(|meta| {
            ensure_rename(&meta)?;
            name = Some(meta.value()?.parse::<syn::LitStr>()?.value());
            Ok(())
        })
        .context("typify put an unusual attribute on a required field")?;
    }
    Ok(name)
}

fn ensure_rename(meta: &syn::meta::ParseNestedMeta) -> syn::Result<()> {
    if meta.path.is_ident("rename") {
        Ok(())
    } else {
        Err(meta.error("not a rename"))
    }
}

/// Writes `::std::vec::Vec<T>` as `Vec<T>`.
struct ShortPaths;

impl VisitMut for ShortPaths {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        syn::visit_mut::visit_path_mut(self, path);
        path.leading_colon = None;
        if let Some(last) = path.segments.pop() {
            path.segments = std::iter::once(last).collect();
        }
    }
}

/// Fails if the output contains any of the names that typify is known to invent.
pub fn assert_no_inventions(text: &str) -> Result<()> {
    for invention in [
        "deny_unknown_fields",
        "NonZero",
        "subtype_",
        "BodyCarrier",
        "HashMap",
    ] {
        ensure!(
            !text.contains(invention),
            "the generated code contains `{invention}`"
        );
    }
    let numbered = text
        .match_indices("Variant")
        .find(|(at, it)| text[at + it.len()..].starts_with(|next: char| next.is_ascii_digit()));
    ensure!(
        numbered.is_none(),
        "the generated code contains a numbered variant"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Definition, Field, Kind, Struct};

    fn model(schema: Value) -> Model {
        let field = |wire: &str, schema| Field {
            wire: wire.to_owned(),
            doc: None,
            schema,
            required: true,
            nullable: false,
            default: None,
            experimental: false,
            double: false,
            secret: false,
        };
        let definition = |name: &str, schema| Definition {
            name: name.to_owned(),
            doc: None,
            experimental: false,
            kind: Kind::Struct(Struct {
                fields: vec![field("some-field", schema)],
                open: false,
                secret_extra: false,
                sums: false,
            }),
        };
        let definitions = [
            definition("Fine", json!({"type": "string"})),
            definition("Tested", schema),
        ];
        Model {
            definitions: definitions
                .into_iter()
                .map(|it| (it.name.clone(), it))
                .collect(),
            client_requests: Vec::new(),
            server_requests: Vec::new(),
            server_notifications: Vec::new(),
            client_notifications: Vec::new(),
        }
    }

    #[test]
    fn types_are_short_and_wide() {
        for (schema, expected) in [
            (json!({"type": "integer", "format": "uint64"}), "u64"),
            (
                json!({"type": "array", "items": {"$ref": "#/definitions/Fine"}}),
                "Vec < Fine >",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
                "BTreeMap < String , Option < String > >",
            ),
            (json!(true), "Value"),
        ] {
            let types = FieldTypes::resolve(&model(schema)).unwrap();
            let (ident, ty) = types.of("Tested", "some-field").unwrap();
            assert_eq!(ident.to_string(), "some_field");
            assert_eq!(quote::quote!(#ty).to_string(), expected);
        }
    }

    #[test]
    fn a_definition_that_typify_cannot_take_is_named() {
        let broken = json!({"$ref": "#/definitions/Gone"});
        let error = FieldTypes::resolve(&model(broken)).map(|_| ()).unwrap_err();
        assert!(
            format!("{error:#}").contains("cannot take `Tested`"),
            "{error:#}"
        );
    }

    #[test]
    fn inventions_of_typify_are_found() {
        assert!(assert_no_inventions("enum A { Variant0(B) }").is_err());
        assert!(assert_no_inventions("enum A { Variant(B) }").is_ok());
    }
}
