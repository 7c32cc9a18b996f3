//! What is installed: the image, built by scripts/image from the Dockerfile.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the image without tag, as the chart's value `image.repository`.
pub(crate) const REPOSITORY: &str = "docker.io/tidegate/tidegate";

/// Archives for the nodes.
pub(crate) struct Images {
    /// Two tags of Tidegate, `one` and `two`.
    pub(crate) tidegate: Vec<PathBuf>,
    /// What scripts/image said last: sizes.
    pub(crate) said: String,
}

/// Builds the static program (or takes that of the directory TIDEGATE_E2E_PROGRAMS), then the images in `directory`.
pub(crate) fn images(directory: &Path) -> Images {
    let programs = std::env::var_os("TIDEGATE_E2E_PROGRAMS").map_or_else(compile, PathBuf::from);
    let mut said = String::new();
    let mut tidegate = Vec::new();
    for tag in ["one", "two"] {
        let archive = directory.join(format!("tidegate-{tag}.tar"));
        let mut script = Command::new(root().join("scripts/image"));
        script.arg("--output").arg(&archive).args(["--tag", &format!("{REPOSITORY}:{tag}")]);
        script.env("TIDEGATE_BINARY", programs.join("tidegate"));
        said = run(&mut script);
        tidegate.push(archive);
    }
    Images { tidegate, said }
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
