//! How many arenas the system's allocator may have.
//!
//! glibc gives every other thread an arena of its own, eight for each processor, and each keeps some of what was freed in
//! it. A document or a large file goes through the hands of many threads, so that each arena would come to hold its largest
//! pieces; a node that hands one on was 7 MB larger for it, and no faster (docs/benchmarks.md).

/// One for the threads that wait for others, and one besides.
const MOST: libc::c_int = 2;

/// From now on there are no more than a few. Those that are there stay.
pub(crate) fn few() {
    // SAFETY: mallopt(3) may be called at any time and from any thread; it only stores a number.
    #[allow(unsafe_code)]
    let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, MOST) };
    if taken == 0 {
        tracing::debug!("the allocator keeps as many arenas as it likes");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{fs, sync::Barrier, thread};

    /// Arenas but the first begin at multiples of the largest size of a heap.
    fn arenas() -> usize {
        const HEAP: usize = 64 << 20;
        let starts = |line: &str| usize::from_str_radix(line.split_once('-')?.0, 16).ok();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let heaps = maps.lines().filter(|line| line.contains(" rw-p 00000000 00:00 0"));
        1 + heaps.filter_map(starts).filter(|start| start % HEAP == 0).count()
    }

    #[test]
    fn many_threads_share_a_few() {
        few();
        let before = arenas();
        let all_hold = Barrier::new(17);
        let hold = || {
            let held = vec![1u8; 50_000];
            all_hold.wait();
            all_hold.wait();
            held.len()
        };
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(hold);
            }
            all_hold.wait();
            let most = before.max(usize::try_from(MOST).unwrap());
            assert!(arenas() <= most, "{} arenas, {before} before", arenas());
            all_hold.wait();
        });
    }
}
