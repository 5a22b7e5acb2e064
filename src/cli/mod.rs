//! Command line.

use std::process::ExitCode;

use crate::pipeline::supervise;

/// Runs the program.
pub fn main() -> ExitCode {
    // Before anything else: a supervisor must not set up what a server needs.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == supervise::SUBCOMMAND) {
        return supervise::supervisor::main(arguments);
    }
    ExitCode::SUCCESS
}
