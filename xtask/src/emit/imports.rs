//! What generated files import.

use std::collections::BTreeSet;

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Token, punctuated::Punctuated, visit_mut::VisitMut};

use crate::{codegen, model::Model};

/// The file of these items, with the imports they need.
pub fn with_imports(
    items: &[TokenStream],
    model: &Model,
    local: &BTreeSet<&str>,
    types: TokenStream,
) -> Result<String> {
    let mut mentions = Mentions(BTreeSet::new());
    for item in items {
        mentions.visit_file_mut(&mut syn::parse2(item.clone())?);
    }
    let used = mentions.0;
    let known = |path: TokenStream, names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .filter(|it| used.contains(**it))
            .map(|it| format_ident!("{it}"))
            .collect();
        match names.as_slice() {
            [] => TokenStream::new(),
            [one] => quote!(use #path::#one;),
            many => quote!(use #path::{#(#many),*};),
        }
    };
    let others: Vec<_> = model
        .definitions
        .keys()
        .map(String::as_str)
        .filter(|it| !local.contains(it))
        .collect();
    let groups = [
        known(quote!(std::collections), &["BTreeMap"]),
        known(quote!(std), &["fmt"]),
        known(quote!(serde::de), &["MapAccess"]),
        known(
            quote!(serde),
            &["Deserialize", "Deserializer", "Serialize", "Serializer"],
        ),
        known(quote!(serde_json::value), &["RawValue"]),
        known(quote!(serde_json), &["Map", "Value"]),
        known(
            quote!(crate),
            &["ClientMethod", "DecodeError", "RequestId", "ServerMethod"],
        ),
        known(quote!(crate::support), SUPPORT),
        known(types, &others),
    ];
    let imports: TokenStream = groups.into_iter().collect();
    let imports = prettyplease::unparse(&syn::parse2(imports)?);
    codegen::file(&imports, items)
}

/// The names in `crate::support` that generated code uses.
const SUPPORT: &[&str] = &[
    "External",
    "Payload",
    "RawParams",
    "Redacted",
    "Shape",
    "Tagged",
    "Untagged",
    "encode",
    "external_enum",
    "external_tag",
    "ignore",
    "route",
    "named_string",
    "object",
    "string_enum",
    "tagged_enum",
    "untagged_enum",
    "whole",
];

/// Collects the first names of all paths: what must be in scope.
struct Mentions(BTreeSet<String>);

impl VisitMut for Mentions {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        if let Some(first) = path.segments.first() {
            self.0.insert(first.ident.to_string());
        }
        syn::visit_mut::visit_path_mut(self, path);
    }

    fn visit_attribute_mut(&mut self, attribute: &mut syn::Attribute) {
        if !attribute.path().is_ident("derive") {
            return;
        }
        let derives = attribute.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated);
        self.0
            .extend(derives.into_iter().flatten().map(|it| it.to_string()));
    }
}
