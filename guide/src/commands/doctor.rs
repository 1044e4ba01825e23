//! `guide doctor`: which programs are here, and how to get the rest.

use std::io::Write;
use std::path::PathBuf;

use lab::engines::{self, Program};

use super::{next, say};
use crate::error::Result;

/// What a program is used for, in the order of the chapters.
const USES: &[(Program, &str)] = &[
    (engines::HAPROXY, "chapter 1, the balancer"),
    (engines::NGINX, "chapter 1, the balancer"),
    (engines::REDIS, "chapter 1, the session store"),
    (engines::POSTGRES, "chapter 2, PREPARE TRANSACTION"),
    (engines::ETCD, "chapter 3, consensus"),
];

struct Engine {
    name: &'static str,
    used: &'static str,
    debian: &'static str,
    brew: &'static str,
    /// Where it is and what version it says it is.
    found: Option<(PathBuf, String)>,
}

/// Prints what was found. Nothing here is needed to read the book or run the chapters.
///
/// # Errors
/// The output cannot be written.
pub fn doctor(out: &mut dyn Write) -> Result<bool> {
    say(
        out,
        "The book and the chapters need none of these. Side-by-side runs and their tests do.\n",
    )?;
    let mut missing = Vec::new();
    for engine in all() {
        let Engine { name, used, found, .. } = &engine;
        if let Some((path, version)) = found {
            say(out, &format!("  ✓ {name:<13} {}  ({used})", path.display()))?;
            if !version.is_empty() {
                say(out, &format!("    {:<13} {version}", ""))?;
            }
        } else {
            say(out, &format!("  – {name:<13} not found  ({used})"))?;
            missing.push(engine);
        }
    }
    if missing.is_empty() {
        return next(out, &["cargo test --workspace --features engines".into()]).map(|()| true);
    }
    let all =
        |pick: fn(&Engine) -> &'static str| missing.iter().map(pick).collect::<Vec<_>>().join(" ");
    say(out, "\nTo install the rest:")?;
    say(out, &format!("  Debian, Ubuntu   sudo apt-get install {}", all(|e| e.debian)))?;
    say(out, &format!("  macOS            brew install {}", all(|e| e.brew)))?;
    next(out, &["cargo guide list".into()])?;
    Ok(true)
}

fn all() -> Vec<Engine> {
    let engine = |(program, used): &(Program, &'static str)| {
        let found = program.find().ok();
        let found = found.map(|path| (path.clone(), program.version(&path)));
        let Program { name, debian, brew, .. } = *program;
        Engine { name, used, debian, brew, found }
    };
    USES.iter().map(engine).chain([chromium()]).collect()
}

fn chromium() -> Engine {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
    let apps = ["/Applications/Chromium.app", "/Applications/Google Chrome.app"];
    let found = on_path.chain(apps.map(PathBuf::from)).find(|path| path.exists());
    Engine {
        name: "chromium",
        used: "tests of the book's pages",
        debian: "chromium chromium-driver",
        brew: "chromium",
        found: found.map(|path| (path, String::new())),
    }
}
