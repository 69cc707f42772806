//! The imports of generated files.

use std::collections::BTreeSet;

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Ident, Token};

use crate::codegen;
use crate::model::Model;

/// A file with these items and the imports they need.
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
    let others: Vec<_> = model
        .definitions
        .keys()
        .map(String::as_str)
        .filter(|it| !local.contains(it))
        .collect();
    let mut texts = Vec::new();
    for group in groups(&mentions, types, &others) {
        let trees = group
            .into_iter()
            .flat_map(|(path, parts)| branch(&path, &parts.concat()));
        let group: TokenStream = trees.map(|it| quote!(use #it;)).collect();
        if !group.is_empty() {
            texts.push(prettyplease::unparse(&syn::parse2(group)?));
        }
    }
    codegen::file(&texts.join("\n"), items)
}

/// The imports from a path, in rustfmt's order.
type Tree = (TokenStream, [Vec<TokenStream>; 2]);

/// The groups of imports, separated by blank lines.
fn groups(used: &Mentions, types: TokenStream, others: &[&str]) -> [Vec<Tree>; 3] {
    let names = |names| used.names(names);
    let inside = |module: TokenStream, inner| branch(&module, &used.names(inner));
    let std = [inside(quote!(collections), &["BTreeMap"]), names(&["fmt"])];
    let serde = [
        names(&["Deserialize", "Deserializer", "Serialize", "Serializer"]),
        inside(quote!(de), &["MapAccess"]),
    ];
    let serde_json = [
        names(&["Map", "Value"]),
        inside(quote!(value), &["RawValue"]),
    ];
    let ours = [
        names(&["ClientMethod", "DecodeError", "RequestId", "ServerMethod"]),
        inside(quote!(support), SUPPORT),
    ];
    [
        vec![(quote!(std), std)],
        vec![(quote!(serde), serde), (quote!(serde_json), serde_json)],
        vec![(types, [names(others), Vec::new()]), (quote!(crate), ours)],
    ]
}

/// The imports from one place as one tree; empty if there are none.
fn branch(path: &TokenStream, parts: &[TokenStream]) -> Vec<TokenStream> {
    match parts {
        [] => Vec::new(),
        [one] => vec![quote!(#path::#one)],
        many => vec![quote!(#path::{#(#many),*})],
    }
}

/// The names in `crate::support` that generated code may use.
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
    "sum",
    "tagged_enum",
    "untagged_enum",
    "whole",
];

/// Collects the first name of each path: the names that must be in scope.
struct Mentions(BTreeSet<String>);

impl Mentions {
    /// Those of these names that are used.
    fn names(&self, names: &[&str]) -> Vec<TokenStream> {
        let used = names.iter().filter(|it| self.0.contains(**it));
        used.map(|it| format_ident!("{it}").to_token_stream())
            .collect()
    }
}

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
