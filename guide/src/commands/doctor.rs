//! `guide doctor`: which programs are here, and how to get the rest.

use std::io::Write;
use std::path::PathBuf;

use super::{next, say};
use crate::trouble::Result;

struct Engine {
    program: &'static str,
    used: &'static str,
    debian: &'static str,
    brew: &'static str,
    also: &'static [&'static str],
}

const ENGINES: &[Engine] = &[
    Engine {
        program: "haproxy",
        used: "chapter 1, the balancer",
        debian: "haproxy",
        brew: "haproxy",
        also: &[],
    },
    Engine {
        program: "nginx",
        used: "chapter 1, the balancer",
        debian: "nginx-light",
        brew: "nginx",
        also: &[],
    },
    Engine {
        program: "redis-server",
        used: "chapter 1, the session store",
        debian: "redis-server",
        brew: "redis",
        also: &[],
    },
    Engine {
        program: "postgres",
        used: "chapter 2, PREPARE TRANSACTION",
        debian: "postgresql",
        brew: "postgresql",
        also: &["/usr/lib/postgresql"],
    },
    Engine {
        program: "etcd",
        used: "chapter 3, consensus",
        debian: "etcd-server etcd-client",
        brew: "etcd",
        also: &[],
    },
    Engine {
        program: "chromium",
        used: "tests of the book's pages",
        debian: "chromium chromium-driver",
        brew: "chromium",
        also: &["/Applications/Chromium.app", "/Applications/Google Chrome.app"],
    },
];

/// Prints what was found. Nothing here is needed to read the book or run the chapters.
///
/// # Errors
/// Nobody reads the output.
pub fn doctor(out: &mut dyn Write) -> Result<bool> {
    say(
        out,
        "The book and the chapters need none of these. Side-by-side runs and their tests do.\n",
    )?;
    let mut missing = Vec::new();
    for engine in ENGINES {
        match find(engine) {
            Some(path) => {
                say(
                    out,
                    &format!("  ✓ {:<13} {}  ({})", engine.program, path.display(), engine.used),
                )?;
            }
            None => {
                say(out, &format!("  – {:<13} not found  ({})", engine.program, engine.used))?;
                missing.push(engine);
            }
        }
    }
    if missing.is_empty() {
        return next(out, &["cargo test --workspace --features engines".into()]).map(|()| true);
    }
    let all = |pick: fn(&Engine) -> &'static str| {
        missing.iter().map(|e| pick(e)).collect::<Vec<_>>().join(" ")
    };
    say(out, "\nTo install the rest:")?;
    say(out, &format!("  Debian, Ubuntu   sudo apt-get install {}", all(|e| e.debian)))?;
    say(out, &format!("  macOS            brew install {}", all(|e| e.brew)))?;
    next(out, &["cargo guide list".into()])?;
    Ok(true)
}

fn find(engine: &Engine) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where only root looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let on_path = folders.map(|f| f.join(engine.program)).find(|p| p.is_file());
    on_path.or_else(|| engine.also.iter().map(PathBuf::from).find(|p| p.exists()))
}
