//! How long a command takes on a host, without what it takes to get into the host.

use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
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
    /// Processor time of it and of what it started.
    pub used: Duration,
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
        let numbers: Vec<u64> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>().unwrap_or_default();
        let [began, took, used] = numbers[..] else { bail!("no times: {text:?}") };
        let [began, took, used] = [began, took, used].map(Duration::from_nanos);
        Ok(Self { began: UNIX_EPOCH + began, took, used })
    }
}

/// Runs a command and prints the nanosecond at which it was started, how many it ran, and how many of a processor's it
/// used.
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
    let used = usage(&fs::read_to_string("/proc/self/stat")?)?.1;
    println!("{} {} {}", began.duration_since(UNIX_EPOCH)?.as_nanos(), took.as_nanos(), used.as_nanos());
    Ok(())
}

/// What a process has used of a processor, and what its children had that have ended; from its `/proc/PID/stat`.
///
/// # Errors
/// When that is something else.
pub fn usage(stat: &str) -> Result<(Duration, Duration)> {
    // proc(5): the name is the second field and may hold anything; the times are the 14th to 17th, in hundredths of a
    // second for everybody who asks (`USER_HZ`).
    let (_, fields) = stat.rsplit_once(')').context("no process")?;
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, child_user, child_system] = ticks[..] else { bail!("no times in {stat:?}") };
    let time = |ticks: u64| Duration::from_millis(ticks * 10);
    Ok((time(user + system), time(child_user + child_system)))
}
