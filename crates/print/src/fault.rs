//! Places at which a test lets this process die. Compiled only with the feature `fault-points`, which no program has;
//! otherwise there is nothing here.
//!
//! With `LANYARD_FAULT=N` in its environment a process kills itself as it comes by the Nth place, counted over all of
//! them, as hard as SIGKILL is: nothing is cleaned up, nothing written that was not.

/// One of these places.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub(crate) const fn point(_: &'static str) {}

/// One of these places.
#[cfg(feature = "fault-points")]
pub(crate) fn point(name: &'static str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    };
    static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
        let wanted = std::env::var("LANYARD_FAULT").ok().and_then(|number| number.parse().ok());
        AtomicI64::new(wanted.unwrap_or(0))
    });
    if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        eprintln!("died at {name}");
        #[cfg(unix)]
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}
