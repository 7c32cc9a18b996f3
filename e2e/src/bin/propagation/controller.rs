//! The process that is measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::probe::Probe;

/// A controller that runs, with its addresses. Ends when dropped.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
}

impl Running {
    /// Starts it and reads its log until that tells the addresses. What it logs later is read and dropped.
    pub(crate) fn start(command: &[String]) -> anyhow::Result<Self> {
        let (program, arguments) = command.split_first().context("no command")?;
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let mut line = String::new();
        let (http, https) = loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                bail!("the controller ended: {}", child.wait()?);
            }
            if let Some(addresses) = addresses(&line) {
                break addresses;
            }
        };
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, started, http, https })
    }

    /// Waits until this host is served: how long that took since the start.
    pub(crate) async fn wait_for(&self, host: &str, patience: Duration) -> anyhow::Result<Duration> {
        let mut probe = Probe::new(self.http);
        while self.started.elapsed() < patience {
            if probe.get(host, "/").is_ok_and(|answer| answer.status == 200) {
                return Ok(self.started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!("{host} is not served after {patience:?}")
    }

    /// CPU time it has used, in all its threads.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// A figure of /proc/PID/status, MiB.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<f64> {
        figure(&format!("/proc/{}/status", self.child.id()), name)
    }

    /// Proportional set size, MiB.
    pub(crate) fn pss(&self) -> anyhow::Result<f64> {
        figure(&format!("/proc/{}/smaps_rollup", self.child.id()), "Pss")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn figure(path: &str, name: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name)).context("no such figure")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no value")?.parse()?;
    Ok(kib / 1024.0)
}

fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = json.get("fields").unwrap_or(&json);
    let address = |key| fields.get(key)?.as_str()?.parse().ok();
    Some((address("http")?, address("https")?))
}
