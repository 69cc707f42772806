//! The modules of a crate, and the resolution of paths in them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::{Ident, Item, ItemImpl, UseTree};

use super::lines;
use super::surface::{is_hidden, is_public};

/// Deeper than any chain of re-exports.
pub(super) const DEEPEST: usize = 16;

/// All modules of a crate, starting with the root.
#[derive(Default)]
pub(super) struct Modules(pub(super) Vec<Module>);

#[derive(Default)]
pub(super) struct Module {
    parent: Option<usize>,
    /// Each with whether it is public.
    pub(super) children: BTreeMap<String, (usize, bool)>,
    pub(super) uses: Vec<Use>,
    pub(super) items: Vec<Item>,
    pub(super) impls: Vec<ItemImpl>,
}

/// One name in a `use`, or everything in a module.
#[derive(Clone)]
pub(super) struct Use {
    pub(super) public: bool,
    pub(super) path: Vec<String>,
    /// The name here; `None` for a glob.
    pub(super) name: Option<String>,
}

/// An item: its module and its index in that.
pub(super) type Place = (usize, usize);

impl Modules {
    /// Parses the expanded source.
    pub(super) fn of(expanded: &str) -> Result<Self> {
        let tokens: TokenStream = expanded
            .parse()
            .map_err(|error| anyhow!("the expanded source isn't Rust: {error}"))?;
        let file: syn::File =
            syn::parse2(without_bodies(tokens)).context("the expanded source isn't understood")?;
        let mut modules = Modules::default();
        modules.add(None, file.items);
        Ok(modules)
    }

    fn add(&mut self, parent: Option<usize>, items: Vec<Item>) -> usize {
        let own = self.0.len();
        self.0.push(Module {
            parent,
            ..Module::default()
        });
        for item in items {
            match item {
                Item::Mod(module) if !is_hidden(&module.attrs) => {
                    let (name, public) = (text(&module.ident), is_public(&module.vis));
                    let child =
                        self.add(Some(own), module.content.map_or_else(Vec::new, |it| it.1));
                    self.0[own].children.insert(name, (child, public));
                }
                Item::Use(it) => {
                    let public = is_public(&it.vis) && !is_hidden(&it.attrs);
                    flatten(&it.tree, &mut Vec::new(), public, &mut self.0[own].uses);
                }
                Item::Impl(it) if !is_hidden(&it.attrs) => self.0[own].impls.push(it),
                // Serde's derives put their impls into an unnamed constant.
                Item::Const(it) if it.ident == "_" => {
                    let block = match *it.expr {
                        syn::Expr::Block(block) => block.block.stmts,
                        _ => Vec::new(),
                    };
                    let impls = block.into_iter().filter_map(|it| match it {
                        syn::Stmt::Item(Item::Impl(it)) => Some(it),
                        _ => None,
                    });
                    self.0[own].impls.extend(impls);
                }
                item => self.0[own].items.push(item),
            }
        }
        own
    }

    /// The module that a path leads to, relative to another one; `None` if it belongs to another crate.
    pub(super) fn find(&self, from: usize, path: &[String], depth: usize) -> Option<usize> {
        let Some((first, rest)) = path.split_first() else {
            return Some(from);
        };
        if depth > DEEPEST {
            return None;
        }
        let module = &self.0[from];
        let next = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => module.parent?,
            name => {
                if let Some((child, _)) = module.children.get(name) {
                    *child
                } else {
                    let named = |it: &&Use| it.name.as_deref() == Some(name) && it.path != [name];
                    let target = module.uses.iter().find(named)?;
                    self.find(from, &target.path, depth + 1)?
                }
            }
        };
        self.find(next, rest, depth + 1)
    }

    /// The items that a path leads to: a type and a function may share a name.
    pub(super) fn items(&self, from: usize, path: &[String], depth: usize) -> Vec<Place> {
        let Some((name, prefix)) = path.split_last() else {
            return Vec::new();
        };
        let Some(own) = self.find(from, prefix, depth).filter(|_| depth <= DEEPEST) else {
            return Vec::new();
        };
        let module = &self.0[own];
        let items = module.items.iter().enumerate();
        let mut found: Vec<_> = items
            .filter(|(_, it)| lines::ident(it).is_some_and(|it| text(it) == *name))
            .map(|(at, _)| (own, at))
            .collect();
        for import in &module.uses {
            match &import.name {
                Some(it) if it == name && import.path != [name.clone()] => {
                    found.extend(self.items(own, &import.path, depth + 1));
                }
                None if found.is_empty() => {
                    let mut path = import.path.clone();
                    path.push(name.clone());
                    found.extend(self.items(own, &path, depth + 1));
                }
                _ => {}
            }
        }
        found
    }
}

/// The source with empty functions: the expansions of standard library macros in their bodies aren't always stable
/// Rust.
fn without_bodies(tokens: TokenStream) -> TokenStream {
    let mut in_signature = false;
    let mut after_fn = false;
    let mut kept = Vec::new();
    for token in tokens {
        // A function type has no name.
        in_signature |= after_fn && matches!(token, TokenTree::Ident(_));
        after_fn = matches!(&token, TokenTree::Ident(it) if it == "fn");
        match token {
            TokenTree::Group(group) => {
                let is_body = in_signature && group.delimiter() == Delimiter::Brace;
                let inner = if is_body {
                    in_signature = false;
                    TokenStream::new()
                } else {
                    without_bodies(group.stream())
                };
                kept.push(Group::new(group.delimiter(), inner).into());
            }
            token => {
                in_signature &= !matches!(&token, TokenTree::Punct(it) if it.as_char() == ';');
                kept.push(token);
            }
        }
    }
    kept.into_iter().collect()
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, public: bool, uses: &mut Vec<Use>) {
    let mut add = |last: Option<&Ident>, name: Option<&Ident>, path: &[String]| {
        let mut path = path.to_vec();
        path.extend(last.filter(|it| *it != "self").map(text));
        let name = name.map(|it| {
            if it == "self" {
                path.last().cloned().unwrap_or_default()
            } else {
                text(it)
            }
        });
        uses.push(Use { public, path, name });
    };
    match tree {
        UseTree::Name(it) => add(Some(&it.ident), Some(&it.ident), path),
        // Imported only for its methods.
        UseTree::Rename(it) if it.rename == "_" => {}
        UseTree::Rename(it) => add(Some(&it.ident), Some(&it.rename), path),
        UseTree::Glob(_) => add(None, None, path),
        UseTree::Path(it) => {
            path.push(text(&it.ident));
            flatten(&it.tree, path, public, uses);
            path.pop();
        }
        UseTree::Group(it) => it
            .items
            .iter()
            .for_each(|it| flatten(it, path, public, uses)),
    }
}

pub(super) fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}
