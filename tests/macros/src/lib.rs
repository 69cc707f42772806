//! The attribute of the end-to-end tests.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse_macro_input, parse_quote};

/// A test that fails if a client of it leaves something behind; `codex_e2e::watch` says what. It takes the
/// arguments of `#[tokio::test]`, which an `async fn` also becomes.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = parse_macro_input!(item as ItemFn);
    let arguments = proc_macro2::TokenStream::from(arguments);
    let body = &function.block;
    let (attribute, watched) = if function.sig.asyncness.is_some() {
        (
            quote!(#[::tokio::test(#arguments)]),
            // Boxed, because the futures of some tests are large.
            parse_quote!({ ::codex_e2e::watch::watched(::std::boxed::Box::pin(async #body)).await }),
        )
    } else {
        (
            quote!(#[::core::prelude::v1::test]),
            parse_quote!({ ::codex_e2e::watch::watched_blocking(|| #body) }),
        )
    };
    function.block = watched;
    quote!(#attribute #function).into()
}
