//! The tidegate program as a process under test.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Request, eventually, poll, run};

/// A running Tidegate; killed when dropped, or with the test's process.
#[derive(Debug)]
pub struct Tidegate {
    /// The plain listener.
    pub http: SocketAddr,
    /// The TLS listener.
    pub https: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Tidegate {
    /// Starts `tidegate serve` with these options (on free ports, one worker and no access log, unless they say
    /// otherwise) and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not become ready, with what it logged.
    #[track_caller]
    pub fn serve(options: &[&str]) -> Self {
        let server = Self::start(options, &[]);
        server.wait_until_ready();
        server
    }

    /// The same against an API server.
    #[track_caller]
    pub fn follow(kubeconfig: &Path, options: &[&str]) -> Self {
        let kubeconfig = kubeconfig.to_str().expect("a path in UTF-8");
        Self::serve(&[&["--kubeconfig", kubeconfig], options].concat())
    }

    /// The same with a `resolv.conf` of its own, which only this process sees.
    #[track_caller]
    pub fn follow_by_resolver(kubeconfig: &Path, resolver: &Path, options: &[&str]) -> Self {
        let (kubeconfig, resolver) = (kubeconfig.to_str(), resolver.to_str());
        let options = [&["--kubeconfig", kubeconfig.expect("a path in UTF-8")], options].concat();
        let mount = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        let way = ["unshare", "--mount", "sh", "-c", mount, resolver.expect("a path in UTF-8")];
        let server = Self::start_by(&way, &options, &[]);
        server.wait_until_ready();
        server
    }

    /// Starts it and waits only until it listens.
    #[track_caller]
    pub fn start(options: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_by(&[], options, environment)
    }

    /// The same by way of a command that becomes the program whose name and arguments it is given.
    #[track_caller]
    pub(crate) fn start_by(way: &[&str], options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).args(way).arg(Self::program()).arg("serve").args(options);
        for (option, value) in [
            ("--http", "127.0.0.1:0"),
            ("--https", "127.0.0.1:0"),
            ("--admin", "127.0.0.1:0"),
            ("--workers", "1"),
            ("--access-log", "off"),
        ] {
            let is_given = options.iter().any(|given| given.split('=').next() == Some(option));
            if !is_given {
                command.args([option, value]);
            }
        }
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_") || name == "KUBECONFIG") {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = run::spawn_for_good(command).expect("tidegate starts");
        let errors = child.stderr.take().expect("standard error is a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut log = collected.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { http: unknown, https: unknown, admin: unknown, child, log };
        let listening = eventually("tidegate listens", || {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Some(Err(status));
            }
            let log = server.log();
            let line = log.lines().find(|line| line.contains(" listening http=") || line.contains("\"listening\""))?;
            Some(Ok(line.to_owned()))
        });
        let line = listening.unwrap_or_else(|status| panic!("tidegate ended, {status}:\n{}", server.log()));
        server.http = address(&line, "http");
        server.https = address(&line, "https");
        server.admin = address(&line, "admin");
        server
    }

    /// The program: `TIDEGATE_BIN`, or what cargo built beside the test.
    pub fn program() -> PathBuf {
        if let Some(program) = std::env::var_os("TIDEGATE_BIN") {
            return program.into();
        }
        let test = std::env::current_exe().expect("the test is a file");
        let mut folders = test.ancestors().skip(1).take(2).map(|folder| folder.join("tidegate"));
        let found = folders.find(|program| program.is_file());
        found.expect("tidegate is not built: cargo build, or set TIDEGATE_BIN")
    }

    /// Waits until /readyz answers 200.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        let ready = poll(crate::DEADLINE, || self.is_ready().then_some(()));
        assert!(ready.is_some(), "tidegate does not become ready:\n{}", self.log());
    }

    /// Whether /readyz answers 200 now.
    pub fn is_ready(&self) -> bool {
        self.admin("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Status and body of a path of the admin listener, if it answers.
    pub fn admin(&self, path: &str) -> Option<(u16, String)> {
        get(self.admin, "admin", path)
    }

    /// Status and body of a request to the plain listener, if it answers.
    pub fn get(&self, host: &str, path: &str) -> Option<(u16, String)> {
        get(self.http, host, path)
    }

    /// The value of a metric: of all series of this name whose labels contain `labels`, the sum.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let (_, text) = self.admin("/metrics").expect("the admin listener answers");
        let series = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process id, for figures of /proc.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What Kubernetes does first: SIGTERM, which begins the drain.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it without ending it: it sees and answers nothing until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("it runs");
    }

    /// Waits for its end; whether that was a success.
    pub fn join(mut self) -> bool {
        self.child.wait().expect("it is our child").success()
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            // Shown by the test runner with the failure.
            let _ = writeln!(std::io::stderr(), "tidegate logged:\n{}", self.log());
        }
        if let Some(directory) = std::env::var_os("TIDEGATE_E2E_LOGS") {
            let path = Path::new(&directory).join(format!("tidegate-{}.log", self.child.id()));
            let _ = File::create(path).and_then(|mut file| file.write_all(self.log().as_bytes()));
        }
    }
}

/// A plain HTTP/1.1 request on a connection of its own, for probes: status and body, if there is a whole answer.
pub fn get(address: SocketAddr, host: &str, path: &str) -> Option<(u16, String)> {
    let answer = Request::get(host, path).send(address).ok()?;
    Some((answer.status, answer.body))
}

/// The value of a field of the line that tells the addresses, in either form of the log.
fn address(line: &str, field: &str) -> SocketAddr {
    let plain = line.split(' ').find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    let json = || line.split_once(&format!("\"{field}\":\""))?.1.split('"').next();
    plain.or_else(json).and_then(|text| text.parse().ok()).expect("the line tells the addresses")
}
