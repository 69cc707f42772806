//! The responses to client requests by method, for proxies.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Context;

pub fn client(context: &Context) -> TokenStream {
    let methods = &context.model.client_requests;
    let variants = methods.iter().map(|method| {
        let (ident, response) = (
            format_ident!("{}", method.ident()),
            format_ident!("{}", method.response),
        );
        let doc = format!(" The response to `{}`.", method.name);
        let body = if context.layout.is_large(&method.response) {
            quote!(Box<#response>)
        } else {
            quote!(#response)
        };
        quote!(#[doc = #doc] #ident(#body),)
    });
    let decoders = methods.iter().map(|method| {
        let (ident, name) = (format_ident!("{}", method.ident()), &method.name);
        quote!(#name => Self::#ident(result.decode()?),)
    });
    let names = methods.iter().map(|method| {
        let (ident, name) = (format_ident!("{}", method.ident()), &method.name);
        quote!(Self::#ident(_) => #name,)
    });
    quote! {
        /// A response to a request of the client, by the method of the request.
        ///
        /// A response doesn't name its method: who reads it has to remember the request with its id.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum ClientResponse {
            #(#variants)*
            /// That to a method that this version of the crate does not know.
            Unrecognized {
                /// The method.
                method: String,
                /// The result, as it came.
                result: Value,
            },
        }

        impl ClientResponse {
            /// Decodes the result of a request by its method.
            ///
            /// # Errors
            ///
            /// If the method is known, and the result is not of its type.
            pub fn decode(method: &str, result: &RawValue) -> Result<Self, DecodeError> {
                let result = RawParams::new(method, Some(result));
                Ok(match method {
                    #(#decoders)*
                    _ => Self::Unrecognized { method: method.to_owned(), result: result.decode()? },
                })
            }

            /// The method of the request.
            pub fn method(&self) -> &str {
                match self { #(#names)* Self::Unrecognized { method, .. } => method }
            }
        }
    }
}
