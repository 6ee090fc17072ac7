//! What the node and the child that reads a document say to each other: one question, one short answer.
//!
//! The question is an argument of the child, its answer one line of JSON. A child that was taken over by a document
//! writes the answer too, so it is read like a stranger's: bounded, and nothing but one of the few answers there are.

use super::{DocumentError, Format, Inspected, Look, Shown, finish::Finish};
use crate::{
    render::raster::Raster,
    ticket::{Options, words},
};
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

/// The longest answer that is read.
pub(super) const MAX_ANSWER: u64 = 4096;

/// What a child is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Question {
    /// What is it, can it be opened, and, if wanted, how many pages has it?
    Inspect {
        /// Count the pages of a PDF.
        count: bool,
    },
    /// Is it a text for which the fonts of this computer have every character?
    IsLegible,
    /// Make a PDF of it, or say that it is one and needs no change.
    ToPdf {
        /// What it is.
        format: Format,
        /// Pages, copies, paper and arrangement.
        options: Options,
    },
    /// Make a PDF of it, which is one, with all of that done.
    Finish {
        /// What is to be done.
        finish: Finish,
    },
    /// Draw one side of paper as PNG.
    Show {
        /// What it is.
        format: Format,
        /// What it looks like.
        look: Look,
    },
    /// Make a raster of it that printers read.
    Raster {
        /// What it is.
        format: Format,
        /// Pages, copies, paper and arrangement.
        options: Options,
        /// Which raster.
        raster: Raster,
    },
}

impl Question {
    /// How much of the processor's time an answer may take.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Raster { .. } => Duration::from_secs(20 * 60),
            // Hundreds of pages of pixels.
            Self::ToPdf { format: Format::PwgRaster | Format::Urf | Format::Tiff, .. }
            | Self::Finish { .. } => Duration::from_secs(2 * 60),
            _ => Duration::from_secs(30),
        }
    }

    /// Bytes of the largest file that an answer may be.
    pub(super) fn most(&self) -> u64 {
        const GIB: u64 = 1024 * 1024 * 1024;
        if matches!(self, Self::Raster { .. }) { 8 * GIB } else { GIB }
    }
}

/// What a child answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Whether the system keeps the child from everything but its document.
    pub(super) confined: bool,
    /// What became of the question.
    pub(super) outcome: Outcome,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Outcome {
    /// To [`Question::Inspect`].
    Found {
        /// What it is.
        format: Format,
        /// Its pages, when they were counted.
        pages: Option<u32>,
    },
    /// To [`Question::IsLegible`].
    Legible(bool),
    /// To [`Question::ToPdf`], [`Question::Finish`] and [`Question::Raster`]: it is written.
    Made,
    /// To [`Question::ToPdf`]: the document is what is wanted.
    AsIs,
    /// To [`Question::Show`]: the picture is written.
    Shown(Shown),
    /// No, for a reason.
    Refused(Reason),
}

/// [`DocumentError`], as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Empty,
    Unsupported,
    Damaged(Format),
    TooMuch(String),
    Heif,
    Locked,
    NoSuchPages,
    DiskFull,
    Io(String),
}

impl Answer {
    /// Reads what a child wrote; none when it is no answer.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = bytes.strip_suffix(b"\n").filter(|line| (line.len() as u64) < MAX_ANSWER)?;
        let mut answer: Self = serde_json::from_slice(line).ok()?;
        if let Outcome::Refused(Reason::TooMuch(text) | Reason::Io(text)) = &mut answer.outcome {
            *text = words(text);
        }
        Some(answer)
    }

    /// The line that says it.
    pub(super) fn to_line(&self) -> Vec<u8> {
        // Nothing in it can fail to be written as JSON; an empty line would be no answer.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

impl Outcome {
    pub(super) fn of_inspection(result: Result<Inspected, DocumentError>) -> Self {
        match result {
            Ok(found) => Self::Found { format: found.format, pages: found.pages },
            Err(error) => Self::Refused(error.into()),
        }
    }
}

impl From<DocumentError> for Reason {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Empty => Self::Empty,
            DocumentError::Unsupported
            | DocumentError::Unreadable
            | DocumentError::NoOffice
            | DocumentError::OfficeFailed
            | DocumentError::OfficeFromOthers => Self::Unsupported,
            DocumentError::Damaged { format } => Self::Damaged(format),
            DocumentError::TooMuch(text) => Self::TooMuch(words(&text)),
            DocumentError::Heif => Self::Heif,
            DocumentError::Locked => Self::Locked,
            DocumentError::NoSuchPages => Self::NoSuchPages,
            DocumentError::Io(error) if error.kind() == io::ErrorKind::StorageFull => Self::DiskFull,
            DocumentError::NotNow(text) => Self::Io(words(&text)),
            DocumentError::Io(error) => Self::Io(words(&error.to_string())),
        }
    }
}

