//! Strangers' bytes, by the million, for everything that decodes them.
//!
//! One program for all targets, because linking one for each would take longer than running them: `LANYARD_FUZZ` names
//! the target. A new target is a file in `targets/`, a line in [`TARGETS`] and a folder with a few good inputs in
//! `corpus/`. A target panics when something is wrong; libFuzzer does the rest.

#![no_main]

mod targets {
    pub(crate) mod announcement;
    pub(crate) mod child;
    pub(crate) mod codes;
    pub(crate) mod form;
    pub(crate) mod gate;
    pub(crate) mod gossip;
    pub(crate) mod join_frame;
    pub(crate) mod names;
    pub(crate) mod operation;
    pub(crate) mod path;
    pub(crate) mod ticket;
    pub(crate) mod watch_line;
}

use std::sync::LazyLock;

/// What an input is given to.
type Target = fn(&[u8]);

/// All targets by name, which is also that of their file and of their folder in `corpus/`.
const TARGETS: &[(&str, Target)] = &[
    ("announcement", targets::announcement::run),
    ("child", targets::child::run),
    ("codes", targets::codes::run),
    ("form", targets::form::run),
    ("gate", targets::gate::run),
    ("gossip", targets::gossip::run),
    ("join_frame", targets::join_frame::run),
    ("names", targets::names::run),
    ("operation", targets::operation::run),
    ("path", targets::path::run),
    ("ticket", targets::ticket::run),
    ("watch_line", targets::watch_line::run),
];

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("LANYARD_FUZZ").unwrap_or_default();
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let chosen = TARGETS.iter().find(|(known, _)| *known == name);
    chosen.map_or_else(|| panic!("LANYARD_FUZZ={name}: there is {}", known.join(", ")), |(_, target)| *target)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| CHOSEN(bytes));
