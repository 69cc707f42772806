//! Checks of the checked-in types, read without the generator.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{
    Attribute, Fields, FnArg, GenericArgument, GenericParam, Generics, Item, PathArguments,
    ReturnType, Signature, Type, TypeParamBound, Visibility,
};

use crate::regen::root;

#[test]
fn no_constructor_takes_two_values_that_can_be_swapped() {
    let types = Types::checked_in();
    assert!(types.constructors.len() > 400, "most types have a `new`");
    assert_eq!(types.confusable(), Vec::<String>::new());
}

#[test]
fn copies_and_ranges_are_built_with_names_only() {
    let types = Types::checked_in();
    for name in ["FsCopyParams", "ByteRange"] {
        assert!(types.names.contains(name), "there is no `{name}`");
        let functions = types.constructors.keys();
        let of_it: Vec<_> = functions
            .filter(|it| it.starts_with(&format!("{name}::")))
            .collect();
        assert!(of_it.is_empty(), "{of_it:?}");
    }
    assert!(types.names.contains("FsCopyParamsRequired"));
}

#[test]
fn every_type_and_every_variant_is_documented() {
    assert_eq!(Types::checked_in().undocumented, Vec::<String>::new());
}

#[test]
fn values_that_can_be_swapped_are_found() {
    for arguments in [
        "a: impl Into<String>, b: impl Into<String>",
        "a: &str, b: impl AsRef<str>",
        "a: bool, b: u8, c: bool",
        "a: u8, b: i64",
        "a: Option<f64>, b: Option<f32>",
        "a: Alias, b: String",
        "a: Path, b: Status",
        "a: Path, b: Value",
        "a: Vec<Path>, b: Vec<String>",
        "a: impl Into<Path>, b: Path",
    ] {
        let types = Types::of(&format!(
            "pub type Alias = String; named_string!(Path); string_enum!(Status);
             impl A {{ pub fn new({arguments}) -> Self {{}} }}"
        ));
        assert_eq!(types.confusable().len(), 1, "{arguments}");
    }
    for code in [
        "impl A { pub fn named<S: Into<String>, T: Into<String>>(a: S, b: T) -> Option<Self> {} }",
        "impl A { pub fn read(a: u8, b: u8) -> Result<A, Error> {} }",
        "pub struct A; pub fn free(a: &str, b: &str) -> A {}",
        "pub struct A(pub u8, pub u8);",
        "pub enum A { B(String, String) }",
    ] {
        assert_eq!(Types::of(code).confusable().len(), 1, "{code}");
    }
}

#[test]
fn what_the_compiler_tells_apart_is_no_finding() {
    for code in [
        "named_string!(Path); impl A { pub fn new(a: Path, b: impl Into<String>, c: u8, d: f64) -> Self {} }",
        "impl A { pub fn new(a: Vec<u8>, b: Vec<bool>) -> Self {} }",
        "impl A { fn private(a: u8, b: u8) -> Self {} }",
        "impl A { pub fn with(self, a: u8) -> Self {} }",
        "impl A { pub fn other(a: u8, b: u8) -> Result<u8, A> {} }",
        "pub struct A { pub a: u8, pub b: u8 }",
    ] {
        assert_eq!(Types::of(code).confusable(), Vec::<String>::new(), "{code}");
    }
}

/// The declarations in a crate's sources.
#[derive(Default)]
struct Types {
    /// Public types.
    names: BTreeSet<String>,
    /// Public types and variants without documentation.
    undocumented: Vec<String>,
    aliases: BTreeMap<String, Type>,
    /// Types that `"…".into()` can become.
    from_text: BTreeSet<String>,
    /// Types that `impl Into<String>` accepts.
    into_text: BTreeSet<String>,
    /// The argument types of each function or literal that makes a value.
    constructors: BTreeMap<String, Vec<Type>>,
}

impl Types {
    /// The types of `codex-types`.
    fn checked_in() -> Self {
        let mut items = Vec::new();
        read_folder(&root().unwrap().join("crates/codex-types/src"), &mut items);
        Self::declared(&items)
    }

    fn of(source: &str) -> Self {
        Self::declared(&syn::parse_file(source).unwrap().items)
    }

    fn declared(items: &[Item]) -> Self {
        let mut types = Self::default();
        types.from_text.insert("Value".to_owned());
        for item in items {
            types.declare(item);
        }
        for item in items {
            types.collect(item);
        }
        types
    }

    fn declare(&mut self, item: &Item) {
        match item {
            Item::Struct(it) if is_public(&it.vis) => {
                self.name(&it.ident.to_string(), &it.attrs);
                self.literal(it.ident.to_string(), &it.fields);
            }
            Item::Enum(it) if is_public(&it.vis) => {
                self.name(&it.ident.to_string(), &it.attrs);
                for variant in &it.variants {
                    let name = format!("{}::{}", it.ident, variant.ident);
                    self.note_documentation(&name, &variant.attrs);
                    self.literal(name, &variant.fields);
                }
            }
            Item::Type(it) => {
                let alias = (it.ident.to_string(), (*it.ty).clone());
                self.aliases.extend([alias]);
            }
            Item::Macro(it) => {
                let makes = ["named_string", "string_enum"];
                if makes.iter().any(|name| it.mac.path.is_ident(name)) {
                    self.from_text.insert(it.mac.tokens.to_string());
                }
            }
            _ => {}
        }
    }

