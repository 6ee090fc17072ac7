//! The calls that are left to a child that reads a document: to compute, to read it, to write its answer, to end.
//!
//! Everything else fails with EPERM rather than killing the process: the standard library and the allocator ask for
//! things they can do without, and which ones changes between versions. Nothing that is refused can hurt.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::{
    collections::BTreeMap,
    fs::File,
    os::fd::{AsRawFd, RawFd},
};

/// Calls that touch nothing but this process's own memory, threads and time.
const COMPUTING: [i64; 17] = [
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// Puts every thread of this process under the filter. False when the kernel has no such thing.
pub(super) fn keep_computing(document: &File, out: &File, also: &[File]) -> bool {
    let read: Vec<RawFd> = also.iter().chain([document]).map(AsRawFd::as_raw_fd).collect();
    filter(&read, out.as_raw_fd())
        .is_some_and(|filter| seccompiler::apply_filter_all_threads(&filter).is_ok())
}

fn filter(read: &[RawFd], out: RawFd) -> Option<BpfProgram> {
    const ERROR: RawFd = 2;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        COMPUTING.into_iter().map(|call| (call, Vec::new())).collect();
    // Descriptors that were open when we were started, by somebody's mistake, are of no use either.
    let readable = || read.iter().map(|descriptor| on(*descriptor)).collect::<Option<Vec<_>>>();
    rules.insert(libc::SYS_read, readable()?);
    rules.insert(libc::SYS_lseek, readable()?);
    rules.insert(libc::SYS_write, vec![on(out)?, on(ERROR)?]);
    rules.insert(libc::SYS_writev, vec![on(out)?, on(ERROR)?]);
    let no_code = || only(2, libc::PROT_EXEC, 0);
    let no_file = only(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![no_code()?, no_file]).ok()?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![no_code()?]).ok()?]);
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch).ok()?.try_into().ok()
}

/// The call's first argument is that descriptor.
fn on(descriptor: RawFd) -> Option<SeccompRule> {
    let value = u64::try_from(descriptor).ok()?;
    let condition = SeccompCondition::new(0, Dword, SeccompCmpOp::Eq, value).ok()?;
    SeccompRule::new(vec![condition]).ok()
}

/// Of these bits of an argument, exactly those are set.
fn only(argument: u8, bits: i32, set: i32) -> Option<SeccompCondition> {
    let (bits, set) = (u64::try_from(bits).ok()?, u64::try_from(set).ok()?);
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(bits), set).ok()
}
