//! The chart against a real API server: everything it renders is accepted, its policy refuses what it should, and its
//! roles grant what docs/rbac.md says.

mod admission;
mod alerts;
mod release;
mod render;
mod rights;
mod values;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tidegate_e2e::{ApiServer, Kubernetes};

/// One API server for all tests of this file, each with namespaces of its own where it makes objects.
fn api() -> &'static ApiServer {
    static API: std::sync::LazyLock<ApiServer> = std::sync::LazyLock::new(ApiServer::start);
    &API
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e is in the checkout").join("charts/tidegate")
}

/// What `helm template RELEASE` renders for a namespace with more options.
fn template(release: &str, namespace: &str, options: &[&str]) -> String {
    let mut helm = Command::new(Kubernetes::get().helm());
    helm.args(["template", release]).arg(chart()).args(["--namespace", namespace, "--kube-version", "1.34.0"]);
    let (said, complained) = output(helm.args(options), "").expect("helm template succeeds");
    assert!(complained.is_empty(), "{complained}");
    said
}

/// kubectl as administrator with this input; what it printed and its warnings, or why it failed.
fn kubectl(arguments: &[&str], input: &str) -> Result<(String, String), String> {
    let mut kubectl = Command::new(Kubernetes::get().program("kubectl"));
    output(kubectl.arg("--kubeconfig").arg(api().kubeconfig()).args(arguments), input)
}

fn output(command: &mut Command, input: &str) -> Result<(String, String), String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().expect("a pipe");
    // Both read all of it before they print much.
    stdin.write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok((text(&output.stdout), text(&output.stderr))) } else { Err(text(&output.stderr)) }
}
