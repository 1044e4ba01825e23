//! What a cluster keeps from one run to the next, and tells other terminals: `cluster.json`.
//!
//! It holds the id that every log and every frame of the cluster carries, so a new one must never
//! take its place unasked: it is written whole and made durable before its name points to it, and
//! one that cannot be read is refused.
//!
//! # Left out
//!
//! Anything the nodes need: they have logs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::layout::{Options, Role};
use crate::run::disk::sync_directory;

const FILE: &str = "cluster.json";
const NEW: &str = "cluster.json.new";

/// What `cluster.json` holds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Goes into every log and every frame, so that clusters do not mix.
    pub(super) cluster: u64,
    /// Where the front role served users last.
    pub(super) front: Option<SocketAddr>,
    /// Where the parent can be asked, while it runs.
    pub(super) control: Option<SocketAddr>,
    /// What wrote the logs, and can read them.
    pub(super) options: Options,
    /// How often each role was started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) starts: BTreeMap<String, u64>,
}

/// A manifest and what proves that it is the one that was written.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    manifest: Manifest,
    checksum: u32,
}

impl Manifest {
    /// The manifest of a directory; `None` if there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let file = dir.join(FILE);
        let bad = |why: String| Error::BadManifest { file: file.clone(), why };
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(bad(e.to_string())),
        };
        let Sealed { manifest, checksum } =
            serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        if checksum != manifest.checksum() {
            return Err(bad("its checksum does not fit".into()));
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest of a directory, durably: after a power cut either the old or the new
    /// one is there.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Error> {
        let sealed = Sealed { manifest: self.clone(), checksum: self.checksum() };
        let text = serde_json::to_string_pretty(&sealed).expect("plain data always serialises");
        let replace = || {
            let mut file = File::create(dir.join(NEW))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(dir.join(NEW), dir.join(FILE))?;
            sync_directory(dir)
        };
        replace().map_err(Error::io(format!("write {FILE}")))
    }

    /// Counts a start of a role outside of its own log: an older copy of that counts fewer. And a log
    /// that is gone is not taken for a new one.
    pub(super) fn count_start(&mut self, dir: &Path, role: &Role) -> Result<(), Error> {
        let own = dir.join(&role.name);
        let starts = self.starts.entry(role.name.clone()).or_default();
        let is_empty = fs::read_dir(&own).map_or(true, |mut files| files.next().is_none());
        if role.has_log && *starts > 0 && is_empty {
            return Err(Error::NoLog { role: role.name.clone(), dir: own });
        }
        *starts += 1;
        self.write(dir)
    }

    fn checksum(&self) -> u32 {
        crc32c::crc32c(&serde_json::to_vec(self).expect("plain data always serialises"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::default().with_flag("paxos").with_value("participant", "pay");
        let front = Some(([127, 0, 0, 1], 4000).into());
        let starts = BTreeMap::from([("pay".to_owned(), 3)]);
        let manifest = Manifest { cluster: u64::MAX - 1, front, control: None, options, starts };
        manifest.write(dir.path()).unwrap();
        (dir, manifest)
    }

    #[test]
    fn what_was_written_is_read_and_an_empty_directory_has_none() {
        let (dir, manifest) = written();
        assert_eq!(Manifest::read(dir.path()).unwrap(), Some(manifest));
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap()).collect();
        assert_eq!(files.len(), 1, "nothing else is left behind");
        assert_eq!(Manifest::read(&dir.path().join("elsewhere")).unwrap(), None);
    }

    #[test]
    fn whatever_byte_is_damaged_it_is_refused_with_what_to_do() {
        let (dir, manifest) = written();
        let file = dir.path().join(FILE);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                fs::write(&file, &bytes).unwrap();
                match Manifest::read(dir.path()) {
                    // White space between two fields may be another one.
                    Ok(read) => assert_eq!(read, Some(manifest.clone()), "byte {at}, bit {bit}"),
                    Err(refused) => assert!(refused.to_string().contains("copy"), "{refused}"),
                }
            }
            fs::write(&file, &whole[..at]).unwrap();
            assert!(Manifest::read(dir.path()).is_err(), "cut at {at}");
        }
    }
}
