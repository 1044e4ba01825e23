//! The kit's own tests: known answers that the explorer, the simulator, the log and the checkers have
//! to give.

mod classic;
mod exhibits;
mod faults;
mod judged;
#[cfg(feature = "net")]
mod limits;
mod numbers;
mod pumped;
mod reference;
mod simulated;
mod worlds;
