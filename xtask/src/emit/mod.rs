//! Generates files from the model.

use std::collections::BTreeSet;

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::codegen;
use crate::codegen::Files;
use crate::fields::FieldTypes;
use crate::layout::Layout;
use crate::model::{Definition, Kind, Model, Params, Usage};
use crate::problems::{self, Problems};

mod enums;
mod imports;
mod making;
mod messages;
mod methods;
mod modules;
mod responses;
mod routes;
mod routing;
mod structs;
#[cfg(test)]
mod tests;

/// The folder of the generated modules.
const GENERATED: &str = "crates/codex-types/src/generated";

/// The table of all types, for the tests.
const TEST_TABLE: &str = "crates/codex-types/tests/it/definitions.rs";

/// Facts about the schema itself.
pub struct Provenance {
    /// The version of the runtime that emitted it.
    pub runtime_version: String,
    /// The SHA-256 of the experimental bundle, in hex.
    pub schema_sha256: String,
}

/// The context that the emitters share.
pub struct Context<'a> {
    pub model: &'a Model,
    pub types: &'a FieldTypes,
    pub layout: Layout<'a>,
    pub usage: Usage,
}

/// Generates all files. What can't be generated is reported as a problem and left out.
pub fn files(model: &Model, provenance: &Provenance, problems: &Problems) -> Result<Files> {
    let types = FieldTypes::resolve(model)?;
    let layout = Layout::of(model, &types)?;
    let context = Context {
        model,
        types: &types,
        layout,
        usage: Usage::of(model),
    };

    let mut files = Files::of(codegen::REGEN);
    files.own(GENERATED);
    let modules = modules::sort(model);
    for (module, definitions) in &modules {
        let mut items = Vec::new();
        for definition in definitions {
            match context.definition(definition) {
                Ok(more) => items.extend(more),
                Err(error) => {
                    let text = format!("in the definition `{}`: {error:#}", definition.name);
                    problems.add(problems::Kind::New, text, None);
                }
            }
        }
        let local: BTreeSet<_> = definitions.iter().map(|it| it.name.as_str()).collect();
        let text = imports::with_imports(&items, model, &local, quote!(super))?;
        files.add(format!("{GENERATED}/types/{module}.rs"), text);
    }
    let names: Vec<_> = modules.keys().map(|it| format_ident!("{it}")).collect();
    let header = "//! The types of the protocol, sorted into modules for reading only.\n\n\
        #![expect(\n    missing_docs,\n    \
        reason = \"the schema doesn't describe every field, and nothing is invented\"\n)]\n";
    let index = codegen::file(
        header,
        &[quote!(#(mod #names;)*), quote!(#(pub use #names::*;)*)],
    )?;
    files.add(format!("{GENERATED}/types/mod.rs"), index);

    for (module, items) in messages::modules(&context)? {
        let text = imports::with_imports(&items, model, &BTreeSet::new(), quote!(super::types))?;
        files.add(format!("{GENERATED}/{module}.rs"), text);
    }
    files.add(format!("{GENERATED}/mod.rs"), root(provenance)?);
    files.add(TEST_TABLE, test_table(model)?);
    Ok(files)
}

impl Context<'_> {
    fn definition(&self, definition: &Definition) -> Result<Vec<TokenStream>> {
        match &definition.kind {
            Kind::Struct(body) => structs::items(self, definition, body),
            Kind::Text => Ok(enums::text(self, definition)),
            Kind::StringEnum(variants) => Ok(enums::strings(self, definition, variants)),
            Kind::Tagged { tag, variants } => enums::tagged(self, definition, tag, variants),
            Kind::External(variants) => enums::external(self, definition, variants),
            Kind::Untagged(variants) => enums::untagged(self, definition, variants),
            Kind::Wrapper(target) => Ok(structs::wrapper(self, definition, target)),
        }
    }

    /// The documentation of a type, with additional text about its use.
    fn doc(&self, definition: &Definition, more: &str) -> TokenStream {
        let sentence = self.usage.sentence(self.model, &definition.name);
        let sentence = format!("{sentence} {more}").trim_end().to_owned();
        let described = definition.doc.is_some();
        let remarks = if described {
            vec![sentence.clone()]
        } else {
            Vec::new()
        };
        crate::docs::item(
            definition.doc.as_deref(),
            &sentence,
            definition.experimental,
            &remarks,
        )
    }
}

fn root(provenance: &Provenance) -> Result<String> {
    let Provenance {
        runtime_version,
        schema_sha256,
    } = provenance;
    let items = [
        quote!(
            mod client_notifications;
            mod client_requests;
            mod client_responses;
            mod server_notifications;
            mod server_requests;
            mod types;
        ),
        quote! {
            pub use client_notifications::*;
            pub use client_requests::*;
            pub use client_responses::*;
            pub use server_notifications::*;
            pub use server_requests::*;
            pub use types::*;
        },
        quote! {
            /// The version of the runtime whose protocol this is.
            pub const RUNTIME_VERSION: &str = #runtime_version;
        },
        quote! {
            /// The SHA-256 of the schema that this crate was generated from, in hex.
            pub const SCHEMA_SHA256: &str = #schema_sha256;
        },
    ];
    let header = "//! What `cargo xtask regen` makes of the schema.\n\n\
        #![expect(\n    clippy::doc_markdown,\n    clippy::large_enum_variant,\n    clippy::struct_excessive_bools,\n    \
        clippy::too_many_lines,\n    \
        reason = \"names, prose and sizes are the protocol's\"\n)]\n";
    codegen::file(header, &items)
}

/// A table of decoders for the definitions in the schema.
fn test_table(model: &Model) -> Result<String> {
    let rows = model.definitions.keys().map(|name| {
        let ident = format_ident!("{name}");
        quote!((#name, round_trip::<codex_types::#ident>),)
    });
    let nullable = model
        .client_requests
        .iter()
        .filter_map(|it| match &it.params {
            Params::Nullable(params) => {
                let (helper, params) = (format!("Nullable{params}"), format_ident!("{params}"));
                let (method, row) = (
                    &it.name,
                    quote!((#helper, round_trip::<Option<codex_types::#params>>),),
                );
                Some((quote!(#method,), row))
            }
            _ => None,
        });
    let (nullable, helpers): (Vec<_>, Vec<_>) = nullable.unzip();
    let items = [
        quote!(
            use crate::dispatch::{RoundTrip, round_trip};
        ),
        quote! {
            /// Every type, and how to send a JSON value through it.
            pub(crate) const DEFINITIONS: &[(&str, RoundTrip)] = &[#(#rows)* #(#helpers)*];
        },
        quote! {
            /// The methods whose params may be null.
            pub(crate) const NULLABLE: &[&str] = &[#(#nullable)*];
        },
    ];
    codegen::file("//! All types by name.\n", &items)
}
