//! Objects from manifests: a directory of YAML and JSON files, or a single file, instead of an API server.
//!
//! What the API would do with a manifest happens here too: namespaces default to `default`, names are required,
//! values of the wrong type are refused, and an update that is refused leaves the object as it was. Every fault is a
//! [`Problem`] that names file, document and line; the rest of the file and of the directory serves.
//!
//! The steps: `scan` finds files, `text` cuts them into documents, `document` reads objects, `catalog` knows which file
//! holds what and tells what changed, `follow` repeats all that when the files change. Beside manifests it reads a directory of
//! certificates in the same steps: each file is one object.

mod catalog;
mod document;
mod follow;
mod scan;
mod text;
mod unknown;
mod written;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Problem;

use super::objects::Change;
use catalog::Catalog;
use scan::{Scan, Selection};

pub use follow::{follow, follow_all};
pub use written::Written;

#[cfg(test)]
mod tests;

/// What the manifests hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// All objects, each as an arrival: by path of the file, then in the order of the file.
    pub changes: Vec<Change>,
    /// All findings of reading, sorted.
    pub problems: Vec<Problem>,
}

/// Reads every `*.yaml`, `*.yml` and `*.json` under a directory, or the one file that `path` is. Hidden entries
/// (whose names start with a dot) are ignored, so that a mounted ConfigMap is read once.
///
/// An `Err` means that `path` itself cannot be read. Everything below it that cannot be read is a Problem.
pub fn load(path: &Path) -> io::Result<Loaded> {
    let scan = Scan::of(path, Selection::Manifests, &mut |_| {})?;
    let mut catalog = Catalog::default();
    let mut changes = Vec::new();
    for (relative, found) in &scan.files {
        changes.extend(catalog.put(relative, scan::read(&found.path, Selection::Manifests)));
    }
    let mut problems = catalog.problems();
    problems.extend(scan.problems());
    problems.sort();
    Ok(Loaded { changes, problems })
}

/// Something that holds manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A directory, or one file.
    Path(PathBuf),
    /// The content of a file of this name, which says whether it is JSON.
    Content(PathBuf, Vec<u8>),
    /// A directory of certificates with their keys, `*.pem`, or one such file.
    Certificates(PathBuf),
}

/// Reads several holders as one, in their order of names, and with them the objects that `wanted` picks out by `apiVersion` and
/// `kind`, as they are written. Where there is more than one, files are named with the path of their holder.
pub fn load_all(holders: Vec<Holder>, wanted: &dyn Fn(&str, &str) -> bool) -> io::Result<(Loaded, Vec<Written>)> {
    let (mut catalog, mut changes, mut written) = (Catalog::default(), Vec::new(), Vec::new());
    let (mut problems, mut certificates) = (Vec::new(), (Catalog::of(Selection::Certificates), Vec::new()));
    let is_one = holders.iter().filter(|holder| !matches!(holder, Holder::Certificates(_))).count() == 1;
    let mut put = |name: Arc<Path>, bytes: Result<Vec<u8>, scan::ReadError>| {
        if let Ok(bytes) = &bytes {
            written.extend(written::written(&name, bytes, wanted));
        }
        changes.extend(catalog.put(&name, bytes));
    };
    for holder in holders {
        match holder {
            Holder::Content(name, bytes) => put(name.into(), Ok(bytes)),
            Holder::Path(path) => {
                let scan = Scan::of(&path, Selection::Manifests, &mut |_| {})?;
                for (relative, found) in &scan.files {
                    let name = if is_one { Arc::clone(relative) } else { found.path.as_path().into() };
                    put(name, scan::read(&found.path, Selection::Manifests));
                }
                problems.extend(scan.problems());
            }
            Holder::Certificates(path) => {
                let (catalog, changes) = &mut certificates;
                for (relative, found) in &Scan::of(&path, Selection::Certificates, &mut |_| {})?.files {
                    changes.extend(catalog.put(relative, scan::read(&found.path, Selection::Certificates)));
                }
            }
        }
    }
    let (of_certificates, arrivals) = certificates;
    changes.extend(arrivals);
    problems.extend(catalog.problems().into_iter().chain(of_certificates.problems()));
    problems.sort();
    Ok((Loaded { changes, problems }, written))
}

/// Reads what a stream holds, up to the largest size of a file.
pub fn read_stream(stream: impl Read) -> io::Result<Vec<u8>> {
    scan::read_bounded(stream, Selection::Manifests).map_err(|error| match error {
        scan::ReadError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    })
}

/// Reads the content of one file, whose name says whether it is JSON and is shown in Problems.
pub fn parse(name: &Path, bytes: Vec<u8>) -> Loaded {
    let mut catalog = Catalog::default();
    let changes = catalog.put(&name.into(), Ok(bytes));
    let mut problems = catalog.problems();
    problems.sort();
    Loaded { changes, problems }
}
