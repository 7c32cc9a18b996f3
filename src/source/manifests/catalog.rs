//! Which file holds which object, and what a change of a file changes for the rest of the product.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use crate::model::{ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::{CertificateFile, Change, Object};

use super::document::{self, Content, Finding, Refused};
use super::scan::{ReadError, Selection, file_problem};
use super::text::{self, Document, Format};

/// Most objects that a message names.
const MAX_NAMED: usize = 5;

/// The state of all manifest files.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    files: BTreeMap<Arc<Path>, Held>,
    /// The files that hold each object. The first in path order counts.
    holders: HashMap<ObjectRef, BTreeMap<Arc<Path>, Object>>,
    /// Objects that more than one file holds.
    contested: BTreeSet<ObjectRef>,
    /// What the files are.
    selection: Selection,
    hasher: foldhash::quality::RandomState,
}

/// A file as last read.
#[derive(Debug, Default)]
struct Held {
    /// Its objects in order, those kept from former versions last.
    objects: Vec<(ObjectRef, Object)>,
    problems: Vec<Problem>,
    /// The documents by hash of their text: what did not change is not read again.
    documents: HashMap<u64, Arc<Content>>,
}

impl Catalog {
    /// No files yet.
    pub(super) fn of(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }

    /// The files known.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.files.keys()
    }

    /// Whether a file is known.
    pub(super) fn has(&self, file: &Path) -> bool {
        self.files.contains_key(file)
    }

    /// Takes in the present content of a file and returns what has changed.
    ///
    /// Objects that a document may mean but that cannot be read from it stay as they were, as the API keeps an object whose
    /// update it refuses. So nothing that was accepted is lost because of a typing error or a half-written file.
    pub(super) fn put(&mut self, file: &Arc<Path>, bytes: Result<Vec<u8>, ReadError>) -> Vec<Change> {
        let before = self.files.remove(file).unwrap_or_default();
        let held = match bytes {
            Ok(bytes) => match self.selection {
                Selection::Manifests => self.read(file, &bytes, &before),
                Selection::Certificates => Held::of_certificate(file, &bytes),
            },
            Err(error) => {
                let remedy = self.selection.remedy();
                let mut held = Held::default();
                let problem = file_problem(file, "file", error.to_string(), remedy);
                held.problems.push(Problem { code: self.selection.fault(), ..problem });
                if !matches!(error, ReadError::Gone) {
                    held.keep(file, &before, |_| true);
                }
                held
            }
        };
        let changes = self.exchange(file, &before, &held);
        self.files.insert(file.clone(), held);
        changes
    }

    /// Forgets a file and returns what has changed.
    pub(super) fn remove(&mut self, file: &Arc<Path>) -> Vec<Change> {
        let before = self.files.remove(file).unwrap_or_default();
        self.exchange(file, &before, &Held::default())
    }

    /// All findings, in no particular order.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.files.values().flat_map(|held| &held.problems).cloned().collect();
        for object in &self.contested {
            let Some(holders) = self.holders.get(object) else { continue };
            let mut files = holders.keys();
            let Some(first) = files.next() else { continue };
            problems
                .extend(files.map(|file| duplicate(object, &file.display().to_string(), &first.display().to_string())));
        }
        problems
    }

    fn read(&self, file: &Path, bytes: &[u8], before: &Held) -> Held {
        let format = Format::of(file);
        let mut held = Held::default();
        let mut present: HashMap<ObjectRef, String> = HashMap::new();
        let (mut refused, mut is_anything_refused) = (HashSet::new(), false);
        for (index, document) in text::documents(bytes).into_iter().enumerate() {
            let hash = self.hasher.hash_one((format, document.bytes));
            let known = before.documents.get(&hash).or_else(|| held.documents.get(&hash)).cloned();
            let content = known.unwrap_or_else(|| Arc::new(document::read(document.bytes, format)));
            for item in &content.objects {
                let object = item.object.reference();
                let place = position(index, document.line, &item.place);
                if let Some(first) = present.get(&object) {
                    held.problems.push(duplicate(&object, &format!("{}, {place}", file.display()), first));
                    continue;
                }
                present.insert(object.clone(), place);
                held.objects.push((object, item.object.clone()));
            }
            let findings = content.findings.iter();
            held.problems.extend(findings.map(|finding| problem(finding, file, index, &document)));
            match &content.refused {
                Refused::Nothing => {}
                Refused::Objects(objects) => refused.extend(objects.iter().cloned()),
                Refused::Anything => is_anything_refused = true,
            }
            held.documents.insert(hash, content);
        }
        held.keep(file, before, |object| {
            !present.contains_key(object) && (is_anything_refused || refused.contains(object))
        });
        held
    }

    /// Replaces a file's objects among the holders.
    fn exchange(&mut self, file: &Arc<Path>, before: &Held, after: &Held) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut gone: HashMap<_, _> = before.objects.iter().map(|(object, content)| (object, content)).collect();
        for (object, content) in &after.objects {
            if gone.remove(object) != Some(content) {
                changes.extend(self.set(object, file, Some(content.clone())));
            }
        }
        // In the order of the file, so that the outcome does not depend on hashing.
        for (object, _) in before.objects.iter().filter(|(object, _)| gone.contains_key(object)) {
            changes.extend(self.set(object, file, None));
        }
        changes
    }

    fn set(&mut self, object: &ObjectRef, file: &Arc<Path>, content: Option<Object>) -> Option<Change> {
        let holders = self.holders.entry(object.clone()).or_default();
        let before = holders.values().next().cloned();
        match content {
            Some(content) => holders.insert(file.clone(), content),
            None => holders.remove(file),
        };
        let after = holders.values().next().cloned();
        if holders.len() > 1 {
            self.contested.insert(object.clone());
        } else {
            self.contested.remove(object);
        }
        if after.is_none() {
            self.holders.remove(object);
        }
        match (before, after) {
            (before, after) if before == after => None,
            (_, Some(after)) => Some(Change::arrival(after)),
            (_, None) => Some(Change::removal(object.clone())),
        }
    }
}

