//! Compares the list of handlers in `codex-sdk` with the schema's server requests, in both directions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::model::{Method, Model};
use crate::problems::{Kind, Problems};

/// The location of the list.
const FILE: &str = "crates/codex-sdk/src/server_requests/handler.rs";
const MACRO: &str = "server_requests";

/// Reports requests without a handler that are undecided, and handlers without a request.
pub fn check(
    root: &Path,
    model: &Model,
    decided: &BTreeSet<String>,
    problems: &Problems,
) -> Result<()> {
    let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
    let handled = handled(&text)?;
    let requests: BTreeSet<_> = model.server_requests.iter().map(Method::ident).collect();
    for request in &model.server_requests {
        let (name, is_handled) = (&request.name, handled.contains(&request.ident()));
        if decided.contains(name) == is_handled {
            let text = if is_handled {
                format!("schema/overrides.toml: `{name}` has a handler in {FILE}")
            } else {
                format!(
                    "the server request `{name}` has no handler: write one in {FILE}, or list it in \
                     schema/overrides.toml, in `unhandled_requests`, to have it refused"
                )
            };
            if is_handled {
                problems.stale_entry("unhandled_requests", name, text);
            } else {
                problems.undecided("unhandled_requests", name, None, text);
            }
        }
    }
    for name in decided {
        if !model.server_requests.iter().any(|it| it.name == *name) {
            let text = format!("schema/overrides.toml: `{name}` is no longer a server request");
            problems.stale_entry("unhandled_requests", name, text);
        }
    }
    for name in handled.difference(&requests) {
        let text = format!("{FILE}: `{name}` is no server request: take its handler out");
        problems.add(Kind::Stale, text, None);
    }
    Ok(())
}

/// The variants of `ServerRequest` in the list: `name(Variant: Params) -> Response { default }`.
fn handled(text: &str) -> Result<BTreeSet<String>> {
    let file = syn::parse_file(text).with_context(|| format!("parsing {FILE}"))?;
    let list = file.items.iter().find_map(|item| match item {
        syn::Item::Macro(item) if item.mac.path.is_ident(MACRO) => Some(&item.mac.tokens),
        _ => None,
    });
    let list = list.with_context(|| format!("{FILE} has no `{MACRO}!`"))?;
    Ok(variants(list.clone()).collect())
}

fn variants(list: TokenStream) -> impl Iterator<Item = String> {
    list.into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            Some(group.stream().into_iter().next()?.to_string())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_found_by_their_variants() {
        let text = "use x::y; macro_rules! server_requests { () => {} }
            server_requests! {
                /// Asks (this).
                ask(Ask: AskParams) -> AskResponse { Ok(AskResponse::new(1)) }
                time(CurrentTimeRead: P) -> R { Err(No.into()) }
            }";
        let found = handled(text).unwrap();
        assert_eq!(found, ["Ask", "CurrentTimeRead"].map(str::to_owned).into());
    }
}
