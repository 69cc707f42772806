//! Items as single lines, without what callers can't see.

use proc_macro2::Span;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, Field, Fields, FnArg, Ident, ImplItem, Item, ItemImpl, Pat, Path, Signature,
    TraitItem, Variant, parse_quote,
};

use super::surface;

/// The name of an item, if it is of a kind that can be public.
pub(super) fn ident(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(it) => Some(&it.ident),
        Item::Enum(it) => Some(&it.ident),
        Item::Fn(it) => Some(&it.sig.ident),
        Item::Macro(it) => it.ident.as_ref(),
        Item::Static(it) => Some(&it.ident),
        Item::Struct(it) => Some(&it.ident),
        Item::Trait(it) => Some(&it.ident),
        Item::Type(it) => Some(&it.ident),
        Item::Union(it) => Some(&it.ident),
        _ => None,
    }
}

pub(super) fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(it) => &it.vis,
        Item::Enum(it) => &it.vis,
        Item::Fn(it) => &it.vis,
        Item::Macro(it) => return it.attrs.iter().any(|it| it.path().is_ident("macro_export")),
        Item::Static(it) => &it.vis,
        Item::Struct(it) => &it.vis,
        Item::Trait(it) => &it.vis,
        Item::Type(it) => &it.vis,
        Item::Union(it) => &it.vis,
        _ => return false,
    };
    surface::is_public(visibility)
}

pub(super) fn is_hidden(item: &Item) -> bool {
    surface::is_hidden(attributes(item))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        _ => &[],
    }
}

/// An item without its parts, under the name that it is exported as.
pub(super) fn head(item: &Item, name: &str) -> String {
    let name: Ident =
        syn::parse_str(name).unwrap_or_else(|_| Ident::new_raw(name, Span::call_site()));
    let mut bare = item.clone();
    let mut private = false;
    match &mut bare {
        Item::Const(it) => {
            it.ident = name;
            *it.expr = parse_quote!(_);
        }
        Item::Enum(it) => {
            it.ident = name;
            it.variants.clear();
        }
        Item::Fn(it) => {
            it.sig.ident = name;
            it.block = parse_quote!({});
        }
        Item::Macro(_) => return format!("macro_rules! {name}"),
        Item::Static(it) => {
            it.ident = name;
            *it.expr = parse_quote!(_);
        }
        Item::Struct(it) => {
            private = it.fields.iter().any(|it| !surface::is_public(&it.vis));
            it.ident = name;
            // For tuples as well: their `where` has a different position.
            it.fields = Fields::Named(parse_quote!({}));
            it.semi_token = None;
        }
        Item::Trait(it) => {
            it.ident = name;
            it.items.clear();
        }
        Item::Type(it) => it.ident = name,
        Item::Union(it) => {
            it.ident = name;
            it.fields.named.clear();
        }
        _ => {}
    }
    let line = line(bare);
    let line = line
        .trim_end_matches(" {}")
        .trim_end_matches([';', ','])
        .trim_end_matches(" = _");
    let matters =
        |it: &&Attribute| it.path().is_ident("non_exhaustive") || it.path().is_ident("deprecated");
    let names = attributes(item).iter().filter(matters);
    let names = names.filter_map(|it| it.path().get_ident());
    let marked: Vec<_> = names.map(|it| format!("#[{it}] ")).collect();
    marked.concat() + line + if private { " { .. }" } else { "" }
}

/// The parts of a type or trait that others can use.
pub(super) fn parts(item: &Item) -> Vec<String> {
    match item {
        Item::Struct(it) => fields(&it.fields),
        Item::Enum(it) => it
            .variants
            .iter()
            .filter(|it| !surface::is_hidden(&it.attrs))
            .map(variant)
            .collect(),
        Item::Trait(it) => it.items.iter().filter_map(trait_item).collect(),
        _ => Vec::new(),
    }
}

