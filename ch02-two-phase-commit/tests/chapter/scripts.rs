//! Golden scripts: what happens when, as text. `UPDATE_GOLDENFILES=1` records anew.

use ch02_two_phase_commit::steps;

#[test]
fn scripts_print_what_is_on_record() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for step in steps::all() {
        let of_step = folder.join(step.info().module);
        let Ok(scripts) = std::fs::read_dir(&of_step) else { continue };
        for script in scripts {
            let path = script.expect("a readable folder").path();
            let recorded = std::fs::read_to_string(&path).expect("a readable script");
            let printed = step.golden(&recorded).unwrap_or_else(|why| panic!("{path:?}: {why}"));
            if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
                std::fs::write(&path, &printed).expect("a writable script");
            } else {
                assert_eq!(printed, recorded, "{}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} scripts were found in {}", folder.display());
}
