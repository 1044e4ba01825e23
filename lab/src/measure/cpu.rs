//! What a process and its children have computed so far. Throughput on one machine is often a
//! question of who gets the cores; this says who had them.
//!
//! # Left out
//!
//! Systems without `/proc`: there it is unknown.

use std::fs;
use std::time::Duration;

/// The unit of `/proc/PID/stat`: a hundredth of a second, whatever the kernel counts in itself.
const TICK: Duration = Duration::from_millis(10);

/// What processes have computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuTime {
    /// In their program.
    pub program: Duration,
    /// In the kernel, which works for them there: system calls, mostly.
    pub kernel: Duration,
}

impl CpuTime {
    /// Both.
    #[must_use]
    pub fn total(self) -> Duration {
        self.program + self.kernel
    }

    /// What was computed after an earlier look.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            program: self.program.saturating_sub(before.program),
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }
}

/// One line of `/proc/PID/stat`, as far as it is needed. Times are in ticks: of the program, and of the kernel.
struct Stat {
    parent: u32,
    own: [u64; 2],
    /// Of children that have ended and were waited for.
    gone: [u64; 2],
}

/// The time that a process itself has computed, in all its threads. `None` where the system does
/// not say.
#[must_use]
pub fn cpu(pid: u32) -> Option<Duration> {
    Some(time(stat(pid)?.own)?.total())
}

/// The time that a process, its children of today and those of yesterday have computed; children of
/// children only once they have ended.
#[must_use]
pub fn family_cpu(pid: u32) -> Option<CpuTime> {
    let both = |a: [u64; 2], b: [u64; 2]| [a[0] + b[0], a[1] + b[1]];
    let parent = stat(pid)?;
    let mut ticks = both(parent.own, parent.gone);
    let names = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.file_name());
    for other in names.filter_map(|name| name.to_str()?.parse().ok()) {
        if let Some(child) = stat(other).filter(|child| child.parent == pid) {
            ticks = both(ticks, both(child.own, child.gone));
        }
    }
    time(ticks)
}

fn time(ticks: [u64; 2]) -> Option<CpuTime> {
    let [program, kernel] = ticks.map(u32::try_from);
    Some(CpuTime { program: TICK * program.ok()?, kernel: TICK * kernel.ok()? })
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name and may hold anything, blanks and brackets too.
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    let (own, gone) = ([number(11)?, number(12)?], [number(13)?, number(14)?]);
    Some(Stat { parent, own, gone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_called_anything() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 300 400 20 0 1";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent, stat.own, stat.gone), (3, [10, 20], [300, 400]));
        assert!(parse("7 (a) S 3").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn a_process_that_computes_is_seen_to() {
        let Some(before) = cpu(std::process::id()) else { return };
        let mut sum = 0u64;
        while cpu(std::process::id()).is_some_and(|now| now == before) {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
