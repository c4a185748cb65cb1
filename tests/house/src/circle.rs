//! Circles of imports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::check::Import;

/// In each knot of files that import each other, directly or through others, and that are not all of one room: the knot,
/// and its shortest circle that leaves a room.
pub(crate) fn circles<'i>(
    imports: &[&'i Import],
    room: impl Fn(usize) -> &'i str,
) -> Vec<(BTreeSet<usize>, Vec<&'i Import>)> {
    let mut out: BTreeMap<usize, Vec<&'i Import>> = BTreeMap::new();
    for import in imports {
        out.entry(import.from).or_default().push(*import);
    }
    let files: BTreeSet<usize> = imports.iter().flat_map(|import| [import.from, import.to]).collect();
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        files.iter().map(|file| (*file, reached_from(*file, &out))).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let knot: BTreeSet<usize> =
            reached[&file].iter().copied().filter(|other| reached[other].contains(&file)).collect();
        let rooms: BTreeSet<&str> = knot.iter().map(|file| room(*file)).collect();
        if rooms.len() < 2 || !done.insert(knot.clone()) {
            continue;
        }
        let leaving = imports.iter().copied().filter(|import| knot.contains(&import.from) && knot.contains(&import.to));
        let leaving = leaving.filter(|import| room(import.from) != room(import.to));
        let circle = leaving.filter_map(|import| {
            let mut circle = vec![import];
            circle.extend(way(import.to, import.from, &out)?);
            Some(circle)
        });
        found.extend(circle.min_by_key(Vec::len).map(|circle| (knot, circle)));
    }
    found
}

/// What a file imports, directly or through others.
fn reached_from(file: usize, out: &BTreeMap<usize, Vec<&Import>>) -> BTreeSet<usize> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        let to = out.get(&file).into_iter().flatten().map(|import| import.to);
        next.extend(to.filter(|to| reached.insert(*to)));
    }
    reached
}

/// The shortest way from a file to another.
fn way<'i>(from: usize, to: usize, out: &BTreeMap<usize, Vec<&'i Import>>) -> Option<Vec<&'i Import>> {
    let mut came_by: BTreeMap<usize, &Import> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(file) = next.pop_front() {
        if file == to {
            let mut way = Vec::new();
            let mut at = to;
            while at != from {
                let import = came_by.get(&at)?;
                way.push(*import);
                at = import.from;
            }
            way.reverse();
            return Some(way);
        }
        for import in out.get(&file).into_iter().flatten() {
            if import.to != from && !came_by.contains_key(&import.to) {
                came_by.insert(import.to, import);
                next.push_back(import.to);
            }
        }
    }
    None
}
