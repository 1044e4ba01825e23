//! Books about made-up chapters, in temporary folders.

use std::path::Path;

use guide::workspace::Workspace;
use lab::chapter::Chapter;
use tempfile::TempDir;

/// A book of these files (paths count from the root), with everything that commands generate for it.
pub(crate) fn book(chapter: &'static dyn Chapter, files: &[(&str, &str)]) -> (TempDir, Workspace) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ws = Workspace { root: dir.path().to_path_buf(), chapters: vec![chapter] };
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let write = |path: &str, text: &str| ws.write(path, text).expect("written");
    write("Cargo.toml", "[workspace]\n");
    for file in theme(&real.join("book/theme")) {
        let from = real.join("book/theme").join(&file);
        write(&format!("book/theme/{file}"), &std::fs::read_to_string(from).expect("a theme file"));
    }
    let toml = std::fs::read_to_string(real.join("book/book.toml")).expect("book.toml");
    write("book/book.toml", &toml.replace("../target/book", "out"));
    for (path, text) in files {
        write(path, text);
    }
    guide::commands::book::refresh(&ws, guide::cli::run, &mut Vec::new()).expect("refreshed");
    (dir, ws)
}

fn theme(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the theme").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            files.extend(theme(&entry.path()).into_iter().map(|f| format!("{name}/{f}")));
        } else {
            files.push(name);
        }
    }
    files
}
