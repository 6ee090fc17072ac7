//! What a client chose for a job, as options that a printer can do (RFC 8011 §5.2, PWG 5100.7). Pure.
//!
//! One function for each attribute says yes, and what it means, or no. What is not among them is not supported.

use super::{media, printer::Facts};
use crate::ticket::{Color, NUMBER_UP, Options, Orientation, PageRanges, Quality, Scaling, Sides};
use lanyard_ipp::{Attribute, Group, Value};

/// What a client chose.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chosen {
    pub(super) options: Options,
    /// Kept back until it is released.
    pub(super) held: bool,
    /// The attributes that are followed, as they came, for the client to read again.
    pub(super) kept: Vec<Attribute>,
    /// Those that are not: unknown ones with `unsupported` for a value, others as they came.
    pub(super) unsupported: Vec<Attribute>,
}

/// The attribute is known, but not that value.
pub(super) struct NotThat;

pub(super) type Rule = fn(&mut Chosen, &[Value], &Facts) -> Result<(), NotThat>;

/// The attributes that are looked at, as `job-creation-attributes-supported` tells.
pub(super) const RULES: [(&str, Rule); 22] = [
    ("copies", copies),
    ("finishings", finishings),
    ("job-hold-until", job_hold_until),
    ("job-name", ignored),
    ("job-priority", job_priority),
    ("job-sheets", job_sheets),
    ("media", medium),
    ("media-col", media_col),
    ("multiple-document-handling", multiple_document_handling),
    ("number-up", number_up),
    ("orientation-requested", orientation),
    ("output-bin", output_bin),
    ("overrides", overrides),
    ("page-ranges", page_ranges),
    ("print-color-mode", color_mode),
    ("print-content-optimize", auto_only),
    ("print-quality", quality),
    ("print-rendering-intent", auto_only),
    ("print-scaling", scaling),
    ("printer-resolution", resolution),
    ("sides", sides),
    ("ipp-attribute-fidelity", ignored),
];

/// How copies are put together: by the set.
pub(super) const HANDLING: &str = crate::client::attributes::COLLATED;

/// What of a page may be said apart from the rest of the job: which pages it is about, and nothing yet.
pub(super) const OVERRIDES: [&str; 3] = ["document-number", "document-numbers", "pages"];

/// Reads the job attributes of a request.
pub(super) fn choose(template: Option<&Group>, facts: &Facts) -> Chosen {
    let mut chosen = Chosen::default();
    let mut seen: Vec<&str> = Vec::new();
    for attribute in template.into_iter().flat_map(|group| &group.attributes) {
        let rule = RULES.iter().find(|(name, _)| *name == attribute.name).map(|(_, rule)| rule);
        let Some(rule) = rule else {
            chosen.unsupported.push(Attribute::one(attribute.name.clone(), Value::Unsupported));
            continue;
        };
        // Twice the same is no choice; the first one counts.
        let again = seen.contains(&attribute.name.as_str());
        seen.push(&attribute.name);
        if again || rule(&mut chosen, &attribute.values, facts).is_err() {
            chosen.unsupported.push(attribute.clone());
        } else {
            chosen.kept.push(attribute.clone());
        }
    }
    chosen
}

fn word(values: &[Value]) -> Result<&str, NotThat> {
    match values {
        [Value::Keyword(word) | Value::Name(word)] => Ok(word),
        [Value::NameWithLanguage { name, .. }] => Ok(name),
        _ => Err(NotThat),
    }
}

fn int(values: &[Value]) -> Result<i32, NotThat> {
    match values {
        [Value::Integer(number)] => Ok(*number),
        _ => Err(NotThat),
    }
}

fn choice(values: &[Value]) -> Result<i32, NotThat> {
    match values {
        [Value::Enum(number)] => Ok(*number),
        _ => Err(NotThat),
    }
}

fn only(is: bool) -> Result<(), NotThat> {
    if is { Ok(()) } else { Err(NotThat) }
}

fn ignored(_: &mut Chosen, _: &[Value], _: &Facts) -> Result<(), NotThat> {
    Ok(())
}

fn auto_only(_: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    only(word(values)? == "auto")
}

fn copies(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let copies = u32::try_from(int(values)?).map_err(|_| NotThat)?;
    only((1..=facts.can.max_copies).contains(&copies))?;
    chosen.options.copies = Some(copies);
    Ok(())
}

fn finishings(_: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    only(values.iter().all(|value| *value == Value::Enum(3)))
}

fn job_hold_until(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    match word(values)? {
        "no-hold" => chosen.held = false,
        "indefinite" if facts.holds => chosen.held = true,
        _ => return Err(NotThat),
    }
    Ok(())
}

fn job_priority(_: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    only((1..=100).contains(&int(values)?))
}

fn job_sheets(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    // CUPS sends one for before and one for after.
    let (before, after) = values.split_first().ok_or(NotThat)?;
    only(after.iter().all(|value| value.as_str() == Some("none")))?;
    match before.as_str() {
        Some("none") => chosen.options.cover = false,
        Some("standard") if facts.covers => chosen.options.cover = true,
        _ => return Err(NotThat),
    }
    Ok(())
}

fn medium(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let name = word(values)?;
    let name = media::media(facts).into_iter().find(|has| has == name).ok_or(NotThat)?;
    // `media-col` says more, wherever it stands.
    chosen.options.media.get_or_insert(name);
    Ok(())
}

