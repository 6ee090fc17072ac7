//! What passes on the wire, recorded by tcpdump.

use crate::host::{Host, Process};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use std::{fs, path::PathBuf, thread, time::Duration};

/// What tcpdump has recorded so far.
#[derive(Debug)]
pub struct Capture {
    pub(super) host: Host,
    pub(super) process: Process,
    pub(super) file: PathBuf,
}

impl Capture {
    /// Stops recording and gives the packets back: the raw file, and tcpdump's own reading of it, a line a packet.
    ///
    /// # Errors
    /// When tcpdump lost packets or cannot read its own file.
    pub fn stop(mut self) -> Result<(Vec<u8>, Vec<String>)> {
        // Packets of the last moment are still on their way through the kernel's buffer.
        thread::sleep(Duration::from_millis(200));
        self.process.signal(Signal::INT)?;
        self.process.wait(Duration::from_secs(5))?;
        let words = self.process.errors();
        ensure!(words.contains("\n0 packets dropped by kernel"), "tcpdump lost packets: {}", words.trim());
        let lines = self.host.run(&["tcpdump", "-n", "-v", "-r", &self.file.to_string_lossy()])?;
        Ok((fs::read(&self.file)?, lines.lines().map(str::to_owned).collect()))
    }
}
