//! Edge: makes it survive the real world. The lesson is in the steps.

use std::ffi::OsString;
use std::process::ExitCode;

/// The whole command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let _ = args.into_iter();
    ExitCode::SUCCESS
}
