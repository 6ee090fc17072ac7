//! The program that the nodes of the tests start to read documents.
#![allow(missing_docs)]

use std::process::ExitCode;

fn main() -> ExitCode {
    lanyard_node::answer_if_child().unwrap_or(ExitCode::FAILURE)
}