    fn collect(&mut self, item: &Item) {
        match item {
            Item::Impl(it) => {
                let target = it.self_ty.to_token_stream().to_string();
                if let Some((path, _)) = &it.trait_ {
                    let path = path.to_token_stream().to_string();
                    if matches!(path.as_str(), "From < & str >" | "From < String >") {
                        self.from_text.insert(target);
                    } else if target == "String"
                        && let Some(source) = path.strip_prefix("From < ")
                    {
                        self.into_text
                            .insert(source.trim_end_matches(" >").to_owned());
                    }
                    return;
                }
                let made = BTreeSet::from(["Self".to_owned(), target.clone()]);
                for function in &it.items {
                    if let syn::ImplItem::Fn(it) = function
                        && is_public(&it.vis)
                    {
                        self.function(&format!("{target}::"), &it.sig, &made);
                    }
                }
            }
            Item::Fn(it) if is_public(&it.vis) => {
                let made = self.names.clone();
                self.function("", &it.sig, &made);
            }
            _ => {}
        }
    }

    fn name(&mut self, name: &str, attributes: &[Attribute]) {
        self.names.insert(name.to_owned());
        self.note_documentation(name, attributes);
    }

    fn note_documentation(&mut self, name: &str, attributes: &[Attribute]) {
        if !attributes.iter().any(|it| it.path().is_ident("doc")) {
            self.undocumented.push(name.to_owned());
        }
    }

    /// A tuple struct or variant is also built without names.
    fn literal(&mut self, name: String, fields: &Fields) {
        if let Fields::Unnamed(fields) = fields {
            let types = fields.unnamed.iter().map(|it| it.ty.clone());
            self.constructors.insert(name, types.collect());
        }
    }

    fn function(&mut self, prefix: &str, signature: &Signature, made: &BTreeSet<String>) {
        let ReturnType::Type(_, output) = &signature.output else {
            return;
        };
        if signature.receiver().is_some() || !makes(output, made) {
            return;
        }
        let arguments = signature.inputs.iter().filter_map(|it| match it {
            FnArg::Typed(it) => Some(accepted(&it.ty, &signature.generics)),
            FnArg::Receiver(_) => None,
        });
        let name = format!("{prefix}{}", signature.ident);
        self.constructors.insert(name, arguments.collect());
    }

    /// The constructors with two arguments of the same class.
    fn confusable(&self) -> Vec<String> {
        let twice = |arguments: &Vec<Type>| {
            let mut seen = BTreeSet::new();
            !arguments.iter().all(|it| seen.insert(self.class(it)))
        };
        let found = self.constructors.iter().filter(|(_, it)| twice(it));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// The class of a type: callers can confuse values of types in the same class.
    fn class(&self, ty: &Type) -> String {
        let words = self.words(ty);
        match words.as_slice() {
            // Alone, it is a parameter that takes text directly. Inside another type, or for one of our
            // own types, it takes an `.into()`.
            [only] if only == "String" => "text".to_owned(),
            words => words
                .iter()
                .map(|it| if it == "String" { "from text" } else { it })
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// The words of a type, with the same word for all types of a class.
    fn words(&self, ty: &Type) -> Vec<String> {
        let text = ty.to_token_stream().to_string();
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            match word {
                "&" | "mut" => {}
                "str" => words.push("String".to_owned()),
                "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64"
                | "u128" | "usize" => words.push("integer".to_owned()),
                "f32" | "f64" => words.push("float".to_owned()),
                name if self.into_text.contains(name) => words.push("String".to_owned()),
                name if self.from_text.contains(name) => words.push("from text".to_owned()),
                name => match self.aliases.get(name) {
                    Some(aliased) => words.extend(self.words(aliased)),
                    None => words.push(name.to_owned()),
                },
            }
        }
        words
    }
}

/// Whether a function with this output builds one of these types.
fn makes(output: &Type, made: &BTreeSet<String>) -> bool {
    let Type::Path(path) = output else {
        return false;
    };
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    if made.contains(&last.ident.to_string()) {
        return true;
    }
    // The first inner type: the second of a `Result` is its error.
    matches!(&last.arguments, PathArguments::AngleBracketed(inner)
        if matches!(inner.args.first(), Some(GenericArgument::Type(first)) if makes(first, made)))
}

/// The type of an argument, or the type inside its `Into<…>` or `AsRef<…>`.
fn accepted(ty: &Type, generics: &Generics) -> Type {
    let text = ty.to_token_stream().to_string();
    let bounds = match ty {
        Type::ImplTrait(it) => Some(&it.bounds),
        _ => generics.params.iter().find_map(|it| match it {
            GenericParam::Type(it) if it.ident == text => Some(&it.bounds),
            _ => None,
        }),
    };
    let behind = bounds.into_iter().flatten().find_map(|it| match it {
        TypeParamBound::Trait(it) => {
            let last = it.path.segments.last()?;
            let PathArguments::AngleBracketed(inner) = &last.arguments else {
                return None;
            };
            match inner.args.first()? {
                GenericArgument::Type(ty) if last.ident == "Into" || last.ident == "AsRef" => {
                    Some(ty.clone())
                }
                _ => None,
            }
        }
        _ => None,
    });
    behind.unwrap_or_else(|| ty.clone())
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The items of all files in a folder, except tests.
fn read_folder(folder: &Path, items: &mut Vec<Item>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, items);
        } else if !path.ends_with("tests.rs") {
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            items.extend(file.items);
        }
    }
}
