//! The public API of a crate as text: a line for each item that others can name, with the path they use.
//!
//! It reads the expanded source, one file with all modules. Types appear as written there. Anything implicit isn't
//! seen, for example that a type is `Send`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use syn::{Attribute, Ident, Path, Type, Visibility};

use super::lines;
use super::modules::{DEEPEST, Modules, Place, Use, text};

/// Sorted lines such as `codex_sdk::Thread: pub fn id(&self) -> &str`.
pub(super) fn of(library: &str, expanded: &str) -> Result<String> {
    let modules = Modules::of(expanded)?;
    let mut surface = Surface {
        modules: &modules,
        lines: BTreeSet::new(),
        paths: BTreeMap::new(),
    };
    surface.module(0, library, 0);
    surface.impls();
    Ok(surface
        .lines
        .into_iter()
        .fold(String::new(), |text, line| text + &line + "\n"))
}

struct Surface<'a> {
    modules: &'a Modules,
    lines: BTreeSet<String>,
    /// All paths by which an item can be named.
    paths: BTreeMap<Place, BTreeSet<String>>,
}

impl Surface<'_> {
    /// Everything public in a module, under the path that others use.
    fn module(&mut self, own: usize, path: &str, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let modules = self.modules;
        let module = &modules.0[own];
        for (at, item) in module.items.iter().enumerate() {
            if let Some(ident) = lines::ident(item) {
                self.item((own, at), path, &text(ident));
            }
        }
        for (name, (child, public)) in &module.children {
            if *public {
                self.child(*child, path, name, depth);
            }
        }
        for import in module.uses.iter().filter(|it| it.public) {
            self.import(own, import, path, depth);
        }
    }

    fn child(&mut self, child: usize, path: &str, name: &str, depth: usize) {
        self.lines.insert(format!("{path}: pub mod {name}"));
        self.module(child, &format!("{path}::{name}"), depth + 1);
    }

    fn import(&mut self, own: usize, import: &Use, path: &str, depth: usize) {
        let source = import.path.join("::");
        let module = self.modules.find(own, &import.path, 0);
        let Some(name) = &import.name else {
            match module {
                Some(module) => self.module(module, path, depth + 1),
                None => drop(self.lines.insert(format!("{path}: pub use {source}::*"))),
            }
            return;
        };
        let items = self.modules.items(own, &import.path, 0);
        for place in &items {
            self.item(*place, path, name);
        }
        match module {
            Some(module) => self.child(module, path, name, depth),
            None if items.is_empty() => {
                let renamed = import.path.last() != Some(name);
                let alias = if renamed {
                    format!(" as {name}")
                } else {
                    String::new()
                };
                self.lines
                    .insert(format!("{path}: pub use {source}{alias}"));
            }
            None => {}
        }
    }

    fn item(&mut self, place: Place, path: &str, name: &str) {
        let item = &self.modules.0[place.0].items[place.1];
        // A glob includes private items, but only for this crate.
        if lines::is_hidden(item) || !lines::is_public(item) {
            return;
        }
        let full = format!("{path}::{name}");
        self.lines
            .insert(format!("{path}: {}", lines::head(item, name)));
        for line in lines::parts(item) {
            self.lines.insert(format!("{full}: {line}"));
        }
        self.paths.entry(place).or_default().insert(full);
    }

    /// The impls of the types, and the traits they implement.
    fn impls(&mut self) {
        for (own, module) in self.modules.0.iter().enumerate() {
            for block in &module.impls {
                let Some(path) = self.path_of(own, &block.self_ty) else {
                    continue;
                };
                let lines = match &block.trait_ {
                    Some((of, _)) if self.is_private(own, of) => continue,
                    Some((of, _)) => vec![lines::implements(block, of)],
                    None => lines::methods(block),
                };
                for line in lines {
                    self.lines.insert(format!("{path}: {line}"));
                }
            }
        }
    }

    /// The shortest path of a type, if it is public.
    fn path_of(&self, own: usize, of: &Type) -> Option<String> {
        let of = match of {
            Type::Path(it) => &it.path,
            Type::Reference(it) => return self.path_of(own, &it.elem),
            _ => return None,
        };
        let places = self.modules.items(own, &segments(of), 0);
        let mut paths: Vec<_> = places
            .iter()
            .filter_map(|it| self.paths.get(it))
            .flatten()
            .collect();
        paths.sort_by_key(|it| (it.len(), it.as_str()));
        paths.first().map(|it| (*it).clone())
    }

    /// Whether a trait belongs to this crate or the compiler, and can't be named from outside.
    fn is_private(&self, own: usize, of: &Path) -> bool {
        if of
            .segments
            .last()
            .is_some_and(|it| it.ident == "StructuralPartialEq")
        {
            return true;
        }
        let places = self.modules.items(own, &segments(of), 0);
        !places.is_empty() && places.iter().all(|it| !self.paths.contains_key(it))
    }
}

