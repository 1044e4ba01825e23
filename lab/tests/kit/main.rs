//! The kit's own tests: known answers that the explorer, the simulator and the log have to give.

mod classic;
mod worlds;
