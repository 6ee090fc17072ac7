//! What a request wants printed, and whether this printer can do it (RFC 8011 §4.2.1.1). Pure.

use super::{
    call::{Call, No},
    incoming::Compression,
    printer::Facts,
    template::{self, Chosen},
};
use crate::{document::Format, ticket};
use lanyard_ipp::{Attribute, Group, GroupTag, Message, Status, Value};

/// What Print-Job, Validate-Job and Create-Job want.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) title: String,
    pub(super) chosen: Chosen,
    pub(super) packing: Packing,
}

/// How a document comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    /// None: look for yourself.
    pub(super) format: Option<Format>,
    pub(super) compression: Compression,
}

impl Wish {
    /// Reads a request. With `ipp-attribute-fidelity` nothing may be left out of what was chosen; without it, what the
    /// printer cannot do is told in the answer.
    pub(super) fn of(call: &Call, facts: &Facts) -> Result<Self, No> {
        let strict = call.flag("ipp-attribute-fidelity")?.unwrap_or(false);
        let packing = Packing::of(call, facts)?;
        let chosen = template::choose(Some(&template_of(call)), facts);
        if strict && !chosen.unsupported.is_empty() {
            let words =
                format!("The printer cannot do all of what was chosen: {}.", names(&chosen.unsupported));
            let unsupported = chosen.unsupported;
            return Err(No { unsupported, ..No::new(Status::AttributesOrValuesNotSupported, words) });
        }
        let name = |name| call.asked.text(name).filter(|text| !text.trim().is_empty());
        let title = ticket::title(name("job-name").or(name("document-name")).unwrap_or_default());
        Ok(Self { title, chosen, packing })
    }

    /// What was done of it.
    pub(super) fn answer(&self, call: &Call) -> Message {
        let all = self.chosen.unsupported.is_empty();
        let mut answer = call.answer(if all { Status::Ok } else { Status::OkIgnoredOrSubstituted });
        if !all {
            let left_out = names(&self.chosen.unsupported);
            let words = format!("Printed as the printer usually does it, without: {left_out}.");
            let words = &words[..words.floor_char_boundary(255)];
            answer.add(GroupTag::Operation, Attribute::one("status-message", Value::text(words)));
        }
        for attribute in &self.chosen.unsupported {
            answer.add(GroupTag::Unsupported, attribute.clone());
        }
        answer
    }
}

/// What was chosen in vain, for people; the answer has the values.
fn names(unsupported: &[Attribute]) -> String {
    let names: Vec<String> = unsupported.iter().map(|attribute| ticket::words(&attribute.name)).collect();
    names.join(", ")
}

/// The job attributes of a request. Some clients write them among the operation attributes, as IPP/1.0 had it.
fn template_of(call: &Call) -> Group {
    let mut group = call.template.clone().unwrap_or(Group { tag: GroupTag::Job, attributes: Vec::new() });
    let is_choice = |attribute: &&Attribute| {
        template::RULES.iter().any(|(name, _)| *name == attribute.name)
            && !["job-name", "ipp-attribute-fidelity"].contains(&attribute.name.as_str())
            && group.find(&attribute.name).is_none()
    };
    let misplaced: Vec<Attribute> = call.asked.attributes.iter().filter(is_choice).cloned().collect();
    group.attributes.extend(misplaced);
    group
}

impl Packing {
    pub(super) fn of(call: &Call, facts: &Facts) -> Result<Self, No> {
        let compression = match call.keyword("compression")? {
            None => Compression::None,
            Some(keyword) => Compression::from_keyword(keyword).ok_or_else(|| {
                let unsupported = vec![Attribute::one("compression", Value::keyword(keyword))];
                let words = "Documents may be packed with gzip or deflate.";
                No { unsupported, ..No::new(Status::CompressionNotSupported, words) }
            })?,
        };
        Ok(Self { format: format(call, facts)?, compression })
    }
}

/// `document-format`, if it is one that the printer takes; none for one that is to be found out.
pub(super) fn format(call: &Call, facts: &Facts) -> Result<Option<Format>, No> {
    let Some(attribute) = call.asked.find("document-format") else { return Ok(None) };
    let [Value::MimeMediaType(mime)] = attribute.values.as_slice() else {
        return Err(No::bad("document-format is not a MIME type."));
    };
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/octet-stream" {
        return Ok(None);
    }
    let format = Format::from_mime(&essence).filter(|format| facts.can.formats.contains(format));
    format.map(Some).ok_or_else(|| {
        let words = "The printer does not take this kind of document.";
        No { unsupported: vec![attribute.clone()], ..No::new(Status::DocumentFormatNotSupported, words) }
    })
}
