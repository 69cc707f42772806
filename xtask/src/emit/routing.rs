//! The accessors on a message enum for a message's thread, turn and item.

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::messages::{Message, by_payload};
use super::{Context, routes};

/// The impl with all accessors.
pub fn functions(context: &Context, message: &Message) -> Result<TokenStream> {
    let name = &message.name;
    let mut functions = Vec::new();
    for key in &routes::KEYS {
        let mut arms = Vec::new();
        for (payload, idents) in by_payload(&message.entries) {
            if let Some(read) = routes::read(context, payload, key)? {
                arms.push(quote!(#(Self::#idents(body))|* => #read,));
            }
        }
        let (function, doc) = (format_ident!("{}", key.function), key.doc);
        functions.push(quote! {
            #[doc = #doc]
            pub fn #function(&self) -> Option<&str> {
                match self {
                    #(#arms)*
                    Self::Unrecognized { params, .. } => route::#function(params),
                    _ => None,
                }
            }
        });
    }
    if !message.request {
        functions.push(turn_id_mut(context, message)?);
    }
    Ok(quote!(impl #name { #(#functions)* }))
}

/// For code that merges several turns into one.
fn turn_id_mut(context: &Context, message: &Message) -> Result<TokenStream> {
    let mut arms = Vec::new();
    for (payload, idents) in by_payload(&message.entries) {
        if let Some(write) = routes::write(context, payload, &routes::TURN)? {
            arms.push(quote!(#(Self::#idents(body))|* => #write,));
        }
    }
    Ok(quote! {
        /// The id of the turn it belongs to, if it says so, to be replaced.
        pub fn turn_id_mut(&mut self) -> Option<&mut String> {
            match self {
                #(#arms)*
                Self::Unrecognized { params, .. } => route::turn_id_mut(params),
                _ => None,
            }
        }
    })
}