fn segments(path: &Path) -> Vec<String> {
    path.segments.iter().map(|it| text(&it.ident)).collect()
}

pub(super) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

pub(super) fn is_hidden(attributes: &[Attribute]) -> bool {
    let hidden = |it: &Attribute| it.parse_args::<Ident>().is_ok_and(|it| it == "hidden");
    attributes
        .iter()
        .any(|it| it.path().is_ident("doc") && hidden(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<String> {
        of("it", source)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn what_is_re_exported_has_the_path_that_others_use() {
        let source = "
            mod deep {
                mod deeper {
                    pub struct Found(u8);
                    impl Found { pub fn id(&self) -> u8 { self.0 } fn own(&self) {} }
                    pub(crate) struct Internal;
                }
                pub use self::deeper::{Found as Renamed};
                use self::deeper::*;
                pub fn everything() {}
                pub struct Unexported;
                impl Unexported { pub fn f() {} }
            }
            pub use deep::Renamed;
            pub mod open { pub use crate::deep::everything; pub use other::Thing; }
            pub use other as theirs;
        ";
        assert_eq!(
            lines(source),
            [
                "it: pub mod open",
                "it: pub struct Renamed { .. }",
                "it: pub use other as theirs",
                "it::Renamed: pub fn id(&self) -> u8",
                "it::open: pub fn everything()",
                "it::open: pub use other::Thing",
            ]
        );
    }

    #[test]
    fn parts_of_types_and_traits_are_lines_of_their_own() {
        let source = "
            #[non_exhaustive] #[doc = \" Words.\"]
            pub struct Both<T> where T: Clone { pub seen: Vec<T>, unseen: u8 }
            pub enum Kind { One(u8, String), Two { named: u8 } }
            pub trait Able: Sized { fn must(&self, mut it: u8); async fn may(&self) { super let mut it = 1; } }
            pub const LIMIT: usize = 3;
        ";
        assert_eq!(
            lines(source),
            [
                "it: #[non_exhaustive] pub struct Both<T> where T: Clone { .. }",
                "it: pub const LIMIT: usize",
                "it: pub enum Kind",
                "it: pub trait Able: Sized",
                "it::Able: async fn may(&self) { .. }",
                "it::Able: fn must(&self, it: u8)",
                "it::Both: pub seen: Vec<T>",
                "it::Kind: One(u8, String)",
                "it::Kind: Two { named: u8 }",
            ]
        );
    }

    #[test]
    fn traits_are_implemented_by_public_types_unless_they_are_private() {
        let source = "
            pub struct Seen<T>(pub T);
            struct Unseen;
            trait Sealed {}
            impl<T> Sealed for Seen<T> {}
            #[automatically_derived]
            impl<T: ::core::clone::Clone> ::core::clone::Clone for Seen<T> { fn clone(&self) -> Self { loop {} } }
            impl Clone for Unseen { fn clone(&self) -> Self { Unseen } }
            const _: () = { impl<'de> _serde::Deserialize<'de> for Seen<u8> {} };
            impl<T: Into<u8>> Seen<T> { pub async fn of(mut self, it: T) -> Self { self } }
            #[doc(hidden)] pub fn hidden() {}
        ";
        assert_eq!(
            lines(source),
            [
                "it: pub struct Seen<T>",
                "it::Seen: impl<'de> Deserialize<'de> for Seen<u8>",
                "it::Seen: impl<T: ::core::clone::Clone> Clone for Seen<T>",
                "it::Seen: impl<T: Into<u8>> Seen<T> { pub async fn of(self, it: T) -> Self }",
                "it::Seen: pub 0: T",
            ]
        );
    }
}
