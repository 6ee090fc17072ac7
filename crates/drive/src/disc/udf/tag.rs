//! The tag in front of each descriptor (3/7.2, 4/7.2): what it is, where it should be, and whether it is whole.

use super::super::{DiscError, bytes};

pub(super) const PRIMARY: u16 = 1;
pub(super) const ANCHOR: u16 = 2;
pub(super) const POINTER: u16 = 3;
pub(super) const PARTITION: u16 = 5;
pub(super) const LOGICAL: u16 = 6;
pub(super) const TERMINATING: u16 = 8;
pub(super) const FILE_SET: u16 = 256;
pub(super) const IDENTIFIER: u16 = 257;
pub(super) const ALLOCATION: u16 = 258;
pub(super) const FILE: u16 = 261;
pub(super) const EXTENDED_FILE: u16 = 266;

/// Where a descriptor stands is not looked at: writers disagree about it for this kind.
pub(super) const ANYWHERE: u32 = u32::MAX;

/// Bytes of a tag.
const LENGTH: usize = 16;

/// The descriptor, if it is one of that kind.
pub(super) fn check(descriptor: &[u8], kind: u16, location: u32) -> Result<&[u8], DiscError> {
    if self::kind(descriptor, location)? == kind {
        Ok(descriptor)
    } else {
        Err(DiscError::Damaged("something else where a descriptor is expected"))
    }
}

/// What kind of descriptor it is.
pub(super) fn kind(descriptor: &[u8], location: u32) -> Result<u16, DiscError> {
    let damaged = DiscError::Damaged("a descriptor that is not whole");
    let Some(tag) = descriptor.get(..LENGTH) else { return Err(damaged) };
    let sum = tag
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 4)
        .fold(0_u8, |sum, (_, byte)| sum.wrapping_add(*byte));
    // What is right by chance once in a million tries would keep a fuzz target from anything behind it.
    if (sum != tag[4] && !cfg!(fuzzing)) || tag.iter().all(|byte| *byte == 0) {
        return Err(damaged);
    }
    let covered = usize::from(bytes::u16(tag, 10));
    let Some(covered) = descriptor.get(LENGTH..LENGTH + covered) else { return Err(damaged) };
    if crc(covered) != bytes::u16(tag, 8) && !cfg!(fuzzing) {
        return Err(damaged);
    }
    if location != ANYWHERE && bytes::u32(tag, 12) != location {
        return Err(DiscError::Damaged("a descriptor that belongs elsewhere"));
    }
    Ok(bytes::u16(tag, 0))
}

/// CRC-16 of ITU-T V.41, the highest bit first (1/7.2.6).
pub(in super::super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let index = (crc >> 8) ^ u16::from(*byte);
        (crc << 8) ^ TABLE[usize::from(index & 0xff)]
    })
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_one_of_the_standard() {
        assert_eq!(crc(&[0x70, 0x6a, 0x77]), 0x3299, "the example in ECMA-167 1/7.2.6");
    }
}
