//! The child of the tests.
fn main() -> std::process::ExitCode {
    lanyard_print::document::inside::answer_if_child().unwrap_or(std::process::ExitCode::FAILURE)
}
