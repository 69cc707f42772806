//! The plan of the crate: folders are rooms, and imports go down.
//!
//! The files are read as tokens, so that macros and paths within functions count, and comments don't.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The rooms from the ground up: each imports only from those before it. ARCHITECTURE.md has the map.
const ROOMS: [&str; 23] = [
    "setters",
    "results",
    "error",
    "paths",
    "permissions",
    "strict",
    "call",
    "catch",
    "retry",
    "remote",
    "tool",
    "connection",
    "codex",
    "server_requests",
    "tasks",
    "turn",
    "lists",
    "login",
    "run_as",
    "thread",
    "start",
    "server",
    "blocking",
];
const MOST_FILES_AT_THE_TOP: usize = 20;

/// The path of a module below the crate; that of `lib.rs` is empty.
type Module = Vec<String>;

/// Which modules each module imports from.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    for module in imports.keys() {
        if let Some(circle) = way_back(&imports, module) {
            panic!(
                "these import each other in a circle: {}",
                circle.join(" -> ")
            );
        }
    }
}

#[test]
fn every_room_imports_only_those_below_it() {
    for (module, targets) in imports() {
        for target in targets {
            let (above, below) = (floor(&module), floor(&target));
            let (module, target) = (module.join("::"), target.join("::"));
            assert!(
                above >= below,
                "{module} imports {target}, whose room is above its own"
            );
        }
    }
}

#[test]
fn nothing_imports_the_tour() {
    for (module, targets) in imports() {
        assert!(
            !targets.contains(&Module::new()),
            "{} imports from lib.rs: name the module that defines it",
            module.join("::")
        );
    }
}

#[test]
fn the_top_has_the_rooms_and_few_files() {
    let at_the_top: BTreeSet<String> = modules()
        .keys()
        .filter_map(|it| it.first().cloned())
        .collect();
    assert_eq!(at_the_top, ROOMS.map(str::to_owned).into());
    let files = fs::read_dir(source()).unwrap();
    let files = files.filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert!(files.count() <= MOST_FILES_AT_THE_TOP);
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The height of a module's room.
fn floor(module: &[String]) -> usize {
    let room = module.first().expect("`lib.rs` is in no room");
    let floor = ROOMS.iter().position(|other| other == room);
    floor.unwrap_or_else(|| panic!("{room} is no room"))
}

/// All modules of the crate that have a file, and their files.
fn modules() -> BTreeMap<Module, PathBuf> {
    let root = source();
    let mut modules = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: Module = module
                .iter()
                .map(|part| part.to_str().unwrap().to_owned())
                .collect();
            module.pop_if(|last| last == "mod" || last == "lib");
            modules.insert(module, path);
        }
    }
    modules
}

/// What each module imports from others, but for `lib.rs`, which imports everything.
fn imports() -> Imports {
    let modules = modules();
    let of = |(module, path): (&Module, &PathBuf)| {
        let tokens: TokenStream = fs::read_to_string(path).unwrap().parse().unwrap();
        let mut paths = Vec::new();
        let children = modules
            .keys()
            .filter(|it| it.split_last().is_some_and(|(_, it)| it == module));
        let children = children.filter_map(|it| it.last().cloned()).collect();
        collect(tokens, module, &children, &mut paths);
        let targets = paths.iter().map(|path| defining(&modules, path));
        let targets = targets.filter(|target| target != module).collect();
        (module.clone(), targets)
    };
    let named = modules.iter().filter(|(module, _)| !module.is_empty());
    named.map(of).collect()
}

/// The module in which what this path names is defined.
fn defining(modules: &BTreeMap<Module, PathBuf>, path: &[String]) -> Module {
    let lengths = (0..=path.len()).rev();
    let mut prefixes = lengths.map(|length| path[..length].to_vec());
    prefixes.find(|it| modules.contains_key(it)).unwrap()
}

/// The paths that begin with `crate`, `self`, `super` or a child of the module, from the crate's root.
fn collect(
    tokens: TokenStream,
    module: &[String],
    children: &BTreeSet<String>,
    paths: &mut Vec<Module>,
) {
    let mut tokens = tokens.into_iter().peekable();
    let mut previous = [String::new(), String::new()];
    while let Some(token) = tokens.next() {
        let text = match &token {
            TokenTree::Group(group) => {
                let [mod_, name] = &previous;
                let inner = if mod_ == "mod" && group.delimiter() == Delimiter::Brace {
                    [module, std::slice::from_ref(name)].concat()
                } else {
                    module.to_vec()
                };
                collect(group.stream(), &inner, children, paths);
                String::new()
            }
            token => token.to_string(),
        };
        assert!(
            (&*previous[1], &*text) != ("crate", "as"),
            "{module:?} renames the crate: name its modules"
        );
        let base = match &*text {
            "crate" => Some(Module::new()),
            "self" => Some(module.to_vec()),
            "super" => Some(module[..module.len().saturating_sub(1)].to_vec()),
            // Behind two colons it is part of another path.
            child if children.contains(child) && previous[1] != ":" => {
                Some([module, &[child.to_owned()]].concat())
            }
            _ => None,
        };
        if let Some(base) = base
            && is_path_separator(tokens.peek())
        {
            follow(&mut tokens, base, paths);
        }
        previous = [std::mem::take(&mut previous[1]), text];
    }
}

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// Reads the rest of a path, behind a segment that two colons follow.
fn follow(tokens: &mut Tokens, mut base: Module, paths: &mut Vec<Module>) {
    while is_path_separator(tokens.peek()) {
        tokens.nth(1);
        match tokens.next() {
            Some(TokenTree::Ident(segment)) if segment == "super" => {
                base.pop();
            }
            Some(TokenTree::Ident(segment)) => base.push(segment.to_string()),
            Some(TokenTree::Group(group)) => return branches(group.stream(), &base, paths),
            _ => break,
        }
    }
    paths.push(base);
}

/// Reads what stands between the braces of a `use`.
fn branches(tokens: TokenStream, base: &[String], paths: &mut Vec<Module>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(segment) = token else {
            continue;
        };
        match &*segment.to_string() {
            "as" => {
                tokens.next();
            }
            "self" => paths.push(base.to_vec()),
            "super" => {
                let parent = base[..base.len().saturating_sub(1)].to_vec();
                follow(&mut tokens, parent, paths);
            }
            segment => {
                let branch = [base, &[segment.to_owned()]].concat();
                follow(&mut tokens, branch, paths);
            }
        }
    }
}

fn is_path_separator(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
}

/// A way from a module back to itself, if there is one.
fn way_back(imports: &Imports, start: &Module) -> Option<Vec<String>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in &imports[*way.last()?] {
            if next == start {
                let names = way.into_iter().chain([start]);
                return Some(names.map(|it| it.join("::")).collect());
            }
            if seen.insert(next) && imports.contains_key(next) {
                ways.push([&way[..], &[next]].concat());
            }
        }
    }
    None
}
