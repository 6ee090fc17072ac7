//! Bytes of a disc, and how those of a file lie among them.

use super::DiscError;
use std::io;

/// Something that bytes can be read from, anywhere.
pub trait ReadAt: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// What reading brings; [`io::ErrorKind::UnexpectedEof`] when there are not that many.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = start.checked_add(into.len()).and_then(|end| self.get(start..end));
        into.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Bytes of a file that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where on the disc; none for zeros that are not written down.
    pub at: Option<u64>,
    /// How many.
    pub length: u64,
}

impl Run {
    /// Whether `next` goes on where this ends, so that both are one.
    fn takes(&mut self, next: Self) -> bool {
        let follows = match (self.at, next.at) {
            (Some(at), Some(next)) => at.checked_add(self.length) == Some(next),
            (None, None) => true,
            _ => false,
        };
        match self.length.checked_add(next.length).filter(|_| follows) {
            Some(length) => self.length = length,
            None => return false,
        }
        true
    }
}

/// Adds a run to others; false when there are too many.
#[must_use]
pub(super) fn add(runs: &mut Vec<Run>, run: Run) -> bool {
    if run.length == 0 || runs.last_mut().is_some_and(|last| last.takes(run)) {
        return true;
    }
    if runs.len() >= super::RUNS {
        return false;
    }
    runs.push(run);
    true
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// With the place in the file at which each begins.
    runs: Vec<(u64, Run)>,
    size: u64,
}

impl Content {
    pub(super) fn new(runs: Vec<Run>, size: u64) -> Self {
        let mut begins = 0_u64;
        let runs = runs
            .into_iter()
            .map(|run| {
                let at = begins;
                begins = begins.saturating_add(run.length);
                (at, run)
            })
            .collect();
        Self { runs, size }
    }

    /// All of a disc, as it lies there.
    #[must_use]
    pub fn whole(size: u64) -> Self {
        Self::new(vec![Run { at: Some(0), length: size }], size)
    }

    /// How many bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many of them are written down somewhere.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.runs.last().map_or(0, |(begins, run)| begins.saturating_add(run.length))
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`DiscError::Io`]; [`DiscError::Damaged`] when the file is said to lie beyond the end of the disc, or to be
    /// longer than what is written down of it.
    pub fn read(&self, reader: &impl ReadAt, into: &mut [u8], offset: u64) -> Result<(), DiscError> {
        let (mut done, mut at) = (0, offset);
        while done < into.len() {
            let run = self.runs.partition_point(|(begins, _)| *begins <= at).checked_sub(1);
            let (begins, run) = run
                .and_then(|run| self.runs.get(run))
                .filter(|(begins, run)| at - begins < run.length)
                .ok_or(DiscError::Damaged("a file that is longer than what is written down of it"))?;
            let skip = at - begins;
            let there = usize::try_from(run.length - skip).unwrap_or(usize::MAX);
            let part = there.min(into.len() - done);
            let target = &mut into[done..done + part];
            match run.at.map(|start| start.checked_add(skip)) {
                None => target.fill(0),
                Some(start) => {
                    let start = start.filter(|start| {
                        start.checked_add(part as u64).is_some_and(|end| end <= reader.size())
                    });
                    let beyond = DiscError::Damaged("something that lies beyond the end of the disc");
                    reader.read_exact_at(target, start.ok_or(beyond)?)?;
                }
            }
            done += part;
            at += part as u64;
        }
        Ok(())
    }

    /// The places on the disc of a part of the file.
    pub fn places(&self, offset: u64, length: u64) -> impl Iterator<Item = (u64, u64)> {
        let end = offset.saturating_add(length);
        self.runs.iter().filter_map(move |(begins, run)| {
            let from = offset.max(*begins);
            let to = end.min(begins.saturating_add(run.length));
            let start = run.at?.checked_add(from.checked_sub(*begins)?)?;
            (from < to).then(|| (start, to - from))
        })
    }
}
