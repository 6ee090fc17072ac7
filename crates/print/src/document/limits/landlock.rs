//! No file, no directory, no TCP port, no process outside: a Landlock rule set that allows nothing.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, Scope,
};

/// Puts this thread, and those it starts from now on, under the rules; as many of them as the kernel knows. Files
/// that are open stay usable. Also sets `no_new_privs`, where the kernel has Landlock.
pub(super) fn keep_nothing() {
    // Without Landlock the seccomp filter still refuses to open anything.
    let _ = restrict();
}

fn restrict() -> Result<(), RulesetError> {
    const KNOWN: ABI = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .restrict_self()
        .map(drop)
}
