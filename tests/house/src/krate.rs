//! A crate as the check sees it: its files, its modules, and what a name in one of them leads to.

use std::collections::{BTreeMap, BTreeSet};

use crate::reader;
use crate::tree::Tree;

/// How many re-exports a name is followed through. Names that go round in a circle end here.
const REEXPORTS: usize = 16;

/// A crate, without what is compiled for tests only.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) files: Vec<File>,
    /// The root is the first.
    pub(crate) modules: Vec<Module>,
    /// The files that define a macro of that name.
    pub(crate) macros: BTreeMap<String, BTreeSet<usize>>,
}

/// A file of a crate.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the repository.
    pub(crate) path: String,
    /// What it names of others, or may name.
    pub(crate) names: Vec<Name>,
    /// How many lines have code.
    pub(crate) lines: usize,
    /// How many `cfg` attributes it has.
    pub(crate) cfgs: usize,
}

/// A path that stands in a file.
#[derive(Debug)]
pub(crate) struct Name {
    /// The module that it stands in.
    pub(crate) module: usize,
    /// Its parts, as they are written. An empty one in front stands for a `::` in front.
    pub(crate) path: Vec<String>,
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// Where a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In a `use`.
    Use,
    /// Elsewhere.
    Path,
    /// It is the name of a macro that is called, and no more than that.
    Macro,
}

impl Name {
    /// Whether it imports something, in contrast to the name of something that is imported, or is here anyway.
    pub(crate) fn is_import(&self) -> bool {
        self.kind != Kind::Path || ["crate", "self", "super"].contains(&&*self.path[0])
    }
}

/// A module. Under different features, more than one file may be one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) parent: usize,
    pub(crate) files: BTreeSet<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// What is defined here, by the files that define it.
    pub(crate) items: BTreeMap<String, BTreeSet<usize>>,
    /// What each imported name stands for.
    pub(crate) imports: BTreeMap<String, Vec<Vec<String>>>,
    /// The modules from which all names are imported.
    pub(crate) globs: Vec<Vec<String>>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Module(usize),
    /// What is defined in these files.
    Item(BTreeSet<usize>),
    /// Another crate, or something that a path begins with and that is no crate: a type, say.
    Outside(String),
}

impl Crate {
    /// The crate whose `src/lib.rs` is in that directory.
    pub(crate) fn read(tree: &Tree, directory: &str) -> Result<Self, String> {
        reader::read(tree, directory)
    }

    /// What a name in a file leads to.
    pub(crate) fn target(&self, file: usize, name: &Name) -> Target {
        if name.kind == Kind::Macro {
            return self.macro_target(file, &name.path[0]);
        }
        match self.from(name.module, &name.path, REEXPORTS) {
            Some(target) => target,
            // Something that nobody can see here, such as what a macro defines: it counts for the module it is named in.
            None => (1..name.path.len())
                .rev()
                .find_map(|length| self.from(name.module, &name.path[..length], REEXPORTS))
                .unwrap_or(Target::Module(0)),
        }
    }

    /// Macros are seen without being imported, by what comes after them.
    fn macro_target(&self, file: usize, name: &str) -> Target {
        match self.macros.get(name) {
            Some(files) if !files.contains(&file) => Target::Item(files.clone()),
            Some(_) => Target::Item(BTreeSet::from([file])),
            None => Target::Outside(name.to_owned()),
        }
    }

    /// The files of a target.
    pub(crate) fn files_of(&self, target: &Target) -> BTreeSet<usize> {
        match target {
            Target::Module(module) => self.modules[*module].files.clone(),
            Target::Item(files) => files.clone(),
            Target::Outside(_) => BTreeSet::new(),
        }
    }

    /// What a path in a module leads to. `None` where it begins in this crate and gets lost.
    fn from(&self, module: usize, path: &[String], reexports: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match &**first {
            "" => rest.first().map(|name| Target::Outside(name.clone())),
            "crate" => self.below(0, rest, reexports),
            "self" => self.below(module, rest, reexports),
            "super" => {
                let (mut module, mut rest) = (self.modules[module].parent, rest);
                while let Some(("super", further)) = rest.split_first().map(|(first, rest)| (&**first, rest)) {
                    (module, rest) = (self.modules[module].parent, further);
                }
                self.below(module, rest, reexports)
            }
            name => match self.below(module, path, reexports) {
                Some(target) => Some(target),
                None if self.below(module, &path[..1], reexports).is_some() => None,
                None => Some(Target::Outside(name.to_owned())),
            },
        }
    }

    /// What a path leads to that begins with a name of this module.
    fn below(&self, module: usize, path: &[String], reexports: usize) -> Option<Target> {
        let Some((name, rest)) = path.split_first() else { return Some(Target::Module(module)) };
        let reexports = reexports.checked_sub(1)?;
        let here = &self.modules[module];
        if let Some(child) = here.children.get(name) {
            return self.below(*child, rest, reexports + 1);
        }
        if let Some(files) = here.items.get(name) {
            return Some(Target::Item(files.clone()));
        }
        let imported = here
            .imports
            .get(name)
            .into_iter()
            .flatten()
            .find_map(|import| self.from(module, &[import, rest].concat(), reexports));
        imported.or_else(|| {
            here.globs.iter().find_map(|glob| match self.from(module, glob, reexports) {
                Some(Target::Module(other)) if other != module => self.below(other, path, reexports),
                _ => None,
            })
        })
    }
}
