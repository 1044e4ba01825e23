//! Where a number was measured. A time without its machine is a rumour.
//!
//! # Left out
//!
//! The disk's model and write cache: containers do not show them. The fsync floor says more.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

const UNKNOWN: &str = "unknown";

/// The machine, as far as it tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    /// The CPU's own name.
    pub cpu: String,
    /// The operating system and its version.
    pub kernel: String,
    /// The filesystem under the data directory.
    pub filesystem: String,
    /// The compiler's version.
    pub rustc: String,
    /// Whether this program was built with optimisation and without debug assertions.
    pub release: bool,
}

impl Machine {
    /// Asks the operating system; what it does not tell is "unknown".
    #[must_use]
    pub fn read(data: &Path) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            cpu: cpu().unwrap_or_else(|| UNKNOWN.to_owned()),
            kernel: output("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.to_owned()),
            filesystem: filesystem(data).unwrap_or_else(|| UNKNOWN.to_owned()),
            rustc: output("rustc", &["--version"]).unwrap_or_else(|| UNKNOWN.to_owned()),
            release: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, cpu, kernel, filesystem, rustc, release } = self;
        let build = if *release { "release build" } else { "debug build" };
        write!(f, "{cores} cores ({cpu}), {kernel}, {filesystem}, {rustc}, {build}")
    }
}

fn cpu() -> Option<String> {
    let linux = || {
        let info = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = info.lines().find(|l| l.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    linux().or_else(|| output("sysctl", &["-n", "machdep.cpu.brand_string"]))
}

/// The type of the filesystem with the longest mount point above the directory.
fn filesystem(data: &Path) -> Option<String> {
    let data = data.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let under = mounts.filter(|(point, _)| data.starts_with(point));
    under.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_in_one_line() {
        let machine = Machine::read(&std::env::temp_dir());
        assert!(machine.cores > 0);
        assert_eq!(machine.to_string().lines().count(), 1);
    }
}
