//! Files on drives and here, and which word of a line is which.

use super::Args;
use clap::{Args as Group, CommandFactory, error::ErrorKind};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

#[derive(Debug, Group)]
pub(crate) struct Get {
    /// Files and folders on drives, then where they go here [default: the downloads folder]
    #[arg(required = true, value_name = "DRIVE:PATH… [DEST]")]
    places: Vec<String>,
    /// Copy a whole disc as it is, into this image; then DRIVE stands alone
    #[arg(long, value_name = "FILE.iso")]
    image: Option<PathBuf>,
    #[command(flatten)]
    pub taken: Taken,
}

#[derive(Debug, Group)]
pub(crate) struct Put {
    /// Files and folders of this computer, then where they go
    #[arg(required = true, num_args = 2.., value_name = "FILE… DRIVE:PATH")]
    places: Vec<String>,
    #[command(flatten)]
    pub taken: Taken,
}

// What happens when a name is taken; without one of these the copy is refused. No doc comment: clap would tell it as
// what the command does.
#[derive(Clone, Copy, Debug, Group)]
pub(crate) struct Taken {
    /// When the name is taken, give the new one a number
    #[arg(long, conflicts_with = "replace")]
    pub keep_both: bool,
    /// When the name is taken, put the new one in its place; what is in a folder is replaced file by file
    #[arg(long)]
    pub replace: bool,
    /// When the name is taken, keep what is there; of a folder the rest is copied
    #[arg(long, conflicts_with_all = ["keep_both", "replace"])]
    pub skip: bool,
}

// From a place on a drive to another one there.
#[derive(Debug, Group)]
pub(crate) struct Way {
    #[arg(value_name = "DRIVE:PATH")]
    pub from: Place,
    /// A folder that is there, or a new name
    #[arg(value_name = "DRIVE:PATH")]
    pub to: Place,
    #[command(flatten)]
    pub taken: Taken,
}

/// `DRIVE:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub drive: String,
    pub path: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (drive, path) = text.split_once(':').ok_or("DRIVE:PATH is expected")?;
        // `C:\letter.pdf` and `./a:b` are files of this computer.
        let letter = cfg!(windows) && drive.len() == 1;
        if drive.is_empty() || letter || drive.contains(['/', '\\']) {
            return Err("DRIVE:PATH is expected".to_owned());
        }
        Ok(Self { drive: drive.to_owned(), path: path.trim_start_matches('/').to_owned() })
    }
}

impl Get {
    /// The disc whose image is wanted, and where it goes.
    pub(crate) fn image(&self) -> Option<(String, &Path)> {
        let image = self.image.as_deref()?;
        let [disc] = self.places.as_slice() else {
            let message = "with --image there is one disc and nothing else";
            Args::command().error(ErrorKind::WrongNumberOfValues, message).exit()
        };
        Some((disc.strip_suffix(':').unwrap_or(disc).to_owned(), image))
    }

    /// What to copy, and where to when that was said.
    pub(crate) fn split(&self) -> (Vec<Place>, Option<PathBuf>) {
        let (last, rest) = match self.places.split_last() {
            Some((last, rest)) if !rest.is_empty() && last.parse::<Place>().is_err() => (Some(last), rest),
            _ => (None, self.places.as_slice()),
        };
        (rest.iter().map(|text| place_or_exit(text)).collect(), last.map(PathBuf::from))
    }
}

impl Put {
    /// What to copy, and where to.
    pub(crate) fn split(&self) -> (Vec<PathBuf>, Place) {
        let (last, files) = self.places.split_last().map_or(("", [].as_slice()), |(l, f)| (l.as_str(), f));
        (files.iter().map(PathBuf::from).collect(), place_or_exit(last))
    }
}

fn place_or_exit(text: &str) -> Place {
    text.parse().unwrap_or_else(|reason| {
        let message = format!("“{text}”: {reason}");
        Args::command().error(ErrorKind::ValueValidation, message).exit()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::args::{Command, tests::parsed};

    #[test]
    fn the_last_word_of_get_is_a_place_here_unless_it_names_a_drive() {
        let get = |words: &str| match parsed(words).command {
            Command::Get(get) => get.split(),
            other => panic!("{other:?}"),
        };
        let (from, to) = get("lanyard get Music@anna:a.mp3 Music:b/c.mp3");
        assert_eq!(from.len(), 2);
        assert_eq!((from[1].path.as_str(), to), ("b/c.mp3", None));
        assert_eq!(get("lanyard get Music:/a.mp3 ./b:c").1, Some(PathBuf::from("./b:c")));
        assert_eq!(get("lanyard get Music:/a.mp3 .").0[0].path, "a.mp3");
    }
}
