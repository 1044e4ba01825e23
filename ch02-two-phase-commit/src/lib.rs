//! Chapter 2: who may say it is done?

pub mod accounts;
pub mod client;
pub mod invariants;
pub mod shop;
pub mod step1_no_coordination;
pub mod step2_two_phases;
pub mod step3_log_first;
pub mod step4_isolation;
pub mod step5_saga;
pub mod types;
mod words;
pub mod worlds;
