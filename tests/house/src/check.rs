//! The rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::circle::circles;
use crate::krate::{Crate, Target};
use crate::manifest;
use crate::suites;
use crate::tree::Tree;
use crate::{ADAPTERS, CORE, CRYPTOGRAPHY, FLOORS, FRAMEWORKS};

/// The room that is none: `lib.rs`.
const ROOF: &str = "lib.rs";

/// An import of one file of the core by another.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) from: usize,
    pub(crate) to: usize,
    line: usize,
    path: String,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) violations: Vec<String>,
    pub(crate) summary: String,
    pub(crate) numbers: String,
}

/// Holds all rules against the sources.
pub(crate) fn check(tree: &Tree) -> Result<Report, String> {
    let core = Core::read(tree)?;
    let mut violations = core.rooms_without_a_floor();
    violations.extend(core.imports_up());
    violations.extend(core.mutual_imports());
    violations.extend(core.circles());
    violations.extend(foreign(tree, CORE, &core.krate, &[&FRAMEWORKS, &ADAPTERS])?);
    for adapter in ADAPTERS {
        let others: Vec<&str> = ADAPTERS.into_iter().filter(|other| *other != adapter).collect();
        let krate = Crate::read(tree, &format!("{adapter}/src"))?;
        violations.extend(foreign(tree, adapter, &krate, &[&CRYPTOGRAPHY, &others])?);
    }
    violations.extend(suites::forgotten_files(tree)?);
    let between_rooms = core.between_rooms().count();
    let summary = format!(
        "house: {} rooms on the first level, {} files, {between_rooms} imports between rooms; violations: {}",
        core.rooms().len(),
        core.krate.files.len(),
        violations.len()
    );
    Ok(Report { violations, summary, numbers: core.numbers() })
}

/// The core, and who imports whom in it.
struct Core {
    krate: Crate,
    imports: Vec<Import>,
}

impl Core {
    fn read(tree: &Tree) -> Result<Self, String> {
        let krate = Crate::read(tree, &format!("{CORE}/src"))?;
        let mut imports = BTreeSet::new();
        for (from, file) in krate.files.iter().enumerate() {
            for name in file.names.iter().filter(|name| name.is_import()) {
                for to in krate.files_of(&krate.target(from, name)) {
                    if to != from {
                        imports.insert((from, name.line, to, name.path.join("::")));
                    }
                }
            }
        }
        let imports = imports.into_iter().map(|(from, line, to, path)| Import { from, to, line, path });
        let mut imports: Vec<Import> = imports.collect();
        imports.sort_by_key(|import| (krate.files[import.from].path.clone(), import.line));
        Ok(Self { krate, imports })
    }

    /// The room of a file.
    fn room(&self, file: usize) -> &str {
        let path = self.krate.files[file].path.strip_prefix(CORE).and_then(|path| path.strip_prefix("/src/"));
        let path = path.unwrap_or_default();
        match path.split_once('/') {
            Some((folder, _)) => folder,
            None if path == ROOF => ROOF,
            None => path.trim_end_matches(".rs"),
        }
    }

    fn rooms(&self) -> BTreeSet<&str> {
        (0..self.krate.files.len()).map(|file| self.room(file)).filter(|room| *room != ROOF).collect()
    }

    /// The floor of a room; what is not listed is on the ground, and the roof above all.
    fn floor(room: &str) -> usize {
        let listed = FLOORS.iter().position(|rooms| rooms.contains(&room));
        listed.unwrap_or(if room == ROOF { FLOORS.len() } else { 0 })
    }

    fn rooms_without_a_floor(&self) -> Vec<String> {
        let listed = |room: &str| FLOORS.iter().any(|rooms| rooms.contains(&room));
        let mut found = BTreeMap::new();
        for (number, file) in self.krate.files.iter().enumerate() {
            let room = self.room(number);
            let is_folder = file.path.starts_with(&format!("{CORE}/src/{room}/"));
            if is_folder && !listed(room) {
                found.entry(room).or_insert(&file.path);
            }
        }
        let told = |(room, path)| format!("{path}:1: room {room} is on no floor: add it to the table");
        found.into_iter().map(told).collect()
    }

    /// The imports of one room by another; the roof may import all.
    fn between_rooms(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter().filter(|import| {
            let from = self.room(import.from);
            from != ROOF && from != self.room(import.to)
        })
    }

