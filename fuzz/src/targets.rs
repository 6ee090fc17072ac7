//! All targets. Each is a file, a line in the table and a folder with a few good inputs in `corpus/`; it panics when
//! something is wrong, and libFuzzer does the rest.

use std::sync::LazyLock;

/// What an input is given to.
type Target = fn(&[u8]);

/// Declares the targets and their table; a target's name is that of its file and of its folder in `corpus/`.
macro_rules! targets {
    ($($name:ident,)*) => {
        $(mod $name;)*
        const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name::run),)*];
    };
}

targets! {
    announcement,
    checkpoint,
    child,
    codes,
    dav,
    document,
    form,
    frames,
    gate,
    gossip,
    ipp,
    ipp_request,
    iso9660,
    join_frame,
    mdns,
    mounted,
    names,
    operation,
    path,
    printer,
    raster,
    ticket,
    udf,
    watch_line,
}

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("LANYARD_FUZZ").unwrap_or_default();
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let chosen = TARGETS.iter().find(|(known, _)| *known == name);
    chosen.map_or_else(|| panic!("LANYARD_FUZZ={name}: there is {}", known.join(", ")), |(_, target)| *target)
});

/// Gives the input to the chosen target.
pub(crate) fn run(bytes: &[u8]) {
    CHOSEN(bytes);
}
