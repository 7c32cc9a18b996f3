//! Keeps up with manifests that change: by edits in place, replacement by rename, new folders, a directory that
//! vanishes and comes back, and the exchanged links of mounted ConfigMaps.
//!
//! The notices of the system only say where to look: a file that is named is read again. Any other notice leads to a walk over
//! all files, which compares their versions and reads those that differ. Folders are watched one by one, each before it is
//! listed, so that nothing is missed in between.
//!
//! Files are read on the control runtime, which takes some milliseconds per megabyte. Nothing else there could go on without
//! the outcome, and the data plane is not affected.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};

use crate::model::Problem;
use crate::source::changes::Event;
use crate::source::objects::Change;

use super::catalog::Catalog;
use super::scan::{self, Scan, Selection, Stamp, file_problem};

#[cfg(test)]
mod tests;

/// Most paths that are remembered between two readings. With more of them all files are compared.
const MAX_TOUCHED: usize = 1024;
/// How often files are compared when the system gives no notice of changes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Sends what the manifests hold, then every change of it, until the receiver is dropped.
///
/// First come all objects, the Problems (even if there are none) and `Synced`; then for each change of files the
/// objects that differ, and all Problems if any differ. An `Err` means that `path` could not be read at the start.
/// When it vanishes later, what was last read stays in force and a Problem says so.
pub async fn follow(path: PathBuf, events: mpsc::Sender<Event>) -> io::Result<()> {
    follow_all(path, None, events).await
}

