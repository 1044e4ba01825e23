//! File descriptors: a log that cannot open its next file ends the process, so what clients can take
//! is bounded by what is left over.

/// More than any process here needs.
const WANTED: u64 = 4_096;

/// How many files this process may have open at a time. Raises its own limit first, up to what the
/// machine allows or to what is enough.
#[cfg(unix)]
pub fn most_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = maximum.unwrap_or(WANTED).min(WANTED);
    let now = current.unwrap_or(WANTED);
    let raised = Rlimit { current: Some(allowed), maximum };
    if now < allowed && setrlimit(Resource::Nofile, raised).is_ok() { allowed } else { now }
}

/// How many files this process may have open at a time: here the system has no limit of its own.
#[cfg(not(unix))]
pub fn most_open_files() -> u64 {
    WANTED
}
