//! What the container may use: CPUs, memory, open files. Read once at start, for the defaults that follow from it.
//!
//! The files belong to the kernel and to whoever set up the container, and have been seen empty, absent and odd:
//! whatever does not read as a limit is no limit.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Limits of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    /// CPUs: the cgroup's quota rounded up, at most the CPUs the process may be scheduled on.
    pub cpus: NonZeroUsize,
    /// Memory limit of the cgroup in bytes; `None` without one.
    pub memory: Option<u64>,
    /// Soft limit of open files; `None` without one.
    pub open_files: Option<u64>,
}

impl Container {
    /// The limits of this process.
    pub fn read() -> Self {
        let otherwise = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::read_under(Path::new("/"), otherwise)
    }

    /// Client connections that fit: 40 KiB of memory each, and two files each (the client's and the pod's) within 95 %
    /// of the limit. A million without limits.
    pub fn connections(&self) -> NonZeroUsize {
        let by_memory = self.memory.map(|memory| memory / (40 << 10));
        let by_files = self.open_files.map(|files| files / 20 * 19 / 2);
        let least = by_memory.into_iter().chain(by_files).min().unwrap_or(1 << 20);
        NonZeroUsize::new(usize::try_from(least).unwrap_or(usize::MAX)).unwrap_or(NonZeroUsize::MIN)
    }

    /// Connections to pods beside so many of clients: the open files allowed, without a tenth (at most 400) that is kept for
    /// the admin address, the API and files. At least 16.
    pub fn pod_connections(&self, clients: usize) -> usize {
        let Some(files) = self.open_files else { return usize::MAX };
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        files.saturating_sub((files / 10).min(400)).saturating_sub(clients).max(16)
    }

    /// Memory that the process may use, in bytes: the limit of the container, or half of the machine's memory.
    pub fn memory_limit(&self) -> Option<u64> {
        self.memory.or_else(|| machine_memory(&read(Path::new("/proc/meminfo"))?).map(|memory| memory / 2))
    }

    /// Memory for heads of HTTP/2 requests, in bytes: an eighth of the limit, 64 MiB without one.
    pub fn heads_memory(&self) -> u64 {
        self.memory.map_or(64 << 20, |memory| memory / 8)
    }

    /// The limits that the files under `root` tell, with `otherwise` CPUs when they tell none.
    fn read_under(root: &Path, otherwise: NonZeroUsize) -> Self {
        let cgroups = Cgroups::read(root);
        let allowed =
            read(&root.join("proc/self/status")).and_then(|status| allowed_cpus(&status)).unwrap_or(otherwise);
        Self {
            cpus: cgroups.cpu_quota().unwrap_or(otherwise).min(allowed),
            memory: cgroups.memory_limit().map(|(limit, _)| limit),
            open_files: read(&root.join("proc/self/limits")).and_then(|limits| open_files(&limits)),
        }
    }
}

/// The folders whose limits apply: the process's own cgroup and all above it, for each hierarchy.
pub(super) struct Cgroups {
    unified: Vec<PathBuf>,
    cpu: Vec<PathBuf>,
    memory: Vec<PathBuf>,
}

