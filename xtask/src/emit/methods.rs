//! The traits of the params types.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Context;
use crate::docs;
use crate::model::Params;

/// `ClientMethod` for every client request.
pub fn client(context: &Context) -> Vec<TokenStream> {
    let mut items = Vec::new();
    for method in &context.model.client_requests {
        let (Params::None { unit: name } | Params::Type(name) | Params::Nullable(name)) =
            &method.params;
        let (name, response) = (
            format_ident!("{name}"),
            format_ident!("{}", method.response),
        );
        let (wire, experimental) = (&method.name, method.experimental);
        if method.params_type().is_none() {
            let otherwise = format!("Params of the client request `{wire}`: none.");
            let remarks = if method.doc.is_some() {
                vec![otherwise.clone()]
            } else {
                Vec::new()
            };
            let doc = docs::item(method.doc.as_deref(), &otherwise, experimental, &remarks);
            items.push(quote! {
                #doc
                #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
                pub struct #name;
            });
        }
        items.push(quote! {
            impl ClientMethod for #name {
                type Response = #response;
                const METHOD: &'static str = #wire;
                const EXPERIMENTAL: bool = #experimental;
            }
        });
    }
    items
}

/// `ServerMethod` for every server request.
pub fn server(context: &Context) -> Vec<TokenStream> {
    let methods = context.model.server_requests.iter().filter_map(|method| {
        let (name, response) = (
            format_ident!("{}", method.params_type()?),
            format_ident!("{}", method.response),
        );
        let wire = &method.name;
        Some(quote! {
            impl ServerMethod for #name {
                type Response = #response;
                const METHOD: &'static str = #wire;
            }
        })
    });
    methods.collect()
}
