//! One node per data directory: a lock file that the system releases when the process ends, however it ends.

use crate::{DataDir, StartError};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
};

/// The lock of a running node. Dropping it lets the next node start.
#[derive(Debug)]
pub struct Lock {
    // Held open, never read again: closing it releases the lock.
    _file: File,
}

impl Lock {
    /// Takes the lock and writes this process' id into it.
    ///
    /// # Errors
    /// [`StartError::AlreadyRunning`] when another process holds it, [`StartError::Failed`] when the file cannot
    /// be used.
    pub fn take(data: &DataDir) -> Result<Self, StartError> {
        let path = data.lock();
        let failed = |error| StartError::failed(format!("cannot use the lock {}", path.display()), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::AlreadyRunning { pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// The process id that the holder wrote; 0 when it cannot be read (Windows locks the bytes themselves).
fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(16).read_to_string(&mut text));
    read.ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0)
}
