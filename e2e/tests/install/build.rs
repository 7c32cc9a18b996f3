//! What is installed: the image, built by scripts/image from the Dockerfile.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the image without tag, as the chart's value `image.repository`.
pub(crate) const REPOSITORY: &str = "docker.io/tidegate/tidegate";

/// Archives for the nodes.
pub(crate) struct Images {
    /// Two tags of Tidegate, `one` and `two`: two versions.
    pub(crate) tidegate: Vec<PathBuf>,
    /// What scripts/image said last: sizes.
    pub(crate) said: String,
}

/// Builds the static program (or takes that of the directory TIDEGATE_E2E_PROGRAMS), then the images in `directory`.
pub(crate) fn images(directory: &Path) -> Images {
    let programs = std::env::var_os("TIDEGATE_E2E_PROGRAMS").map_or_else(compile, PathBuf::from);
    let program = programs.join("tidegate");
    let next = directory.join("tidegate-next");
    write_next(&program, &next);
    let mut said = String::new();
    let mut tidegate = Vec::new();
    for (tag, program) in [("one", &program), ("two", &next)] {
        let archive = directory.join(format!("tidegate-{tag}.tar"));
        let mut script = Command::new(root().join("scripts/image"));
        script.arg("--output").arg(&archive).args(["--tag", &format!("{REPOSITORY}:{tag}")]);
        script.env("TIDEGATE_BINARY", program);
        said = run(&mut script);
        tidegate.push(archive);
    }
    Images { tidegate, said }
}

/// The version that a tag's program says it is.
pub(crate) fn version(tag: &str) -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the checkout has a Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let version = version.expect("the package has a version");
    if tag == "one" {
        return version.to_owned();
    }
    let next = if version.ends_with('9') { "8" } else { "9" };
    format!("{}{next}", &version[..version.len() - 1])
}

/// Another version of a program without compiling it again: its version, wherever it stands in it, is replaced.
fn write_next(program: &Path, next: &Path) {
    let (old, new) = (version("one"), version("two"));
    let mut bytes = fs::read(program).expect("the program is there");
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(old.len()).position(|window| window == old.as_bytes()) {
        at += found;
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
    fs::write(next, bytes).expect("the directory is there");
    fs::set_permissions(next, fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert_eq!(run(Command::new(next).arg("--version")).trim(), format!("tidegate {new}"));
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e is in the checkout").to_owned()
}

/// Runs a command that must succeed; what it printed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}{complained}", output.status);
    said.into_owned()
}

/// Static, as in the image, with the profile that compiles fast. An explicit target keeps +crt-static away from macros.
fn compile() -> PathBuf {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--quiet", "--profile", "e2e", "--target", &target]);
    cargo.args(["--bin", "tidegate"]).current_dir(root());
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(&mut cargo);
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    folder.join(target).join("e2e")
}
