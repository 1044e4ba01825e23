//! Directories that are there after a power cut.

use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::Path;

/// One level of a path to a directory.
#[derive(PartialEq, Eq, Debug)]
struct Level<'a> {
    dir: &'a Path,
    /// The directory that holds its name.
    parent: &'a Path,
    exists: bool,
}

/// The levels whose names may not be durable yet, from the top down: each one that has to be made,
/// and the lowest that is there, because a process may have been killed right after it made it.
fn unsure_levels(dir: &Path, exists: impl Fn(&Path) -> bool) -> Vec<Level<'_>> {
    let mut levels = Vec::new();
    for dir in dir.ancestors() {
        // Without a parent it is the root; a relative path begins in the current directory.
        let Some(parent) = dir.parent() else { break };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let exists = exists(dir);
        levels.push(Level { dir, parent, exists });
        if exists {
            break;
        }
    }
    levels.reverse();
    levels
}

/// Makes each level and forces its name before the next one is made.
///
/// # Errors
/// The disk fails, or a file has that name.
pub fn make_durable_directory(dir: &Path) -> io::Result<()> {
    for Level { dir, parent, exists } in unsure_levels(dir, Path::is_dir) {
        if !exists {
            match fs::create_dir(dir) {
                // Another process just did.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
                made => made?,
            }
        }
        match sync_directory(parent) {
            // A directory that is given to us, in one that is not ours to read, is not our making.
            Err(e) if exists && e.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Makes the names in a directory durable: of files that were made, renamed or removed.
///
/// # Errors
/// The disk fails, or the directory cannot be read.
#[cfg(unix)]
pub fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Nothing: here a directory cannot be opened as a file; names are durable with the file's own sync.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::disk::{Disk, FileDisk};

    /// What is forced for a path, given which directories are there: `made in parent`.
    fn forced(path: &str, there: &[&str]) -> Vec<String> {
        let levels = unsure_levels(Path::new(path), |dir| there.contains(&dir.to_str().unwrap()));
        let word = |l: &Level| {
            let what = if l.exists { "" } else { "new " };
            format!("{what}{} in {}", l.dir.display(), l.parent.display())
        };
        levels.iter().map(word).collect()
    }

    #[test]
    fn every_level_that_may_be_new_is_forced_from_the_top_down() {
        assert_eq!(forced("data", &[]), ["new data in ."]);
        assert_eq!(forced("data", &["data"]), ["data in ."]);
        assert_eq!(
            forced("./data/n1", &["."]),
            [". in .", "new ./data in .", "new ./data/n1 in ./data"]
        );
        assert_eq!(
            forced("/var/lib/shop/n1", &["/", "/var", "/var/lib"]),
            [
                "/var/lib in /var",
                "new /var/lib/shop in /var/lib",
                "new /var/lib/shop/n1 in /var/lib/shop"
            ]
        );
        assert_eq!(forced("/data", &["/"]), ["new /data in /"]);
        assert_eq!(forced("/data", &["/", "/data"]), ["/data in /"]);
        assert_eq!(forced("/", &["/"]), [""; 0]);
    }

    #[test]
    fn a_directory_several_levels_down_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        let mut disk = FileDisk::open(&deep).unwrap();
        disk.create("file").unwrap();
        assert!(deep.join("file").is_file());
        drop(disk);
        FileDisk::open(&deep).unwrap();
        let error = FileDisk::open(&deep.join("file")).unwrap_err();
        assert!(error.to_string().contains("cannot make the data directory"), "{error}");
    }
}
