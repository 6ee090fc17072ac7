//! A process inside a host, as the runner holds it.

use super::pid;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::PathBuf,
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// A process inside a host; killed when dropped.
#[derive(Debug)]
pub struct Process {
    pub(super) child: Child,
    pub(super) pid: Pid,
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
    pub(super) label: String,
}

impl Process {
    /// Its id as the machine sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// What it has written to its standard output so far.
    #[must_use]
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// What it has written to its standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).with_context(|| format!("signal {}", self.label))
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end and gives its exit status; none when a signal ended it.
    ///
    /// # Errors
    /// When it does not end within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<i32>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            ensure!(begun.elapsed() < limit, "{} does not end", self.label);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once, without a chance to tidy up.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill(&mut self) -> Result<()> {
        let _ = kill_process(self.pid, Signal::KILL);
        self.wait(Duration::from_secs(10)).map(drop)
    }

    /// Memory it holds, in KiB (`VmRSS`).
    ///
    /// # Errors
    /// When it is gone.
    pub fn rss_kib(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory it ever held, in KiB (`VmHWM`).
    ///
    /// # Errors
    /// When it is gone.
    pub fn most_kib(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .with_context(|| format!("{} is gone", self.label))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(what))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
            .with_context(|| format!("{} has no memory of its own any more", self.label))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.runs() {
            let _ = kill_process(self.pid, Signal::KILL);
            // `nsenter` ends with its child; should it not, it must not hold the runner up.
            if self.wait(Duration::from_secs(3)).is_err() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}

/// `nsenter` forks to enter a process namespace: the real process is its child. None when it has ended already.
pub(super) fn child_of(nsenter: &mut Child) -> Result<Option<Pid>> {
    let children = format!("/proc/{0}/task/{0}/children", nsenter.id());
    loop {
        let list = fs::read_to_string(&children).unwrap_or_default();
        if let Some(found) = list.split_whitespace().next().and_then(|raw| raw.parse().ok()).and_then(pid) {
            return Ok(Some(found));
        }
        if nsenter.try_wait()?.is_some() {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
}
