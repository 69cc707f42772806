//! Enums. Each has a variant `Unrecognized` for values from newer runtimes.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use super::{Context, routes};
use crate::docs;
use crate::model::{Definition, Shape, Variant};
use crate::schema::reference;

/// A named string.
pub fn text(context: &Context, definition: &Definition) -> Vec<TokenStream> {
    let (name, doc) = (
        format_ident!("{}", definition.name),
        context.doc(definition, ""),
    );
    let declaration = quote! {
        #doc
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct #name(pub String);
    };
    vec![declaration, quote!(named_string!(#name);)]
}

/// An enum of strings.
pub fn strings(
    context: &Context,
    definition: &Definition,
    variants: &[Variant],
) -> Vec<TokenStream> {
    let (name, doc) = (
        format_ident!("{}", definition.name),
        context.doc(definition, ""),
    );
    let declarations = variants.iter().map(|it| {
        let (doc, ident) = (variant_doc(it), ident(it));
        quote!(#doc #ident,)
    });
    let idents: Vec<_> = variants.iter().map(ident).collect();
    let wires: Vec<_> = variants.iter().map(|it| &it.wire).collect();
    let declaration = quote! {
        #doc
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum #name {
            #(#declarations)*
            /// A value that this version of the crate does not know.
            Unrecognized(String),
        }
    };
    let text = quote! {
        impl #name {
            /// The value on the wire.
            pub fn as_str(&self) -> &str {
                match self { #(Self::#idents => #wires,)* Self::Unrecognized(value) => value }
            }
        }
    };
    let from = quote! {
        impl From<&str> for #name {
            fn from(value: &str) -> Self {
                match value { #(#wires => Self::#idents,)* other => Self::Unrecognized(other.to_owned()) }
            }
        }
    };
    vec![declaration, text, from, quote!(string_enum!(#name);)]
}

/// An object whose tag selects the variant.
pub fn tagged(
    context: &Context,
    definition: &Definition,
    tag: &str,
    variants: &[Variant],
) -> Result<Vec<TokenStream>> {
    let name = format_ident!("{}", definition.name);
    let mut items = declaration(context, definition, &quote!(tag = #tag), variants)?;
    let arms = variants.iter().map(|it| {
        let (ident, wire) = (ident(it), &it.wire);
        if it.body.is_some() {
            quote!(#wire => Self::#ident(Deserialize::deserialize(body)?),)
        } else {
            quote!(#wire => ignore(body, Self::#ident)?,)
        }
    });
    let decode = quote! {
        impl Tagged for #name {
            const TAG: &'static str = #tag;

            fn decode<'de, D: Deserializer<'de>>(tag: &str, body: D) -> Result<Self, D::Error> {
                Ok(match tag {
                    #(#arms)*
                    _ => Self::Unrecognized(whole(Self::TAG, tag, body)?),
                })
            }

            fn unrecognized(value: Value) -> Self {
                Self::Unrecognized(value)
            }
        }
    };
    let unknown = quote!(
        value
            .get(<Self as Tagged>::TAG)
            .and_then(Value::as_str)
            .unwrap_or_default()
    );
    let tag = tag_function(&format!("The value of `{tag}`."), variants, &unknown);
    let accessors = routes::accessors(context, definition)?;
    let functions = quote!(impl #name { #tag #(#accessors)* });
    items.extend([functions, decode, quote!(tagged_enum!(#name);)]);
    Ok(items)
}

/// A string, or an object with one key.
pub fn external(
    context: &Context,
    definition: &Definition,
    variants: &[Variant],
) -> Result<Vec<TokenStream>> {
    let name = format_ident!("{}", definition.name);
    let mut items = declaration(context, definition, &TokenStream::new(), variants)?;
    let units = variants.iter().filter(|it| it.body.is_none()).map(|it| {
        let (ident, wire) = (ident(it), &it.wire);
        quote!(#wire => Self::#ident,)
    });
    let keys = variants.iter().filter(|it| it.body.is_some()).map(|it| {
        let (ident, wire) = (ident(it), &it.wire);
        quote!(#wire => Self::#ident(map.next_value()?),)
    });
    let decode = quote! {
        impl External for #name {
            fn unit(name: &str) -> Option<Self> {
                Some(match name { #(#units)* _ => return None })
            }

            fn keyed<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Option<Self>, A::Error> {
                Ok(Some(match key { #(#keys)* _ => return Ok(None) }))
            }

            fn unrecognized(value: Value) -> Self {
                Self::Unrecognized(value)
            }
        }
    };
    let tag = tag_function(
        "The string, or the key of the object.",
        variants,
        &quote!(external_tag(value)),
    );
    items.extend([
        quote!(impl #name { #tag }),
        decode,
        quote!(external_enum!(#name);),
    ]);
    Ok(items)
}

/// A value whose shape selects the variant.
pub fn untagged(
    context: &Context,
    definition: &Definition,
    variants: &[Variant],
) -> Result<Vec<TokenStream>> {
    let name = format_ident!("{}", definition.name);
    let mut items = declaration(context, definition, &quote!(untagged), variants)?;
    let shapes = variants.iter().map(|it| {
        let shapes = it.shapes.iter().map(shape);
        quote!(&[#(#shapes),*])
    });
    let arms = variants.iter().enumerate().map(|(index, it)| {
        let ident = ident(it);
        quote!(Some(#index) => serde_json::from_value(value).map(Self::#ident),)
    });
    let decode = quote! {
        impl Untagged for #name {
            const SHAPES: &'static [&'static [Shape]] = &[#(#shapes),*];

            fn decode(variant: Option<usize>, value: Value) -> Result<Self, serde_json::Error> {
                match variant { #(#arms)* _ => Ok(Self::Unrecognized(value)) }
            }
        }
    };
    items.extend([decode, quote!(untagged_enum!(#name);)]);
    items.extend(conversions(context, definition, variants)?);
    Ok(items)
}

/// Conversions from text and lists to a union that has them as a branch.
fn conversions(
    context: &Context,
    definition: &Definition,
    variants: &[Variant],
) -> Result<Vec<TokenStream>> {
    let name = format_ident!("{}", definition.name);
    let mut conversions = Vec::new();
    for variant in variants {
        let (ident, Some(ty)) = (ident(variant), body(context, definition, variant)?) else {
            continue;
        };
        let text = quote!(#ty).to_string();
        let is_text = text == "String";
        if is_text {
            conversions.push(quote! {
                impl From<&str> for #name {
                    fn from(value: &str) -> Self {
                        Self::#ident(value.to_owned())
                    }
                }
            });
        }
        if is_text || text.starts_with("Vec <") {
            conversions.push(quote! {
                impl From<#ty> for #name {
                    fn from(value: #ty) -> Self {
                        Self::#ident(value)
                    }
                }
            });
        }
    }
    Ok(conversions)
}

/// The enum itself, and its `Debug` if that must not be derived.
fn declaration(
    context: &Context,
    definition: &Definition,
    serde: &TokenStream,
    variants: &[Variant],
) -> Result<Vec<TokenStream>> {
    let (name, doc) = (
        format_ident!("{}", definition.name),
        context.doc(definition, ""),
    );
    let untagged = serde.to_string() == "untagged";
    let declarations = variants.iter().map(|it| {
        let (doc, ident, wire) = (variant_doc(it), ident(it), &it.wire);
        let rename = (!untagged).then(|| quote!(#[serde(rename = #wire)]));
        let body = body(context, definition, it)?.map(|ty| quote!((#ty)));
        Ok(quote!(#doc #rename #ident #body,))
    });
    let declarations = declarations.collect::<Result<Vec<_>>>()?;
    let catch_all = (!untagged).then(|| quote!(#[serde(untagged)]));
    let serde = (!serde.is_empty()).then(|| quote!(#[serde(#serde)]));
    let secret = variants.iter().any(|it| holds_secrets(context, it));
    let debug = (!secret).then(|| quote!(Debug,));
    let declaration = quote! {
        #doc
        #[derive(#debug Clone, PartialEq, Serialize)]
        #serde
        #[non_exhaustive]
        pub enum #name {
            #(#declarations)*
            /// A value that this version of the crate does not know, as it came.
            #catch_all
            Unrecognized(Value),
        }
    };
    Ok(if secret {
        vec![declaration, redacted(definition, variants)]
    } else {
        vec![declaration]
    })
}

fn holds_secrets(context: &Context, variant: &Variant) -> bool {
    let body = variant
        .body
        .as_ref()
        .and_then(reference)
        .and_then(|it| context.model.definition(it));
    body.is_some_and(|it| it.fields().iter().any(|it| it.secret))
}

/// A handwritten `Debug`: if known kinds contain secrets, unknown ones may too.
fn redacted(definition: &Definition, variants: &[Variant]) -> TokenStream {
    let name = format_ident!("{}", definition.name);
    let arms = variants.iter().map(|it| {
        let (ident, title) = (ident(it), &it.ident);
        if it.body.is_some() {
            quote!(Self::#ident(body) => f.debug_tuple(#title).field(body).finish(),)
        } else {
            quote!(Self::#ident => f.write_str(#title),)
        }
    });
    quote! {
        impl fmt::Debug for #name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    #(#arms)*
                    Self::Unrecognized(_) => f.debug_tuple("Unrecognized").field(&Redacted).finish(),
                }
            }
        }
    }
}

fn body<'a>(
    context: &'a Context,
    definition: &Definition,
    variant: &Variant,
) -> Result<Option<&'a Type>> {
    if variant.body.is_none() {
        return Ok(None);
    }
    Ok(Some(&context.types.of(&definition.name, &variant.wire)?.1))
}

fn tag_function(doc: &str, variants: &[Variant], unknown: &TokenStream) -> TokenStream {
    let doc = format!(" {doc}");
    let arms = variants.iter().map(|it| {
        let (ident, wire) = (ident(it), &it.wire);
        let pattern = it.body.as_ref().map(|_| quote!((_)));
        quote!(Self::#ident #pattern => #wire,)
    });
    quote! {
        #[doc = #doc]
        pub fn tag(&self) -> &str {
            match self { #(#arms)* Self::Unrecognized(value) => #unknown }
        }
    }
}

fn variant_doc(variant: &Variant) -> TokenStream {
    docs::item(
        variant.doc.as_deref(),
        &format!("The protocol's `{}`.", variant.wire),
        variant.experimental,
        &[],
    )
}

fn ident(variant: &Variant) -> Ident {
    format_ident!("{}", variant.ident)
}

fn shape(it: &Shape) -> TokenStream {
    match it {
        Shape::String => quote!(Shape::String),
        Shape::Array => quote!(Shape::Array),
        Shape::OneOf(strings) => quote!(Shape::OneOf(&[#(#strings),*])),
        Shape::Object { required, known } => {
            let required = required.iter().map(|(key, shapes)| {
                let shapes = shapes.iter().map(shape);
                quote!((#key, &[#(#shapes),*]))
            });
            quote!(Shape::Object { required: &[#(#required),*], known: &[#(#known),*] })
        }
    }
}
