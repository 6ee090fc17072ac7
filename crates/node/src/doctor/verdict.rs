//! What was seen, as findings: one check for each thing, with what helps. Pure; the words are in the catalogues.

mod company;
mod own;
mod reach;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use super::Facts;
use crate::words;
use lanyard_api::{Check, CheckKind, Finding, FixAction, Outcome, Remedy, SharingState};

/// Everything, in the order of [`CheckKind`].
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        own::network(facts),
        own::listening(facts),
        reach::inbound(facts),
        reach::outbound(facts),
        reach::multicast(facts),
        reach::same_network(facts),
        company::clock(facts),
        company::version(facts),
        company::home(facts),
        own::data(facts),
        own::sandbox(facts),
    ];
    for check in &mut checks {
        let found: Vec<String> = check.found.iter().map(|found| words::english("finding", found)).collect();
        let helps: Vec<String> = check.helps.iter().map(|helps| words::english("remedy", helps)).collect();
        check.detail = found.join(" ");
        check.fix = (!helps.is_empty()).then(|| helps.join("\n"));
    }
    checks
}

/// A check and what was found by it; its English is added at the end.
fn said(what: CheckKind, outcome: Outcome, found: impl Into<Found>) -> Check {
    let action = (outcome == Outcome::Failed).then_some(FixAction::CheckAgain);
    let Found(found) = found.into();
    Check { what, outcome, found, helps: Vec::new(), detail: String::new(), fix: None, action }
}

fn fixed(mut check: Check, helps: impl Into<Helps>) -> Check {
    let Helps(helps) = helps.into();
    check.helps = helps;
    check
}

/// One finding or several.
struct Found(Vec<Finding>);
/// One remedy or several.
struct Helps(Vec<Remedy>);

impl From<Finding> for Found {
    fn from(one: Finding) -> Self {
        Self(vec![one])
    }
}

impl From<Vec<Finding>> for Found {
    fn from(several: Vec<Finding>) -> Self {
        Self(several)
    }
}

impl From<Remedy> for Helps {
    fn from(one: Remedy) -> Self {
        Self(vec![one])
    }
}

impl From<Vec<Remedy>> for Helps {
    fn from(several: Vec<Remedy>) -> Self {
        Self(several)
    }
}

/// Whether there is anything to be reached at all; what keeps it from being so is said by [`own::network`].
fn offers(facts: &Facts) -> bool {
    matches!(facts.status.sharing, SharingState::Visible | SharingState::Failed)
}

/// A number of things, for a finding.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
