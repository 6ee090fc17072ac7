//! Decoders that are nobody else's business, for the fuzz targets (`docs/fuzzing.md`).

#[cfg(target_os = "linux")]
pub use crate::consume::mount::fuzzing::mounted;
pub use crate::offer::dav::fuzzing::dav;
