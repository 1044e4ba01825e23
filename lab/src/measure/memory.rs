//! What a process keeps: in memory, and in files.
//!
//! # Left out
//!
//! Systems without `/proc`: there the memory is unknown. Blocks of the disk: a file counts with its length.

use std::fs::{self, DirEntry};
use std::path::Path;

/// Bytes of memory that a process has resident. `None` where the system does not say.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok().map(|kib: u64| kib << 10)
}

/// Bytes of all files in a folder and its folders. A file that goes away meanwhile counts nothing.
#[must_use]
pub fn stored(folder: &Path) -> u64 {
    let of = |entry: DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => stored(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    };
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().map(of).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resident_is_read_in_bytes() {
        assert_eq!(parse("VmPeak:\t  90 kB\nVmRSS:\t    1234 kB\n"), Some(1234 << 10));
        assert_eq!(parse("Name:\tlb\n"), None);
        assert!(resident(std::process::id()).is_none_or(|bytes| bytes > 1 << 16));
    }

    #[test]
    fn files_in_folders_in_a_folder_count() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inner")).unwrap();
        fs::write(dir.path().join("a"), [0; 10]).unwrap();
        fs::write(dir.path().join("inner/b"), [0; 5]).unwrap();
        assert_eq!(stored(dir.path()), 15);
        assert_eq!(stored(&dir.path().join("nothing")), 0);
    }
}
