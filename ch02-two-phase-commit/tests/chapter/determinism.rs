//! The same seed is the same run: byte for byte, here and on every other machine.

use ch02_two_phase_commit::designs::study;
use lab::chapter::Models;

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    lab::testing::seeds_decide(study());
}

#[test]
fn the_log_of_seed_7_is_the_one_on_record() {
    let log = study().run("step4", 7).expect("step 4").to_json_lines();
    assert_eq!(crc(&log), 1_083_871_138, "if this change was meant, record the new sum");
}

/// CRC-32 (the polynomial of zip), bit by bit: no dependency for one number.
fn crc(text: &str) -> u32 {
    !text.bytes().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