fn media_col(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let [Value::Collection(members)] = values else { return Err(NotThat) };
    let (mut name, mut source, mut kind) = (None, None, None);
    for member in members {
        match member.name.as_str() {
            "media-size" => {
                let [Value::Collection(size)] = member.values.as_slice() else { return Err(NotThat) };
                let side = |name: &str| {
                    size.iter().find(|side| side.name == name).and_then(|side| side.first().as_int())
                };
                let size = (side("x-dimension").ok_or(NotThat)?, side("y-dimension").ok_or(NotThat)?);
                name = Some(media::named(facts, size).ok_or(NotThat)?.to_owned());
            }
            "media-size-name" => {
                let wanted = word(&member.values)?;
                let known = media::media(facts).into_iter().find(|has| has == wanted);
                name.get_or_insert(known.ok_or(NotThat)?);
            }
            "media-source" => {
                let wanted = word(&member.values)?;
                only(wanted == media::AUTO || media::sources(facts).iter().any(|has| has == wanted))?;
                source = facts.can.sources.iter().find(|has| *has == wanted).cloned();
            }
            "media-type" => {
                let wanted = word(&member.values)?;
                only(wanted == media::AUTO || media::types(facts).iter().any(|has| has == wanted))?;
                kind = facts.can.media_types.iter().find(|has| *has == wanted).cloned();
            }
            // The printer's edges are what they are; a client that wants others than those gets the printer's.
            margin if media::MARGINS.contains(&margin) => {
                only(member.first().as_int().is_some_and(|n| n >= 0))?
            }
            _ => return Err(NotThat),
        }
    }
    if let Some(name) = name {
        chosen.options.media = Some(name);
    }
    chosen.options.source = source.or(chosen.options.source.take());
    chosen.options.media_type = kind.or(chosen.options.media_type.take());
    Ok(())
}

fn multiple_document_handling(_: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    only(word(values)? == HANDLING)
}

fn number_up(chosen: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    let pages = u32::try_from(int(values)?).map_err(|_| NotThat)?;
    only(NUMBER_UP.contains(&pages))?;
    chosen.options.number_up = (pages > 1).then_some(pages);
    Ok(())
}

fn orientation(chosen: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    chosen.options.orientation = match choice(values)? {
        3 => Some(Orientation::Portrait),
        4 => Some(Orientation::Landscape),
        // RFC 8011 §5.2.10 as amended by PWG 5100.13: the printer decides.
        7 => None,
        _ => return Err(NotThat),
    };
    Ok(())
}

fn output_bin(_: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    // Only the default one: another could not be handed on.
    only(facts.more.output_bins.first().is_some_and(|bin| word(values).is_ok_and(|wanted| wanted == bin)))
}

fn overrides(_: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    // One that changes nothing is done.
    only(values.iter().all(|value| {
        value
            .as_collection()
            .is_some_and(|members| members.iter().all(|member| OVERRIDES.contains(&member.name.as_str())))
    }))
}

fn page_ranges(chosen: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    let ranges = values.iter().map(|value| match value {
        Value::Range(first, last) => Ok(format!("{first}-{last}")),
        _ => Err(NotThat),
    });
    let text = ranges.collect::<Result<Vec<_>, _>>()?.join(",");
    // "All of them" is what CUPS means by an end that no document has.
    let text = text.replace(&format!("-{}", i32::MAX), "-99999");
    chosen.options.pages = Some(text.parse::<PageRanges>().map_err(|_| NotThat)?);
    Ok(())
}

fn color_mode(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    chosen.options.color = match word(values)? {
        "auto" => None,
        "monochrome" => Some(Color::Monochrome),
        "color" if facts.can.color => Some(Color::Color),
        _ => return Err(NotThat),
    };
    Ok(())
}

fn quality(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let quality = match choice(values)? {
        3 => Quality::Draft,
        4 => Quality::Normal,
        5 => Quality::High,
        _ => return Err(NotThat),
    };
    if facts.can.quality.contains(&quality) {
        chosen.options.quality = Some(quality);
    } else {
        // A printer that knows no qualities has the normal one.
        only(quality == Quality::Normal)?;
    }
    Ok(())
}

fn scaling(chosen: &mut Chosen, values: &[Value], _: &Facts) -> Result<(), NotThat> {
    chosen.options.scaling = match word(values)? {
        "auto" => None,
        "auto-fit" => Some(Scaling::Auto),
        "fit" => Some(Scaling::Fit),
        "fill" => Some(Scaling::Fill),
        "none" => Some(Scaling::None),
        _ => return Err(NotThat),
    };
    Ok(())
}

fn resolution(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let [value @ Value::Resolution(_)] = values else { return Err(NotThat) };
    let dpi = printed(facts).into_iter().find(|dpi| *value == Value::dpi(*dpi)).ok_or(NotThat)?;
    chosen.options.dpi = u32::try_from(dpi).ok();
    Ok(())
}

/// Dots an inch that may be chosen, the default first. What a printer does not tell it cannot be told, and an IPP
/// Everywhere printer must name one: that of its rasters.
pub(super) fn printed(facts: &Facts) -> Vec<i32> {
    let usual = || facts.more.resolutions.iter().take(1).copied().collect();
    if facts.more.printed.is_empty() { usual() } else { facts.more.printed.clone() }
}

fn sides(chosen: &mut Chosen, values: &[Value], facts: &Facts) -> Result<(), NotThat> {
    let sides = Sides::from_keyword(word(values)?).ok_or(NotThat)?;
    only(sides == Sides::OneSided || facts.can.sides.contains(&sides))?;
    chosen.options.sides = Some(sides);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "template_tests.rs"]
mod tests;
