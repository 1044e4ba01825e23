//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! The file that the keys are in. Every process of a cluster reads it when it starts and once a second after
//! that; nothing else has to be shared, so any number of balancers agree.
//!
//! A new key has to be everywhere before anybody seals with it, or a process that does not have it yet takes
//! a good cookie for a forged one. So [`add`] appends it, and only when all processes have it does [`promote`]
//! put it first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::ring::{BadRing, MOST, Ring};

/// No file of keys is longer.
const LONGEST: u64 = 4_096;
/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(1);
/// So many keys stay that only open.
const KEPT: usize = 2;

/// The keys of a file.
pub(in crate::system) struct Keys {
    file: PathBuf,
    ring: RwLock<Arc<Ring>>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(in crate::system) enum NoKeys {
    /// The file cannot be read or written.
    #[error("{file}: {source}; name another file with --keys, or let it be read and written")]
    File {
        /// Which one.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// What is in it are no keys.
    #[error("{file}: {why}")]
    Bad {
        /// Which one.
        file: String,
        /// Why not.
        why: BadRing,
    },
    /// The system has no random numbers.
    #[error("there are no random numbers for a key; try again")]
    NoRandom,
}

impl NoKeys {
    fn file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.display().to_string();
        move |source| Self::File { file, source }
    }
}

impl Keys {
    /// The keys of this file.
    pub(in crate::system) fn at(file: &Path) -> Result<Arc<Self>, NoKeys> {
        let ring = RwLock::new(Arc::new(parse(file, &read(file)?)?));
        Ok(Arc::new(Self { file: file.into(), ring }))
    }

    /// The keys of this file, with a new one if there is no such file. Of two processes that make it at
    /// once, one finds what the other one has made.
    pub(in crate::system) fn made_at(file: &Path) -> Result<Arc<Self>, NoKeys> {
        if !file.exists() {
            let new = beside(file)?;
            write(&new, &fresh()?).map_err(NoKeys::file(&new))?;
            let linked = fs::hard_link(&new, file);
            fs::remove_file(&new).map_err(NoKeys::file(&new))?;
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked.map_err(NoKeys::file(file))?,
            }
        }
        Self::at(file)
    }

    /// The keys that are in force.
    pub(in crate::system) fn now(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file once more. What cannot be read changes nothing.
    pub(in crate::system) fn reload(&self) -> Result<(), NoKeys> {
        let ring = parse(&self.file, &read(&self.file)?)?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Reads the file now and then. Never returns; drop it to end.
    pub(in crate::system) async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.reload() {
                tracing::warn!(%error, "the keys stay as they were");
            }
        }
    }
}

/// Appends a new key, which opens and does not seal yet; gives its name.
pub(in crate::system) fn add(file: &Path) -> Result<String, NoKeys> {
    let text = read(file)?;
    parse(file, &text)?;
    let line = fresh()?;
    let mut lines: Vec<&str> = keys(&text).take(1 + KEPT.min(MOST - 2)).collect();
    lines.push(line.trim_end());
    replace(file, &lines)?;
    Ok(line[..8].to_owned())
}

/// Puts the key of this name first.
pub(in crate::system) fn promote(file: &Path, name: &str) -> Result<(), NoKeys> {
    let text = read(file)?;
    parse(file, &text)?;
    let (mut lines, others): (Vec<&str>, Vec<&str>) =
        keys(&text).partition(|line| line.starts_with(name));
    lines.extend(others.into_iter().take(KEPT));
    replace(file, &lines)
}

fn keys(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn parse(file: &Path, text: &str) -> Result<Ring, NoKeys> {
    Ring::read(text).map_err(|why| NoKeys::Bad { file: file.display().to_string(), why })
}

fn read(file: &Path) -> Result<String, NoKeys> {
    let mut text = String::new();
    let all = File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    all.map_err(NoKeys::file(file))?;
    if text.len() as u64 > LONGEST {
        let why = BadRing::TooMany;
        return Err(NoKeys::Bad { file: file.display().to_string(), why });
    }
    Ok(text)
}

/// A line with a new key.
fn fresh() -> Result<String, NoKeys> {
    let mut bytes = [0_u8; 36];
    getrandom::fill(&mut bytes).map_err(|_| NoKeys::NoRandom)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{} {}\n", &digits[..8], &digits[8..]))
}

/// Whoever reads the file meanwhile reads the old one or the new one.
fn replace(file: &Path, lines: &[&str]) -> Result<(), NoKeys> {
    let new = beside(file)?;
    let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    write(&new, &text).and_then(|()| fs::rename(&new, file)).map_err(NoKeys::file(file))
}

/// A name in the same directory that nobody else uses.
fn beside(file: &Path) -> Result<PathBuf, NoKeys> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    let mut digits = [0; 8];
    getrandom::fill(&mut digits).map_err(|_| NoKeys::NoRandom)?;
    name.push(format!(".new-{:016x}", u64::from_be_bytes(digits)));
    Ok(file.with_file_name(name))
}

/// A file that only its owner may read.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_that_make_the_file_have_the_same_keys() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let made: Vec<_> = std::thread::scope(|scope| {
            let make = |_| scope.spawn(|| Keys::made_at(&file).expect("keys").now().names());
            let threads: Vec<_> = (0..4).map(make).collect();
            threads.into_iter().map(|thread| thread.join().expect("names")).collect()
        });
        assert!(made.iter().all(|names| names.len() == 1 && *names == made[0]), "{made:?}");
        let left = fs::read_dir(dir.path()).expect("a directory").count();
        assert_eq!(left, 1, "nothing else is left behind");
    }

    #[test]
    fn a_new_key_opens_before_it_seals_and_old_ones_go_in_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let keys = Keys::made_at(&file).expect("keys");
        let first = keys.now().names();
        let old = keys.now().seal(b"a", b"cart").expect("random numbers");
        let mut names = first.clone();
        for _ in 0..2 {
            let new = add(&file).expect("it is written");
            keys.reload().expect("keys");
            assert_eq!(keys.now().names(), [names.clone(), vec![new.clone()]].concat());
            promote(&file, &new).expect("it is written");
            keys.reload().expect("keys");
            names.insert(0, new);
            assert_eq!(keys.now().names(), names);
            assert_eq!(keys.now().open(b"a", &old), Some(b"cart".to_vec()));
        }
        let new = add(&file).expect("it is written");
        promote(&file, &new).expect("it is written");
        keys.reload().expect("keys");
        assert_eq!(keys.now().names().len(), 1 + KEPT);
        assert_eq!(keys.now().open(b"a", &old), None, "its key is gone");
    }

    #[test]
    fn what_is_no_file_of_keys_changes_nothing_and_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let keys = Keys::made_at(&file).expect("keys");
        let names = keys.now().names();
        for bad in ["", "a key", &"0".repeat(5_000)] {
            fs::write(&file, bad).expect("it is written");
            let why = keys.reload().expect_err("no keys").to_string();
            assert!(why.contains("keys: "), "{why}");
            assert_eq!(keys.now().names(), names);
        }
        fs::remove_file(&file).expect("it is there");
        assert!(Keys::at(&file).err().expect("no file").to_string().contains("--keys"));
    }
}
