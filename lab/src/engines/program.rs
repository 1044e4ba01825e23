//! Which programs there are, where they are installed, and how to get one that is missing.
//!
//! # Left out
//!
//! Other package managers than Debian's and Homebrew: the names are mostly the same.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of another project, which this workspace only starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Program {
    /// The name of its binary.
    pub name: &'static str,
    /// The Debian packages that have it; empty if there is none.
    pub debian: &'static str,
    /// The Homebrew formula that has it; empty if there is none.
    pub brew: &'static str,
    /// The package of PyPI that has it, if the two above are empty.
    pub pypi: &'static str,
    /// Folders to look into beside PATH; a `*` stands for a version, and the newest wins.
    places: &'static [&'static str],
    /// How it is asked for its version.
    version: &'static str,
}

// Debian keeps servers where only root looks.
const SBIN: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// The database.
pub const POSTGRES: Program = Program {
    name: "postgres",
    debian: "postgresql",
    brew: "postgresql",
    pypi: "",
    places: &[
        "/usr/lib/postgresql/*/bin",
        "/opt/homebrew/opt/postgresql*/bin",
        "/usr/local/opt/postgresql*/bin",
    ],
    version: "--version",
};
/// The store in memory.
pub const REDIS: Program = Program {
    name: "redis-server",
    debian: "redis-server",
    brew: "redis",
    pypi: "",
    places: SBIN,
    version: "--version",
};
/// The replicated store.
pub const ETCD: Program = Program {
    name: "etcd",
    debian: "etcd-server etcd-client",
    brew: "etcd",
    pypi: "",
    places: SBIN,
    version: "--version",
};
/// The balancer.
pub const HAPROXY: Program = Program {
    name: "haproxy",
    debian: "haproxy",
    brew: "haproxy",
    pypi: "",
    places: SBIN,
    version: "-v",
};
/// The other balancer.
pub const NGINX: Program = Program {
    name: "nginx",
    debian: "nginx-light",
    brew: "nginx",
    pypi: "",
    places: SBIN,
    version: "-v",
};
/// The collector of traces. It is in no package of a system, and only one measurement asks for it.
pub const ROTEL: Program = Program {
    name: "rotel-agent",
    debian: "",
    brew: "",
    pypi: "rotel==0.0.1a15",
    places: &[
        "/usr/local/lib/python3*/dist-packages/rotel",
        "/usr/local/lib/python3*/site-packages/rotel",
    ],
    version: "--version",
};

/// Those that come from packages of the system.
pub const PROGRAMS: [Program; 5] = [HAPROXY, NGINX, REDIS, POSTGRES, ETCD];

/// A program that is not on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} is not on this machine; {}", .0.name, .0.how_to_install())]
pub struct Missing(pub Program);

impl Program {
    /// What to type, for a person.
    fn how_to_install(&self) -> String {
        let Self { name, debian, brew, pypi, .. } = self;
        if pypi.is_empty() {
            return format!(
                "install it with `apt-get install {debian}` (Debian, Ubuntu) or `brew install {brew}` (macOS)"
            );
        }
        format!(
            "install it with `pip install {pypi}`, and put the folder of site-packages with {name} in it into PATH"
        )
    }

    /// Where it is: in PATH, or where it is known to hide.
    ///
    /// # Errors
    /// It is nowhere.
    pub fn find(&self) -> Result<PathBuf, Missing> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join(self.name));
        let hidden = self.places.iter().flat_map(|place| newest_first(place));
        let hidden = hidden.map(|folder| folder.join(self.name));
        on_path.chain(hidden).find(|program| program.is_file()).ok_or(Missing(*self))
    }

    /// What it says about its version, in one line; empty if it says nothing.
    #[must_use]
    pub fn version(&self, found: &Path) -> String {
        let Ok(output) = Command::new(found).arg(self.version).output() else {
            return String::new();
        };
        // nginx says it where errors go.
        let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned()
    }
}

/// The folders that a place with one `*` stands for.
fn newest_first(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else { return vec![place.into()] };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let version = |name: &str| -> Option<u32> {
        let digits: String =
            name.strip_prefix(prefix)?.chars().filter(char::is_ascii_digit).collect();
        Some(digits.parse().unwrap_or(0))
    };
    let mut found: Vec<(u32, String)> =
        names.filter_map(|name| Some((version(&name)?, name))).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    let after = after.trim_start_matches('/');
    found.into_iter().map(|(_, name)| Path::new(folder).join(name).join(after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        let absent = Program { name: "no-such-program", debian: "such-a-package", ..REDIS };
        let said = absent.find().unwrap_err().to_string();
        assert!(said.contains("apt-get install such-a-package"), "{said}");
        let absent = Program { name: "no-such-program", ..ROTEL };
        let said = absent.find().unwrap_err().to_string();
        assert!(said.contains("pip install rotel==") && said.contains("PATH"), "{said}");
    }

    #[test]
    fn of_several_versions_the_newest_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9", "15", "17"] {
            std::fs::create_dir_all(dir.path().join(version).join("bin")).unwrap();
        }
        let found = newest_first(&format!("{}/*/bin", dir.path().display()));
        assert_eq!(found[0], dir.path().join("17/bin"));
        assert_eq!(found.len(), 3);
    }
}
