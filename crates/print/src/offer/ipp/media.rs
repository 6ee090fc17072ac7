//! Paper as IPP describes it: PWG names on one side, collections of hundredths of a millimetre on the other
//! (PWG 5100.7 §6.3, PWG 5101.1 §5). Pure.

use super::printer::Facts;
use lanyard_ipp::{Attribute, Value};

/// The tray and the kind of paper of a printer that does not tell.
pub(super) const AUTO: &str = "auto";
const STATIONERY: &str = "stationery";

/// How far a size may be off and still mean the same paper: half a millimetre, as inches do not come out even.
const SLACK: i32 = 50;

/// Width and height of a PWG name, in hundredths of a millimetre.
pub(super) fn size(name: &str) -> Option<(i32, i32)> {
    let size = name.rsplit('_').next()?;
    let (numbers, unit) = match size.strip_suffix("mm") {
        Some(numbers) => (numbers, 100.0),
        None => (size.strip_suffix("in")?, 2540.0),
    };
    let (width, height) = numbers.split_once('x')?;
    let side = |text: &str| {
        let hundredths = (text.parse::<f64>().ok()? * unit).round();
        // Up to 100 m: a roll, never an overflow.
        (1.0..1e7).contains(&hundredths).then_some(hundredths as i32)
    };
    Some((side(width)?, side(height)?))
}

/// The name of a printer's medium of that size.
pub(super) fn named(facts: &Facts, (width, height): (i32, i32)) -> Option<&str> {
    let is_near = |name: &&String| {
        size(name).is_some_and(|(w, h)| w.abs_diff(width) <= 50 && h.abs_diff(height) <= SLACK.unsigned_abs())
    };
    facts.can.media.iter().find(is_near).map(String::as_str)
}

pub(super) fn default_medium(facts: &Facts) -> &str {
    let named =
        facts.can.media_default.as_deref().filter(|name| facts.can.media.iter().any(|has| has == name));
    named.or(facts.can.media.first().map(String::as_str)).unwrap_or("iso_a4_210x297mm")
}

pub(super) fn media(facts: &Facts) -> Vec<String> {
    if facts.can.media.is_empty() { vec![default_medium(facts).to_owned()] } else { facts.can.media.clone() }
}

/// What lies in the printer, as far as anybody knows.
pub(super) fn ready(facts: &Facts) -> Vec<String> {
    let known: Vec<String> =
        facts.more.media_ready.iter().filter(|name| size(name).is_some()).cloned().collect();
    if known.is_empty() { vec![default_medium(facts).to_owned()] } else { known }
}

pub(super) fn sources(facts: &Facts) -> Vec<String> {
    // A keyword that begins with a digit makes Windows give the printer up without a word.
    let fit = |name: &&String| !name.starts_with(|c: char| c.is_ascii_digit());
    let told: Vec<String> = facts.can.sources.iter().filter(fit).cloned().collect();
    if told.is_empty() { vec![AUTO.to_owned()] } else { told }
}

pub(super) fn types(facts: &Facts) -> Vec<String> {
    if facts.can.media_types.is_empty() { vec![STATIONERY.to_owned()] } else { facts.can.media_types.clone() }
}

/// `media-size` of a medium.
pub(super) fn media_size(name: &str) -> Option<Value> {
    let (width, height) = size(name)?;
    Some(Value::Collection(vec![
        Attribute::one("x-dimension", Value::Integer(width)),
        Attribute::one("y-dimension", Value::Integer(height)),
    ]))
}

/// The members that name a margin, in the order of [`crate::system::More::margins`].
pub(super) const MARGINS: [&str; 4] =
    ["media-top-margin", "media-bottom-margin", "media-left-margin", "media-right-margin"];

/// `media-col` of a medium.
pub(super) fn media_col(facts: &Facts, name: &str, source: &str, kind: &str) -> Option<Value> {
    let mut members = vec![
        Attribute::one("media-size", media_size(name)?),
        Attribute::one("media-size-name", Value::keyword(name)),
    ];
    let margins = MARGINS.iter().zip(facts.more.margins);
    members.extend(margins.map(|(member, margin)| Attribute::one(*member, Value::Integer(margin))));
    members.push(Attribute::one("media-source", Value::keyword(source)));
    members.push(Attribute::one("media-type", Value::keyword(kind)));
    Some(Value::Collection(members))
}

/// The `media-col` of what is used when nothing is said.
pub(super) fn default_col(facts: &Facts) -> Option<Value> {
    media_col(facts, default_medium(facts), &sources(facts)[0], &types(facts)[0])
}

/// All that goes: every medium from every tray would be thousands, so each medium comes once.
pub(super) fn database(facts: &Facts) -> Vec<Value> {
    let (source, kind) = (&sources(facts)[0], &types(facts)[0]);
    media(facts).iter().filter_map(|name| media_col(facts, name, source, kind)).collect()
}

/// What lies where. A printer that tells no trays has one.
pub(super) fn ready_cols(facts: &Facts) -> Vec<Value> {
    let (ready, sources, kind) = (ready(facts), sources(facts), &types(facts)[0]);
    let tray = |at: usize| sources.get(at).unwrap_or(&sources[0]);
    ready.iter().enumerate().filter_map(|(at, name)| media_col(facts, name, tray(at), kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_how_large_the_paper_is() {
        assert_eq!(size("iso_a4_210x297mm"), Some((21_000, 29_700)));
        assert_eq!(size("na_letter_8.5x11in"), Some((21_590, 27_940)));
        assert_eq!(size("na_index-4x6_4x6in"), Some((10_160, 15_240)));
        for bad in
            ["", "a4", "iso_a4_210x297", "iso_a4_0x297mm", "iso_a4_nanx1mm", "iso_a4_1e9x1mm", "x_infx1in"]
        {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }
}
