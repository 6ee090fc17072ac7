//! What a printer can do and what it uses up, as its owner tells others.

use super::{MAX_COPIES, Quality, Sides, is_media_name, keyword};
use crate::document::Format;
use serde::{Deserialize, Deserializer, Serialize};

/// What a printer can do; only this is offered to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What it takes, our own conversion included; kinds that this version does not know are left out.
    #[serde(deserialize_with = "known_formats")]
    pub formats: Vec<Format>,
    /// Whether it prints colour.
    pub color: bool,
    /// The sides it can print on, its default first; empty when it does not say.
    #[serde(default)]
    pub sides: Vec<Sides>,
    /// PWG 5101.1 media names.
    #[serde(default)]
    pub media: Vec<String>,
    /// The medium it uses when nothing is said.
    #[serde(default)]
    pub media_default: Option<String>,
    /// The most copies it makes of one job.
    pub max_copies: u32,
    /// Qualities it can be told, its default first.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Trays it can be told, as IPP keywords, its default first.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Kinds of paper it can be told, as IPP keywords, its default first.
    #[serde(default)]
    pub media_types: Vec<String>,
}

/// Something a printer uses up (PWG 5100.13 `printer-supply`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// What the printer calls it.
    pub name: String,
    /// `#rrggbb`, for what has a colour.
    #[serde(default)]
    pub color: Option<String>,
    /// What is left, in percent; none when the printer knows only that some is.
    #[serde(default)]
    pub level: Option<u8>,
    /// True when it will soon be needed.
    #[serde(default)]
    pub low: bool,
}

impl Capabilities {
    /// The same, fit to be shown: bounded, and only names that are names.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        const MAX_MEDIA: usize = 200;
        const MAX_KEYWORDS: usize = 50;
        self.media.retain(|name| is_media_name(name));
        self.media.truncate(MAX_MEDIA);
        self.media_default = self.media_default.filter(|name| is_media_name(name));
        self.formats.dedup();
        self.formats.truncate(16);
        self.sides.truncate(3);
        self.max_copies = self.max_copies.clamp(1, MAX_COPIES);
        self.quality.truncate(3);
        for keywords in [&mut self.sources, &mut self.media_types] {
            *keywords = keywords.iter().filter_map(|name| keyword(name)).take(MAX_KEYWORDS).collect();
        }
        self
    }
}

fn known_formats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Format>, D::Error> {
    let told = Vec::<String>::deserialize(deserializer)?;
    Ok(told.iter().filter_map(|mime| Format::from_mime(mime)).collect())
}
