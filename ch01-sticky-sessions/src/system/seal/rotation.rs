//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! How a new key takes the place of the one that seals.
//!
//! A new key has to be everywhere before any process seals with it, or a process that does not have it yet takes
//! a good cookie for a forged one. So [`Rotation::add`] appends it, and only when all processes have it does
//! [`Rotation::promote`] put it first. Both read the file and write it again, so one rotation at a time has
//! the file's lock.
//!
//! # Left out
//!
//! Editors: they know nothing of the lock.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::file::{self, LONGEST};
use super::keys::{NoKeys, fresh, parse};

/// So many keys stay that only open.
const KEPT: usize = 2;

/// A rotation of the keys of a file. While it lasts, no other one begins.
pub(in crate::system) struct Rotation {
    file: PathBuf,
    _lock: File,
}

impl Rotation {
    /// Begins one.
    ///
    /// # Errors
    /// There is no such file, or another rotation is under way.
    pub(in crate::system) fn begin(file: &Path) -> Result<Self, NoKeys> {
        // Where a link leads to, so that the link stays one.
        let file = file.canonicalize().map_err(NoKeys::file(file))?;
        let lock = file::lock(&file)?;
        Ok(Self { file, _lock: lock })
    }

    /// Appends a new key, which opens and does not seal yet; gives its name.
    ///
    /// # Errors
    /// There is no room for it, or the file cannot be replaced.
    pub(in crate::system) fn add(&self) -> Result<String, NoKeys> {
        let mut text = file::read(&self.file)?;
        parse(&self.file, &text)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let line = fresh()?;
        text += &line;
        if text.len() > LONGEST || parse(&self.file, &text).is_err() {
            return Err(NoKeys::Full { file: self.file.display().to_string() });
        }
        file::replace(&self.file, &text)?;
        Ok(line[..8].to_owned())
    }

    /// Puts the key of this name first, and leaves out the oldest ones.
    ///
    /// # Errors
    /// There is no such key, or the file cannot be replaced.
    pub(in crate::system) fn promote(&self, name: &str) -> Result<(), NoKeys> {
        let text = file::read(&self.file)?;
        parse(&self.file, &text)?;
        let keys = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let is_named = |line: &&str| {
            line.split_once(' ').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let (mut lines, others): (Vec<&str>, Vec<&str>) = keys.partition(is_named);
        if lines.is_empty() {
            let file = self.file.display().to_string();
            return Err(NoKeys::Unknown { file, name: name.to_owned() });
        }
        lines.extend(others.into_iter().take(KEPT));
        let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        file::replace(&self.file, &text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::super::keys::Keys;
    use super::super::ring::MOST;
    use super::*;

    #[test]
    fn a_new_key_opens_before_it_seals_and_old_ones_go_in_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let keys = Keys::made_at(&file).expect("keys");
        let rotation = Rotation::begin(&file).expect("it is the only one");
        let first = keys.now().names();
        let old = keys.now().seal(b"a", b"cart").expect("random numbers");
        let mut names = first.clone();
        for _ in 0..2 {
            let new = rotation.add().expect("it is written");
            keys.reload().expect("keys");
            assert_eq!(keys.now().names(), [names.clone(), vec![new.clone()]].concat());
            rotation.promote(&new).expect("it is written");
            keys.reload().expect("keys");
            names.insert(0, new);
            assert_eq!(keys.now().names(), names);
            assert_eq!(keys.now().open(b"a", &old), Some(b"cart".to_vec()));
        }
        let new = rotation.add().expect("it is written");
        rotation.promote(&new).expect("it is written");
        keys.reload().expect("keys");
        assert_eq!(keys.now().names().len(), 1 + KEPT);
        assert_eq!(keys.now().open(b"a", &old), None, "its key is gone");
    }

    /// Four web processes read the file, one after the other. Whose cookie is sealed by the first one that has the
    /// new key is signed out by those that have not.
    #[test]
    fn a_key_that_seals_before_all_processes_have_it_signs_users_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let webs: Vec<Arc<Keys>> = (0..4).map(|_| Keys::made_at(&file).expect("keys")).collect();
        let rotation = Rotation::begin(&file).expect("it is the only one");
        let signed_out = || {
            let cookie = webs[0].now().seal(b"a", b"cart").expect("random numbers");
            webs.iter().filter(|web| web.now().open(b"a", &cookie).is_none()).count()
        };
        // In one phase.
        let new = rotation.add().expect("there is room");
        rotation.promote(&new).expect("it is written");
        for have_it_not in [3, 2, 1, 0] {
            webs[3 - have_it_not].reload().expect("keys");
            assert_eq!(signed_out(), have_it_not);
        }
        // In two.
        let new = rotation.add().expect("there is room");
        for web in &webs {
            web.reload().expect("keys");
            assert_eq!(signed_out(), 0);
        }
        rotation.promote(&new).expect("it is written");
        for web in &webs {
            web.reload().expect("keys");
            assert_eq!(signed_out(), 0);
        }
    }

    #[test]
    fn a_key_that_is_added_takes_the_place_of_none_and_one_too_many_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let keys = Keys::made_at(&file).expect("keys");
        let rotation = Rotation::begin(&file).expect("it is the only one");
        let mut names = keys.now().names();
        for _ in 1..MOST {
            names.push(rotation.add().expect("there is room"));
            keys.reload().expect("keys");
            assert_eq!(keys.now().names(), names);
        }
        let why = rotation.add().expect_err("it is full").to_string();
        assert!(why.contains("remove the last lines"), "{why}");
        keys.reload().expect("they are as they were");
        assert_eq!(keys.now().names(), names);
    }

    #[test]
    fn a_key_that_is_not_in_the_file_is_not_promoted() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        Keys::made_at(&file).expect("keys");
        let rotation = Rotation::begin(&file).expect("it is the only one");
        let (new, before) = (rotation.add().expect("there is room"), fs::read(&file));
        for unknown in ["", &new[..7], "nobody"] {
            let why = rotation.promote(unknown).expect_err("no such key");
            assert!(matches!(why, NoKeys::Unknown { .. }), "{why}");
        }
        assert_eq!(fs::read(&file).expect("text"), before.expect("text"));
    }

    #[test]
    fn one_rotation_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("keys");
        let begin = || Rotation::begin(&file);
        assert!(begin().is_err(), "there is no file");
        Keys::made_at(&file).expect("keys");
        let first = begin().expect("it is the only one");
        assert!(matches!(begin(), Err(NoKeys::Busy { .. })));
        drop(first);
        assert!(begin().is_ok());
    }
}
