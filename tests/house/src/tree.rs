//! The text of the files that are checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{ADAPTERS, CORE, SUITES};

/// The text of each file, by its path from the root of the repository, with `/` between the names.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// The sources and the manifests of the core and of the adapters, and the tests of the suites.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        for package in [CORE].into_iter().chain(ADAPTERS) {
            tree.add(root, &format!("{package}/Cargo.toml"))?;
            tree.add_sources(root, &format!("{package}/src"))?;
        }
        for packages in SUITES {
            for package in entries(root, packages)? {
                let tests = format!("{packages}/{package}/tests");
                if root.join(&tests).join("main.rs").is_file() {
                    tree.add_sources(root, &tests)?;
                }
            }
        }
        Ok(tree)
    }

    fn add(&mut self, root: &Path, path: &str) -> Result<(), String> {
        let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        self.0.insert(path.to_owned(), text);
        Ok(())
    }

    fn add_sources(&mut self, root: &Path, directory: &str) -> Result<(), String> {
        for name in entries(root, directory)? {
            let path = format!("{directory}/{name}");
            if root.join(&path).is_dir() {
                self.add_sources(root, &path)?;
            } else if Path::new(&path).extension().is_some_and(|kind| kind == "rs") {
                self.add(root, &path)?;
            }
        }
        Ok(())
    }

    /// All files, in the order of their paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

impl<P: Into<String>, T: Into<String>> FromIterator<(P, T)> for Tree {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.into(), text.into())).collect())
    }
}

/// The names in a directory.
fn entries(root: &Path, directory: &str) -> Result<Vec<String>, String> {
    let unreadable = |error| format!("{directory}: {error}");
    let entries = fs::read_dir(root.join(directory)).map_err(unreadable)?;
    entries.map(|entry| Ok(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned())).collect()
}
