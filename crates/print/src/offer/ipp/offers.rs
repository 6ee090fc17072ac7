//! What may be chosen for a job and what happens when nothing is (RFC 8011 §5.2, PWG 5100.3, PWG 5100.13). Pure.
//!
//! The other side of [`super::template`]: what is told here is what is followed there.

use super::{
    media,
    printer::Facts,
    select::{All, Kind},
    template,
};
use crate::ticket::{NUMBER_UP, Quality, Sides};
use lanyard_ipp::{Attribute, Value};

/// Adds job template attributes.
struct Offer<'a>(&'a mut All);

impl Offer<'_> {
    /// `NAME-default` and `NAME-supported`.
    fn choice(&mut self, name: &str, default: Value, supported: impl IntoIterator<Item = Value>) {
        self.one(&format!("{name}-default"), default);
        self.many(&format!("{name}-supported"), supported);
    }

    fn keywords(&mut self, name: &str, default: &str, supported: impl IntoIterator<Item = String>) {
        self.choice(name, Value::keyword(default), supported.into_iter().map(Value::Keyword));
    }

    fn one(&mut self, name: &str, value: Value) {
        self.0.push((Kind::Template, Attribute::one(name, value)));
    }

    fn many(&mut self, name: &str, values: impl IntoIterator<Item = Value>) {
        self.0.push((Kind::Template, Attribute::many(name, values)));
    }
}

pub(super) fn template(all: &mut All, facts: &Facts) {
    let mut offer = Offer(all);
    paper(&mut offer, facts);
    layout(&mut offer, facts);
    look(&mut offer, facts);
    handling(&mut offer, facts);
}

fn paper(offer: &mut Offer<'_>, facts: &Facts) {
    let words = |words: Vec<String>| words.into_iter().map(Value::Keyword);
    offer.choice("media", Value::keyword(media::default_medium(facts)), words(media::media(facts)));
    offer.many("media-ready", words(media::ready(facts)));
    if let Some(col) = media::default_col(facts) {
        offer.one("media-col-default", col);
    }
    offer.many("media-col-ready", media::ready_cols(facts));
    let mut members = vec!["media-size", "media-size-name", "media-source", "media-type"];
    members.extend(media::MARGINS);
    offer.many("media-col-supported", members.into_iter().map(Value::keyword));
    offer.many("media-size-supported", media::media(facts).iter().filter_map(|name| media::media_size(name)));
    for (name, margin) in media::MARGINS.iter().zip(facts.more.margins) {
        offer.one(&format!("{name}-supported"), Value::Integer(margin));
    }
    offer.many("media-source-supported", words(media::sources(facts)));
    offer.many("media-type-supported", words(media::types(facts)));
    let bins = &facts.more.output_bins;
    let default = bins.first().map_or("face-down", String::as_str);
    offer.keywords("output-bin", default, bins.iter().take(1).cloned());
}

fn layout(offer: &mut Offer<'_>, facts: &Facts) {
    // None: a picture or a page is turned as it fits.
    offer.choice("orientation-requested", Value::NoValue, [3, 4, 7].map(Value::Enum));
    offer.keywords("print-scaling", "auto", ["auto", "auto-fit", "fill", "fit", "none"].map(str::to_owned));
    let numbers = NUMBER_UP.map(|n| Value::Integer(i32::try_from(n).unwrap_or(1)));
    offer.choice("number-up", Value::Integer(1), numbers);
    let mut sides: Vec<Sides> = facts.can.sides.clone();
    if !sides.contains(&Sides::OneSided) {
        sides.push(Sides::OneSided);
    }
    let default = facts.can.sides.first().copied().unwrap_or(Sides::OneSided);
    offer.keywords("sides", default.keyword(), sides.iter().map(|sides| sides.keyword().to_owned()));
    offer.one("page-ranges-supported", Value::Boolean(true));
    offer.many("overrides-supported", template::OVERRIDES.map(Value::keyword));
}

fn look(offer: &mut Offer<'_>, facts: &Facts) {
    let modes: &[&str] =
        if facts.can.color { &["auto", "color", "monochrome"] } else { &["auto", "monochrome"] };
    let default = if facts.can.color { "auto" } else { "monochrome" };
    offer.keywords("print-color-mode", default, modes.iter().map(|mode| (*mode).to_owned()));
    let number = |quality: &Quality| match quality {
        Quality::Draft => 3,
        Quality::Normal => 4,
        Quality::High => 5,
    };
    let mut qualities: Vec<i32> = facts.can.quality.iter().map(number).collect();
    let default = qualities.first().copied().unwrap_or(4);
    qualities.push(4);
    qualities.sort_unstable();
    qualities.dedup();
    // Debian's suites look for the qualities under the name of the job's attribute, and skip their tests of them where
    // there is none.
    offer.many("print-quality", qualities.iter().copied().map(Value::Enum));
    offer.choice("print-quality", Value::Enum(default), qualities.into_iter().map(Value::Enum));
    let printed = template::printed(facts);
    let default = printed.first().copied().unwrap_or(300);
    offer.choice("printer-resolution", Value::dpi(default), printed.into_iter().map(Value::dpi));
    offer.keywords("print-content-optimize", "auto", ["auto".to_owned()]);
    offer.keywords("print-rendering-intent", "auto", ["auto".to_owned()]);
    offer.choice("finishings", Value::Enum(3), [Value::Enum(3)]);
}

fn handling(offer: &mut Offer<'_>, facts: &Facts) {
    let most = i32::try_from(facts.can.max_copies).unwrap_or(1);
    offer.choice("copies", Value::Integer(1), [Value::Range(1, most)]);
    offer.keywords("multiple-document-handling", template::HANDLING, [template::HANDLING.to_owned()]);
    // All are the same to us, and the standard lets a printer say so (RFC 8011 §5.2.1).
    offer.choice("job-priority", Value::Integer(50), [Value::Integer(1)]);
    let sheets = ["none", "standard"].iter().take(if facts.covers { 2 } else { 1 });
    offer.keywords("job-sheets", "none", sheets.map(|sheet| (*sheet).to_owned()));
    let mut until = vec!["no-hold".to_owned()];
    if facts.holds {
        until.push("indefinite".to_owned());
    }
    offer.keywords("job-hold-until", "no-hold", until);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::{super::facts_for_tests as facts, *};
    use lanyard_ipp::{Group, GroupTag};

    /// A client that asks for any of the values that it was told gets it.
    #[test]
    fn everything_that_is_told_is_followed() {
        let mut all = All::new();
        template(&mut all, &facts());
        let mut tried = 0;
        for (_, told) in &all {
            let name = told.name.strip_suffix("-supported").or(told.name.strip_suffix("-default"));
            let Some(name) = name else { continue };
            if !template::RULES.iter().any(|(known, _)| *known == name) {
                continue;
            }
            for value in told.values.iter().filter(|value| !value.is_out_of_band()) {
                let value = match (name, value) {
                    ("copies", Value::Range(_, most)) => Value::Integer(*most),
                    ("media-col", Value::Keyword(_)) | ("overrides", _) | ("page-ranges", _) => continue,
                    (_, value) => value.clone(),
                };
                let attributes = vec![Attribute::one(name, value)];
                let asked = Group { tag: GroupTag::Job, attributes };
                let chosen = template::choose(Some(&asked), &facts());
                assert_eq!(chosen.unsupported, [], "{}", told.name);
                assert!(chosen.options.fit(&facts().can).is_ok());
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried}");
    }
}
