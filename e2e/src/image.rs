//! Container images without a registry: an archive that containerd imports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

/// An image of one static program and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// Name and tag as containerd has them: `docker.io/local/echo:1`.
    pub name: &'a str,
    /// The program on this machine; `/NAME` in the image, where NAME is its file name.
    pub program: &'a Path,
    /// Its first arguments.
    pub arguments: &'a [&'a str],
}

impl Image<'_> {
    /// Writes the archive into this directory.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        let file = self.program.file_name().and_then(|name| name.to_str()).context("a program has a name")?;
        let work = directory.join(format!("image-{}", self.name.replace(['/', ':'], "-")));
        fs::create_dir_all(&work)?;
        let parent = self.program.parent().context("a program is in a directory")?;
        let layer = work.join("layer.tar");
        // --dereference: the program may be a link.
        run(Command::new("tar")
            .args(["--dereference", "--owner=0", "--group=0", "--mtime=@0", "-cf"])
            .arg(&layer)
            .arg("-C")
            .arg(parent)
            .arg(file))?;
        let sum = run(Command::new("sha256sum").arg(&layer))?;
        let digest = sum.split(' ').next().unwrap_or_default();
        let entrypoint: Vec<String> =
            std::iter::once(format!("/{file}")).chain(self.arguments.iter().map(ToString::to_string)).collect();
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
        });
        fs::write(work.join("config.json"), config.to_string())?;
        let manifest = json!([{"Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"]}]);
        fs::write(work.join("manifest.json"), manifest.to_string())?;
        let archive = PathBuf::from(format!("{}.tar", work.display()));
        run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&work).args([
            "manifest.json",
            "config.json",
            "layer.tar",
        ]))?;
        fs::remove_dir_all(&work)?;
        Ok(archive)
    }
}

/// Runs a command to its end; what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}{}",
        output.status,
        said,
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
