//! Who may do what: one pure decision, asked by every door.

use crate::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The short, stable id of something this computer offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShareId(pub String);

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is asking, as the connection proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The key at the other end of the TLS connection.
    pub device: NodeId,
    /// True when the connection came in on a network that the owner marked as own.
    pub on_own_network: bool,
}

/// What they want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print on it, follow and cancel one's own jobs.
    Print,
    /// See names in a folder.
    List,
    /// Read content.
    Read,
    /// Add or replace content.
    Write,
}

/// A class of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everyone on a network the owner marked as own.
    Network,
    /// One device, wherever it connects from.
    Device(NodeId),
}

/// The owner's rule for one share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Anyone who matches one of these; nobody when empty.
    pub audience: Vec<Audience>,
    /// Whether they may also write; meaningless for printers.
    pub write: bool,
    /// Unix milliseconds after which nobody may do anything.
    pub until: Option<i64>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// No. Also the answer when nothing was said.
    Deny,
}

/// Decides whether `subject` may do `action` under `policy` at `now` (Unix milliseconds). Default deny.
#[must_use]
pub fn decide(policy: &Policy, subject: &Subject, action: Action, now: i64) -> Decision {
    let expired = policy.until.is_some_and(|until| now >= until);
    let addressed = policy.audience.iter().any(|audience| match audience {
        Audience::Network => subject.on_own_network,
        Audience::Device(device) => *device == subject.device,
    });
    let permitted = action != Action::Write || policy.write;
    if addressed && permitted && !expired { Decision::Allow } else { Decision::Deny }
}

/// Why a door does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such share, or this caller may not know of it.
    #[error("there is no such share")]
    Unknown,
    /// The share is there for this caller, but not for this.
    #[error("the owner has not allowed this")]
    NotAllowed,
}

/// What a capability asks before it serves: is there such a share, may this caller do that, and what is behind
/// it? `Target` is what the capability needs to go on (a queue, a folder). Asked again for every request, so that
/// taking a share back works at once.
pub trait Gate<Target>: Send + Sync + 'static {
    /// # Errors
    /// [`Refusal`] when the caller must not go on.
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Target, Refusal>;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANNA: NodeId = NodeId::from_bytes([1; 32]);
    const BEN: NodeId = NodeId::from_bytes([2; 32]);
    const AT_HOME: Subject = Subject { device: ANNA, on_own_network: true };
    const ABROAD: Subject = Subject { device: ANNA, on_own_network: false };
    const EVERY_ACTION: [Action; 4] = [Action::Print, Action::List, Action::Read, Action::Write];

    #[test]
    fn the_owners_rule_decides() {
        use Action::{List, Print, Read, Write};
        use Decision::{Allow, Deny};
        let network = Audience::Network;
        let anna = Audience::Device(ANNA);
        let ben = Audience::Device(BEN);
        type Case<'a> = (&'a str, &'a [Audience], bool, Option<i64>, Subject, Action, Decision);
        let table: &[Case<'_>] = &[
            ("nobody is named", &[], true, None, AT_HOME, Print, Deny),
            ("on the owner's network", &[network], false, None, AT_HOME, Print, Allow),
            ("on some other network", &[network], false, None, ABROAD, Print, Deny),
            ("a device, wherever it is", &[anna], false, None, ABROAD, Read, Allow),
            ("another device", &[ben], false, None, AT_HOME, Read, Deny),
            ("one of several", &[ben, anna], false, None, ABROAD, List, Allow),
            ("reading does not allow writing", &[anna], false, None, AT_HOME, Write, Deny),
            ("writing allowed", &[anna], true, None, AT_HOME, Write, Allow),
            ("writing allowed, but not to them", &[ben], true, None, AT_HOME, Write, Deny),
            ("still in time", &[network], false, Some(1001), AT_HOME, Print, Allow),
            ("just over", &[network], false, Some(1000), AT_HOME, Print, Deny),
            ("long over", &[anna], true, Some(-1), AT_HOME, Write, Deny),
        ];
        for (case, audience, write, until, subject, action, expected) in table {
            let policy = Policy { audience: audience.to_vec(), write: *write, until: *until };
            assert_eq!(decide(&policy, subject, *action, 1000), *expected, "{case}");
        }
    }

    #[test]
    fn a_rule_that_was_never_set_allows_nothing() {
        for action in EVERY_ACTION {
            for subject in [AT_HOME, ABROAD] {
                assert_eq!(decide(&Policy::default(), &subject, action, 0), Decision::Deny);
            }
        }
    }

    #[test]
    fn a_rule_survives_being_stored() {
        let policy = Policy {
            audience: vec![Audience::Network, Audience::Device(BEN)],
            write: true,
            until: Some(i64::MAX),
        };
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    }

    fn any_audience() -> impl Strategy<Value = Audience> {
        prop_oneof![Just(Audience::Network), Just(Audience::Device(ANNA)), Just(Audience::Device(BEN)),]
    }

    proptest! {
        #[test]
        fn taking_something_away_never_allows_more(
            audience in prop::collection::vec(any_audience(), 0..4),
            write: bool,
            until in prop::option::of(-5i64..5),
            now in -5i64..5,
            on_own_network: bool,
            action in prop::sample::select(EVERY_ACTION.to_vec()),
        ) {
            let subject = Subject { device: ANNA, on_own_network };
            let policy = Policy { audience, write, until };
            let mut less = vec![
                Policy { write: false, ..policy.clone() },
                Policy { until: Some(until.map_or(now, |until| until.min(now))), ..policy.clone() },
            ];
            for at in 0..policy.audience.len() {
                let mut fewer = policy.clone();
                fewer.audience.remove(at);
                less.push(fewer);
            }
            for less in less {
                prop_assert!(
                    decide(&policy, &subject, action, now) == Decision::Allow
                        || decide(&less, &subject, action, now) == Decision::Deny
                );
            }
        }
    }
}
