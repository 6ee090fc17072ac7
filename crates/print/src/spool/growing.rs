//! A document that is read while it is still written.

use super::blocking;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};
use tokio::sync::watch;

/// Bytes that are read at once.
const PIECE: u64 = 256 * 1024;

/// A document that grows, and how much of it was read.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    /// What the whole of it will be.
    bytes: u64,
    /// What is there.
    grown: watch::Receiver<u64>,
    read: u64,
    file: Option<File>,
}

impl Growing {
    /// What is written to `path` and will have `bytes`. Whoever writes tells what is returned how far it is.
    #[must_use]
    pub(crate) fn at(path: PathBuf, bytes: u64) -> (watch::Sender<u64>, Self) {
        let (written, grown) = watch::channel(0);
        (written, Self { path, bytes, grown, read: 0, file: None })
    }

    /// What the whole of it will be.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// True once all of it was read.
    pub(crate) fn is_read(&self) -> bool {
        self.read >= self.bytes
    }

    /// What comes next, as soon as it is there; none when all of it was read.
    ///
    /// # Errors
    /// When it cannot be read, or whoever writes it has stopped before it was whole.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let read = self.read;
        if self.is_read() {
            return Ok(None);
        }
        let there = *self.grown.wait_for(|there| *there > read).await.map_err(io::Error::other)?;
        let next = (there.min(self.bytes) - read).min(PIECE);
        let (path, file) = (self.path.clone(), self.file.take());
        let reading = move || {
            let mut file = file.map_or_else(|| File::open(path), Ok)?;
            let length = usize::try_from(next).map_err(io::Error::other)?;
            let mut piece = Vec::with_capacity(length);
            file.seek(SeekFrom::Start(read))?;
            if (&file).take(next).read_to_end(&mut piece)? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok((file, piece))
        };
        let (file, piece) = blocking(reading).await?;
        self.file = Some(file);
        self.read += next;
        Ok(Some(piece))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{io::Write, time::Duration};

    #[tokio::test]
    async fn it_is_read_as_it_grows_and_never_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("document");
        let (written, mut growing) = Growing::at(path.clone(), 600_000);
        let mut file = File::create(&path).unwrap();
        file.write_all(&[1; 100_000]).unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), growing.next()).await;
        assert!(early.is_err(), "nobody has said yet that anything is there");
        written.send_replace(100_000);
        assert_eq!(growing.next().await.unwrap(), Some(vec![1; 100_000]));
        file.write_all(&[2; 500_000]).unwrap();
        written.send_replace(600_000);
        drop(written);
        let mut rest = Vec::new();
        while let Some(piece) = growing.next().await.unwrap() {
            rest.extend(piece);
        }
        assert!(rest == [2; 500_000], "{} bytes are not the rest", rest.len());
        assert!(growing.is_read());
    }

    #[tokio::test]
    async fn one_that_is_given_up_ends_with_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("document");
        std::fs::write(&path, [1; 10]).unwrap();
        let (written, mut growing) = Growing::at(path, 11);
        written.send_replace(10);
        drop(written);
        assert_eq!(growing.next().await.unwrap(), Some(vec![1; 10]));
        assert!(growing.next().await.is_err());
    }
}
