//! One run of something that has processes, files and pieces of the machine's network, and how all of it goes away.
//!
//! Whatever is made writes down first how to undo it: one line of shell in the run's file `undo`, which is a stack. The
//! run's watch, a shell that does nothing but wait for the end of its standard input, runs that file when the test
//! ends, in whatever way it ends. Should the watch be killed too, the next run finds the directory without an owner and
//! undoes it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long a run lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as its owner, this process: the kernel kills all programs with it.
    Process,
    /// As long as its owner; the watch ends the programs one after the other, each with what it started itself.
    Watched,
    /// Until it is undone by name: for use by hand.
    Kept,
}

/// Shell functions that the lines of `undo` use.
const FUNCTIONS: &str = r#"
started() { [ -r "/proc/$1/stat" ] && sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
# Kills the process of this id if it started at this time, and waits for its end.
end() { [ "$(started "$1")" = "$2" ] && kill -KILL "$1" && for i in $(seq 500); do
  case "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)" in ''|Z*) break ;; esac; sleep 0.01; done; }
unmount_under() { cut -d ' ' -f 2 /proc/mounts | grep "^$1/" | sort -r | while read -r place; do umount -l "$place"; done; }
shims_of() { grep -lsz "^$1/containerd.sock" /proc/[0-9]*/cmdline | cut -d / -f 3 | while read -r id; do
  case "$(tr '\0' ' ' <"/proc/$id/cmdline")" in *containerd-shim*) echo "$id" ;; esac; done; }
# Kills what runs in a node's pods (in the cgroups of this name) and waits until containerd has seen to it.
end_pods() { for i in $(seq 20); do
  find /sys/fs/cgroup -path "*/$1/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -KILL 2>/dev/null
  [ -n "$(shims_of "$2")" ] || break; sleep 0.1; done; }
end_shims() { for id in $(shims_of "$1"); do kill -KILL "$id"; done; }
remove_cgroups() { for i in $(seq 20); do
  find /sys/fs/cgroup -depth -type d \( -path "*/$1" -o -path "*/$1/*" \) -exec rmdir {} + 2>/dev/null
  [ -n "$(find /sys/fs/cgroup -type d -name "$1" 2>/dev/null)" ] || break; sleep 0.1; done; }
