//! Where a message contains the ids of its thread, turn and item.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Context;
use crate::model::{Definition, Field, Kind};
use crate::schema::reference;

/// A routing key.
pub struct Key {
    /// The name of the accessor.
    pub function: &'static str,
    /// The documentation of its return value.
    pub doc: &'static str,
    /// Fields that contain it, in order of preference.
    direct: &'static [&'static str],
    /// The field whose `id` it is.
    nested: &'static str,
}

/// The turn of a message.
pub const TURN: Key = Key {
    function: "turn_id",
    doc: " The turn it belongs to, if it says so.",
    direct: &["turnId"],
    nested: "turn",
};

/// The keys of messages.
pub const KEYS: [Key; 3] = [
    Key {
        function: "thread_id",
        doc: " The thread it belongs to, if it says so.",
        // Two older requests call a thread a conversation.
        direct: &["threadId", "conversationId"],
        nested: "thread",
    },
    TURN,
    Key {
        function: "item_id",
        doc: " The item it belongs to, if it says so.",
        direct: &["itemId"],
        nested: "item",
    },
];

/// The key that nested objects have.
const ID: Key = Key {
    function: "id",
    doc: " Its id, if it says so.",
    direct: &["id"],
    nested: "",
};

/// Accessors on a union for the keys that all its branches have.
pub fn accessors(context: &Context, union: &Definition) -> Result<Vec<TokenStream>> {
    let mut functions = Vec::new();
    for key in KEYS.iter().chain([&ID]) {
        let mut arms = Vec::new();
        for variant in union.variants() {
            let body = variant.body.as_ref().and_then(reference);
            let Some(read) = body.map(|it| read(context, it, key)).transpose()?.flatten() else {
                break;
            };
            let ident = format_ident!("{}", variant.ident);
            arms.push(quote!(Self::#ident(body) => #read,));
        }
        if arms.is_empty() || arms.len() < union.variants().len() {
            continue;
        }
        let (function, doc) = (format_ident!("{}", key.function), key.doc);
        let wire = key.direct[0];
        functions.push(quote! {
            #[doc = #doc]
            pub fn #function(&self) -> Option<&str> {
                match self { #(#arms)* Self::Unrecognized(value) => value.get(#wire).and_then(Value::as_str) }
            }
        });
    }
    Ok(functions)
}

/// An expression of type `Option<&str>` for the key in `body`, a reference to the named type.
pub fn read(context: &Context, name: &str, key: &Key) -> Result<Option<TokenStream>> {
    let Some(definition) = context.model.definition(name) else {
        return Ok(None);
    };
    if matches!(definition.kind, Kind::Tagged { .. }) {
        let function = format_ident!("{}", key.function);
        let known = accessors(context, definition)?
            .iter()
            .any(|it| declares(it, &function));
        return Ok(known.then(|| quote!(body.#function())));
    }
    let find = |wire: &str| definition.fields().iter().find(|it| it.wire == wire);
    if let Some(field) = key.direct.iter().find_map(|it| find(it)) {
        return direct(context, name, field);
    }
    let Some(outer) = find(key.nested).filter(|it| !it.is_option()) else {
        return Ok(None);
    };
    let Some(inner) = reference(&outer.schema) else {
        return Ok(None);
    };
    let (ident, _) = context.types.of(name, &outer.wire)?;
    let Some(target) = context.model.definition(inner) else {
        return Ok(None);
    };
    if matches!(target.kind, Kind::Tagged { .. }) {
        return Ok(read(context, inner, &ID)?.map(|_| quote!(body.#ident.id())));
    }
    let has_id = target
        .fields()
        .iter()
        .any(|it| it.wire == "id" && !it.is_option());
    Ok(has_id.then(|| quote!(Some(body.#ident.id.as_str()))))
}

/// An expression of type `Option<&mut String>` for the key in `body`, a reference to the named struct.
pub fn write(context: &Context, name: &str, key: &Key) -> Result<Option<TokenStream>> {
    let Some(definition) = context.model.definition(name) else {
        return Ok(None);
    };
    if read(context, name, key)?.is_none() || matches!(definition.kind, Kind::Tagged { .. }) {
        return Ok(None);
    }
    let find = |wire: &str| definition.fields().iter().find(|it| it.wire == wire);
    let Some(field) = key.direct.iter().find_map(|it| find(it)) else {
        let (ident, _) = context.types.of(name, key.nested)?;
        return Ok(Some(quote!(Some(&mut body.#ident.id))));
    };
    let (ident, _) = context.types.of(name, &field.wire)?;
    Ok(Some(if field.is_option() {
        quote!(body.#ident.as_mut())
    } else {
        quote!(Some(&mut body.#ident))
    }))
}

fn direct(context: &Context, name: &str, field: &Field) -> Result<Option<TokenStream>> {
    let (ident, ty) = context.types.of(name, &field.wire)?;
    let text = field.schema.get("type").is_some_and(|it| it == "string");
    let named = reference(&field.schema).and_then(|it| context.model.definition(it));
    let named = named.is_some_and(|it| matches!(it.kind, Kind::Text));
    Ok(match (field.is_option(), text, named) {
        (false, true, _) | (false, _, true) => Some(quote!(Some(body.#ident.as_str()))),
        (true, true, _) => Some(quote!(body.#ident.as_deref())),
        (true, _, true) => Some(quote!(body.#ident.as_ref().map(#ty::as_str))),
        _ => None,
    })
}

fn declares(function: &TokenStream, name: &Ident) -> bool {
    syn::parse2::<syn::ImplItemFn>(function.clone()).is_ok_and(|it| it.sig.ident == *name)
}
