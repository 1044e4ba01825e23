//! The scoreboard: counts, pinned.

use ch01_sticky_sessions::chapter;

#[test]
fn one_workload_costs_each_design_what_is_on_record() {
    let tables = chapter().tables();
    let printed = |name: &str| -> Vec<String> {
        let (_, table) = tables.iter().find(|(known, _)| known == name).expect("a known table");
        table.rows.iter().map(|row| row.join(" | ")).collect()
    };
    let scores = [
        "1 Round robin | 9.16 | 9.23 | 91 | 100 % | 79 % | 80 % | 1.00 | no | 0 of 20 | 0 | 0.00",
        "2 IP hash | 0.00 | 2.59 | 78 | 50 % | 87 % | 87 % | 1.78 | no | 0 of 20 | 0 | 0.00",
        "3 Sticky cookie | 0.00 | 1.63 | 75 | 25 % | 0 % | 20 % | 1.13 | no | 0 of 20 | 0 | 0.00",
        "4 Consistent hashing with bounded loads | 1.04 | 2.99 | 151 | 51 % | 17 % | 19 % | 1.67 | \
         no | 0 of 20 | 0 | 0.00",
        "5 Shared store | 0.00 | 0.00 | 0 | 0 % | 78 % | 82 % | 1.01 | no | 9 of 20 | 106 | 1.38",
        "6 Sealed cookie | 0.00 | 0.00 | 0 | 0 % | 79 % | 81 % | 1.00 | for ever | 20 of 20 | 111 | 0.00",
        "7 Affinity as a hint | 0.00 | 0.00 | 0 | 0 % | 5 % | 26 % | 1.11 | 3.99 s | 0 of 20 | 0 | 0.64",
    ];
    assert_eq!(printed("scoreboard"), scores);
    let (_, scoreboard) = tables.iter().find(|(known, _)| known == "scoreboard").expect("it");
    assert_eq!(chapter().scoreboard().as_ref(), Some(scoreboard), "below the matrix");
    let events = [
        "1 Round robin | 9.16 | 8.49 | 9.51 | 9.43 | 8.98 | 0.0 % | 0.0 %",
        "2 IP hash | 0.00 | 0.50 | 0.87 | 0.87 | 0.00 | 0.0 % | 0.0 %",
        "3 Sticky cookie | 0.00 | 0.25 | 0.00 | 0.20 | 0.00 | 0.0 % | 0.0 %",
        "4 Consistent hashing with bounded loads | 1.04 | 1.28 | 1.13 | 1.20 | 0.06 | 0.0 % | 0.0 %",
        "5 Shared store | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 13.1 % | 7.3 %",
        "6 Sealed cookie | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.0 % | 0.0 %",
        "7 Affinity as a hint | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 5.6 % | 3.8 %",
    ];
    assert_eq!(printed("events"), events);
}