forget_cni() { grep -ls "$1" /var/lib/cni/results/* 2>/dev/null | xargs -r rm -f; }
"#;

/// A directory, a number and a range of addresses of its own, with everything that was made in its name.
#[derive(Debug)]
pub struct Run {
    number: u8,
    directory: PathBuf,
    lifetime: Lifetime,
    children: Mutex<Vec<(String, Child)>>,
    watch: Option<Child>,
}

impl Run {
    /// Begins a run, after removing what interrupted runs left behind.
    pub fn begin(lifetime: Lifetime) -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "tests against a real Kubernetes need root");
        let base = base();
        fs::create_dir_all(&base)?;
        remove_leftovers(&base);
        let [first, ..] = std::process::id().to_le_bytes();
        for number in (0..=u8::MAX).map(|step| first.wrapping_add(step.wrapping_mul(7))) {
            // That the kernel refuses to add a route twice makes it the lock of the number.
            let range = format!("{}/24", range(number));
            let add = Command::new("ip").args(["route", "add", "local", &range, "dev", "lo"]).output()?;
            if !add.status.success() {
                let said = String::from_utf8_lossy(&add.stderr);
                ensure!(said.contains("File exists"), "ip route add local {range} dev lo: {said}");
                continue;
            }
            let directory = base.join(format!("tg{number}"));
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir_all(directory.join("logs"))?;
            let owner = match lifetime {
                Lifetime::Process | Lifetime::Watched => {
                    format!("{} {}", std::process::id(), start_time(std::process::id())?)
                }
                Lifetime::Kept => "kept".to_owned(),
            };
            fs::write(directory.join("owner"), owner)?;
            let mut run = Self { number, directory, lifetime, children: Mutex::default(), watch: None };
            // Freed last, when nothing of the number is in use any more.
            run.undo(&format!("ip route del local {range} dev lo"))?;
            run.undo(&format!("rm -rf --one-file-system {}", run.directory.display()))?;
            if lifetime != Lifetime::Kept {
                run.watch = Some(run.start_watch()?);
            }
            return Ok(run);
        }
        bail!("256 runs are under way")
    }

    /// Undoes the kept run of this name, from whichever process.
    pub fn end_kept(name: &str) -> Result<()> {
        let directory = base().join(name);
        ensure!(directory.join("undo").exists(), "there is no run {name}");
        undo_all(&directory)
    }

    /// Where the files of the run of this name are.
    pub fn directory_of(name: &str) -> PathBuf {
        base().join(name)
    }

    /// Names of the runs that are kept.
    pub fn kept() -> Vec<String> {
        let Ok(entries) = fs::read_dir(base()) else { return Vec::new() };
        let kept = entries
            .flatten()
            .filter(|entry| fs::read_to_string(entry.path().join("owner")).is_ok_and(|owner| owner == "kept"));
        kept.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// What everything in this run's name begins with: short enough for the names of interfaces.
    pub fn name(&self) -> String {
        format!("tg{}", self.number)
    }

    /// An address in a network that is outside this machine's own: nodes and what is around them have it.
    pub(crate) fn node_address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 19, self.number, host)
    }

    /// Files of the run; gone at its end.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// An address of this machine that nobody else uses: the run has 254 of them, 198.18.n.1 to 198.18.n.254 (benchmark range,
    /// RFC 2544), which the API server takes for addresses of pods.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = range(self.number).octets();
        Ipv4Addr::new(a, b, c, host)
    }

    /// Writes down a line of shell that undoes what is about to be done. The last line is run first.
    pub fn undo(&self, line: &str) -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.directory.join("undo"))?;
        writeln!(file, "{line}").context("cannot write what to undo")
    }

    /// Starts a program whose output goes to `logs/NAME.log`, and which ends with the run.
    pub fn spawn(&self, name: &str, program: &Path, arguments: &[String]) -> Result<()> {
        let mut command = Command::new(program);
        command.args(arguments);
        self.spawn_command(name, &command)
    }

    /// The same for a command with an environment of its own.
    pub fn spawn_command(&self, name: &str, command: &Command) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log(name))?;
        let mut wrapped = match self.lifetime {
            Lifetime::Process => {
                let mut wrapped = Command::new("setpriv");
                wrapped.args(["--pdeathsig", "KILL", "--"]);
                wrapped
            }
            Lifetime::Watched | Lifetime::Kept => {
                let mut wrapped = Command::new("env");
                wrapped.process_group(0);
                wrapped
            }
        };
        wrapped.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        wrapped.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn_for_good(wrapped).with_context(|| format!("cannot start {name}"))?;
        self.undo(&format!("end {} {}", child.id(), start_time(child.id())?))?;
        self.children().push((name.to_owned(), child));
        Ok(())
    }

    /// Where a program's output goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{name}.log"))
    }

    /// Sends a signal to the program started by this name.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let children = self.children();
        let (_, child) = children.iter().find(|(known, _)| known == name).with_context(|| format!("no {name}"))?;
        kill_process(pid(child)?, signal).with_context(|| format!("cannot signal {name}"))
    }

    /// Ends the program started by this name, as a crash would, and waits for its end.
    pub fn kill(&self, name: &str) -> Result<()> {
        let mut children = self.children();
        let place = children.iter().position(|(known, _)| known == name).with_context(|| format!("no {name}"))?;
        let (_, mut child) = children.remove(place);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Whether the program of this name has ended by itself; the last of its output if so.
    pub fn has_ended(&self, name: &str) -> Option<String> {
        let mut children = self.children();
        let (_, child) = children.iter_mut().find(|(known, _)| known == name)?;
        let status = child.try_wait().ok()??;
        let output = fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<_> = output.lines().collect();
        Some(format!("{name} ended, {status}:\n{}", lines[lines.len().saturating_sub(20)..].join("\n")))
    }

    fn children(&self) -> MutexGuard<'_, Vec<(String, Child)>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_watch(&self) -> Result<Child> {
        let script = format!("trap '' INT TERM HUP\ncat >/dev/null\n{}", undo_script(&self.directory));
        // A group of its own: what interrupts the test must not interrupt the cleaning up.
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot start the watch")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::env::var_os("TIDEGATE_E2E_KEEP_LOGS").is_some() {
            let _ = Command::new("cp")
                .arg("-r")
                .arg(self.directory.join("logs"))
                .arg(format!("/tmp/{}-logs", self.name()))
                .status();
        }
        if let Some(mut watch) = self.watch.take() {
            drop(watch.stdin.take());
            let children = std::mem::take(&mut *self.children());
            // Children that the watch kills are ours to reap, while it waits for their end.
            for (_, mut child) in children {
                let _ = child.wait();
            }
            let _ = watch.wait();
        }
    }
}

/// A program started from any thread but this would be killed when that thread ends: what tells a child of its parent's
/// death (PR_SET_PDEATHSIG) means the thread. This one never ends.
pub(crate) fn spawn_for_good(command: Command) -> Result<Child> {
    type Order = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                // Whoever asked waits for it.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, child) = channel();
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer))?;
    Ok(child.recv()??)
}

fn base() -> PathBuf {
    std::env::temp_dir().join("tidegate-e2e")
}

fn range(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, number, 0)
}

fn pid(child: &Child) -> Result<Pid> {
    Pid::from_raw(i32::try_from(child.id())?).context("a process id is not zero")
}

/// When a process started, in ticks since boot: with the id, its identity.
fn start_time(id: u32) -> Result<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    after_name.split(' ').nth(19).map(str::to_owned).context("no start time")
}

fn undo_script(directory: &Path) -> String {
    let undo = directory.join("undo");
    format!(
        "{FUNCTIONS}\nlines=$(tac '{}')\nIFS='\n'\nset -f\nfor line in $lines; do IFS=' \t\n'; set +f; eval \"$line\"; done\n",
        undo.display()
    )
}

fn undo_all(directory: &Path) -> Result<()> {
    let status = Command::new("sh").args(["-c", &undo_script(directory)]).current_dir("/").status()?;
    ensure!(!directory.exists(), "{} could not be undone: {status}", directory.display());
    Ok(())
}

/// Undoes runs whose owner has ended without them.
fn remove_leftovers(base: &Path) {
    // One at a time: others may begin at this moment and find the same leftovers.
    let Ok(lock) = File::create(base.join("lock")) else { return };
    if lock.try_lock().is_err() {
        return;
    }
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let Ok(owner) = fs::read_to_string(entry.path().join("owner")) else { continue };
        let Some((id, started)) = owner.split_once(' ') else { continue };
        let is_alive = id.parse().ok().and_then(|id| start_time(id).ok()).is_some_and(|now| now == started);
        if !is_alive {
            let _ = undo_all(&entry.path());
        }
    }
}