impl From<Reason> for DocumentError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Empty => Self::Empty,
            Reason::Unsupported => Self::Unsupported,
            Reason::Damaged(format) => Self::Damaged { format },
            Reason::TooMuch(text) => Self::TooMuch(text),
            Reason::Heif => Self::Heif,
            Reason::Locked => Self::Locked,
            Reason::NoSuchPages => Self::NoSuchPages,
            Reason::DiskFull => Self::Io(io::ErrorKind::StorageFull.into()),
            Reason::Io(text) => Self::Io(io::Error::other(text)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formats() -> impl Strategy<Value = Format> {
        prop::sample::select(Format::ALL.to_vec())
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        let reason = prop_oneof![
            Just(Reason::Empty),
            Just(Reason::Unsupported),
            formats().prop_map(Reason::Damaged),
            "[a-z ]{1,40}[a-z]".prop_map(Reason::TooMuch),
            Just(Reason::Heif),
            Just(Reason::Locked),
            Just(Reason::NoSuchPages),
            Just(Reason::DiskFull),
            "[a-z]{1,40}".prop_map(Reason::Io),
        ];
        prop_oneof![
            (formats(), any::<Option<u32>>()).prop_map(|(format, pages)| Outcome::Found { format, pages }),
            any::<bool>().prop_map(Outcome::Legible),
            Just(Outcome::Made),
            Just(Outcome::AsIs),
            any::<[u32; 4]>().prop_map(|[sides, pages, width, height]| {
                Outcome::Shown(Shown { sides, pages, width, height })
            }),
            reason.prop_map(Outcome::Refused),
        ]
    }

    proptest! {
        #[test]
        fn an_answer_arrives_as_it_was_given(confined: bool, outcome in outcomes()) {
            let mut answer = Answer { confined, outcome };
            if let Outcome::Refused(Reason::TooMuch(text) | Reason::Io(text)) = &mut answer.outcome {
                *text = words(text);
            }
            prop_assert_eq!(Answer::parse(&answer.to_line()), Some(answer));
        }

        #[test]
        fn whatever_a_child_writes_is_an_answer_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(Answer::parse(&bytes), None, "noise is no answer");
        }

        #[test]
        fn an_answer_with_a_flaw_in_it_never_says_more_than_an_answer_can(
            outcome in outcomes(), at in 0usize..200, byte: u8, cut in 0usize..200,
        ) {
            let mut line = Answer { confined: true, outcome }.to_line();
            let at = at % line.len();
            line[at] = byte;
            line.truncate(line.len() - cut % line.len().min(3));
            if let Some(Answer { outcome: Outcome::Refused(Reason::TooMuch(text) | Reason::Io(text)), .. }) =
                Answer::parse(&line)
            {
                prop_assert!(text.chars().count() <= 300 && !text.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn an_answer_without_an_end_or_without_an_end_in_sight_is_none() {
        let line = Answer { confined: true, outcome: Outcome::Made }.to_line();
        assert!(Answer::parse(&line).is_some());
        assert_eq!(Answer::parse(&line[..line.len() - 1]), None);
        assert_eq!(Answer::parse(&[&line[..], b"more\n"].concat()), None);
        let long = format!(r#"{{"confined":true,"outcome":{{"refused":{{"io":"{}"}}}}}}"#, "x".repeat(5000));
        assert_eq!(Answer::parse(format!("{long}\n").as_bytes()), None);
        let deep = [b"[".repeat(4000), b"\n".to_vec()].concat();
        assert_eq!(Answer::parse(&deep), None);
    }
}
