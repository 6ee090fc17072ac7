//! An owner's rules, between the words of front ends and those of the decision.

use crate::{circle::Circle, clock::Clock};
use lanyard_api::{ApiError, Audience, ErrorCode, Grant, Millis, QuietHours, ShareKind};
use lanyard_trust::{Audience as Who, Grant as Rule, Until};

/// The most rules of one share.
pub(super) const MAX_RULES: usize = 128;

/// What an owner wants, as rules. Nothing said means the home, or everyone on the owner's networks while this
/// device is in no home.
pub(super) fn whom(
    audience: Vec<Grant>,
    kind: ShareKind,
    clock: &Clock,
    circle: &Circle,
) -> Result<Vec<Rule>, ApiError> {
    if audience.is_empty() {
        let home = !circle.known().members.is_empty();
        return Ok(vec![Rule::to(if home { Who::Home } else { Who::Network })]);
    }
    if audience.len() > MAX_RULES {
        return Err(invalid(format!("A share has at most {MAX_RULES} rules.")));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for grant in audience {
        // Passes are made and ended with their secrets; whatever a front end sends back of them is ignored.
        if matches!(grant.who, Audience::Guest { .. }) {
            continue;
        }
        let rule = rule(grant, kind, clock)?;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// Whether there are not too many of them.
pub(super) fn are_few(rules: &[Rule]) -> Result<(), ApiError> {
    if rules.len() <= MAX_RULES {
        return Ok(());
    }
    Err(invalid(format!("A share has at most {MAX_RULES} rules.")))
}

/// When something ends, if it does.
pub(super) fn ends(until: Option<Millis>, clock: &Clock) -> Result<Option<Until>, ApiError> {
    let now = clock.now();
    match until {
        Some(at) if at <= now.wall => Err(invalid("That time has passed already.".to_owned())),
        Some(at) => Ok(Some(Until::at(at, &now))),
        None => Ok(None),
    }
}

/// A rule as front ends show it.
pub(super) fn shown(rule: &Rule) -> Grant {
    Grant {
        who: match rule.who {
            Who::Network => Audience::Network,
            Who::Home => Audience::Home,
            Who::Device(device) => Audience::Device { id: device.to_string() },
            Who::Guest(pass) => Audience::Guest { id: pass.to_string() },
        },
        write: rule.write,
        add_only: rule.add_only,
        manage: rule.manage,
        ask: rule.ask,
        until: rule.until.map(|until| until.at),
        max_jobs: rule.max_jobs,
        max_bytes: rule.max_bytes,
        max_pages: rule.max_pages,
        no_color: rule.no_color,
        quiet: rule.quiet.map(|quiet| QuietHours { from: quiet.from, to: quiet.to }),
    }
}

fn rule(grant: Grant, kind: ShareKind, clock: &Clock) -> Result<Rule, ApiError> {
    let printer = kind == ShareKind::Printer;
    if printer && (grant.write || grant.add_only) {
        return Err(invalid("Nobody writes to a printer; they print.".to_owned()));
    }
    let of_jobs = grant.max_jobs.is_some() || grant.max_pages.is_some() || grant.quiet.is_some();
    if !printer && (grant.manage || grant.no_color || of_jobs) {
        return Err(invalid("Jobs belong to printers, not to folders.".to_owned()));
    }
    let quiet = match grant.quiet {
        Some(QuietHours { from, to }) => {
            let hours = lanyard_trust::QuietHours::new(from, to);
            let words = "Quiet hours begin and end at two different times of the day.";
            Some(hours.ok_or_else(|| invalid(words.to_owned()))?)
        }
        None => None,
    };
    Ok(Rule {
        who: match grant.who {
            Audience::Network => Who::Network,
            Audience::Home => Who::Home,
            Audience::Device { id } => {
                Who::Device(id.parse().map_err(|_| invalid(format!("“{id}” is no device's identity.")))?)
            }
            Audience::Guest { id } => {
                Who::Guest(id.parse().map_err(|_| invalid(format!("“{id}” is no pass.")))?)
            }
        },
        write: grant.write,
        add_only: grant.add_only,
        manage: grant.manage,
        ask: grant.ask,
        until: ends(grant.until, clock)?,
        max_jobs: grant.max_jobs,
        max_bytes: grant.max_bytes,
        max_pages: grant.max_pages,
        no_color: grant.no_color,
        quiet,
    })
}

fn invalid(detail: String) -> ApiError {
    ApiError::new(ErrorCode::Invalid, detail)
}
