//! The program that the tests' nodes start to read documents.

use std::process::ExitCode;

fn main() -> ExitCode {
    lanyard_node::answer_if_child().unwrap_or(ExitCode::FAILURE)
}
