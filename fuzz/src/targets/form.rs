//! What a guest's browser sends: a form with files in it, cut into pieces wherever the network likes.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_node::fuzzing::form(bytes);
}
