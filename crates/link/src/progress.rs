//! The least speed at which bytes must move while somebody waits for them.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The least speed of a stranger's body and of a stranger who reads ours, in bytes a second.
const LEAST_PER_SECOND: u128 = 1024;

/// Counts the time spent waiting and the bytes that moved. Time in which nobody waits (a slow disk, a full
/// printer) does not count against the other side.
pub(crate) struct Progress {
    window: Duration,
    /// What must move within `window` of waiting.
    least: usize,
    moved: usize,
    waited: Duration,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Progress {
    /// At least 1 KiB a second, looked at once per `window`.
    pub(crate) fn steady(window: Duration) -> Self {
        let least = window.as_millis() * LEAST_PER_SECOND / 1000;
        Self::at_least(usize::try_from(least).unwrap_or(usize::MAX).max(1), window)
    }

    /// At least one byte per `window`, for streams that are quiet by nature.
    pub(crate) fn alive(window: Duration) -> Self {
        Self::at_least(1, window)
    }

    fn at_least(least: usize, window: Duration) -> Self {
        Self { window, least, moved: 0, waited: Duration::ZERO, since: None, alarm: None }
    }

    /// Bytes moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.pause();
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.least {
            self.moved = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Nobody waits at the moment.
    pub(crate) fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Everything that was to move has moved.
    pub(crate) fn done(&mut self) {
        self.since = None;
        self.moved = 0;
        self.waited = Duration::ZERO;
    }

    /// Somebody waits. Ready when the other side has been too slow for a whole window; wakes the task in time.
    pub(crate) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        loop {
            let due = since + self.window.saturating_sub(self.waited);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
            // The alarm is left where it is while bytes move, and set anew only when it rings too early: a timer
            // for every piece would cost more than the piece.
            if alarm.deadline() > due {
                alarm.as_mut().reset(due);
            }
            match alarm.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if Instant::now() >= due => return Poll::Ready(()),
                Poll::Ready(()) => alarm.as_mut().reset(due),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{advance, timeout};

    const WINDOW: Duration = Duration::from_secs(30);

    async fn stalled_within(progress: &mut Progress, time: Duration) -> bool {
        timeout(time, poll_fn(|cx| progress.poll_stalled(cx))).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_stall_after_the_window_and_not_before() {
        let mut progress = Progress::steady(WINDOW);
        assert!(!stalled_within(&mut progress, Duration::from_secs(29)).await);
        assert!(stalled_within(&mut progress, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_byte_a_second_is_a_stall() {
        let mut progress = Progress::steady(WINDOW);
        let mut seconds = 0;
        while !stalled_within(&mut progress, Duration::from_secs(1)).await {
            progress.moved(1);
            seconds += 1;
            assert!(seconds < 40, "one byte a second went on for {seconds} s");
        }
        assert!(seconds >= 29, "cut after {seconds} s already");
    }

    #[tokio::test(start_paused = true)]
    async fn four_kilobytes_a_second_is_no_stall() {
        let mut progress = Progress::steady(WINDOW);
        for _ in 0..120 {
            assert!(!stalled_within(&mut progress, Duration::from_secs(1)).await);
            progress.moved(4096);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut progress = Progress::steady(WINDOW);
        assert!(!stalled_within(&mut progress, Duration::from_secs(10)).await);
        progress.moved(1);
        advance(Duration::from_secs(3600)).await;
        assert!(!stalled_within(&mut progress, Duration::from_secs(15)).await);
        assert!(stalled_within(&mut progress, Duration::from_secs(6)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_needs_one_byte_per_window() {
        let mut progress = Progress::alive(WINDOW);
        for _ in 0..10 {
            assert!(!stalled_within(&mut progress, Duration::from_secs(25)).await);
            progress.moved(1);
        }
        assert!(stalled_within(&mut progress, Duration::from_secs(31)).await);
    }
}
