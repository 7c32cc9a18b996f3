//! Reading manifests once, for the commands that only look at them.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::source::manifests::{self, Holder, Loaded, Written};

/// Reads all that is below these paths as one; `-` is `stdin`. With it come the objects that `wanted` picks out by `apiVersion`
/// and `kind`, as they are written.
pub(super) fn read(
    paths: &[PathBuf],
    certificates: Option<&Path>,
    stdin: &mut impl Read,
    wanted: &dyn Fn(&str, &str) -> bool,
) -> anyhow::Result<(Loaded, Vec<Written>)> {
    let mut holders = Vec::new();
    for path in paths {
        if path.as_os_str() != "-" {
            holders.push(Holder::Path(path.clone()));
            continue;
        }
        let bytes = manifests::read_stream(&mut *stdin).context("cannot read standard input")?;
        let is_json = bytes.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['));
        holders.push(Holder::Content(if is_json { "stdin.json" } else { "stdin.yaml" }.into(), bytes));
    }
    holders.extend(certificates.map(|path| Holder::Certificates(path.to_owned())));
    let names: Vec<_> =
        paths.iter().map(PathBuf::as_path).chain(certificates).map(|path| path.display().to_string()).collect();
    manifests::load_all(holders, wanted).with_context(|| format!("cannot read {}", names.join(", ")))
}
