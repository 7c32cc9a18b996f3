//! The process as the kernel sees it, read from `/proc/self` at a scrape. What cannot be read is left out.

use std::fs;

use super::exposition::Exposition;
use super::families::{
    LOG_LOST, PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS,
    PROCESS_VIRTUAL,
};

/// Units of times in `/proc` per second: the kernel's USER_HZ, 100 on every architecture we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes the process families.
pub(crate) fn write(out: &mut Exposition) {
    out.family(&LOG_LOST);
    out.integer(LOG_LOST.name, "", "", super::logging::lost());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let whole = [
        (PROCESS_OPEN_FDS, open_fds()),
        (PROCESS_MAX_FDS, max_fds()),
        (PROCESS_RESIDENT, status_number(&status, "VmRSS:").map(|kib| kib * 1024)),
        (PROCESS_VIRTUAL, status_number(&status, "VmSize:").map(|kib| kib * 1024)),
        (PROCESS_THREADS, status_number(&status, "Threads:")),
    ];
    for (family, value) in whole {
        if let Some(value) = value {
            out.family(&family);
            out.integer(family.name, "", "", value);
        }
    }
    let Some(times) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| Times::parse(&stat)) else {
        return;
    };
    out.family(&PROCESS_CPU);
    out.float(PROCESS_CPU.name, "", "", times.cpu_ticks as f64 / TICKS_PER_SECOND);
    if let Some(boot) = boot_time() {
        out.family(&PROCESS_START);
        out.float(PROCESS_START.name, "", "", boot as f64 + times.start_ticks as f64 / TICKS_PER_SECOND);
    }
}

/// What is read for the families of ingress-nginx.
pub(crate) struct Figures {
    /// Resident memory in bytes.
    pub(crate) resident: Option<u64>,
    /// Virtual memory in bytes.
    pub(crate) virtual_memory: Option<u64>,
    /// CPU time in seconds.
    pub(crate) cpu: Option<f64>,
    /// Unix time of the start, in seconds.
    pub(crate) start: Option<f64>,
}

impl Figures {
    /// Reads them.
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |key| status_number(&status, key).map(|kib| kib * 1024);
        let times = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| Times::parse(&stat));
        let start = |times: &Times| Some(boot_time()? as f64 + times.start_ticks as f64 / TICKS_PER_SECOND);
        Self {
            resident: bytes("VmRSS:"),
            virtual_memory: bytes("VmSize:"),
            cpu: times.as_ref().map(|times| times.cpu_ticks as f64 / TICKS_PER_SECOND),
            start: times.as_ref().and_then(start),
        }
    }
}

/// Resident memory in bytes, if it can be read.
pub(crate) fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(status_number(&status, "VmRSS:")? * 1024)
}

struct Times {
    cpu_ticks: u64,
    start_ticks: u64,
}

impl Times {
    /// Fields 14, 15 and 22 of proc_pid_stat(5). The name in field 2 may hold anything, even spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let user: u64 = fields.nth(11)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(6)?.parse().ok()?;
        Some(Self { cpu_ticks: user + system, start_ticks })
    }
}

fn status_number(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Since Linux 6.2 the size of the directory is the number of descriptors; before, it is 0 and they are counted.
fn open_fds() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        count => Some(count),
    }
}

fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?.parse().ok()
}

fn boot_time() -> Option<u64> {
    status_number(&fs::read_to_string("/proc/stat").ok()?, "btime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_parentheses_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 123456 1000 200 rest";
        let times = Times::parse(stat).unwrap();
        assert_eq!((times.cpu_ticks, times.start_ticks), (300, 123_456));
        assert!(Times::parse("7 (a").is_none());
        assert!(Times::parse("7 (a) S 1").is_none());
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut out = Exposition::after(String::new());
        write(&mut out);
        let text = out.finish();
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 8, "{text}");
    }
}
