//! The table of a mounted drive, fed with names from both sides, for the fuzz targets.

use super::table::{ROOT, Table};
use crate::wire::{Kind, Stat};

/// Does what the lines say: `lN NAME` is heard in the N-th folder so far, `m NAME NAME` moves at the top, `u NAME` removes
/// there, `fN` is forgotten. Panics when a path leads elsewhere or a number means two things.
pub fn mounted(bytes: &[u8]) {
    let stat = |kind| Stat {
        kind,
        size: 0,
        modified: None,
        etag: None,
        writable: true,
        executable: false,
        object: None,
    };
    let (mut table, mut known) = (Table::new(stat(Kind::Folder)), vec![ROOT]);
    for line in String::from_utf8_lossy(bytes).lines().take(256) {
        let (what, names) = line.split_once(' ').unwrap_or((line, ""));
        let at = what.get(1..).and_then(|number| number.parse::<usize>().ok()).unwrap_or(0) % known.len();
        match what.as_bytes().first() {
            Some(b'l') => {
                let parent = known[at];
                let asked = table.moment();
                let ino = table.hear(parent, names, stat(Kind::Folder), true, asked);
                assert!(ino != ROOT && table.find(parent, names) == Some(ino), "{names:?}");
                known.push(ino);
            }
            Some(b'm') => {
                let (from, to) = names.split_once(' ').unwrap_or((names, names));
                let moved = table.find(ROOT, from);
                table.rename((ROOT, from), (ROOT, to), None);
                assert!(moved.is_none() || table.find(ROOT, to) == moved, "{names:?}");
            }
            Some(b'u') => {
                table.lose_name(ROOT, names, None);
                assert_eq!(table.find(ROOT, names), None, "{names:?}");
            }
            _ => table.forget(known[at], 1),
        }
        for ino in &known {
            let Some(path) = table.path(*ino) else { continue };
            let plain = |name: &String| !name.contains('/') && !matches!(name.as_str(), "" | "." | "..");
            assert!(path.names().iter().all(plain), "{path} leads elsewhere");
        }
    }
}
