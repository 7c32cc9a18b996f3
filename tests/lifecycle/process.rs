//! A running process of Tidegate.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, DEADLINE, Manifests, eventually, get};

pub(crate) fn tidegate() -> Command {
    as_tidegate(Command::new(program()))
}

/// The program under test; `TIDEGATE_PROGRAM` may name another build of it.
fn program() -> String {
    std::env::var("TIDEGATE_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tidegate").to_owned())
}

/// Without what the environment of the tests would set.
fn as_tidegate(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn directory(manifests: &Manifests) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("objects.json"), manifests.to_json()).unwrap();
    directory
}

/// A running process.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) listening: Value,
    pub(crate) log: mpsc::Receiver<String>,
    manifests: TempDir,
}

impl Process {
    /// Starts it on free ports and waits until it is ready.
    pub(crate) fn start(manifests: &Manifests, options: &[&str]) -> Self {
        Self::start_after("", manifests, options)
    }

    /// The same, after a line of shell in the process that it will be: a limit, or the way into a cgroup.
    pub(crate) fn start_after(line: &str, manifests: &Manifests, options: &[&str]) -> Self {
        let directory = directory(manifests);
        let mut command = if line.is_empty() {
            tidegate()
        } else {
            let mut command = as_tidegate(Command::new("sh"));
            command.args(["-c", &format!("{line}; exec \"$0\" \"$@\""), &program()]);
            command
        };
        command.args(["serve", "--manifests"]).arg(directory.path()).args(["--log-format", "json", "--workers", "1"]);
        for option in ["--http", "--https", "--admin"] {
            command.args([option, "127.0.0.1:0"]);
        }
        command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (told, log) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| told.send(line)));
        let listening: Value = loop {
            let line = log.recv_timeout(DEADLINE).expect("it says where it listens");
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("JSON: {line}"));
            if line.to_string().contains("listening") {
                break line;
            }
        };
        let (http, https) = (address(&listening, "http"), address(&listening, "https"));
        let admin = address(&listening, "admin");
        let process = Self { child, http, https, admin, listening, log, manifests: directory };
        eventually("readiness", || (process.admin("/readyz") == 200).then_some(()));
        process
    }

    /// Puts other objects into its directory, at once.
    pub(crate) fn write(&self, manifests: &Manifests) {
        let aside = directory(manifests);
        fs::rename(aside.path().join("objects.json"), self.manifests.path().join("objects.json")).unwrap();
    }

    pub(crate) fn admin(&self, path: &str) -> u16 {
        Client::connect(self.admin).ask(get("admin", path)).status()
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell has it built in.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.unwrap().success());
    }

    /// What it uses, to be asked from any thread.
    pub(crate) fn usage(&self) -> Usage {
        Usage(self.child.id())
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        eventually("the end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that it says it listens on.
pub(crate) fn address(listening: &Value, name: &str) -> SocketAddr {
    let text = listening.to_string();
    let from = text.find(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("{name} in {text}"));
    text[from..].split('"').nth(3).unwrap().parse().unwrap()
}

/// What a process uses.
#[derive(Clone, Copy)]
pub(crate) struct Usage(u32);

impl Usage {
    /// Bytes that it has in memory.
    pub(crate) fn resident(self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.0)).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    /// CPU time that it has used.
    pub(crate) fn cpu(self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0)).unwrap();
        let ran = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
        Duration::from_nanos(ran.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
    }
}
