//! Rows of pixels, packed as PWG raster and URF do it (PWG 5102.4 §4.4): a count of equal rows, then runs of equal
//! pixels and runs of different ones.

use std::io::{self, Read, Write};

/// Packs rows into a writer.
pub struct Packer<W> {
    unit: usize,
    out: W,
    row: Vec<u8>,
    repeats: u8,
    packed: Vec<u8>,
}

impl<W: Write> Packer<W> {
    /// For rows of units of so many bytes.
    pub fn new(unit: usize, out: W) -> Self {
        Self { unit, out, row: Vec::new(), repeats: 0, packed: Vec::new() }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn row(&mut self, row: &[u8]) -> io::Result<()> {
        if self.row == row && self.repeats < u8::MAX {
            self.repeats += 1;
            return Ok(());
        }
        if !self.row.is_empty() {
            self.put()?;
        }
        self.row.clear();
        self.row.extend_from_slice(row);
        self.repeats = 0;
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn finish(mut self) -> io::Result<()> {
        if self.row.is_empty() { Ok(()) } else { self.put() }
    }

    fn put(&mut self) -> io::Result<()> {
        self.packed.clear();
        self.packed.push(self.repeats);
        pack(&self.row, self.unit, &mut self.packed);
        self.out.write_all(&self.packed)
    }
}

fn pack(row: &[u8], unit: usize, out: &mut Vec<u8>) {
    const MOST: usize = 128;
    let mut rest = row;
    while rest.len() >= unit {
        let first = &rest[..unit];
        let same = rest.chunks_exact(unit).take(MOST).take_while(|pixel| *pixel == first).count();
        if same > 1 {
            out.push(u8::try_from(same - 1).unwrap_or(0));
            out.extend_from_slice(first);
            rest = &rest[same * unit..];
            continue;
        }
        // Different ones, up to where two are the same.
        let mut count = 1;
        while count < MOST
            && let Some(next) = rest.get(count * unit..(count + 1) * unit)
            && rest.get((count + 1) * unit..(count + 2) * unit) != Some(next)
        {
            count += 1;
        }
        // A single one is a run of one: 257 - 1 would not fit into a byte.
        out.push(if count == 1 { 0 } else { u8::try_from(257 - count).unwrap_or(0) });
        out.extend_from_slice(&rest[..count * unit]);
        rest = &rest[count * unit..];
    }
}

/// Unpacks the next row or rows into `row`, which has the right length, and tells how often it comes.
///
/// # Errors
/// When the reader ends, or the row is longer than it may be ([`io::ErrorKind::InvalidData`]).
pub fn unpack(input: &mut impl Read, unit: usize, white: u8, row: &mut [u8]) -> io::Result<usize> {
    let times = usize::from(byte(input)?) + 1;
    let mut at = 0;
    while at < row.len() {
        let code = byte(input)?;
        let left = &mut row[at..];
        let too_long = || io::Error::from(io::ErrorKind::InvalidData);
        match code {
            0..=127 => {
                let length = (usize::from(code) + 1) * unit;
                let run = left.get_mut(..length).ok_or_else(too_long)?;
                let (first, others) = run.split_at_mut(unit);
                input.read_exact(first)?;
                for other in others.chunks_exact_mut(unit) {
                    other.copy_from_slice(first);
                }
                at += length;
            }
            128 => {
                left.fill(white);
                at = row.len();
            }
            129.. => {
                let length = (257 - usize::from(code)) * unit;
                input.read_exact(left.get_mut(..length).ok_or_else(too_long)?)?;
                at += length;
            }
        }
    }
    Ok(times)
}

fn byte(input: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(rows: &[Vec<u8>], unit: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut packer = Packer::new(unit, &mut out);
        rows.iter().for_each(|row| packer.row(row).unwrap());
        packer.finish().unwrap();
        out
    }

    #[test]
    fn a_white_row_takes_a_few_bytes_and_equal_rows_are_counted() {
        let rows = vec![vec![255; 3 * 128]; 300];
        let out = packed(&rows, 3);
        assert_eq!(out, [255, 127, 255, 255, 255, 43, 127, 255, 255, 255]);
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked_as_it_was(
            unit in prop::sample::select(vec![1usize, 3]),
            rows in prop::collection::vec((1usize..4, prop::collection::vec(0u8..3, 300)), 1..12),
        ) {
            let rows: Vec<Vec<u8>> =
                rows.into_iter().flat_map(|(times, row)| vec![row; times]).collect();
            let out = packed(&rows, unit);
            let (mut input, mut found) = (&out[..], Vec::new());
            while !input.is_empty() {
                let mut row = vec![7; 300];
                let times = unpack(&mut input, unit, 255, &mut row).unwrap();
                found.extend(std::iter::repeat_n(row, times));
            }
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn noise_is_unpacked_or_refused(noise in prop::collection::vec(any::<u8>(), 0..400), width in 1usize..200) {
            let mut input = &noise[..];
            let mut row = vec![0; width * 3];
            while unpack(&mut input, 3, 255, &mut row).is_ok() {}
        }
    }
}
