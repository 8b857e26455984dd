//! The lab's rooms: each uses only rooms below it, and no two files use each other in a circle.

mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, File, Item, UseTree, Visibility, visit::Visit};

/// From the ground up.
const ROOMS: [&str; 11] = [
    "os", "ask", "wire", "servers", "system", "history", "judge", "run", "explore", "report", "cli",
];

/// A module's place in the crate, such as `["run", "client"]`.
type Module = Vec<String>;

/// Which modules each module uses, tests aside.
fn arrows() -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let modules: BTreeMap<Module, File> = files
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).expect("a source file");
            let file = syn::parse_file(&text).expect("Rust");
            (
                module(path.strip_prefix(&root).expect("a path below")),
                file,
            )
        })
        .filter(|(module, _)| !matches!(module[0].as_str(), "lib" | "main"))
        .collect();
    let known: BTreeSet<Module> = modules.keys().cloned().collect();
    let exports: BTreeMap<&Module, BTreeMap<String, Vec<String>>> = modules
        .iter()
        .map(|(module, file)| (module, exported(file)))
        .collect();
    let tests: Vec<Module> = modules.iter().flat_map(declared_for_tests).collect();
    modules
        .iter()
        .filter(|(module, _)| !tests.iter().any(|tests| module.starts_with(tests)))
        .map(|(module, file)| {
            let mut used = Used {
                module,
                inside: 0,
                known: &known,
                exports: &exports,
                found: BTreeSet::new(),
            };
            used.visit_file(file);
            used.found.remove(module);
            (module.clone(), used.found)
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

fn module(path: &Path) -> Module {
    let parts = path.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
    parts.collect()
}

/// What a module passes on under its own name: the last part of each `pub use`, and the path that it stands for.
fn exported(file: &File) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for item in &file.items {
        if let Item::Use(item) = item
            && !matches!(item.vis, Visibility::Inherited)
        {
            leaves(&item.tree, &mut Vec::new(), &mut |path| {
                if let Some(name) = path.last() {
                    found.insert(name.clone(), path.to_vec());
                }
            });
        }
    }
    found
}

/// Tells each path that a tree of `use` names, without its aliases.
fn leaves(tree: &UseTree, before: &mut Vec<String>, tell: &mut impl FnMut(&[String])) {
    let name = match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, tell);
            before.pop();
            return;
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, tell);
            }
            return;
        }
        UseTree::Name(name) => Some(&name.ident),
        UseTree::Rename(name) => Some(&name.ident),
        UseTree::Glob(_) => None,
    };
    let name = name.filter(|name| *name != "self").map(ToString::to_string);
    let length = before.len();
    before.extend(name);
    tell(before);
    before.truncate(length);
}

/// Collects what one module's code names of the crate.
struct Used<'m> {
    module: &'m Module,
    /// How many modules of the file itself stand around what is looked at.
    inside: usize,
    known: &'m BTreeSet<Module>,
    exports: &'m BTreeMap<&'m Module, BTreeMap<String, Vec<String>>>,
    found: BTreeSet<Module>,
}

impl Used<'_> {
    /// Notes the deepest module that a path leads to.
    fn note(&mut self, path: &[String]) {
        let absolute: Module = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super") => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let out_of_the_file = ups.saturating_sub(self.inside);
                let Some(base) = self.module.len().checked_sub(out_of_the_file) else {
                    return;
                };
                [&self.module[..base], &path[ups..]].concat()
            }
            Some("self") => [&self.module[..], &path[1..]].concat(),
            Some(_) => [&self.module[..], path].concat(),
            None => return,
        };
        let mut prefix = absolute.clone();
        while !prefix.is_empty() && !self.known.contains(&prefix) {
            prefix.pop();
        }
        if prefix.is_empty() {
            return;
        }
        // What a module only passes on is used where it stands.
        let passed_on = absolute.get(prefix.len());
        let passed_on = passed_on.and_then(|name| self.exports.get(&prefix)?.get(name));
        match passed_on {
            Some(path) if prefix != *self.module => {
                let mut there = Used {
                    module: &prefix,
                    inside: 0,
                    known: self.known,
                    exports: self.exports,
                    found: BTreeSet::new(),
                };
                there.note(path);
                self.found.append(&mut there.found);
            }
            _ => {
                self.found.insert(prefix);
            }
        }
    }

    /// Notes paths among the tokens of a macro or an attribute, which nobody has parsed.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    let ident = ident.to_string();
                    if matches!(ident.as_str(), "crate") || !path.is_empty() {
                        path.push(ident);
                    }
                    continue;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => continue,
                TokenTree::Group(group) => self.note_tokens(group.stream()),
                _ => {}
            }
            self.note(&std::mem::take(&mut path));
        }
        self.note(&path);
    }
}

