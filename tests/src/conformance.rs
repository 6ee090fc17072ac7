//! Running `ipptool` on a printer, and counting what it says.
//!
//! Its score counts what was skipped as passed, and it stops at a document that is not there and still says "100 %".
//! So all documents are written first, by our own small writers, and the lines are counted.

use crate::{Host, documents};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where Debian keeps its suites (`cups-ipp-utils`).
const SUITES: &str = "/usr/share/cups/ipptool";

/// Suites of our own.
const OURS: [(&str, &str); 2] = [
    ("answers.test", include_str!("../ipptool/answers.test")),
    ("documents.test", include_str!("../ipptool/documents.test")),
];

/// The longest a suite may take, in seconds: some wait until all of their jobs are printed.
const LIMIT: &str = "380";

/// What the printer under test says that it takes, in raster: only these are written.
const RESOLUTIONS: [u32; 2] = [300, 600];

/// Suites and documents in a folder.
#[derive(Clone, Debug)]
pub struct Suites {
    dir: PathBuf,
}

/// What came of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed, with what `ipptool` says of them.
    pub failed: Vec<String>,
    /// Tests that were skipped, mostly because the printer does not say that it does that.
    pub skipped: usize,
}

impl Suites {
    /// Writes them all into `dir`.
    ///
    /// # Errors
    /// When Debian's are not installed, or the disk refuses.
    pub fn write(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut wanted = BTreeSet::new();
        for entry in fs::read_dir(SUITES).context("install cups-ipp-utils")? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !name.ends_with(".test") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            wanted.extend(files_in(&text));
            fs::write(dir.join(name), text)?;
        }
        for (name, text) in OURS {
            wanted.extend(files_in(text));
            fs::write(dir.join(name), text)?;
        }
        for name in wanted {
            let path = dir.join(&name);
            fs::create_dir_all(path.parent().unwrap_or(dir))?;
            fs::write(path, document(&name))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Runs one suite from `host` on the printer at `uri`, with more options for `ipptool`.
    ///
    /// # Errors
    /// When `ipptool` does not run, or says nothing that can be counted.
    pub fn run(&self, host: &Host, uri: &str, suite: &str, options: &[&str]) -> Result<Score> {
        let path = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        // -R rides over server-error-busy; the version is what the suites are written for.
        let output = host
            .command("timeout")
            .args(["-k", "1", LIMIT, "ipptool", "-tI", "-V", "2.0", "-R", "-T", "60"])
            .args(options)
            .args(["-f", &path("document-letter.pdf"), uri, &path(suite)])
            .output()
            .context("start ipptool: install cups-ipp-utils")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let score = Score::of(&text);
        let said = || format!("{suite}: {text}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.code() != Some(124), "no end after {LIMIT} s: {}", said());
        ensure!(score.passed + score.failed.len() > 0, "nothing was tested: {}", said());
        Ok(score)
    }
}

impl Score {
    /// Counts the lines of `ipptool -t`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut score = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            match line.trim_end().rsplit_once('[').map(|(_, mark)| mark) {
                Some("PASS]") => score.passed += 1,
                Some("SKIP]") => score.skipped += 1,
                Some("FAIL]") => {
                    let mut why = line.trim().to_owned();
                    while let Some(more) = lines.next_if(|line| line.starts_with("        ")) {
                        why.push_str("; ");
                        why.push_str(more.trim());
                    }
                    score.failed.push(why);
                }
                _ => {}
            }
        }
        score
    }
}

/// The files that a suite sends.
fn files_in(text: &str) -> Vec<String> {
    let files = text.lines().filter_map(|line| line.trim().strip_prefix("FILE "));
    // One with a variable is named on the command line, one outside of the folder is none of ours.
    files
        .map(str::trim)
        .filter(|name| !name.contains('$') && !name.contains(".."))
        .map(str::to_owned)
        .collect()
}

/// A document for a name in a suite: real ones of the kinds that are tested, a placeholder for the others.
fn document(name: &str) -> Vec<u8> {
    let letter = name.contains("letter");
    let pages: &[&str] =
        if name.contains("document") { &["The first page", "The second page"] } else { &["One page"] };
    if name.ends_with(".jpg") {
        return documents::jpeg(512);
    }
    if name.ends_with(".pdf") {
        return documents::pdf(pages);
    }
    let raster = || {
        let dpi = RESOLUTIONS.into_iter().find(|dpi| name.contains(&format!("-{dpi}dpi")))?;
        let kind = documents::Raster::ALL.into_iter().find(|kind| name.contains(kind.name()))?;
        // Inches, in tenths.
        let (width, height) = match (name.contains("4x6"), letter) {
            (true, _) => (40, 60),
            (false, true) => (85, 110),
            (false, false) => (83, 117),
        };
        // One page each: a page at 600 dpi has a hundred million bytes to go through.
        Some(documents::pwg_raster(kind, dpi, width * dpi / 10, height * dpi / 10, 1))
    };
    raster().unwrap_or_else(|| b"a placeholder\n".to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_reasons_kept() {
        let score = Score::of(
            "    A                [PASS]\n    B                [FAIL]\n        RECEIVED: 3 bytes\n        EXPECTED: x\n\
                 C                [SKIP]\nSummary: 3 tests, 1 passed\nScore: 66%\n",
        );
        assert_eq!((score.passed, score.skipped), (1, 1));
        assert_eq!(score.failed, ["B                [FAIL]; RECEIVED: 3 bytes; EXPECTED: x"]);
    }
}
