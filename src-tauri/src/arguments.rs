//! What the app was started with: `--data DIR` (or `LANYARD_DATA`), and files to print.

use std::{
    ffi::OsString,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

/// The identifier that other starts of this app look for.
const IDENTIFIER: &str = "app.lanyard.desktop";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Where the node keeps its things; none means this user's data directory.
    pub(crate) data: Option<PathBuf>,
    /// Absolute paths of files to print.
    pub(crate) files: Vec<PathBuf>,
}

impl Arguments {
    /// This process's own.
    pub(crate) fn from_env() -> Self {
        let cwd = std::env::current_dir().unwrap_or_default();
        let mut arguments = Self::parse(std::env::args_os().skip(1), &cwd);
        if arguments.data.is_none() {
            arguments.data =
                std::env::var_os("LANYARD_DATA").filter(|dir| !dir.is_empty()).map(|dir| cwd.join(dir));
        }
        arguments
    }

    /// Words after the program's name. Unknown options are passed over: desktops and test drivers add their own.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>, cwd: &Path) -> Self {
        let mut arguments = Self::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--data") => arguments.data = words.next().map(|dir| cwd.join(dir)),
                Some(text) if text.starts_with("--data=") => {
                    arguments.data = Some(cwd.join(&text["--data=".len()..]));
                }
                Some(text) if text.starts_with('-') => {}
                _ => arguments.files.push(cwd.join(word)),
            }
        }
        arguments
    }
}

/// The name under which another start for the same data is found. Another data directory is another app.
pub(crate) fn instance_name(data: Option<&Path>) -> String {
    match data {
        None => IDENTIFIER.to_owned(),
        Some(data) => {
            let mut hasher = DefaultHasher::new();
            data.canonicalize().unwrap_or_else(|_| data.to_owned()).hash(&mut hasher);
            format!("{IDENTIFIER}.d{:016x}", hasher.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Arguments {
        Arguments::parse(words.iter().map(OsString::from), Path::new("/home/anna"))
    }

    #[test]
    fn a_data_directory_is_taken_in_both_spellings_and_made_absolute() {
        for words in [&["--data", "d"][..], &["--data=d"][..]] {
            assert_eq!(parse(words).data.as_deref(), Some(Path::new("/home/anna/d")), "{words:?}");
        }
    }

    #[test]
    fn words_without_a_dash_are_files_relative_to_where_the_app_was_started() {
        let arguments = parse(&["--unknown", "a.pdf", "/tmp/b.png"]);
        assert_eq!(arguments.files, [PathBuf::from("/home/anna/a.pdf"), PathBuf::from("/tmp/b.png")]);
    }

    #[test]
    fn each_data_directory_is_an_app_of_its_own() {
        assert_ne!(instance_name(None), instance_name(Some(Path::new("/a"))));
        assert_ne!(instance_name(Some(Path::new("/a"))), instance_name(Some(Path::new("/b"))));
    }
}
