//! Where the log goes: structured lines to a rotating file, plain text to stderr.
//!
//! Called by the binaries, once; the library only emits `tracing` events. Documents, folders and files are named
//! at debug level at most, so that a log can be handed to somebody else.

use crate::{DataDir, StartError};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::Mutex,
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// What is logged when neither `--log` nor `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info,mdns_sd=error,hyper=warn,rustls=warn";

/// A log file is set aside when it is larger than this.
const MAX_BYTES: u64 = 4 << 20;

/// How many old log files are kept beside the one being written.
const KEPT: usize = 3;

/// Starts logging for this process. `filter` has the syntax of `RUST_LOG`, which it overrides. A log directory
/// that cannot be written is reported on stderr and does not stop anything.
///
/// # Errors
/// [`StartError::Failed`] when `filter` makes no sense.
pub fn start(data: &DataDir, filter: Option<&str>) -> Result<(), StartError> {
    let filter = match filter.map(str::to_owned).or_else(|| std::env::var("RUST_LOG").ok()) {
        Some(text) => EnvFilter::try_new(&text)
            .map_err(|e| StartError::failed(format!("the log filter “{text}”"), e))?,
        None => EnvFilter::new(DEFAULT_FILTER),
    };
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // Told once there is a log to tell it in.
    let was_open = data.is_open_to_others();
    let opened = data.create().map_err(io::Error::other).and_then(|()| RotatingFile::open(data.logs()));
    let file = opened
        .inspect_err(|error| {
            let _ = writeln!(io::stderr(), "No log file is written: {error}");
        })
        .ok()
        .map(|file| tracing_subscriber::fmt::layer().json().with_writer(Mutex::new(file)).boxed());
    // A second call in one process (a test) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(filter).with(file).with(stderr).try_init();
    if was_open {
        tracing::warn!(
            "others on this computer could look into the data directory; it is closed to them now"
        );
    }
    Ok(())
}

/// `lanyard.log`, renamed to `lanyard.1.log` and so on when it grows too large.
struct RotatingFile {
    dir: PathBuf,
    file: File,
    bytes: u64,
}

impl RotatingFile {
    fn open(dir: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(dir.join("lanyard.log"))?;
        let bytes = file.metadata()?.len();
        Ok(Self { dir, file, bytes })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path =
            |n: usize| self.dir.join(if n == 0 { "lanyard.log".into() } else { format!("lanyard.{n}.log") });
        for n in (0..KEPT).rev() {
            // Not every number is there yet.
            let _ = fs::rename(path(n), path(n + 1));
        }
        *self = Self::open(std::mem::take(&mut self.dir))?;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes > MAX_BYTES {
            self.rotate()?;
        }
        // One event is one write; appending keeps lines whole.
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_grows_without_bound() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(dir.path().to_owned()).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            log.write_all(&line).unwrap();
        }
        let sizes: Vec<u64> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), KEPT + 1);
        assert!(sizes.iter().all(|size| *size <= MAX_BYTES + (1 << 20)), "{sizes:?}");
    }
}
