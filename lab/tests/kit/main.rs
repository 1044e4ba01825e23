//! The kit's own tests: known answers that the explorer, the simulator, the log and the checkers have
//! to give.

mod classic;
mod judged;
mod worlds;
