//! Which files are never opened, because opening them would run something that came from another computer.

use std::path::Path;

/// Endings that some system runs, installs or interprets when such a file is opened.
const PROGRAMS: [&str; 57] = [
    "exe",
    "com",
    "scr",
    "pif",
    "cpl",
    "bat",
    "cmd",
    "ps1",
    "psm1",
    "vbs",
    "vbe",
    "js",
    "jse",
    "wsf",
    "wsh",
    "hta",
    "msi",
    "msp",
    "msc",
    "reg",
    "lnk",
    "url",
    "inf",
    "gadget",
    "jar",
    "jnlp",
    "app",
    "command",
    "tool",
    "workflow",
    "scpt",
    "applescript",
    "pkg",
    "mpkg",
    "dmg",
    "terminal",
    "sh",
    "bash",
    "zsh",
    "csh",
    "fish",
    "ksh",
    "run",
    "bin",
    "out",
    "desktop",
    "appimage",
    "deb",
    "rpm",
    "flatpakref",
    "snap",
    "py",
    "pyw",
    "pl",
    "rb",
    "php",
    "application",
];

/// Whether a file is a program or a script, or its owner may run it.
pub(crate) fn is_program(path: &Path) -> bool {
    // A link's own name says nothing of what it leads to.
    let Ok(real) = path.canonicalize() else { return true };
    [path, real.as_path()].into_iter().any(has_ending) || may_be_run(&real)
}

fn has_ending(path: &Path) -> bool {
    // Some systems leave dots and spaces at the end of a name away.
    let name =
        path.file_name().unwrap_or_default().to_string_lossy().trim_end_matches(['.', ' ']).to_lowercase();
    name.rsplit_once('.').is_some_and(|(_, ending)| PROGRAMS.contains(&ending))
}

#[cfg(unix)]
fn may_be_run(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn may_be_run(_: &Path) -> bool {
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_scripts_are_known_by_their_names_and_rights() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "x").unwrap();
            path
        };
        for name in ["setup.EXE", "photo.jpg.bat", "run.sh", "notes.desktop", "tool.AppImage"] {
            assert!(is_program(&file(name)), "{name}");
        }
        for name in ["photo.jpg", "letter.pdf", "exe", "sh.txt"] {
            assert!(!is_program(&file(name)), "{name}");
        }
        assert!(is_program(&dir.path().join("missing")), "what cannot be looked at is not opened");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_may_be_run_and_a_link_to_a_program_are_programs() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("innocent.txt");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&script));
        std::fs::write(dir.path().join("evil.desktop"), "x").unwrap();
        symlink(dir.path().join("evil.desktop"), dir.path().join("song.mp3")).unwrap();
        assert!(is_program(&dir.path().join("song.mp3")));
    }
}
