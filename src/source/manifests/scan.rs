//! Which files there are, and how versions of a file are told apart.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};

/// Largest file that is read. Bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Largest file of a certificate that is read. Bytes. A chain of ten with its key has 30 KiB, and text may stand between.
const MAX_CERTIFICATE_FILE: u64 = 1024 * 1024;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 32;

/// Which files of a directory are read, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Selection {
    /// Manifests, in folders below too.
    #[default]
    Manifests,
    /// Certificates with their keys, in the directory itself only, as HAProxy's `crt` takes them.
    Certificates,
}

impl Selection {
    /// Whether a file of this name is read.
    pub(super) fn takes(self, name: &OsStr) -> bool {
        let extension = Path::new(name).extension().and_then(OsStr::to_str);
        let is_taken = match self {
            Self::Manifests => matches!(extension, Some("yaml" | "yml" | "json")),
            Self::Certificates => extension == Some("pem"),
        };
        is_taken && !is_hidden(name)
    }

    /// Folders below folders that are walked.
    fn max_depth(self) -> usize {
        match self {
            Self::Manifests => MAX_DEPTH,
            Self::Certificates => 0,
        }
    }

    /// Largest file that is read. Bytes.
    pub(super) fn max_file(self) -> u64 {
        match self {
            Self::Manifests => MAX_FILE,
            Self::Certificates => MAX_CERTIFICATE_FILE,
        }
    }

    /// The kind of fault of a file that cannot be read.
    pub(super) fn fault(self) -> ProblemCode {
        match self {
            Self::Manifests => ProblemCode::InvalidManifest,
            Self::Certificates => ProblemCode::InvalidCertificate,
        }
    }

    /// What a file of it is, to those who are to make it readable.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Manifests => "Make it a readable file of manifests, or remove it",
            Self::Certificates => "Make it a readable PEM file with a certificate and its key, or remove it",
        }
    }
}

/// What a walk over the manifests found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The manifest files, by path relative to the root (its own name when the root is a file).
    pub files: BTreeMap<Arc<Path>, Found>,
    /// The folders walked, by full path.
    pub folders: HashSet<PathBuf>,
    /// Folders outside of those that hold what symbolic links point to.
    pub targets: HashSet<PathBuf>,
    /// Folders that could not be listed, relative to the root, with the reason.
    pub closed: BTreeMap<PathBuf, String>,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Full path.
    pub path: PathBuf,
    /// Its version; `None` when it could not be examined.
    pub stamp: Option<Stamp>,
}

/// Differs whenever a file was replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file has no content.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// There is none.
    #[error("it does not exist")]
    Gone,
    /// It is not a regular file.
    #[error("it is not a regular file")]
    NotAFile,
    /// Over the limit.
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    /// Another error of the system.
    #[error("it cannot be read: {0}")]
    Io(io::Error),
}

impl Scan {
    /// Walks over a directory, or takes the one file that `root` is. `enter` is called with each folder before it is
    /// listed, so that a watch that begins then misses nothing.
    pub(super) fn of(root: &Path, selection: Selection, enter: &mut dyn FnMut(&Path)) -> io::Result<Self> {
        let mut scan = Self::default();
        let metadata = fs::metadata(root)?;
        if !metadata.is_dir() {
            let name = root.file_name().unwrap_or(root.as_os_str());
            scan.add_target(root);
            let found = Found { path: root.to_owned(), stamp: Some(Stamp::of(&metadata)) };
            scan.files.insert(Path::new(name).into(), found);
            return Ok(scan);
        }
        let mut seen = HashSet::from([(metadata.dev(), metadata.ino())]);
        let mut ahead = vec![(root.to_owned(), PathBuf::new(), 0)];
        while let Some((folder, relative, depth)) = ahead.pop() {
            enter(&folder);
            let listed = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let entries = match listed {
                Ok(entries) => entries,
                Err(error) if depth == 0 => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    scan.closed.insert(relative, error.to_string());
                    continue;
                }
            };
            for entry in entries {
                let (name, path) = (entry.file_name(), entry.path());
                if is_hidden(&name) {
                    continue;
                }
                let metadata = fs::metadata(&path).ok();
                match metadata {
                    Some(metadata) if metadata.is_dir() => {
                        if depth < selection.max_depth() && seen.insert((metadata.dev(), metadata.ino())) {
                            ahead.push((path, relative.join(name), depth + 1));
                        }
                    }
                    metadata if selection.takes(&name) => {
                        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                            scan.add_target(&path);
                        }
                        let stamp = metadata.as_ref().map(Stamp::of);
                        scan.files.insert(relative.join(name).into(), Found { path, stamp });
                    }
                    Some(_) | None => {}
                }
            }
            scan.folders.insert(folder);
        }
        Ok(scan)
    }

    fn add_target(&mut self, link: &Path) {
        if let Ok(target) = fs::canonicalize(link)
            && let Some(folder) = target.parent()
        {
            self.targets.insert(folder.to_owned());
        }
    }

    /// Findings about folders.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.closed.iter().map(|(relative, reason)| {
            let message = format!("the folder cannot be listed ({reason}); what was read from it before goes on");
            file_problem(relative, "folder", message, "Make it readable, or move it away")
        })
    }
}

impl Stamp {
    /// The version of a file.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path, selection: Selection) -> Result<Vec<u8>, ReadError> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone,
        _ => ReadError::Io(error),
    };
    // Examined before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(fault)?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    read_bounded(File::open(path).map_err(fault)?, selection)
}

/// Reads all of it, if it is no larger than a file may be.
pub(super) fn read_bounded(stream: impl Read, selection: Selection) -> Result<Vec<u8>, ReadError> {
    let (mut bytes, most) = (Vec::new(), selection.max_file());
    stream.take(most + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > most { Err(ReadError::TooLarge(most)) } else { Ok(bytes) }
}

/// Whether an entry is ignored: `..data` of mounted ConfigMaps, editors' locks and swap files, `.git`.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A Problem about a file or folder, or a place in it.
pub(super) fn file_problem(path: &Path, field: &str, message: String, remedy: &str) -> Problem {
    Problem {
        object: ObjectRef { kind: ObjectKind::File, name: ObjectName::new("", path.to_string_lossy()) },
        field: field.to_owned(),
        code: ProblemCode::InvalidManifest,
        severity: Severity::Error,
        message,
        remedy: remedy.to_owned(),
    }
}
