//! What the kernel asks of a mounted drive by name, and what the other computer's list says in return: the first byte of
//! each line says which. The numbers and paths that come of it stay those of the drive.

pub(crate) fn run(bytes: &[u8]) {
    lanyard_drive::fuzzing::mounted(bytes);
}