impl<'ast> Visit<'ast> for Used<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(found) => &found.attrs,
            Item::Use(found) => &found.attrs,
            Item::Fn(found) => &found.attrs,
            Item::Impl(found) => &found.attrs,
            Item::Const(found) => &found.attrs,
            Item::Static(found) => &found.attrs,
            Item::Struct(found) => &found.attrs,
            Item::Enum(found) => &found.attrs,
            _ => return syn::visit::visit_item(self, item),
        };
        if !attributes.iter().any(for_tests) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        leaves(&item.tree, &mut Vec::new(), &mut |path| self.note(path));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inside += 1;
        syn::visit::visit_item_mod(self, item);
        self.inside -= 1;
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        self.note_tokens(found.tokens.clone());
    }

    fn visit_meta_list(&mut self, found: &'ast syn::MetaList) {
        self.note_tokens(found.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if matches!(parts[0].as_str(), "crate" | "super") {
            self.note(&parts);
        }
        syn::visit::visit_path(self, path);
    }
}

/// The modules of a file that are there for tests only.
fn declared_for_tests((module, file): (&Module, &File)) -> Vec<Module> {
    let declared = file.items.iter().filter_map(|item| match item {
        Item::Mod(item) if item.attrs.iter().any(for_tests) => Some(item.ident.to_string()),
        _ => None,
    });
    let within = |name: String| [&module[..], &[name]].concat();
    declared.map(within).collect()
}

fn for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|condition| condition == "test")
}

fn floor(module: &Module) -> usize {
    let room = &module[0];
    let floor = ROOMS.iter().position(|known| known == room);
    floor.unwrap_or_else(|| panic!("{room} is a room that this test does not know"))
}

#[test]
fn each_room_uses_only_rooms_below_it() {
    let arrows = arrows();
    let rooms: BTreeSet<&str> = arrows.keys().map(|module| module[0].as_str()).collect();
    assert_eq!(rooms, ROOMS.into_iter().collect(), "rooms that are there");
    let upward: Vec<String> = arrows
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (from, to)))
        .filter(|(from, to)| floor(to) > floor(from))
        .map(|(from, to)| format!("{} uses {}", from.join("::"), to.join("::")))
        .collect();
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// A module and those inside it are one thing to their reader: what they use of each other makes no circle. What counts is
/// how the files of one folder, and the folders, use each other.
#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut siblings: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, used) in arrows() {
        for to in used {
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if from.len() > common && to.len() > common {
                let below = |module: &Module| module[..=common].to_vec();
                siblings.entry(below(&from)).or_default().insert(below(&to));
            }
        }
    }
    let mut circles: Vec<String> = Vec::new();
    for start in siblings.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&Module> = siblings[start].iter().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(siblings.get(module).into_iter().flatten());
            }
        }
        if reached.contains(start) {
            circles.push(start.join("::"));
        }
    }
    assert!(circles.is_empty(), "in circles: {}", circles.join(", "));
}

#[test]
fn the_crate_itself_passes_nothing_on() {
    let text = include_str!("../../src/lib.rs");
    let file = syn::parse_file(text).expect("Rust");
    assert!(file.items.iter().all(|item| matches!(item, Item::Mod(_))));
}

#[test]
fn there_are_arrows_to_look_at() {
    let arrows = arrows();
    let used = |from: &[&str], to: &[&str]| {
        let own =
            |parts: &[&str]| -> Module { parts.iter().map(|part| (*part).to_owned()).collect() };
        arrows[&own(from)].contains(&own(to))
    };
    assert!(used(&["run", "trial"], &["run", "arrange"]), "by super");
    assert!(used(&["run", "trial"], &["servers", "lab"]), "by crate");
    assert!(used(&["ask", "fault"], &["ask", "scenario"]), "in a group");
    assert!(
        used(&["cli"], &["wire", "toxiproxy", "api"]),
        "in an attribute, passed on"
    );
    assert!(
        used(&["run", "watch"], &["history"]),
        "what history itself has"
    );
    assert!(
        used(&["run", "trial"], &["history", "recorder"]),
        "passed on by history"
    );
}