fn fields(fields: &Fields) -> Vec<String> {
    let public =
        |(_, it): &(usize, &Field)| surface::is_public(&it.vis) && !surface::is_hidden(&it.attrs);
    let fields = fields.iter().enumerate().filter(public);
    fields
        .map(|(number, field)| {
            let of = &field.ty;
            let line = line(parse_quote!(type T = #of;));
            let of = line.trim_start_matches("type T = ").trim_end_matches(';');
            match &field.ident {
                Some(name) => format!("pub {name}: {of}"),
                None => format!("pub {number}: {of}"),
            }
        })
        .collect()
}

fn variant(variant: &Variant) -> String {
    let line = line(parse_quote!(enum E { #variant }));
    line.trim_start_matches("enum E { ")
        .trim_end_matches(", }")
        .to_owned()
}

fn trait_item(item: &TraitItem) -> Option<String> {
    let mut item = item.clone();
    let mut provided = "";
    match &mut item {
        TraitItem::Fn(it) if surface::is_hidden(&it.attrs) => return None,
        TraitItem::Fn(it) if it.default.is_some() => {
            it.default = None;
            it.semi_token = Some(parse_quote!(;));
            provided = " { .. }";
        }
        _ => {}
    }
    let line = line(parse_quote!(trait T { #item }));
    let line = line.trim_start_matches("trait T { ").trim_end_matches(" }");
    Some(line.trim_end_matches(';').to_owned() + provided)
}

/// The public functions and constants in an `impl` without a trait.
pub(super) fn methods(block: &ItemImpl) -> Vec<String> {
    let mut lines = Vec::new();
    for item in &block.items {
        let mut item = item.clone();
        match &mut item {
            ImplItem::Fn(it) if surface::is_public(&it.vis) && !surface::is_hidden(&it.attrs) => {
                it.block = parse_quote!({});
            }
            ImplItem::Const(it)
                if surface::is_public(&it.vis) && !surface::is_hidden(&it.attrs) =>
            {
                it.expr = parse_quote!(_);
            }
            _ => continue,
        }
        let is_generic = !block.generics.params.is_empty() || block.generics.where_clause.is_some();
        let mut around = block.clone();
        around.items = vec![item];
        let line = line(Item::Impl(around));
        let line = line.replace(" {} }", " }").replace(" = _; }", " }");
        let inner = line
            .split_once(" { ")
            .map(|(_, it)| it.trim_end_matches(" }"));
        lines.push(match inner {
            Some(inner) if !is_generic => inner.to_owned(),
            _ => line,
        });
    }
    lines
}

/// A line for the trait that a type implements.
pub(super) fn implements(block: &ItemImpl, of: &Path) -> String {
    let mut block = block.clone();
    let last = of.segments.last().cloned();
    if let (Some((path, _)), Some(last)) = (&mut block.trait_, last) {
        // The trait's short name, whatever its crate: derives write the full path.
        *path = last.into();
    }
    block.items.clear();
    line(Item::Impl(block)).trim_end_matches(" {}").to_owned()
}

/// Formats an item as usual, then joins it into one line.
fn line(mut item: Item) -> String {
    Plain.visit_item_mut(&mut item);
    let text = prettyplease::unparse(&syn::File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items: vec![item],
    });
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    [
        ("( ", "("),
        (", )", ")"),
        (",)", ")"),
        ("< ", "<"),
        (", >", ">"),
        (", {", " {"),
    ]
    .iter()
    .fold(line, |line, (from, to)| line.replace(from, to))
}

/// Removes a function's implementation details and all documentation.
struct Plain;

impl VisitMut for Plain {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.clear();
    }

    fn visit_signature_mut(&mut self, signature: &mut Signature) {
        for input in &mut signature.inputs {
            match input {
                FnArg::Receiver(it) => it.mutability = None,
                FnArg::Typed(it) => {
                    if let Pat::Ident(it) = &mut *it.pat {
                        it.mutability = None;
                        it.by_ref = None;
                    }
                }
            }
        }
        syn::visit_mut::visit_signature_mut(self, signature);
    }
}
