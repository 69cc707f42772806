//! How a struct is built, without the risk of swapping two of its values unnoticed.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Context;
use super::structs::{Ready, redacted, values};
use crate::model::{Definition, Kind, Params, Struct};

/// A constructor with more arguments than this is worse than a literal.
const MOST_ARGUMENTS: usize = 7;

/// How a struct is built.
pub enum Making {
    /// With `Default`: nothing is required.
    Default,
    /// With `new`: the compiler distinguishes its arguments.
    New,
    /// With a struct literal: all fields are required.
    Literal,
    /// From a struct of this name, which has only the required fields.
    Companion(String),
}

impl Making {
    /// Chooses the way. A companion whose name is taken is an error.
    pub fn of(
        context: &Context,
        definition: &Definition,
        body: &Struct,
        fields: &[Ready],
    ) -> Result<Self> {
        let required: Vec<_> = fields.iter().filter(|it| it.is_required()).collect();
        let classes: BTreeSet<_> = required.iter().map(|it| class(context, it)).collect();
        Ok(if required.is_empty() {
            Self::Default
        } else if required.len() <= MOST_ARGUMENTS && classes.len() == required.len() {
            Self::New
        } else if required.len() == fields.len() && !body.open {
            Self::Literal
        } else {
            let name = format!("{}Required", definition.name);
            ensure!(
                !is_taken(context, &name),
                "`{name}` is a type of the schema, and the generator needs the name for the required fields of `{}`: \
                 call its own otherwise in emit/making.rs",
                definition.name
            );
            Self::Companion(name)
        })
    }

    /// The sentence for the struct's documentation, if it isn't obvious.
    pub fn sentence(&self) -> String {
        match self {
            Self::Default | Self::New => String::new(),
            Self::Literal => "Built with a struct literal: all fields are required.".to_owned(),
            Self::Companion(name) => format!("Built from [`{name}`]."),
        }
    }

    /// The function `new`.
    pub fn constructor(&self, body: &Struct, fields: &[Ready]) -> Option<TokenStream> {
        let Self::New = self else { return None };
        let arguments = fields.iter().filter(|it| it.is_required()).map(|it| {
            let Ready { ident, ty, .. } = it;
            if is_string(it) {
                quote!(#ident: impl Into<String>)
            } else {
                quote!(#ident: #ty)
            }
        });
        let values = values(body, fields, |it| {
            let ident = it.ident;
            if is_string(it) {
                quote!(#ident: #ident.into())
            } else {
                quote!(#ident)
            }
        });
        Some(quote! {
            /// Creates a value from its required fields.
            pub fn new(#(#arguments),*) -> Self { Self { #values } }
        })
    }

    /// The companion, and its conversion to the struct.
    pub fn items(
        &self,
        definition: &Definition,
        body: &Struct,
        fields: &[Ready],
    ) -> Vec<TokenStream> {
        let Self::Companion(title) = self else {
            return Vec::new();
        };
        let (name, target) = (
            format_ident!("{title}"),
            format_ident!("{}", definition.name),
        );
        let doc = format!(" The required fields of [`{target}`]; convert them with `.into()`.");
        let required: Vec<_> = fields.iter().filter(|it| it.is_required()).collect();
        let debug = redacted(title, &required, false);
        let derive = debug.is_none().then(|| quote!(#[derive(Debug)]));
        let declarations = required.iter().map(|it| it.declaration());
        let values = values(body, fields, |it| {
            let ident = it.ident;
            quote!(#ident: required.#ident)
        });
        let declaration = quote! {
            #[doc = #doc]
            #derive
            pub struct #name { #(#declarations)* }
        };
        let conversion = quote! {
            impl From<#name> for #target {
                #[inline]
                fn from(required: #name) -> Self { Self { #values } }
            }
        };
        let items = [Some(declaration), debug, Some(conversion)];
        items.into_iter().flatten().collect()
    }
}

/// The class of an argument. Two arguments of the same class can be swapped without a compile error.
fn class(context: &Context, ready: &Ready) -> String {
    // `impl Into<String>` accepts none of our own types. It doesn't accept `"…".into()` either: the
    // compiler couldn't infer the type.
    if is_string(ready) {
        return "impl Into<String>".to_owned();
    }
    let ty = ready.ty.to_string();
    let words = ty.split_whitespace().map(|word| match word {
        // `"…".into()` fits every type that can be made from text.
        "String" | "Value" | "RequestId" => "text",
        // A literal fits every integer type.
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => "integer",
        "f32" | "f64" => "float",
        name => match context.model.definition(name) {
            Some(definition) if is_from_text(definition) => "text",
            _ => name,
        },
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a type implements `From<&str>`.
fn is_from_text(definition: &Definition) -> bool {
    match &definition.kind {
        Kind::Text | Kind::StringEnum(_) => true,
        Kind::Untagged(variants) => variants.iter().any(|it| {
            let body = it.body.as_ref();
            body.is_some_and(|it| it.get("type").is_some_and(|it| it == "string"))
        }),
        Kind::Struct(_) | Kind::Tagged { .. } | Kind::External(_) | Kind::Wrapper(_) => false,
    }
}

fn is_string(ready: &Ready) -> bool {
    ready.ty.to_string() == "String"
}

fn is_taken(context: &Context, name: &str) -> bool {
    let model = context.model;
    let mut units = model.client_requests.iter().chain(&model.server_requests);
    model.definition(name).is_some()
        || units.any(|it| matches!(&it.params, Params::None { unit } if unit == name))
}
