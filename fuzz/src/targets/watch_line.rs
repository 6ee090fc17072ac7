//! A line of another device's watch stream.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_node::fuzzing::watch_line(bytes);
}