impl Held {
    /// What a file of a certificate holds: one object, whatever is wrong with it.
    fn of_certificate(file: &Path, bytes: &[u8]) -> Self {
        let object = Object::from(CertificateFile::read(&file.to_string_lossy(), bytes));
        Self { objects: vec![(object.reference(), object)], ..Self::default() }
    }

    /// Keeps objects of the version before, with a finding that says so.
    fn keep(&mut self, file: &Path, before: &Held, stays: impl Fn(&ObjectRef) -> bool) {
        let kept: Vec<_> = before.objects.iter().filter(|(object, _)| stays(object)).cloned().collect();
        if kept.is_empty() {
            return;
        }
        let named: Vec<_> = kept.iter().take(MAX_NAMED).map(|(object, _)| object.to_string()).collect();
        let more = if kept.len() > MAX_NAMED { ", …" } else { "" };
        let message = format!(
            "{} of its objects cannot be read any more and go on as they were: {}{more}",
            kept.len(),
            named.join(", ")
        );
        let remedy = "Correct what else is reported for this file";
        let problem = file_problem(file, "file", message, remedy);
        self.problems.push(Problem { severity: Severity::Warning, ..problem });
        self.objects.extend(kept);
    }
}

/// Where in a file something stands.
pub(super) fn position(index: usize, line: usize, place: &str) -> String {
    format!("document {} (line {line}){place}", index + 1)
}

fn problem(finding: &Finding, file: &Path, index: usize, document: &Document<'_>) -> Problem {
    let line = finding.line.map_or(document.line, |line| document.start + line.saturating_sub(1));
    let place = position(index, line, &finding.place);
    match &finding.about {
        None => Problem {
            code: finding.code,
            severity: finding.severity,
            ..file_problem(file, &place, finding.message.clone(), finding.remedy)
        },
        Some((object, field)) => Problem {
            object: object.clone(),
            field: field.clone(),
            code: finding.code,
            severity: finding.severity,
            message: finding.message.clone(),
            remedy: format!("{}: {}, {place}", finding.remedy, file.display()),
        },
    }
}

fn duplicate(object: &ObjectRef, second: &str, first: &str) -> Problem {
    Problem {
        object: object.clone(),
        field: "metadata.name".to_owned(),
        code: ProblemCode::InvalidManifest,
        severity: Severity::Warning,
        message: format!("it is in {second} once more; only the one in {first} counts"),
        remedy: "Remove one of the two, or rename it".to_owned(),
    }
}
