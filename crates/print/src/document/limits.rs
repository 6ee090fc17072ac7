//! What the child that reads a document takes from itself before it reads the first byte.
//!
//! On Linux it keeps nothing but its document, the file it writes and the way for its answer: memory, time and the
//! size of files are limited, Landlock takes the file system and the network away, and a seccomp filter leaves the
//! few calls that computing needs. Elsewhere on Unix it has limits of time, file size and open files; on Windows it
//! has none, and only the node's clock ends it. What the system cannot do is left out: the node is told by
//! [`Limits::take`], and the document is read all the same, in a process of its own.

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod seccomp;

use std::{fs::File, time::Duration};

/// The stack of the thread that reads: a document may be nested deeper than a main thread's stack allows.
pub const STACK: usize = 64 * 1024 * 1024;

/// What a child may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of memory beyond what the program itself has at its start.
    pub memory: u64,
    /// Time of the processor.
    pub time: Duration,
    /// Bytes of the largest file it may write.
    pub file: u64,
}

/// What the first half of confining a child learned: see [`Limits::begin`].
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Bytes of address space that the program had at its start.
    mapped: u64,
}

impl Limits {
    /// What a document of that size may cost. A PDF is held two to three times while pages are taken out of it.
    #[must_use]
    pub fn for_document(size: u64) -> Self {
        const MEMORY: u64 = 512 * 1024 * 1024 + STACK as u64;
        const MOST: u64 = 1536 * 1024 * 1024;
        Self {
            memory: MEMORY.saturating_add(size.saturating_mul(3)).min(MOST),
            time: Duration::from_secs(30),
            file: 1024 * 1024 * 1024,
        }
    }

    /// The same, with other time of the processor and another size of the file it writes.
    #[must_use]
    pub fn within(self, time: Duration, file: u64) -> Self {
        Self { time, file, ..self }
    }

    /// The first half, while the process has one thread: what its later threads inherit.
    #[must_use]
    pub fn begin() -> Begun {
        Self::begin_at(mapped())
    }

    /// The same of a process that knows already how much address space it has in use.
    pub(crate) fn begin_at(mapped: u64) -> Begun {
        #[cfg(target_os = "linux")]
        {
            // When the node's thread that waits for the answer is gone, so is the reason to go on.
            let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
            landlock::keep_nothing();
        }
        Begun { mapped }
    }

    /// The second half, when the last thread was started and nothing of the document was read. From here on only
    /// `document` and what is in `also` can be read, and only `out` and the standard error be written. True when the
    /// system sees to that.
    #[must_use]
    pub fn take(self, begun: Begun, document: &File, out: &File, also: &[File]) -> bool {
        #[cfg(unix)]
        self.limit_resources(begun);
        #[cfg(not(unix))]
        let _ = begun.mapped;
        keep_computing(document, out, also)
    }

    #[cfg(unix)]
    fn limit_resources(self, begun: Begun) {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = |resource, most: u64| {
            let most = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(most);
            let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
        };
        limit(Resource::Core, 0);
        limit(Resource::Cpu, self.time.as_secs());
        limit(Resource::Fsize, self.file);
        // What is open stays open; nothing else can be opened.
        limit(Resource::Nofile, 0);
        if cfg!(target_os = "linux") {
            // Threads count as processes here: there will be no more of either.
            limit(Resource::Nproc, 0);
            // A program with a desktop's libraries in it is large before it does anything. On macOS the libraries of
            // the system alone are more than any sensible limit.
            if begun.mapped > 0 {
                limit(Resource::As, begun.mapped.saturating_add(self.memory));
            } else {
                limit(Resource::Data, self.memory);
            }
        }
    }
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
fn keep_computing(document: &File, out: &File, also: &[File]) -> bool {
    seccomp::keep_computing(document, out, also)
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
)))]
fn keep_computing(_: &File, _: &File, _: &[File]) -> bool {
    false
}

/// Bytes of address space in use, 0 where the system does not tell.
pub(crate) fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kilobytes = size.and_then(|size| size.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.map_or(0, |size| size.saturating_mul(1024))
}
