//! Within a folder nobody may come back to where they started: its files, and its subfolders as rooms of which only the
//! name counts, use each other in one direction. Code of tests may use what it likes.
//!
//! `mod.rs` stands above its rooms: it may use all of them, and they may use what it defines for all. Its `use` and
//! `pub use` are doors: whoever goes through one uses the room behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::scan::{Use, module_path, uses};

/// Name of the room that `mod.rs` itself is.
const DOOR: &str = "mod.rs";

/// The files of a crate by module, with what they use.
pub(crate) struct Tree {
    files: BTreeMap<Vec<String>, (PathBuf, Vec<Use>)>,
}

/// Who uses whom within a folder, and where it says so.
type Rooms = BTreeMap<String, BTreeMap<String, String>>;

impl Tree {
    pub(crate) fn new(sources: &[(PathBuf, String)]) -> Self {
        let files = sources.iter().filter(|(file, _)| !is_test(file)).map(|(file, text)| {
            let module = module_path(file);
            let module = if module == ["lib"] { Vec::new() } else { module };
            (module, (file.clone(), uses(file, text)))
        });
        Self { files: files.collect() }
    }

    /// A cycle of each folder that has any: the folder, and the way round.
    pub(crate) fn cycles(&self) -> BTreeMap<String, String> {
        let mut folders: BTreeSet<&[String]> = self.files.keys().filter_map(|m| m.split_last()).map(|m| m.1).collect();
        folders.insert(&[]);
        let named = folders.into_iter().map(|folder| {
            (
                ["src"].into_iter().chain(folder.iter().map(String::as_str)).collect::<Vec<_>>().join("/"),
                self.rooms(folder),
            )
        });
        named.filter_map(|(name, rooms)| Some((name, way_round(&rooms)?))).collect()
    }

    /// Who uses whom within the folder of a module.
    fn rooms(&self, folder: &[String]) -> Rooms {
        let mut rooms = Rooms::new();
        for (module, (file, uses)) in self.files.range(folder.to_vec()..).take_while(|(m, _)| m.starts_with(folder)) {
            let from = room(folder, module);
            // What starts the program may use everything, and nobody uses it.
            if folder.is_empty() && matches!(from, DOOR | "main") {
                continue;
            }
            for used in uses.iter().filter(|used| !used.is_test) {
                let Some(target) = self.definition(&used.path).filter(|target| target.starts_with(folder)) else {
                    continue;
                };
                let to = room(folder, &target);
                if to != from && to != DOOR {
                    let place = format!("{}:{}", file.display(), used.line);
                    rooms.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert(place);
                }
            }
        }
        rooms
    }

    /// The module that defines what a path names, through imports on its way.
    fn definition(&self, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        // Bounded, as imports can name each other.
        for _ in 0..8 {
            let depth = (0..=path.len()).rev().find(|&depth| self.files.contains_key(&path[..depth]))?;
            let module = &path[..depth];
            let Some(name) = path.get(depth) else { return Some(module.to_vec()) };
            let imports = &self.files[module].1;
            match imports.iter().find(|import| import.imported_as.as_ref() == Some(name) && import.path != path) {
                Some(import) => path = import.path.iter().chain(&path[depth + 1..]).cloned().collect(),
                None => return Some(module.to_vec()),
            }
        }
        None
    }
}

fn is_test(file: &Path) -> bool {
    file.with_extension("").iter().any(|part| part == "tests")
}

fn room<'a>(folder: &[String], module: &'a [String]) -> &'a str {
    module.get(folder.len()).map_or(DOOR, String::as_str)
}

/// The shortest way from a room back to it.
fn way_round(rooms: &Rooms) -> Option<String> {
    let ways = rooms.keys().filter_map(|start| {
        let mut came_from = BTreeMap::new();
        let mut next = vec![start.as_str()];
        while !next.is_empty() && !came_from.contains_key(start.as_str()) {
            let mut after = Vec::new();
            for from in next {
                for (to, place) in rooms.get(from).into_iter().flatten() {
                    if !came_from.contains_key(to.as_str()) {
                        came_from.insert(to.as_str(), (from, place));
                        after.push(to.as_str());
                    }
                }
            }
            next = after;
        }
        let mut way = Vec::new();
        let mut at = start.as_str();
        loop {
            let (from, place) = came_from.get(at)?;
            way.push(format!("{from} uses {at} ({place})"));
            at = from;
            if at == start {
                way.reverse();
                return Some(way);
            }
        }
    });
    ways.min_by_key(Vec::len).map(|way| way.join(", "))
}

#[test]
fn cycles_are_seen_wherever_they_hide() {
    let direct = ("src/m/a.rs", "use super::b::B;");
    let bad: [&[(&str, &str)]; 7] = [
        &[direct, ("src/m/b.rs", "use crate::m::a::A;")],
        &[direct, ("src/m/b.rs", "fn f() -> super::a::A { super::a::A }")],
        &[direct, ("src/m/b.rs", "use crate::{m::{a::A, c}, n};")],
        &[
            direct,
            ("src/m/b.rs", "use super::c::C;"),
            ("src/m/c/mod.rs", ""),
            ("src/m/c/deep.rs", "fn f() { super::super::a::f::<u8>() }"),
        ],
        // Through a door, and through somebody's import.
        &[direct, ("src/m/b.rs", "use super::A;"), ("src/m/mod.rs", "mod a;\nmod b;\npub(crate) use a::A;")],
        &[direct, ("src/m/b.rs", "use super::c::Alias;"), ("src/m/c.rs", "use super::a::A as Alias;")],
        // A brace in a literal opens nothing.
        &[direct, ("src/m/b.rs", "const C: char = '{';\nconst S: &str = \"{\n{\";\nuse super::a::A;")],
    ];
    for files in bad {
        let cycles = tree(files).cycles();
        assert!(cycles.contains_key("src/m"), "{files:?} gave {cycles:?}");
    }
    let between = tree(&[("src/m/a.rs", "use crate::n::N;"), ("src/n.rs", "use crate::m::a;")]).cycles();
    assert_eq!(between["src"], "m uses n (src/m/a.rs:1), n uses m (src/n.rs:1)");
    let good: [&[(&str, &str)]; 7] = [
        &[direct, ("src/m/b.rs", "// use super::a::A;\n/// [`super::a`]\nconst T: &str = \"super::a::A\";")],
        &[direct, ("src/m/b.rs", "#[cfg(test)]\nmod tests {\n    use super::super::a::A;\n}\nuse std::fmt;")],
        &[direct, ("src/m/b.rs", "#[cfg(test)]\nuse super::a::A;"), ("src/m/b/tests.rs", "use super::super::a;")],
        &[direct, ("src/m/mod.rs", "mod a;\npub use a::A;"), ("src/m/b.rs", "pub(in crate::m) fn f() {}")],
        &[direct, ("src/m/b.rs", "use crate::n::a::A;"), ("src/n/a.rs", "use super::b::B;")],
        &[("src/m/a.rs", "use super::S;"), ("src/m/mod.rs", "mod a;\nstruct S;\nfn f() { a::run() }")],
        &[("src/m/a.rs", "use super::S;"), ("src/m/mod.rs", "mod a;\nstruct S;\nfn f() { x::a::b() }")],
    ];
    for files in good {
        assert_eq!(tree(files).cycles(), BTreeMap::new(), "{files:?}");
    }
}

#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Tree {
    let files: Vec<_> = files.iter().map(|(file, text)| (PathBuf::from(file), (*text).to_owned())).collect();
    Tree::new(&files)
}
