//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! The file that the keys are in. Every process of a cluster reads it when it starts and once a second after
//! that; nothing else has to be shared, so any number of balancers agree.
//!
//! How a new key takes the place of the one that seals: `rotation.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::file::{self, LONGEST};
use super::ring::{BadRing, MOST, Ring};

/// Between two looks at the file.
pub(in crate::system) const LOOK: Duration = Duration::from_secs(1);

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
    /// There is no room for one more.
    #[error(
        "{file}: one more key is too many; it may hold {MOST} in {LONGEST} bytes: remove the last lines, \
         which are the oldest keys or were never used"
    )]
    Full {
        /// In which file.
        file: String,
    },
    /// It cannot be put first.
    #[error(
        "{file}: no key in it is called {name}; another process changed the file: rotate once more"
    )]
    Unknown {
        /// In which file.
        file: String,
        /// The key.
        name: String,
    },
    /// Another rotation is under way.
    #[error("{file}: another rotation is under way; wait for its end")]
    Busy {
        /// Of which file.
        file: String,
    },
    /// A new file would belong to another user.
    #[error("{file} belongs to another user or group; rotate as its owner: nothing was changed")]
    NotOurs {
        /// Which one.
        file: String,
    },
    /// The system has no random numbers.
    #[error("there are no random numbers for a key; try again")]
    NoRandom,
}

impl NoKeys {
    pub(super) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.display().to_string();
        move |source| Self::File { file, source }
    }
}

impl Keys {
    /// The keys of this file.
    pub(in crate::system) fn at(file: &Path) -> Result<Arc<Self>, NoKeys> {
        let ring = RwLock::new(Arc::new(parse(file, &file::read(file)?)?));
        if let Some(why) = file::exposure(file) {
            tracing::warn!("{why}");
        }
        Ok(Arc::new(Self { file: file.into(), ring }))
    }

    /// The keys of this file, with a new one if there is no such file. Of two processes that make it at
    /// once, one finds what the other one has made.
    pub(in crate::system) fn made_at(file: &Path) -> Result<Arc<Self>, NoKeys> {
        if !file.exists() {
            file::make(file, &fresh()?)?;
        }
        Self::at(file)
    }

    /// The keys that are in force.
    pub(in crate::system) fn now(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file once more. What cannot be read changes nothing.
    pub(in crate::system) fn reload(&self) -> Result<(), NoKeys> {
        let ring = parse(&self.file, &file::read(&self.file)?)?;
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

/// What the text of a file says.
pub(super) fn parse(file: &Path, text: &str) -> Result<Ring, NoKeys> {
    Ring::read(text).map_err(|why| NoKeys::Bad { file: file.display().to_string(), why })
}

/// A line with a new key.
pub(super) fn fresh() -> Result<String, NoKeys> {
    let mut bytes = [0_u8; 36];
    getrandom::fill(&mut bytes).map_err(|_| NoKeys::NoRandom)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{} {}\n", &digits[..8], &digits[8..]))
}

#[cfg(test)]
mod tests {
    use std::fs;

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