/// The same of manifests and of a directory of certificates, or one file with a certificate, as one source.
pub async fn follow_all(
    manifests: PathBuf,
    certificates: Option<PathBuf>,
    events: mpsc::Sender<Event>,
) -> io::Result<()> {
    let touched = Arc::new(Touched::default());
    let certificates = certificates.map(|path| (path, Selection::Certificates));
    let mut followers = Vec::new();
    // A certificate that arrives before the objects makes nothing stale.
    for (path, selection) in certificates.into_iter().chain([(manifests, Selection::Manifests)]) {
        followers.push(Follower::new(std::path::absolute(path)?, selection, &touched));
    }
    let mut changes = Vec::new();
    for follower in &mut followers {
        changes.extend(follower.walk()?);
    }
    let mut problems = problems_of(&followers);
    let first = changes.into_iter().map(Event::change);
    for event in first.chain([Event::Problems(problems.clone()), Event::Synced]) {
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
    let mut poll = tokio::time::interval(POLL_INTERVAL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let must_poll = followers.iter().any(|follower| follower.must_poll);
        tokio::select! {
            () = touched.wake.notified() => {}
            _ = poll.tick(), if must_poll => touched.everything(),
            () = events.closed() => return Ok(()),
        }
        let paths = touched.take();
        let changes: Vec<_> = followers.iter_mut().flat_map(|follower| follower.read(&paths)).collect();
        let found = problems_of(&followers);
        let differing = (found != problems).then(|| Event::Problems(found.clone()));
        problems = found;
        for event in changes.into_iter().map(Event::change).chain(differing) {
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// All findings, sorted.
fn problems_of(followers: &[Follower]) -> Vec<Problem> {
    let mut problems: Vec<_> = followers.iter().flat_map(Follower::problems).collect();
    problems.sort();
    problems
}

/// The notices of the system since they were last taken, merged into one.
#[derive(Debug, Default)]
struct Touched {
    paths: Mutex<Paths>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Paths {
    /// Entries that may have been created, deleted or written to.
    listed: BTreeSet<PathBuf>,
    /// Other entries may have changed too.
    is_partial: bool,
}

impl Touched {
    /// Notes a notice. Called by the watcher's thread.
    fn note(&self, notice: notify::Result<notify::Event>) {
        let Ok(event) = notice else { return self.everything() };
        if event.need_rescan() {
            return self.everything();
        }
        let concerns_us = match event.kind {
            EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
            // Where there is a notice of the end of writing, its steps are ignored: they show half-written files.
            EventKind::Modify(ModifyKind::Data(_)) => !cfg!(target_os = "linux"),
            // A file that was opened will be closed, but a link is complete at once.
            EventKind::Create(CreateKind::File) => !cfg!(target_os = "linux") || event.paths.iter().any(is_link),
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(ModifyKind::Any | ModifyKind::Metadata(_) | ModifyKind::Name(_) | ModifyKind::Other)
            | EventKind::Remove(_)
            | EventKind::Other => true,
        };
        if !concerns_us {
            return;
        }
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.listed.extend(event.paths);
        if paths.listed.len() > MAX_TOUCHED {
            *paths = Paths { listed: BTreeSet::new(), is_partial: true };
        }
        drop(paths);
        self.wake.notify_one();
    }

    /// Notes that anything may have changed.
    fn everything(&self) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).is_partial = true;
        self.wake.notify_one();
    }

    fn take(&self) -> Paths {
        std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a path is a symbolic link, or one of several names of a file.
fn is_link(path: &PathBuf) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() || found.nlink() > 1)
}

/// What a notice about a path means for the manifests.
enum Meaning {
    Nothing,
    /// A manifest is there, new or changed.
    File(Arc<Path>),
    /// A manifest was deleted.
    Gone(Arc<Path>),
    /// Folders or links are involved: only a walk can tell.
    Anything,
}

/// The state of following.
struct Follower {
    root: PathBuf,
    selection: Selection,
    /// `None` when the system has no more watches.
    watcher: Option<RecommendedWatcher>,
    /// Whether some folder is not watched.
    must_poll: bool,
    watched: HashSet<PathBuf>,
    catalog: Catalog,
    stamps: BTreeMap<Arc<Path>, Option<Stamp>>,
    folders: HashSet<PathBuf>,
    targets: HashSet<PathBuf>,
    /// Findings of the last walk.
    findings: Vec<Problem>,
}

impl Follower {
    fn new(root: PathBuf, selection: Selection, touched: &Arc<Touched>) -> Self {
        let touched = touched.clone();
        let watcher = match notify::recommended_watcher(move |notice| touched.note(notice)) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "no notice of changed files, comparing them every second");
                None
            }
        };
        Self {
            root,
            selection,
            must_poll: watcher.is_none(),
            watcher,
            watched: HashSet::new(),
            catalog: Catalog::of(selection),
            stamps: BTreeMap::new(),
            folders: HashSet::new(),
            targets: HashSet::new(),
            findings: Vec::new(),
        }
    }

    /// All findings, in no particular order.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.catalog.problems();
        problems.extend(self.findings.iter().cloned());
        problems
    }

    /// Reads again what was touched.
    fn read(&mut self, touched: &Paths) -> Vec<Change> {
        let Paths { listed, is_partial } = touched;
        let (mut changes, mut must_walk) = (Vec::new(), *is_partial);
        for path in listed {
            match self.meaning(path) {
                Meaning::Nothing => {}
                Meaning::File(relative) => changes.extend(self.put(&relative, path)),
                Meaning::Gone(relative) => changes.extend(self.remove(&relative)),
                Meaning::Anything => must_walk = true,
            }
        }
        if must_walk {
            match self.walk() {
                Ok(found) => changes.extend(found),
                Err(error) => {
                    let message = format!("it cannot be read any more ({error}); what was last read goes on");
                    let remedy = "Bring it back; it is read as soon as it is there";
                    self.findings = vec![file_problem(&self.root, "path", message, remedy)];
                }
            }
        }
        changes
    }

    /// What it means that a path was touched.
    fn meaning(&self, path: &Path) -> Meaning {
        let is_watched = |path: &Path| self.folders.contains(path) || self.targets.contains(path);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Meaning::Anything };
        if is_watched(path) || self.root.starts_with(path) {
            return Meaning::Anything;
        }
        if !is_watched(parent) {
            // Around the root, beside the way to it.
            return Meaning::Nothing;
        }
        let Ok(relative) = path.strip_prefix(&self.root) else { return Meaning::Anything };
        if !self.folders.contains(parent) || name.as_encoded_bytes().starts_with(b"..") {
            return Meaning::Anything;
        }
        if scan::is_hidden(name) {
            return Meaning::Nothing;
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => Meaning::Anything,
            Ok(_) if self.selection.takes(name) => Meaning::File(relative.into()),
            Ok(_) => Meaning::Nothing,
            Err(error) if error.kind() != io::ErrorKind::NotFound => Meaning::Anything,
            // With the root gone nothing is known about the file.
            Err(_) if !self.root.exists() => Meaning::Anything,
            Err(_) if self.catalog.has(relative) => Meaning::Gone(relative.into()),
            Err(_) => Meaning::Nothing,
        }
    }

    /// Walks over all files and reads those whose version differs.
    fn walk(&mut self) -> io::Result<Vec<Change>> {
        self.must_poll = self.watcher.is_none();
        let mut watched = HashSet::new();
        let root = self.root.clone();
        // The way to the root is watched for its coming and going.
        for ancestor in root.ancestors().skip(1).filter(|ancestor| ancestor.is_dir()).take(2) {
            self.watch(ancestor, &mut watched);
        }
        let scanned = Scan::of(&root, self.selection, &mut |folder| self.watch(folder, &mut watched));
        let scan = match scanned {
            Ok(scan) => scan,
            Err(error) => {
                self.watched.extend(watched);
                return Err(error);
            }
        };
        for target in &scan.targets {
            self.watch(target, &mut watched);
        }
        self.unwatch_others(watched);
        self.findings = scan.problems().collect();

        let mut changes = Vec::new();
        for (relative, found) in &scan.files {
            if found.stamp.is_none() || self.stamps.get(relative) != Some(&found.stamp) {
                changes.extend(self.put(relative, &found.path));
            }
        }
        let is_gone = |file: &&Arc<Path>| {
            !scan.files.contains_key(*file) && !scan.closed.keys().any(|closed| file.starts_with(closed))
        };
        let gone: Vec<_> = self.catalog.files().filter(is_gone).cloned().collect();
        for file in gone {
            changes.extend(self.remove(&file));
        }
        (self.folders, self.targets) = (scan.folders, scan.targets);
        Ok(changes)
    }

    /// Reads a file. Its version is taken first: what is written in between shows as another version later.
    fn put(&mut self, relative: &Arc<Path>, path: &Path) -> Vec<Change> {
        let stamp = fs::metadata(path).ok().as_ref().map(Stamp::of);
        self.stamps.insert(relative.clone(), stamp);
        self.catalog.put(relative, scan::read(path, self.selection))
    }

    fn remove(&mut self, relative: &Arc<Path>) -> Vec<Change> {
        self.stamps.remove(relative);
        self.catalog.remove(relative)
    }

    /// Watches a folder. Every walk does this again, because the watch of a folder that was replaced is gone.
    fn watch(&mut self, folder: &Path, watched: &mut HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                watched.insert(folder.to_owned());
            }
            Err(error) => {
                // A folder that vanished meanwhile needs no watch; its parent tells of its return.
                if folder.is_dir() {
                    if !self.must_poll {
                        tracing::warn!(%error, "a folder cannot be watched, comparing files every second");
                    }
                    self.must_poll = true;
                }
            }
        }
    }

    fn unwatch_others(&mut self, watched: HashSet<PathBuf>) {
        if let Some(watcher) = &mut self.watcher {
            for folder in self.watched.difference(&watched) {
                // Fails when the folder is gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
        }
        self.watched = watched;
    }
}
