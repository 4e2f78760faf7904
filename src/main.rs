//! The `cuff` command: hands the process's arguments to the library and leaves with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    cuff::cli::run(std::env::args_os()).into()
}
