//! The event logs of a run: one file per process while it goes on, one timeline when it is over.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::event::Log;

/// The directory, which has to be empty: records of different runs do not mix.
pub(super) fn empty(dir: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(dir).map_err(Error::io("make the directory for events"))?;
    let mut files = fs::read_dir(dir).map_err(Error::io("read the directory for events"))?;
    if files.next().is_some() {
        let why = "holds files already; give --events an empty directory";
        return Err(Error::Refused(format!("{} {why}", dir.display())));
    }
    dir.canonicalize().map_err(Error::io("find the directory for events"))
}

/// One timeline out of the records of all processes: `run.jsonl`.
pub(super) fn merge(dir: &Path) -> Result<(), Error> {
    let mut logs = Vec::new();
    let files = fs::read_dir(dir).map_err(Error::io("read the event logs"))?;
    let mut paths: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let start = path.file_stem().and_then(|stem| Path::new(stem).extension()?.to_str());
        let Some(start) = start.and_then(|start| start.parse().ok()) else { continue };
        let text = fs::read_to_string(&path).map_err(Error::io("read an event log"))?;
        // A process that was killed leaves half a line at most.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let log = Log::from_json_lines(whole)
            .map_err(|e| Error::Refused(format!("{}: {e}", path.display())))?;
        logs.push((start, log));
    }
    let merged = crate::run::merge(logs).to_json_lines();
    fs::write(dir.join("run.jsonl"), merged).map_err(Error::io("write the merged event log"))
}
