//! Asking an engine, and looking whether it is gone.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// What an engine answers to these bytes, once it contains what is wanted.
pub(crate) fn ask(addr: SocketAddr, question: &[u8], wanted: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(question).unwrap();
    let mut said = Vec::new();
    let mut bytes = [0; 1024];
    while let Ok(n @ 1..) = stream.read(&mut bytes) {
        said.extend_from_slice(&bytes[..n]);
        if String::from_utf8_lossy(&said).contains(wanted) {
            break;
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// All processes whose command line or folder mentions this directory.
pub(crate) fn processes(dir: &Path) -> Vec<String> {
    let dir = dir.display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let mentions = all.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let folder = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let found = line.contains(&dir) || folder.display().to_string().contains(&dir);
        found.then(|| format!("{} {line}", entry.file_name().display()))
    });
    mentions.collect()
}

/// Waits until there is no process and no directory any more.
#[expect(clippy::disallowed_methods, reason = "a deadline for what should be true soon")]
pub(crate) fn gone(dir: &Path) {
    let began = Instant::now();
    while !processes(dir).is_empty() || dir.exists() {
        let left = processes(dir);
        assert!(began.elapsed() < DEADLINE, "left behind: {left:?}, {}", dir.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
