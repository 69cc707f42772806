//! Structs: fields, defaults, redaction.

use anyhow::{Result, bail};
use heck::{ToLowerCamelCase, ToSnakeCase};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use super::Context;
use super::making::Making;
use crate::docs;
use crate::model::{Definition, Field, Kind, Struct};
use crate::schema::reference;

/// `support/object.rs` has no bits for more fields.
const MOST_FIELDS: usize = 64;

/// A field with everything needed to emit it.
pub struct Ready<'a> {
    pub field: &'a Field,
    pub ident: &'a Ident,
    pub ty: TokenStream,
    pub default: Default,
}

impl Ready<'_> {
    /// Whether a value can't be built without it.
    pub fn is_required(&self) -> bool {
        matches!(self.default, Default::Required)
    }

    /// The field's declaration in a struct.
    pub fn declaration(&self) -> TokenStream {
        let Self { ident, ty, .. } = self;
        let doc = field_doc(self);
        quote!(#doc pub #ident: #ty,)
    }
}

/// The default of a field.
pub enum Default {
    /// No default.
    Required,
    /// The default of its type.
    OfType,
    /// This value.
    Value(TokenStream),
}

/// The struct and its impls.
pub fn items(
    context: &Context,
    definition: &Definition,
    body: &Struct,
) -> Result<Vec<TokenStream>> {
    let fields = body
        .fields
        .iter()
        .map(|it| ready(context, definition, it))
        .collect::<Result<Vec<_>>>()?;
    if fields.len() > MOST_FIELDS {
        bail!("`{}` has more than {MOST_FIELDS} fields", definition.name);
    }
    let all: Vec<_> = fields.iter().collect();
    let making = Making::of(context, definition, body, &fields)?;
    let mut items = vec![declaration(context, definition, body, &fields, &making)];
    items.extend(redacted(&definition.name, &all, body.secret_extra));
    items.extend(making.items(definition, body, &fields));
    items.extend(default(definition, body, &fields));
    items.extend(functions(definition, body, &fields, &making));
    items.push(object(definition, body, &fields));
    if body.sums {
        let idents = fields.iter().map(|it| it.ident);
        let name = format_ident!("{}", definition.name);
        items.push(quote!(sum!(#name { #(#idents),* });));
    }
    Ok(items)
}

/// The params of a method that shares its params type with another.
pub fn wrapper(context: &Context, definition: &Definition, target: &str) -> Vec<TokenStream> {
    let doc = context.doc(
        definition,
        &format!("The same as [`{target}`]; made from it with `.into()`."),
    );
    let fields = context.model.definition(target).map(Definition::fields);
    let has_default = |it: &Field| it.is_option() || it.default.is_some();
    let default = fields
        .is_some_and(|it| it.iter().all(has_default))
        .then(|| quote!(Default,));
    let (name, target) = (
        format_ident!("{}", definition.name),
        format_ident!("{target}"),
    );
    let declaration = quote! {
        #doc
        #[derive(Debug, Clone, PartialEq, #default Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct #name(pub #target);
    };
    let conversion = quote! {
        impl From<#target> for #name {
            fn from(params: #target) -> Self {
                Self(params)
            }
        }
    };
    vec![declaration, conversion]
}

fn ready<'a>(
    context: &Context<'a>,
    definition: &Definition,
    field: &'a Field,
) -> Result<Ready<'a>> {
    let (ident, ty) = context.types.of(&definition.name, &field.wire)?;
    let default = match &field.default {
        _ if field.is_option() => Default::OfType,
        None => Default::Required,
        Some(value) if is_type_default(value) => Default::OfType,
        Some(value) => Default::Value(literal(context, value, &field.schema)?),
    };
    let ty = match (field.double, field.is_option()) {
        (true, _) => quote!(Option<Option<#ty>>),
        (false, true) => quote!(Option<#ty>),
        (false, false) => quote!(#ty),
    };
    Ok(Ready {
        field,
        ident,
        ty,
        default,
    })
}

fn declaration(
    context: &Context,
    definition: &Definition,
    body: &Struct,
    fields: &[Ready],
    making: &Making,
) -> TokenStream {
    let name = format_ident!("{}", definition.name);
    let doc = context.doc(definition, &making.sentence());
    let hides = body.secret_extra || fields.iter().any(|it| it.field.secret);
    let debug = (!hides).then(|| quote!(Debug,));
    let default = fields
        .iter()
        .all(|it| matches!(it.default, Default::OfType))
        .then(|| quote!(Default,));
    let fields = fields.iter().map(Ready::declaration);
    let extra = body.open.then(|| {
        quote! {
            /// Entries without a field of their own.
            pub extra: Map<String, Value>,
        }
    });
    quote! {
        #doc
        #[derive(#debug Clone, PartialEq, #default)]
        pub struct #name { #(#fields)* #extra }
    }
}

/// Upstream's description of a field, plus anything that neither it nor the type tells. Often empty.
fn field_doc(ready: &Ready) -> TokenStream {
    let field = ready.field;
    let mut remarks = Vec::new();
    if let (None, Some(unit)) = (&field.doc, unit(field)) {
        remarks.push(format!("In {unit}."));
    }
    if field.double {
        remarks.push(
            "`None` leaves it out; `Some(None)` sends `null`, which is not the same.".to_owned(),
        );
    }
    if field.required && field.nullable {
        remarks.push("`None` is sent as `null`.".to_owned());
    }
    if let Some(default) = &field.default {
        remarks.push(format!("Defaults to `{default}`."));
    }
    let wire = &field.wire;
    if *wire != ready.ident.to_string().to_lower_camel_case() {
        remarks.push(format!("Wire name: `{wire}`."));
    }
    docs::item(
        field.doc.as_deref(),
        "",
        field.experimental,
        &[remarks.join(" ")],
    )
}

/// The unit of a number, if the last word of its name is one.
fn unit(field: &Field) -> Option<&'static str> {
    let kind = field.schema.get("type")?.as_str()?;
    if !matches!(kind, "integer" | "number") {
        return None;
    }
    let name = field.wire.to_snake_case();
    Some(match name.rsplit('_').next()? {
        "ms" => "milliseconds",
        "sec" | "secs" | "seconds" => "seconds",
        "mins" | "minutes" => "minutes",
        "hours" => "hours",
        "days" => "days",
        "bytes" => "bytes",
        _ => return None,
    })
}

/// The table from which `support/object.rs` in the crate makes the serde impls.
fn object(definition: &Definition, body: &Struct, fields: &[Ready]) -> TokenStream {
    let name = format_ident!("{}", definition.name);
    let entries = fields.iter().map(|ready| {
        let Ready {
            field,
            ident,
            default,
            ..
        } = ready;
        let wire = &field.wire;
        let kind = match default {
            Default::Required => quote!(Required(#wire)),
            Default::OfType if field.double => quote!(Double(#wire)),
            Default::OfType if field.is_option() && field.required => quote!(Nullable(#wire)),
            Default::OfType if field.is_option() => quote!(Optional(#wire)),
            Default::OfType => quote!(Defaulted(#wire)),
            Default::Value(_) => {
                let function = format_ident!("{}", default_function(ready));
                quote!(Defaulted(#wire, Self::#function()))
            }
        };
        quote!(#ident: #kind,)
    });
    let extra = body.open.then(|| quote!(..extra));
    quote!(object!(#name { #(#entries)* #extra });)
}

/// A handwritten `Debug` for structs with secrets in a field or in extra entries.
pub fn redacted(title: &str, fields: &[&Ready], secret_extra: bool) -> Option<TokenStream> {
    if !secret_extra && !fields.iter().any(|it| it.field.secret) {
        return None;
    }
    let name = format_ident!("{title}");
    let entries = fields.iter().map(|ready| {
        let ident = ready.ident;
        let title = ident.to_string();
        if ready.field.secret {
            quote!(.field(#title, &Redacted))
        } else {
            quote!(.field(#title, &self.#ident))
        }
    });
    let extra = secret_extra.then(|| quote!(.field("extra", &Redacted)));
    Some(quote! {
        impl fmt::Debug for #name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(#title) #(#entries)* #extra .finish()
            }
        }
    })
}

/// A handwritten `Default` if a field's default differs from that of its type.
fn default(definition: &Definition, body: &Struct, fields: &[Ready]) -> Option<TokenStream> {
    let special = fields
        .iter()
        .any(|it| matches!(it.default, Default::Value(_)));
    if !special || fields.iter().any(Ready::is_required) {
        return None;
    }
    let name = format_ident!("{}", definition.name);
    let values = values(body, fields, |_| TokenStream::new());
    Some(quote! {
        impl Default for #name {
            fn default() -> Self { Self { #values } }
        }
    })
}

/// The constructor, and a function for each special default.
fn functions(
    definition: &Definition,
    body: &Struct,
    fields: &[Ready],
    making: &Making,
) -> Option<TokenStream> {
    let name = format_ident!("{}", definition.name);
    let defaults = fields.iter().filter_map(|ready| {
        let Default::Value(value) = &ready.default else {
            return None;
        };
        let (function, ty) = (format_ident!("{}", default_function(ready)), &ready.ty);
        Some(quote!(fn #function() -> #ty { #value }))
    });
    let defaults: Vec<_> = defaults.collect();
    let constructor = making.constructor(body, fields);
    if defaults.is_empty() && constructor.is_none() {
        return None;
    }
    Some(quote!(impl #name { #constructor #(#defaults)* }))
}

/// The values of all fields in a literal, with these expressions for the required ones.
pub fn values(
    body: &Struct,
    fields: &[Ready],
    required: impl Fn(&Ready) -> TokenStream,
) -> TokenStream {
    let values = fields.iter().map(|ready| {
        let ident = ready.ident;
        match &ready.default {
            Default::Required => required(ready),
            Default::OfType if ready.field.is_option() => quote!(#ident: None),
            Default::OfType => match &ready.field.default {
                Some(Value::Array(_)) => quote!(#ident: Vec::new()),
                Some(Value::Number(_)) => quote!(#ident: 0),
                _ => quote!(#ident: false),
            },
            Default::Value(_) => {
                let function = format_ident!("{}", default_function(ready));
                quote!(#ident: Self::#function())
            }
        }
    });
    let extra = body.open.then(|| quote!(extra: Map::new(),));
    quote!(#(#values,)* #extra)
}

fn default_function(ready: &Ready) -> String {
    format!("default_{}", ready.field.wire.to_snake_case())
}

fn is_type_default(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_u64() == Some(0),
        Value::Array(value) => value.is_empty(),
        _ => false,
    }
}

/// A default from the schema as an expression.
fn literal(context: &Context, value: &Value, schema: &Value) -> Result<TokenStream> {
    Ok(match value {
        Value::Bool(value) => quote!(#value),
        Value::Number(value) if value.is_i64() => {
            let value = Literal::i64_unsuffixed(value.as_i64().unwrap_or_default());
            quote!(#value)
        }
        Value::Array(values) => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let values = values
                .iter()
                .map(|it| literal(context, it, items))
                .collect::<Result<Vec<_>>>()?;
            quote!(vec![#(#values),*])
        }
        Value::String(wire) => {
            let target = reference(schema).and_then(|it| context.model.definition(it));
            let variant =
                target.and_then(|it| Some((it, it.variants().iter().find(|it| it.wire == *wire)?)));
            match variant {
                Some((target, variant)) if !matches!(target.kind, Kind::Tagged { .. }) => {
                    let (target, variant) = (
                        format_ident!("{}", target.name),
                        format_ident!("{}", variant.ident),
                    );
                    quote!(#target::#variant)
                }
                _ => bail!("the default {value} is no variant"),
            }
        }
        _ => bail!("the default {value} is new to the generator"),
    })
}
