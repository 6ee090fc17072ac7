//! How long a command takes on a host, without what it takes to get into the host.

use anyhow::{Context, Result, ensure};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// When a command was started, and how long it ran.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// By this machine's clock.
    pub began: SystemTime,
    /// To its end.
    pub took: Duration,
}

impl Timed {
    /// From the start of the command to that moment.
    #[must_use]
    pub fn until(&self, moment: SystemTime) -> Duration {
        moment.duration_since(self.began).unwrap_or_default()
    }

    /// Reads what `run` prints.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(text: &str) -> Result<Self> {
        let numbers = text.trim().split_once(' ').with_context(|| format!("no times: {text:?}"))?;
        let (began, took) = (numbers.0.parse()?, numbers.1.parse()?);
        Ok(Self { began: UNIX_EPOCH + Duration::from_nanos(began), took: Duration::from_nanos(took) })
    }
}

/// Runs a command and prints the nanosecond at which it was started and how many it ran.
pub(super) fn run(command: &[&str]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let (began, clock) = (SystemTime::now(), Instant::now());
    let output = command.spawn().and_then(std::process::Child::wait_with_output);
    let took = clock.elapsed();
    let output = output.with_context(|| format!("start {program}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}: {}", output.status, words.trim());
    println!("{} {}", began.duration_since(UNIX_EPOCH)?.as_nanos(), took.as_nanos());
    Ok(())
}
