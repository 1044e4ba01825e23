//! The cases of the probe, put to HAProxy and nginx.

use ch01_sticky_sessions::system::probe::table;

#[test]
fn all_cases_are_put_to_three_balancers_and_ours_answers_all_of_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = runtime.block_on(table()).unwrap();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert!(
        names[0] == "ours" && names[1].contains("HAProxy") && names[2].contains("nginx"),
        "{names:?}"
    );
    let wrong = |at: usize| table.columns[at].complaints.iter().filter(|c| !c.is_empty()).count();
    assert_eq!(wrong(0), 0, "{}", table.text());
    // They pass most of it; what they do not is a matter of their versions.
    for peer in [1, 2] {
        assert!(wrong(peer) < table.cases.len() / 2, "{}", table.text());
    }
}
