//! Pages of the program that only starting it needed.
//!
//! Linux maps sixteen pages of a program around each one that is used, and takes none of them away while there is
//! room. A node that waits would keep all that its start ran through. What is let go here stays in the system's cache
//! of files and is mapped again when it is used again, which costs no reading (ADR 0025).

use rustix::mm::{Advice, madvise};
use std::{ffi::c_void, fs, io, ops::Range, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a node does each second brings half of them back at once, and what it does now and then the others.
const EVERY: Duration = Duration::from_secs(5);

/// Lets go of them again and again until cancelled.
pub(crate) async fn run(cancel: CancellationToken) {
    while cancel.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        match tokio::task::spawn_blocking(let_go).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "pages of the program are kept");
                return;
            }
            Err(_) => return,
        }
    }
}

#[allow(unsafe_code)]
fn let_go() -> io::Result<()> {
    let program = fs::read_link("/proc/self/exe")?;
    for range in unchanged(&fs::read_to_string("/proc/self/smaps")?, &program) {
        let start = std::ptr::with_exposed_provenance_mut::<c_void>(range.start);
        // SAFETY: the range is all of one mapping of a file that cannot be written to and of which no page has become
        // this process's own: whatever is let go is the same when it is mapped again. It is not unmapped: addresses in
        // it stay good. Nothing here takes such a mapping away or makes it writable while it runs.
        unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// Where a program lies in memory as it is in its file (proc_pid_smaps(5)).
fn unchanged(smaps: &str, program: &Path) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        if let Some(head) = head(line) {
            mapping = (!head.writable && Path::new(head.path) == program).then_some(head.range);
        } else if line.strip_prefix("Anonymous:").is_some_and(|rest| rest.trim() == "0 kB") {
            found.extend(mapping.take());
        }
    }
    found
}

struct Head<'a> {
    range: Range<usize>,
    writable: bool,
    path: &'a str,
}

/// The first line of a mapping: `start-end perms offset device inode path`. The other lines begin with `Name:`.
fn head(line: &str) -> Option<Head<'_>> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let writable = fields.next()?.contains('w');
    Some(Head { range, writable, path: fields.nth(3).unwrap_or_default().trim_start() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_in_the_file_is_let_go() {
        let smaps = "\
55d0c0000000-55d0c0100000 r--p 00000000 fe:00 77       /opt/with a space/lanyard
Size:               1024 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
55d0c0100000-55d0c0300000 r-xp 00100000 fe:00 77       /opt/with a space/lanyard
Anonymous:             0 kB
55d0c0300000-55d0c0400000 r--p 00300000 fe:00 77       /opt/with a space/lanyard
Anonymous:           512 kB
55d0c0400000-55d0c0500000 rw-p 00400000 fe:00 77       /opt/with a space/lanyard
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 12       /lib/libc.so.6
Anonymous:             0 kB
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0        [vdso]
Anonymous:             0 kB
7ffe00000000-7ffe00001000 r--p 00000000 00:00 0 
Anonymous:             0 kB
";
        let found = unchanged(smaps, Path::new("/opt/with a space/lanyard"));
        assert_eq!(found, [0x55d0_c000_0000..0x55d0_c010_0000, 0x55d0_c010_0000..0x55d0_c030_0000]);
        assert!(unchanged("", Path::new("")).is_empty());
        assert!(unchanged("zz-1 r-xp\nAnonymous: 0 kB\n1-2\n1-2 r-xp\n", Path::new("x")).is_empty());
    }

    /// KiB of the program that are in memory and cannot be written to.
    fn resident() -> u64 {
        let program = fs::read_link("/proc/self/exe").unwrap();
        let (mut sum, mut counts) = (0, false);
        for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            if let Some(head) = head(line) {
                counts = !head.writable && Path::new(head.path) == program;
            } else if let Some(rest) = line.strip_prefix("Rss:").filter(|_| counts) {
                sum += rest.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
            }
        }
        sum
    }

    #[test]
    fn a_program_goes_on_without_the_pages_it_had() {
        only_what_is_as_in_the_file_is_let_go();
        let before = resident();
        let_go().unwrap();
        let after = resident();
        assert!(after < before, "{before} KiB before, {after} KiB after");
        only_what_is_as_in_the_file_is_let_go();
    }
}