impl Cgroups {
    pub(super) fn read(root: &Path) -> Self {
        let membership = read(&root.join("proc/self/cgroup")).unwrap_or_default();
        let mount = root.join("sys/fs/cgroup");
        let (mut unified, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for line in membership.lines() {
            // hierarchy-ID:controller-list:cgroup-path (cgroups(7)); version 2 has ID 0 and an empty list.
            let mut parts = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            if id == "0" && controllers.is_empty() {
                unified = lineage(&mount, path);
            }
            if controllers.split(',').any(|controller| controller == "cpu") {
                cpu = lineage(&mount.join(controllers), path);
                cpu.extend(lineage(&mount.join("cpu"), path));
            }
            if controllers.split(',').any(|controller| controller == "memory") {
                memory = lineage(&mount.join("memory"), path);
            }
        }
        Self { unified, cpu, memory }
    }

    /// The least quota in CPUs, rounded up.
    fn cpu_quota(&self) -> Option<NonZeroUsize> {
        let unified = self.unified.iter().filter_map(|folder| {
            let line = read(&folder.join("cpu.max"))?;
            let (quota, period) = line.trim().split_once(' ')?;
            cpus(quota, period)
        });
        let first = self.cpu.iter().filter_map(|folder| {
            cpus(&read(&folder.join("cpu.cfs_quota_us"))?, &read(&folder.join("cpu.cfs_period_us"))?)
        });
        unified.chain(first).min()
    }

    /// The least memory limit in bytes, and the folder it stands in.
    pub(super) fn memory_limit(&self) -> Option<(u64, &Path)> {
        let unified = self.unified.iter().map(|folder| (folder, "memory.max"));
        let first = self.memory.iter().map(|folder| (folder, "memory.limit_in_bytes"));
        // Version 1 says "no limit" with a number near 2^63.
        unified
            .chain(first)
            .filter_map(|(folder, file)| Some((read(&folder.join(file))?.trim().parse().ok()?, folder.as_path())))
            .filter(|(limit, _)| (1..1 << 60).contains(limit))
            .min_by_key(|(limit, _)| *limit)
    }
}

/// `path` below `mount` and everything above it, down to `mount` itself. In a container that sees only its own part
/// of the hierarchy the path may lead nowhere; the mount itself then holds the limits.
fn lineage(mount: &Path, path: &str) -> Vec<PathBuf> {
    let below = Path::new(path.trim_start_matches('/'));
    if below.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return vec![mount.to_owned()];
    }
    below.ancestors().map(|part| mount.join(part)).collect()
}

/// Quota and period in microseconds, as CPUs rounded up; `None` for `max`, `-1` and anything unreadable.
fn cpus(quota: &str, period: &str) -> Option<NonZeroUsize> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok().filter(|period| *period > 0)?;
    NonZeroUsize::new(usize::try_from(quota.div_ceil(period)).ok()?)
}

/// How many CPUs the list in `/proc/self/status` names, as in `0-3,8`.
fn allowed_cpus(status: &str) -> Option<NonZeroUsize> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut count: usize = 0;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    NonZeroUsize::new(count)
}

