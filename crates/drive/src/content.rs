//! How content is identified and verified: pieces, their values, and the manifest that proves itself.
//!
//! Pure: bytes in, values out. A **FileId** is the ordinary BLAKE3 hash of the whole content (`b3sum` checks it). A
//! **piece** is 1 MiB; its value is the chaining value of that subtree of the BLAKE3 tree, so the values merge to the
//! FileId and a manifest from anybody can be checked against it (BLAKE3 paper, §2.1).

use blake3::{
    Hasher,
    hazmat::{HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root},
};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

/// Bytes in a piece; the last one of a file may be shorter.
pub const PIECE: u64 = 1 << 20;
/// The largest file that is copied: 16 TiB, whose manifest is 512 MiB. A bound for what a stranger may claim.
pub const MAX_SIZE: u64 = 1 << 44;

/// What a piece hashes to. For a file of one piece this is its FileId.
pub type PieceValue = [u8; 32];

/// The BLAKE3 hash of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub [u8; 32]);

impl FileId {
    /// Of bytes that are all there.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({})", &blake3::Hash::from_bytes(self.0).to_hex()[..12])
    }
}

impl Serialize for FileId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(text).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// How many pieces a file of this size has.
#[must_use]
pub fn pieces(size: u64) -> usize {
    usize::try_from(size.div_ceil(PIECE)).unwrap_or(usize::MAX)
}

/// The bytes of one piece.
#[must_use]
pub fn piece_range(size: u64, piece: usize) -> Range<u64> {
    let start = (piece as u64).saturating_mul(PIECE).min(size);
    start..(start + PIECE).min(size)
}

/// The value of one piece of a file of `size` bytes.
#[must_use]
pub fn piece_value(size: u64, piece: usize, bytes: &[u8]) -> PieceValue {
    if size <= PIECE {
        return *blake3::hash(bytes).as_bytes();
    }
    if bytes.is_empty() || bytes.len() as u64 > PIECE {
        // No such piece in any file; a value that matches nothing keeps the tree functions from panicking.
        return [0; 32];
    }
    Hasher::new().set_input_offset(piece as u64 * PIECE).update(bytes).finalize_non_root()
}

/// The identity of a file of `size` bytes whose pieces have these values; none when their number is wrong.
#[must_use]
pub fn merge(size: u64, values: &[PieceValue]) -> Option<FileId> {
    if values.len() != pieces(size) {
        return None;
    }
    match values {
        [] => Some(FileId::of(&[])),
        [only] => Some(FileId(*only)),
        _ => {
            let (left, right) = halves(size, values);
            let (left, right) = (subtree(left.0, left.1), subtree(right.0, right.1));
            Some(FileId(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()))
        }
    }
}

fn subtree(size: u64, values: &[PieceValue]) -> PieceValue {
    match values {
        [only] => *only,
        _ => {
            let (left, right) = halves(size, values);
            merge_subtrees_non_root(&subtree(left.0, left.1), &subtree(right.0, right.1), Mode::Hash)
        }
    }
}

type Half<'a> = (u64, &'a [PieceValue]);

/// Where BLAKE3 divides a tree: the left side is the largest power of two that leaves something for the right.
fn halves(size: u64, values: &[PieceValue]) -> (Half<'_>, Half<'_>) {
    let left = left_subtree_len(size);
    let (before, after) = values.split_at(pieces(left).clamp(1, values.len() - 1));
    ((left, before), (size - left, after))
}

/// A file's size, identity and piece values, proven to belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    size: u64,
    id: FileId,
    values: Vec<PieceValue>,
}

/// The values of a manifest do not merge to its FileId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of the file's pieces contradicts itself")]
pub struct NotProven;

impl Manifest {
    /// From what somebody sent.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn prove(size: u64, id: FileId, values: Vec<PieceValue>) -> Result<Self, NotProven> {
        if merge(size, &values) == Some(id) { Ok(Self { size, id, values }) } else { Err(NotProven) }
    }

    /// From the values of pieces that were just read.
    ///
    /// # Errors
    /// [`NotProven`] when their number does not fit the size.
    pub fn from_values(size: u64, values: Vec<PieceValue>) -> Result<Self, NotProven> {
        let id = merge(size, &values).ok_or(NotProven)?;
        Ok(Self { size, id, values })
    }

    /// Bytes in the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The identity of the content.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The values of the pieces, in order.
    #[must_use]
    pub fn values(&self) -> &[PieceValue] {
        &self.values
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        Hasher::new().update(&size.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn values(bytes: &[u8]) -> Vec<PieceValue> {
        let size = bytes.len() as u64;
        bytes.chunks(PIECE as usize).enumerate().map(|(n, piece)| piece_value(size, n, piece)).collect()
    }

    #[test]
    fn pieces_of_every_size_merge_to_the_ordinary_hash() {
        let mib = PIECE as usize;
        for size in
            [0, 1, 1_023, 1_024, 1_025, mib - 1, mib, mib + 1, 2 * mib, 3 * mib + 5, 5 * mib, 7 * mib + 1]
        {
            let bytes = content(size);
            assert_eq!(merge(size as u64, &values(&bytes)), Some(FileId::of(&bytes)), "{size} bytes");
        }
    }

    #[test]
    fn a_manifest_with_one_wrong_bit_proves_nothing() {
        let bytes = content(3 * PIECE as usize + 7);
        let (size, id, good) = (bytes.len() as u64, FileId::of(&bytes), values(&bytes));
        assert!(Manifest::prove(size, id, good.clone()).is_ok());
        for piece in 0..good.len() {
            let mut bad = good.clone();
            bad[piece][31] ^= 1;
            assert_eq!(Manifest::prove(size, id, bad), Err(NotProven), "piece {piece}");
        }
        let mut swapped = good.clone();
        swapped.swap(0, 1);
        assert!(Manifest::prove(size, id, swapped).is_err(), "pieces in another order");
        assert!(Manifest::prove(size, id, good[..3].to_vec()).is_err(), "a piece too few");
        assert!(Manifest::prove(size + PIECE, id, good).is_err(), "another size");
    }

    #[test]
    fn the_ranges_of_the_pieces_cover_a_file_exactly() {
        for size in [0, 1, PIECE, PIECE + 1, 3 * PIECE - 1] {
            let covered: u64 = (0..pieces(size)).map(|n| piece_range(size, n)).map(|r| r.end - r.start).sum();
            assert_eq!(covered, size);
        }
        assert_eq!(piece_range(10, 5), 10..10, "a piece beyond the end is empty");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_list_of_values_from_a_stranger_panics(size: u64, count in 0_usize..40, id: [u8; 32]) {
            let size = size % (64 * PIECE);
            prop_assert!(Manifest::prove(size, FileId(id), vec![[7; 32]; count]).is_err());
        }
    }
}
