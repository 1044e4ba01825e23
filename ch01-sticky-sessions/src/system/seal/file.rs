//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! The file of the keys on disk: read whole, made once, replaced in one step.
//!
//! # Left out
//!
//! Access control lists: only owner, group and mode are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use lab::run::disk::sync_directory;

use super::keys::NoKeys;
use super::ring::BadRing;

/// No file of keys is longer.
pub(super) const LONGEST: usize = 4_096;

/// All of its text.
pub(super) fn read(file: &Path) -> Result<String, NoKeys> {
    let mut text = String::new();
    let most = LONGEST as u64 + 1;
    let all = File::open(file).and_then(|file| file.take(most).read_to_string(&mut text));
    all.map_err(NoKeys::file(file))?;
    if text.len() > LONGEST {
        let why = BadRing::TooMany;
        return Err(NoKeys::Bad { file: file.display().to_string(), why });
    }
    Ok(text)
}

/// Makes a file that only its owner may read; one that another process has just made stays.
pub(super) fn make(file: &Path, text: &str) -> Result<(), NoKeys> {
    let new = beside(file)?;
    let linked = write(&new, text).and_then(|()| fs::hard_link(&new, file));
    let removed = fs::remove_file(&new);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked.map_err(NoKeys::file(file))?,
    }
    removed.and_then(|()| sync_directory(parent(file))).map_err(NoKeys::file(file))
}

/// Puts another text in its place. Whoever may read the file now may read it then, and reads the old text or
/// the new one.
pub(super) fn replace(file: &Path, text: &str) -> Result<(), NoKeys> {
    let new = beside(file)?;
    let written = write(&new, text).map_err(NoKeys::file(&new));
    let written = written.and_then(|()| keep_access(file, &new));
    let replaced = written.and_then(|()| fs::rename(&new, file).map_err(NoKeys::file(file)));
    if replaced.is_err() {
        // What went wrong first is what there is to say.
        let _ = fs::remove_file(&new);
    }
    replaced.and_then(|()| sync_directory(parent(file)).map_err(NoKeys::file(file)))
}

/// The lock of a file: a file beside it, since the file itself is replaced. Dropping it gives it back.
pub(super) fn lock(file: &Path) -> Result<File, NoKeys> {
    let beside = with_ending(file, ".lock");
    let lock = private().create(true).open(&beside).map_err(NoKeys::file(&beside))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(NoKeys::Busy { file: file.display().to_string() }),
        Err(fs::TryLockError::Error(error)) => Err(NoKeys::file(&beside)(error)),
    }
}

/// Who else may read the keys, and what to do about it.
#[cfg(unix)]
pub(super) fn exposure(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let who = match (mode & 0o007, mode & 0o070) {
        (0, 0) => return None,
        (0, _) => "its group has access to the keys",
        _ => "every user of this machine has access to the keys",
    };
    let file = file.display();
    Some(format!(
        "{file}: {who} (mode {mode:03o}); chmod 600, or 640 if a group of its own needs them"
    ))
}

/// Modes are unknown here.
#[cfg(not(unix))]
pub(super) fn exposure(_: &Path) -> Option<String> {
    None
}

/// Gives the new file the owner, the group and the mode of the old one.
#[cfg(unix)]
fn keep_access(old: &Path, new: &Path) -> Result<(), NoKeys> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let was = fs::metadata(old).map_err(NoKeys::file(old))?;
    let is = fs::metadata(new).map_err(NoKeys::file(new))?;
    if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
        let given = chown(new, Some(was.uid()), Some(was.gid()));
        given.map_err(|_| NoKeys::NotOurs { file: old.display().to_string() })?;
    }
    fs::set_permissions(new, was.permissions()).map_err(NoKeys::file(new))
}

/// A new file has the access of its directory here.
#[cfg(not(unix))]
fn keep_access(_: &Path, _: &Path) -> Result<(), NoKeys> {
    Ok(())
}

/// The directory that its name is in.
fn parent(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// A name in the same directory that nobody else uses.
fn beside(file: &Path) -> Result<PathBuf, NoKeys> {
    let mut digits = [0; 8];
    getrandom::fill(&mut digits).map_err(|_| NoKeys::NoRandom)?;
    Ok(with_ending(file, &format!(".new-{:016x}", u64::from_be_bytes(digits))))
}

/// How to open a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = private().create_new(true).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_replaced_keeps_its_mode() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        make(&file, "old").expect("it is written");
        let mode = || fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
        replace(&file, "new").expect("it is written");
        assert_eq!((mode(), read(&file).expect("text").as_str()), (0o640, "new"));
    }

    #[test]
    fn keys_that_others_may_read_are_reported_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        make(&file, "key").expect("it is written");
        assert_eq!(exposure(&file), None);
        for (mode, who) in [(0o640, "its group"), (0o604, "every user"), (0o644, "every user")] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
            let said = exposure(&file).expect("others may read it");
            assert!(said.contains(who) && said.contains("chmod 600"), "{mode:o}: {said}");
        }
    }
}
