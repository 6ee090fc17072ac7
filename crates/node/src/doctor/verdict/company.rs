//! What this device and the others make of each other: clocks, versions, the home.

use super::{super::Facts, count, fixed, said};
use crate::wire;
use lanyard_api::{Check, CheckKind, DeviceState, Finding, Outcome, Remedy};
use lanyard_trust::names::clean;

/// Clocks that differ by more than this are worth a word, in milliseconds.
const CLOCKS: i64 = 5 * 60 * 1000;

pub(super) fn clock(facts: &Facts) -> Check {
    let what = CheckKind::Clock;
    let Some(worst) = facts.answers.iter().max_by_key(|answer| answer.ahead.saturating_abs()) else {
        return said(what, Outcome::Unknown, Finding::NobodyToCompare);
    };
    let apart = worst.ahead.saturating_abs();
    if apart <= CLOCKS {
        return said(what, Outcome::Good, Finding::ClocksAgree);
    }
    let (device, minutes) = (worst.name.clone(), apart.unsigned_abs() / 60_000);
    let mut found = vec![match worst.ahead > 0 {
        true => Finding::ClockAhead { device, minutes },
        false => Finding::ClockBehind { device, minutes },
    }];
    let wrong = facts.answers.iter().filter(|answer| answer.ahead.saturating_abs() > CLOCKS).count();
    if wrong == facts.answers.len() && wrong > 1 {
        found.push(Finding::ClockOdd);
    }
    fixed(said(what, Outcome::Warning, found), Remedy::SetClocks)
}

pub(super) fn version(facts: &Facts) -> Check {
    let what = CheckKind::Version;
    if facts.answers.is_empty() {
        if facts.unasked.is_empty() {
            return said(what, Outcome::Unknown, Finding::NobodyToCompare);
        }
        let found = Finding::Unanswered { devices: facts.unasked.clone() };
        return fixed(said(what, Outcome::Warning, found), Remedy::UpdateAll);
    }
    let (ours, version) = (wire::VERSION, facts.status.version.clone());
    if let Some(other) = facts.answers.iter().find(|answer| answer.probed.v != ours) {
        let found = Finding::OtherProtocol { device: other.name.clone(), theirs: other.probed.v, ours };
        return fixed(said(what, Outcome::Failed, found), Remedy::UpdateOlder);
    }
    let devices: Vec<String> = facts
        .answers
        .iter()
        .filter(|answer| answer.probed.version != version)
        .map(|answer| format!("{} {}", answer.name, clean(&answer.probed.version).unwrap_or_default()))
        .collect();
    match devices.is_empty() {
        true => said(what, Outcome::Good, Finding::SameVersion { version }),
        false => said(what, Outcome::Good, Finding::OtherVersions { version, devices }),
    }
}

pub(super) fn home(facts: &Facts) -> Check {
    let what = CheckKind::Home;
    let Some(home) = &facts.home.home else {
        return said(what, Outcome::Unknown, Finding::NoHome);
    };
    let others = home.members.iter().filter(|member| !member.this_device);
    let here = others.clone().filter(|member| member.state == DeviceState::Online).count();
    let (all, name) = (others.count(), home.name.clone());
    let found = Finding::HomeAnswers { here: count(here), all: count(all), home: name.clone() };
    match (here, all) {
        (_, 0) => said(what, Outcome::Good, Finding::HomeAlone { home: name }),
        (0, _) => said(what, Outcome::Warning, vec![found, Finding::HomeStale]),
        _ => said(what, Outcome::Good, found),
    }
}
