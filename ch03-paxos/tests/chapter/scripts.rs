//! Golden scripts: what happens when, as text. `UPDATE_GOLDENFILES=1` records anew.

use std::path::Path;

use ch03_paxos::designs::study;
use lab::testing::golden_scripts;

#[test]
fn scripts_print_what_is_on_record() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let played = golden_scripts(study(), &folder);
    assert!(played >= 4, "only {played} scripts were found in {}", folder.display());
}
