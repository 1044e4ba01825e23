//! Python with the packages of `requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines");
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Runs a script of this folder.
pub(crate) fn python(script: &str) -> Command {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let place = PLACE.get_or_init(installed);
    let mut command = Command::new(place.join("bin/python"));
    command.arg(Path::new(HERE).join(script));
    command
}

/// The packages stay for the next run. What they were made from is written down at the end: half an
/// installation is made again, and so is that of other versions.
fn installed() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opentelemetry-python");
    let made_from = place.join("made-from.txt");
    if std::fs::read_to_string(&made_from).is_ok_and(|text| text == REQUIREMENTS) {
        return place;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
    run(Command::new(place.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(Path::new(HERE).join("requirements.txt")));
    std::fs::write(made_from, REQUIREMENTS).unwrap();
    place
}

fn run(command: &mut Command) {
    let ran = command.output();
    let ok = matches!(&ran, Ok(Output { status, .. }) if status.success());
    assert!(
        ok,
        "{command:?}: {ran:?}; it takes Python 3.9 or later with venv and pip (Debian: apt-get install python3-venv), and PyPI"
    );
}
