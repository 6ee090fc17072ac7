//! Strangers' bytes, by the million, for everything that decodes them.
//!
//! One program for all targets, because linking one for each would take longer than running them: `LANYARD_FUZZ` names
//! the target. `cargo xtask fuzz` builds and runs it. How to add a target is in docs/fuzzing.md.

#![no_main]

#[cfg(not(fuzzing))]
compile_error!("use `cargo xtask fuzz`: without its counters libFuzzer does not see where an input has been");

mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run(bytes));
