//! Programs of others that tests start or call.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::run;

/// The version of haproxy_log_analysis that `scripts/setup` installs.
const LOG_ANALYSIS: &str = "6.0.0";

/// haproxy_log_analysis, as `scripts/setup e2e` installs it.
///
/// # Panics
/// When it is not there.
pub fn log_analysis() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("TIDEGATE_E2E_CACHE").unwrap_or_else(|| {
        let base = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        base.expect("there is a home directory").join("tidegate-e2e")
    });
    let program = cache.join(format!("haproxy-log-analysis-{LOG_ANALYSIS}/bin/haproxy_log_analysis"));
    assert!(program.is_file(), "{} is not there: scripts/setup e2e", program.display());
    program
}

/// A program that runs until this is dropped, or the test's process ends.
#[derive(Debug)]
pub struct Program(Child);

impl Program {
    /// Starts it with these arguments.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]).args(arguments).stdin(Stdio::null());
        Self(run::spawn_for_good(command).expect("the program starts"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
