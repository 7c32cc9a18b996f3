//! A terminal that a program draws on: tmux without anybody who looks.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A screen of 160 by 40 letters. The program ends with this.
pub(crate) struct Terminal {
    /// tmux's own socket.
    socket: PathBuf,
}

impl Terminal {
    /// Runs a command line there.
    pub(crate) fn run(line: &str, folder: &Path) -> Self {
        let terminal = Self { socket: folder.join("tmux") };
        let started = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "40", line]);
        assert!(started.is_some(), "scripts/setup e2e installs tmux");
        terminal
    }

    /// What stands on it.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).unwrap_or_default()
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut tmux = Command::new("tmux");
        let said = tmux.env("TERM", "xterm").arg("-S").arg(&self.socket).args(arguments).output().ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tmux(&["kill-server"]);
    }
}
