//! The core of the chapter owns no clock, socket, thread or dice, and does not know its edge.

use std::path::{Path, PathBuf};

const BANNED: [&str; 7] =
    ["tokio", "std::net", "std::thread", "std::fs", "SystemTime", "Instant::", "HashMap"];

fn core_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let edge = ["system", "bin", "main.rs", "chapter.rs", "lib.rs"].contains(&name.as_str());
        if path.is_dir() && !edge {
            core_files(&path, found);
        } else if path.is_file() && !edge {
            found.push(path);
        }
    }
}

#[test]
fn the_core_imports_no_edge() {
    let mut files = Vec::new();
    core_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 12, "only {} files were found", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        for banned in BANNED.iter().chain(&["crate::system"]) {
            assert!(!text.contains(banned), "{} mentions {banned}", file.display());
        }
    }
}
