//! What a WebDAV client sends besides files: bodies, the `If` header, where something is to go, ranges. The first byte
//! says which.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_drive::fuzzing::dav(bytes);
}
