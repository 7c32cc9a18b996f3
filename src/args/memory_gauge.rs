//! How much memory the process uses, as the system counts it when it decides whether that is too much.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::container::Cgroups;

/// Bytes of a page of memory on the machines we run on; a larger one makes the figure of a process without a container
/// too small.
const PAGE: u64 = 4096;

/// Where the figure comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// The cgroup, version 2, with the least limit: what is charged to it without files that were not used for a while, as the
    /// kubelet's working set. The program's own pages are files in use: without them it crawls long before it is killed. Kernel
    /// memory of sockets is in it.
    Unified,
    /// The same of version 1.
    First,
    /// No cgroup has a limit: what is resident of the process and not shared with others.
    Process,
}

/// Reads the figure, again and again without taking memory for it.
#[derive(Debug)]
pub struct MemoryGauge {
    source: Source,
    usage: PathBuf,
    stat: PathBuf,
    text: Vec<u8>,
}

impl MemoryGauge {
    /// That of this process.
    pub fn find() -> Self {
        Self::find_under(Path::new("/"))
    }

    fn find_under(root: &Path) -> Self {
        let cgroups = Cgroups::read(root);
        let (source, usage, stat) = match cgroups.memory_limit() {
            Some((_, folder)) if folder.join("memory.max").exists() => {
                (Source::Unified, folder.join("memory.current"), folder.join("memory.stat"))
            }
            Some((_, folder)) => (Source::First, folder.join("memory.usage_in_bytes"), folder.join("memory.stat")),
            None => (Source::Process, PathBuf::from("/proc/self/statm"), PathBuf::new()),
        };
        Self { source, usage, stat, text: Vec::new() }
    }

    /// Bytes in use now; `None` if the system does not tell.
    pub fn read(&mut self) -> Option<u64> {
        let unused = match self.source {
            Source::Unified => "inactive_file ",
            Source::First => "total_inactive_file ",
            Source::Process => {
                let statm = text(&self.usage, &mut self.text)?;
                let mut pages = statm.split(' ').skip(1).map_while(|pages| pages.parse::<u64>().ok());
                return Some(pages.next()?.saturating_sub(pages.next()?).saturating_mul(PAGE));
            }
        };
        let usage: u64 = text(&self.usage, &mut self.text)?.trim().parse().ok()?;
        let stat = text(&self.stat, &mut self.text)?;
        let unused = stat.lines().find_map(|line| line.strip_prefix(unused)?.parse::<u64>().ok());
        Some(usage.saturating_sub(unused.unwrap_or(0)))
    }
}

/// The text of a file, in memory that is used again.
fn text<'a>(file: &Path, memory: &'a mut Vec<u8>) -> Option<&'a str> {
    memory.clear();
    File::open(file).ok()?.read_to_end(memory).ok()?;
    std::str::from_utf8(memory).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(files: &[(&str, &str)]) -> (MemoryGauge, Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut gauge = MemoryGauge::find_under(root.path());
        let read = gauge.read();
        (gauge, read)
    }

    #[test]
    fn the_group_with_the_least_limit_is_read_without_files_out_of_use() {
        let stat = "anon 700\nfile 300\ninactive_file 200\nactive_file 90\n";
        let (found, read) = gauge(&[
            ("proc/self/cgroup", "0::/pod/box\n"),
            ("sys/fs/cgroup/pod/box/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/memory.max", "134217728\n"),
            ("sys/fs/cgroup/pod/memory.current", "1000\n"),
            ("sys/fs/cgroup/pod/memory.stat", stat),
        ]);
        assert!(found.source == Source::Unified && found.stat.ends_with("pod/memory.stat"));
        assert_eq!(read, Some(800));
        let (found, read) = gauge(&[
            ("proc/self/cgroup", "3:memory:/pod\n"),
            ("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "134217728\n"),
            ("sys/fs/cgroup/memory/pod/memory.usage_in_bytes", "1000\n"),
            (
                "sys/fs/cgroup/memory/pod/memory.stat",
                "inactive_file 7\ntotal_inactive_file 200\ntotal_active_file 90\n",
            ),
        ]);
        assert!(found.source == Source::First && found.stat.ends_with("memory/pod/memory.stat"));
        assert_eq!(read, Some(800));
    }

    #[test]
    fn without_a_limit_the_process_is_read() {
        let (found, read) = gauge(&[("proc/self/cgroup", "0::/\n")]);
        assert_eq!(found.source, Source::Process);
        assert!(read.is_some_and(|bytes| bytes > PAGE), "{read:?}");
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for odd in ["", "abc\n"] {
            let (found, read) = gauge(&[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.max", "134217728\n"),
                ("sys/fs/cgroup/memory.current", odd),
                ("sys/fs/cgroup/memory.stat", "anon 7\n"),
            ]);
            assert_eq!(found.source, Source::Unified);
            assert_eq!(read, None);
        }
    }
}