    fn told(&self, import: &Import) -> String {
        let (from, to) = (self.room(import.from), self.room(import.to));
        format!("{}:{}: {from} -> {to}: {}", self.krate.files[import.from].path, import.line, import.path)
    }

    fn imports_up(&self) -> Vec<String> {
        let floors = |import: &Import| (Self::floor(self.room(import.from)), Self::floor(self.room(import.to)));
        let told = |import: &Import| {
            let (from, to) = floors(import);
            let to = if to == FLOORS.len() { "the roof".to_owned() } else { format!("floor {to}") };
            format!("{} (up, from floor {from} to {to})", self.told(import))
        };
        let up = self.between_rooms().filter(|import| floors(import).0 < floors(import).1);
        up.map(told).collect()
    }

    fn mutual_imports(&self) -> Vec<String> {
        let rooms = |import: &Import| (self.room(import.from).to_owned(), self.room(import.to).to_owned());
        let pairs: BTreeSet<_> = self.between_rooms().map(rooms).collect();
        let is_mutual = |import: &&Import| {
            let (from, to) = rooms(import);
            Self::floor(&from) == Self::floor(&to) && pairs.contains(&(to, from))
        };
        let told = |import: &Import| format!("{} (and back, on one floor)", self.told(import));
        self.between_rooms().filter(is_mutual).map(told).collect()
    }

    fn circles(&self) -> Vec<String> {
        let is_below = |import: &&Import| self.room(import.from) != ROOF && self.room(import.to) != ROOF;
        let below_the_roof: Vec<&Import> = self.imports.iter().filter(is_below).collect();
        let told = |(knot, circle): (BTreeSet<usize>, Vec<&Import>)| {
            let rooms: BTreeSet<&str> = knot.iter().map(|file| self.room(*file)).collect();
            let rooms: Vec<&str> = rooms.into_iter().collect();
            let imports: Vec<String> = circle.into_iter().map(|import| self.told(import)).collect();
            let (rooms, imports) = (rooms.join(", "), imports.join("\n    "));
            format!("{} files of {rooms} import each other; the shortest circle:\n    {imports}", knot.len())
        };
        circles(&below_the_roof, |file| self.room(file)).into_iter().map(told).collect()
    }

    fn numbers(&self) -> String {
        let mut rooms: BTreeMap<(usize, &str), (usize, usize)> = BTreeMap::new();
        for (number, file) in self.krate.files.iter().enumerate() {
            let room = self.room(number);
            let (files, lines) = rooms.entry((Self::floor(room), room)).or_default();
            (*files, *lines) = (*files + 1, *lines + file.lines);
        }
        let mut text = String::from("floor  room              files  lines\n");
        for ((floor, room), (files, lines)) in rooms {
            // A write to a string does not fail.
            let _ = writeln!(text, "{floor:>5}  {room:<16} {files:>6} {lines:>6}");
        }
        let (lines, cfgs) = self.krate.files.iter().fold((0, 0), |(l, c), file| (l + file.lines, c + file.cfgs));
        let _ = writeln!(text, "{lines} lines of code, {cfgs} cfg attributes");
        text
    }
}

/// The crates of these families that a crate names, in its sources or in its manifest.
fn foreign(tree: &Tree, package: &str, krate: &Crate, families: &[&[&str]]) -> Result<Vec<String>, String> {
    let is_foreign = |name: &str| {
        families.iter().flat_map(|families| families.iter()).any(|family| {
            let rest = name.strip_prefix(&*family.replace('-', "_"));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    };
    let mut found = BTreeMap::new();
    for (number, file) in krate.files.iter().enumerate() {
        for name in &file.names {
            if let Target::Outside(outside) = krate.target(number, name)
                && is_foreign(&outside)
            {
                let path = name.path.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("::");
                found.entry((&*file.path, name.line, outside)).or_insert(path);
            }
        }
    }
    let told = |((file, line, outside), path)| format!("{file}:{line}: {package} -> {outside}: {path}");
    let mut violations: Vec<String> = found.into_iter().map(told).collect();
    let path = format!("{package}/Cargo.toml");
    let manifest = tree.text(&path).ok_or_else(|| format!("{path}: there is no such file"))?;
    for dependency in manifest::dependencies(manifest).map_err(|error| format!("{path}: {error}"))? {
        if is_foreign(&dependency.name) {
            let (name, line) = (dependency.name, dependency.line);
            violations.push(format!("{path}:{line}: {package} -> {name}: a dependency"));
        }
    }
    Ok(violations)
}
