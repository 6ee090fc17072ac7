//! Decoders that are nobody else's business, for the fuzz targets (`docs/fuzzing.md`).

#[cfg(target_os = "linux")]
pub use crate::consume::mount::fuzzing::mounted;
pub use crate::offer::dav::fuzzing::dav;

/// The most sectors of a disc for a fuzz target.
const SECTORS: usize = 1_024;

/// Reads everything on a disc, within limits. The input is not the image, most of which is empty, but what is in it: the
/// number of sectors, then for each that is not empty its number, how many bytes of it are told, and those.
pub fn disc(bytes: &[u8]) {
    let number = |at: usize| -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
    };
    let Some(sectors) = number(0) else { return };
    let mut image = vec![0; (sectors % SECTORS + 1) * crate::disc::SECTOR as usize];
    let mut at = 2;
    while let (Some(sector), Some(length)) = (number(at), number(at + 2)) {
        let length = length.min(bytes.len() - at - 4);
        let begins = sector * crate::disc::SECTOR as usize;
        if let Some(place) = image.get_mut(begins..begins + length) {
            place.copy_from_slice(&bytes[at + 4..at + 4 + length]);
        }
        at += 4 + length;
    }
    crate::disc::look_at_everything(&image);
}
