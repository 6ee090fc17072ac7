//! Names that are one to the disk of the copy and two in the original.
//!
//! Pure but for [`Names::of`], which tries out how the disk compares names. The first one, in the order of the original's
//! bytes, keeps its name, the next gets a number; so a copy that goes on later finds the same names again.

use crate::path;
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    path::Path,
};
use unicode_normalization::UnicodeNormalization;

/// Gives names in folders.
#[derive(Debug, Default)]
pub(super) struct Names {
    folding: Folding,
    given: HashMap<String, HashSet<String>>,
}

/// Which names are one to a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Folding {
    /// `a` is `A` there.
    pub(super) ignores_case: bool,
    /// A letter with an accent is the same in one character and in two.
    pub(super) ignores_form: bool,
}

impl Folding {
    /// The same for all names, or paths, that are one there.
    pub(super) fn of(self, name: &str) -> String {
        match (self.ignores_case, self.ignores_form) {
            (false, false) => name.to_owned(),
            (true, false) => name.to_lowercase(),
            (false, true) => name.nfc().collect(),
            (true, true) => name.nfc().collect::<String>().to_lowercase(),
        }
    }
}

impl Names {
    /// For a disk that takes names as they are.
    pub(super) fn exact() -> Self {
        Self::default()
    }

    /// For a disk that compares as told.
    #[cfg(test)]
    pub(super) fn ignoring(ignores_case: bool, ignores_form: bool) -> Self {
        Self { folding: Folding { ignores_case, ignores_form }, ..Self::default() }
    }

    /// For the disk on which this folder is; tries it out with hidden files that are gone afterwards.
    pub(super) fn of(folder: &Path, mark: &str) -> Self {
        let same = |one: &str, other: &str| {
            let name = |middle: &str| folder.join(format!(".lanyard-{mark}-{middle}{}", path::PART_SUFFIX));
            let made = File::options().write(true).create_new(true).open(name(one));
            let same = made.is_ok() && fs::symlink_metadata(name(other)).is_ok();
            let _ = fs::remove_file(name(one));
            same
        };
        let ignores_case = same("try-case", "try-CASE");
        let ignores_form = same("try-\u{e9}", "try-e\u{301}");
        Self { folding: Folding { ignores_case, ignores_form }, given: HashMap::new() }
    }

    /// Which names are one to the disk.
    pub(super) fn folding(&self) -> Folding {
        self.folding
    }

    /// The path that gets this name in a folder of the copy: with a number when another one has it already.
    pub(super) fn give(&mut self, folder: &str, name: &str) -> String {
        let taken = self.given.entry(folder.to_owned()).or_default();
        for number in 1_u32.. {
            let name = path::numbered(name, number);
            if taken.insert(self.folding.of(&name)) {
                return if folder.is_empty() { name } else { format!("{folder}/{name}") };
            }
        }
        // Numbers do not run out before names do.
        name.to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_collide_on_the_disk_of_the_copy_are_kept_apart() {
        let mut exact = Names::exact();
        assert_eq!([exact.give("", "a"), exact.give("", "A")], ["a", "A"]);
        let mut names = Names::ignoring(true, true);
        assert_eq!(names.give("f", "Photo.jpg"), "f/Photo.jpg");
        assert_eq!(names.give("f", "photo.JPG"), "f/photo (2).JPG");
        assert_eq!(names.give("f", "PHOTO (2).jpg"), "f/PHOTO (2) (2).jpg", "a number may collide, too");
        assert_eq!(names.give("g", "photo.jpg"), "g/photo.jpg", "another folder");
        assert_eq!(names.give("f", "\u{e9}"), "f/\u{e9}");
        assert_eq!(names.give("f", "e\u{301}"), "f/e\u{301} (2)", "the same letter in two characters");
    }

    #[test]
    fn the_disk_tells_how_it_compares_and_nothing_is_left_of_the_trial() {
        let dir = tempfile::tempdir().unwrap();
        let names = Names::of(dir.path(), "abc");
        let same = |one: &str, other: &str| {
            fs::write(dir.path().join(one), "").unwrap();
            dir.path().join(other).exists()
        };
        assert_eq!(names.folding.ignores_case, same("x", "X"));
        assert_eq!(names.folding.ignores_form, same("\u{e9}", "e\u{301}"));
        let hidden = fs::read_dir(dir.path()).unwrap().flatten();
        assert_eq!(hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count(), 0);
    }
}