/// The soft limit in `/proc/self/limits`.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn read(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALLBACK: usize = 3;

    fn container(files: &[(&str, &str)]) -> Container {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Container::read_under(root.path(), NonZeroUsize::new(FALLBACK).unwrap())
    }

    fn cpus_of(files: &[(&str, &str)]) -> usize {
        container(files).cpus.get()
    }

    const UNIFIED: (&str, &str) = ("proc/self/cgroup", "0::/\n");

    #[test]
    fn quotas_of_version_2_round_up() {
        for (content, expected) in [("50000 100000\n", 1), ("100000 100000\n", 1), ("150000 100000\n", 2)] {
            assert_eq!(cpus_of(&[UNIFIED, ("sys/fs/cgroup/cpu.max", content)]), expected, "{content}");
        }
    }

    #[test]
    fn hostile_quotas_are_no_quotas() {
        let odd = [
            "max 100000\n",
            "",
            "\n",
            "max",
            "0 0",
            "1 0",
            "-1 100000",
            "abc def",
            "100000",
            "99999999999999999999 1",
            "\0",
        ];
        for content in odd {
            assert_eq!(cpus_of(&[UNIFIED, ("sys/fs/cgroup/cpu.max", content)]), FALLBACK, "{content:?}");
        }
        assert_eq!(cpus_of(&[]), FALLBACK);
        assert_eq!(cpus_of(&[("proc/self/cgroup", "garbage\n::::\n\n")]), FALLBACK);
    }

    #[test]
    fn the_least_quota_of_all_groups_above_counts() {
        let files = [
            ("proc/self/cgroup", "0::/kubepods/pod1/box\n"),
            ("sys/fs/cgroup/kubepods/pod1/box/cpu.max", "max 100000"),
            ("sys/fs/cgroup/kubepods/pod1/cpu.max", "100000 100000"),
            ("sys/fs/cgroup/kubepods/cpu.max", "400000 100000"),
        ];
        assert_eq!(cpus_of(&files), 1);
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_leaves_the_mount() {
        let files = [("proc/self/cgroup", "0::/../../pod2\n"), ("sys/fs/cgroup/cpu.max", "200000 100000")];
        assert_eq!(cpus_of(&files), 2);
    }

    #[test]
    fn version_1_is_read_under_both_names() {
        for (controllers, folder) in [("cpu,cpuacct", "cpu,cpuacct"), ("cpu,cpuacct", "cpu"), ("cpu", "cpu")] {
            let membership = format!("4:{controllers}:/pod\n3:memory:/pod\n0::/\n");
            let quota = format!("sys/fs/cgroup/{folder}/cpu.cfs_quota_us");
            let period = format!("sys/fs/cgroup/{folder}/cpu.cfs_period_us");
            let files = [
                ("proc/self/cgroup", membership.as_str()),
                (&quota, "200000\n"),
                (&period, "100000\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"),
            ];
            assert_eq!(cpus_of(&files), 2, "{folder}");
            assert_eq!(container(&files).memory, Some(128 << 20));
            let unlimited = [files[0], (&quota, "-1\n"), files[2], (files[3].0, "9223372036854771712\n")];
            assert_eq!(cpus_of(&unlimited), FALLBACK);
            assert_eq!(container(&unlimited).memory, None);
        }
    }

    #[test]
    fn a_quota_does_not_exceed_the_cpus_allowed() {
        let quota = ("sys/fs/cgroup/cpu.max", "800000 100000");
        for (list, expected) in
            [("0-1,4", 3), ("5", 1), ("0-15", 8), ("", FALLBACK), ("3-1", FALLBACK), ("a-b", FALLBACK)]
        {
            let status = format!("Name:\tx\nCpus_allowed_list:\t{list}\n");
            assert_eq!(cpus_of(&[UNIFIED, quota, ("proc/self/status", &status)]), expected, "{list}");
        }
    }

    #[test]
    fn memory_and_open_files_are_read_or_absent() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n";
        let read = container(&[UNIFIED, ("sys/fs/cgroup/memory.max", "max\n"), ("proc/self/limits", limits)]);
        assert_eq!((read.memory, read.open_files), (None, Some(1024)));
        let read = container(&[
            UNIFIED,
            ("sys/fs/cgroup/memory.max", "268435456\n"),
            ("proc/self/limits", "Max open files unlimited unlimited"),
        ]);
        assert_eq!((read.memory, read.open_files), (Some(256 << 20), None));
    }

    #[test]
    fn connections_fit_memory_and_open_files() {
        let connections =
            |memory, open_files| Container { cpus: NonZeroUsize::MIN, memory, open_files }.connections().get();
        assert_eq!(connections(Some(400 << 20), Some(1 << 20)), 10_240);
        assert_eq!(connections(Some(400 << 20), Some(1_000)), 475);
        assert_eq!(connections(None, Some(20_000)), 9_500);
        assert_eq!(connections(None, None), 1 << 20);
        assert_eq!(connections(Some(1), Some(0)), 1);
    }

    #[test]
    fn fault_f8_files_are_kept_for_what_must_answer() {
        let pods = |open_files, clients| {
            Container { cpus: NonZeroUsize::MIN, memory: None, open_files }.pod_connections(clients)
        };
        assert_eq!(pods(Some(512), 237), 512 - 51 - 237);
        assert_eq!(pods(Some(1 << 20), 5_000), (1 << 20) - 400 - 5_000);
        assert_eq!((pods(Some(512), 100_000), pods(None, 7)), (16, usize::MAX));
    }

    #[test]
    fn the_memory_of_the_machine_is_read_or_absent() {
        assert_eq!(machine_memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        for odd in ["", "MemTotal:", "MemTotal: x kB", "MemTotal: 99999999999999999999 kB", "MemTotal: 1 MB"] {
            assert_eq!(machine_memory(odd), None, "{odd}");
        }
    }

    #[test]
    fn heads_have_an_eighth_of_the_memory() {
        let heads = |memory| Container { cpus: NonZeroUsize::MIN, memory, open_files: None }.heads_memory();
        assert_eq!((heads(Some(512 << 20)), heads(None)), (64 << 20, 64 << 20));
    }

    #[test]
    fn this_process_has_a_cpu() {
        assert!(Container::read().cpus.get() >= 1);
    }
}
