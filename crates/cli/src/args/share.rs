//! What is let to others: shares, the rules about them, answers to who asks, and passes for guests.

use crate::until;
use clap::{Args as Group, Subcommand, ValueEnum};
use lanyard_api::{Answer, Millis, QuietHours};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ShareWhat {
    /// A print queue of this computer, or save-as-pdf
    Printer {
        queue: String,
        #[command(flatten)]
        rule: Rule,
    },
    /// A folder
    Folder {
        path: PathBuf,
        /// Others may also write
        #[arg(long)]
        write: bool,
        #[command(flatten)]
        rule: Rule,
    },
    /// A CD or DVD, or an image of one
    Disc {
        #[arg(value_name = "DEVICE_OR_ISO")]
        source: PathBuf,
        #[command(flatten)]
        rule: Rule,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Rule {
    /// The name others see
    #[arg(long)]
    pub name: Option<String>,
    /// Who may use it [default: my home; everyone on my networks while this computer is in none]
    #[arg(long, value_name = "home|network|DEVICE", num_args = 1..)]
    pub to: Vec<String>,
    /// Ask me each time
    #[arg(long)]
    pub ask: bool,
    /// When it ends by itself: 2h, 30m, 18:00, 2026-12-24T18:00
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    #[command(flatten)]
    pub limits: Limits,
}

// How much each of them may bring a day, and how and when it is printed.
#[derive(Clone, Copy, Debug, Default, Group)]
pub(crate) struct Limits {
    /// Printers: jobs each of them may print a day
    #[arg(long, value_name = "N")]
    pub max_jobs: Option<u32>,
    /// Bytes each of them may bring a day: 500MB, 2GB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_bytes: Option<u64>,
    /// Printers: sides of paper each of them may print a day, copies counted
    #[arg(long, value_name = "N")]
    pub max_pages: Option<u32>,
    /// Printers: they print in grey only
    #[arg(long)]
    pub grey: bool,
    /// Printers: nothing of theirs is printed at these hours; their jobs wait
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = quiet)]
    pub quiet: Option<QuietHours>,
}

// A rule in place of those that a share has.
#[derive(Debug, Group)]
pub(crate) struct Permission {
    /// Who may use it from now on
    #[arg(long, value_name = "home|network|DEVICE", num_args = 1.., required = true)]
    pub to: Vec<String>,
    /// Folders: they may also write
    #[arg(long)]
    pub write: bool,
    /// Printers: they may cancel the jobs of others
    #[arg(long)]
    pub manage: bool,
    /// Ask me each time
    #[arg(long)]
    pub ask: bool,
    /// When this ends by itself
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    #[command(flatten)]
    pub limits: Limits,
}

/// What the owner says.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AnswerWord {
    Once,
    Always,
    No,
}

impl From<AnswerWord> for Answer {
    fn from(word: AnswerWord) -> Self {
        match word {
            AnswerWord::Once => Self::Once,
            AnswerWord::Always => Self::Always,
            AnswerWord::No => Self::No,
        }
    }
}

/// `22:00-07:00`, by this computer's clock.
fn quiet(text: &str) -> Result<QuietHours, String> {
    let odd = || "hours are expected (22:00-07:00)".to_owned();
    let minute = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let digits =
            |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse::<u16>().ok()).flatten();
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-').ok_or_else(odd)?;
    let (from, to) = (minute(from).ok_or_else(odd)?, minute(to).ok_or_else(odd)?);
    if from == to { Err(odd()) } else { Ok(QuietHours { from, to }) }
}

/// `500MB`, `2 GB`, `1000`: in the units that disks are sold in.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1)];
    let odd = || "a size is expected (500MB, 2GB)".to_owned();
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.iter().find_map(|(unit, times)| Some((upper.strip_suffix(unit)?, *times)));
    let (number, times) = unit.unwrap_or((&upper, 1));
    let number: u64 = number.trim().parse().map_err(|_| odd())?;
    number.checked_mul(times).ok_or_else(odd)
}

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Guest {
    #[command(subcommand)]
    pub action: Option<GuestAction>,
    /// Its name, id, queue or folder
    #[arg(required = true)]
    pub share: Option<String>,
    /// The guest may print [usual for a printer]
    #[arg(long, group = "may")]
    pub print: bool,
    /// The guest may look and download [usual for a folder]
    #[arg(long, group = "may")]
    pub read: bool,
    /// The guest may put files in, and see nothing
    #[arg(long, group = "may")]
    pub add: bool,
    /// When it ends by itself: 30m, 18:00, 7d; at most 30 days [default: 2h]
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    /// Whom it is for
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuestAction {
    /// End a pass, and whatever is under way with it
    End {
        /// Its id or whom it is for
        pass: String,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::args::{Args, Command, tests::parsed};
    use clap::Parser;

    #[test]
    fn sizes_are_those_that_disks_are_sold_in() {
        for (text, size) in [("0", 0), ("500MB", 500_000_000), ("2 gb", 2_000_000_000), ("7B", 7)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "-1", "1.5GB", "99999999999TB", "2 cups"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quiet_hours_are_two_times_of_the_day() {
        let hours = |from, to| Ok(QuietHours { from, to });
        assert_eq!(quiet("22:00-07:00"), hours(22 * 60, 7 * 60));
        assert_eq!(quiet(" 0:05 - 23:59 "), hours(5, 24 * 60 - 1));
        for text in ["", "22:00", "22-7", "24:00-07:00", "22:60-07:00", "7:00-07:00", "+7:00-8:00", "a:b-c:d"]
        {
            assert!(quiet(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pass_is_made_for_a_share_and_for_one_thing_and_ended_by_its_name() {
        let Command::Guest(made) = parsed("lanyard guest Laser --print --label Aunt").command else {
            panic!()
        };
        assert_eq!((made.share.as_deref(), made.print, made.action.is_none()), (Some("Laser"), true, true));
        let Command::Guest(ended) = parsed("lanyard guest end Aunt").command else { panic!() };
        assert!(matches!(ended.action, Some(GuestAction::End { pass }) if pass == "Aunt"));
        for wrong in ["lanyard guest", "lanyard guest Laser --print --add", "lanyard guest end"] {
            assert!(Args::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }

    #[test]
    fn several_receivers_may_be_named() {
        let args = parsed("lanyard share printer Laser --to anna ben --to carl --name Big");
        let Command::Share { what: ShareWhat::Printer { rule, .. } } = args.command else { panic!() };
        assert_eq!(rule.to, ["anna", "ben", "carl"]);
    }
}
