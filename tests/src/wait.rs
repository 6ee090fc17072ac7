//! Waiting for something to become true, with a deadline and the last reason why it was not.

use anyhow::{Error, Result, anyhow};
use std::{
    fmt, thread,
    time::{Duration, Instant},
};

const STEP: Duration = Duration::from_millis(10);

/// A reason that time will not change: [`soon`] gives up at once.
#[derive(Debug)]
pub struct Hopeless(String);

impl Hopeless {
    /// With these words.
    pub fn because(reason: impl Into<String>) -> Error {
        Self(reason.into()).into()
    }
}

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

/// Asks again and again until `ask` succeeds; its last error is the reason when the time is over.
///
/// # Errors
/// When `ask` never succeeded within `limit`.
pub fn soon<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(found) => return Ok(found),
            Err(error) if error.is::<Hopeless>() => return Err(error.context(format!("in vain: {what}"))),
            Err(error) if begun.elapsed() >= limit => {
                return Err(error.context(format!("not within {:.1} s: {what}", limit.as_secs_f64())));
            }
            Err(_) => thread::sleep(STEP),
        }
    }
}

/// Asks for a whole while: `ask` has to succeed every time.
///
/// # Errors
/// The first failure of `ask`.
pub fn stays(what: &str, length: Duration, mut ask: impl FnMut() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < length {
        ask().map_err(|error| anyhow!("{error:#}").context(format!("did not stay so: {what}")))?;
        thread::sleep(STEP * 5);
    }
    Ok(())
}
