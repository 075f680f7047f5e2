//! Which file of `src` imports which, read from the syntax. Tests are left out.
//!
//! An import is counted where the name is defined: a name that a `mod.rs` re-exports belongs to the file below. A re-export itself
//! imports nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, UseTree, Visibility};

/// A module by its segments from the crate's root: `["oidc", "claims"]`.
pub type Module = Vec<String>;

/// The files of `src` and what each imports.
pub struct Graph {
    files: BTreeMap<Module, Source>,
}

/// A source file.
#[derive(Default)]
pub struct Source {
    /// Relative to `src`.
    pub path: String,
    /// The names of other crates that the code uses, and every identifier of a path: `actix_web`, `StatusCode`.
    pub words: BTreeSet<String>,
    /// Re-exports and private imports: what a name at the top of the file stands for.
    names: BTreeMap<String, Vec<String>>,
    re_exported: BTreeSet<String>,
    /// Paths that the code uses, as they are written.
    paths: BTreeSet<Vec<String>>,
}

impl Graph {
    pub fn of_src() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        read_folder(&root, &root, &mut files);
        Self { files }
    }

    pub fn sources(&self) -> impl Iterator<Item = (&Module, &Source)> {
        self.files.iter()
    }

    /// The modules that this one imports.
    pub fn imports(&self, module: &Module) -> BTreeSet<Module> {
        let source = &self.files[module];
        let absolute = source.paths.iter().filter_map(|path| self.absolute(module, path));
        absolute.map(|path| self.defining_module(&path, 0)).filter(|found| found != module).collect()
    }

    /// Groups of modules that import each other, directly or through others.
    pub fn cycles(&self) -> Vec<BTreeSet<Module>> {
        let direct: BTreeMap<&Module, BTreeSet<Module>> =
            self.files.keys().map(|module| (module, self.imports(module))).collect();
        let reachable: BTreeMap<&Module, BTreeSet<Module>> =
            self.files.keys().map(|module| (module, reach(&direct, module))).collect();
        let cycles: BTreeSet<BTreeSet<Module>> = reachable
            .iter()
            .filter(|(module, reached)| reached.contains(**module))
            .map(|(module, reached)| {
                reached.iter().filter(|other| reachable[other].contains(*module)).cloned().collect()
            })
            .collect();
        cycles.into_iter().collect()
    }

    /// The path from the crate's root, if it leads into this crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let climbs = path.iter().take_while(|segment| *segment == "super").count();
                Some([&module[..module.len().checked_sub(climbs)?], &path[climbs..]].concat())
            }
            _ if self.is_module(&[module.as_slice(), std::slice::from_ref(first)].concat()) => {
                Some([module.as_slice(), path].concat())
            }
            // `access::Need` after `use super::access`.
            name => {
                let stands_for = self.files.get(module)?.names.get(name).filter(|target| target[0] != name)?;
                Some([self.absolute(module, stands_for)?.as_slice(), rest].concat())
            }
        }
    }

    /// The module that defines what this path from the root names, past re-exports.
    fn defining_module(&self, path: &[String], depth: usize) -> Module {
        let mut module = Module::new();
        for (at, segment) in path.iter().enumerate() {
            let next = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.is_module(&next) {
                module = next;
                continue;
            }
            let source = self.files.get(&module);
            let target =
                source.filter(|source| source.re_exported.contains(segment)).map(|source| &source.names[segment]);
            return match target.and_then(|target| self.absolute(&module, target)) {
                Some(target) if depth < 8 => {
                    self.defining_module(&[target.as_slice(), &path[at + 1..]].concat(), depth + 1)
                }
                _ => module,
            };
        }
        module
    }

    fn is_module(&self, module: &[String]) -> bool {
        self.files.contains_key(module)
    }
}

/// All that can be reached from `start` by imports.
fn reach(direct: &BTreeMap<&Module, BTreeSet<Module>>, start: &Module) -> BTreeSet<Module> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![start.clone()]);
    while let Some(module) = open.pop() {
        for next in direct.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<Module, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if is_test(&relative) {
            continue;
        }
        if path.is_dir() {
            read_folder(root, &path, files);
        } else if let Some(module) = module_of(&relative) {
            files.insert(module, read_file(&path, relative));
        }
    }
}

fn is_test(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap();
    matches!(name, "tests" | "tests.rs" | "testing.rs" | "test_support.rs") || name.ends_with("_tests.rs")
}

fn module_of(relative: &str) -> Option<Module> {
    let path = relative.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    (path != "main").then(|| if path == "lib" { Module::new() } else { path.split('/').map(str::to_owned).collect() })
}

fn read_file(path: &Path, relative: String) -> Source {
    let syntax = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    let mut source = Source { path: relative, ..Source::default() };
    source.visit_file(&syntax);
    source
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl Source {
    fn note_path(&mut self, segments: Vec<String>) {
        self.words.extend(segments.iter().cloned());
        if segments.len() > 1 {
            self.paths.insert(segments);
        }
    }

    fn note_use(&mut self, tree: &UseTree, mut prefix: Vec<String>, is_re_export: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.note_use(&path.tree, prefix, is_re_export);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.note_use(tree, prefix.clone(), is_re_export));
            }
            UseTree::Name(name) => {
                self.note_name(&name.ident.to_string(), &name.ident.to_string(), prefix, is_re_export)
            }
            UseTree::Rename(rename) => {
                self.note_name(&rename.ident.to_string(), &rename.rename.to_string(), prefix, is_re_export);
            }
            UseTree::Glob(_) => self.note_import(prefix, is_re_export),
        }
    }

    fn note_name(&mut self, name: &str, alias: &str, mut path: Vec<String>, is_re_export: bool) {
        let alias =
            if name == "self" && alias == "self" { path.last().cloned().unwrap_or_default() } else { alias.to_owned() };
        if name != "self" {
            path.push(name.to_owned());
        }
        self.names.insert(alias.clone(), path.clone());
        if is_re_export {
            self.re_exported.insert(alias);
        }
        self.note_import(path, is_re_export);
    }

    fn note_import(&mut self, path: Vec<String>, is_re_export: bool) {
        self.words.extend(path.iter().cloned());
        if !is_re_export {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_use(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note_path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    /// A visibility names no import: `pub(in crate::oidc)`.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    /// What a macro is given is read as words: it need not be Rust.
    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        let text = call.tokens.to_string().replace("$ crate", "crate").replace("::", " :: ");
        // A visibility names no import here either.
        let (first, others) = text.split_once("(in ").unwrap_or((&text, ""));
        let others = others.split("(in ").map(|part| part.split_once(')').map_or("", |(_, rest)| rest));
        let text: String = std::iter::once(first).chain(others).collect();
        let mut path: Vec<String> = Vec::new();
        let mut continues = false;
        for word in text.split_whitespace() {
            if word == "::" {
                continues = !path.is_empty();
            } else {
                if !continues && !path.is_empty() {
                    self.note_path(std::mem::take(&mut path));
                }
                let name: String = word.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if name.is_empty() {
                    path.clear()
                } else {
                    path.push(name)
                }
                continues = false;
            }
        }
        if !path.is_empty() {
            self.note_path(path);
        }
    }
}
