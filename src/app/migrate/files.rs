//! The files of `--write`: none is replaced unless that is asked for, and none lies outside of the directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::migrate::{Examined, INGRESSES, VALUES};

/// Writes all of them, or none if one exists and `force` is not given. Returns their paths.
pub(super) fn write(folder: &Path, examined: &Examined, force: bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = vec![(folder.join(VALUES), &*examined.values)];
    let ingresses = folder.join(INGRESSES);
    files.extend(examined.conversions.iter().map(|conversion| (ingresses.join(&conversion.file), &*conversion.after)));
    let existing: Vec<_> = files.iter().filter(|(path, _)| path.symlink_metadata().is_ok()).collect();
    if let (false, Some((first, _))) = (force, existing.first()) {
        let more = match existing.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        anyhow::bail!("{} exists{more}, nothing is written: choose another directory, or add --force", first.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if !examined.conversions.is_empty() {
        match fs::create_dir(&ingresses) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Not through a link: it may lead anywhere.
                let is_folder = ingresses.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
                anyhow::ensure!(is_folder, "{} is no directory", ingresses.display());
            }
            made => made.with_context(|| format!("cannot make {}", ingresses.display()))?,
        }
    }
    for (path, text) in &files {
        let outcome = if force { replace(path, text) } else { create(path, text) };
        outcome.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Makes a new file. One that came into being meanwhile stays as it is, and a link is not followed.
fn create(path: &Path, text: &str) -> io::Result<()> {
    put(OpenOptions::new().write(true).create_new(true).open(path)?, text)
}

/// Replaces a file, and a link as such.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => create(path, text),
    }
}

fn put(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())
}
