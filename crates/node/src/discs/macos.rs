//! macOS shows what is put in below `/Volumes`, and `diskutil` tells what it is and ejects it. Prepared and type-checked, and
//! not yet seen on a Mac; what `diskutil` answers is read by pure functions, which are tested everywhere.
//!
//! A disc is a folder here, like a stick: to read the device itself takes an administrator. Folders on what comes and goes
//! are shared by their paths, because nothing cheap tells whether another stick has taken the place of the one that was
//! shared.

use lanyard_api::{Medium, MediumKind};
use lanyard_trust::names::clean;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const VOLUMES: &str = "/Volumes";
const DISKUTIL: &str = "/usr/sbin/diskutil";
/// How often the folder is looked at: a glance that asks no disk.
const EVERY: Duration = Duration::from_secs(3);
/// More volumes than anybody looks at.
const MOST: usize = 64;

/// Told when something was mounted or unmounted.
pub(super) struct Changes {
    seen: Vec<String>,
}

impl Changes {
    pub(super) fn begin() -> Self {
        Self { seen: volumes() }
    }

    pub(super) async fn next(&mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let now = volumes();
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

/// The names below `/Volumes`; the system's own disk is a link there.
fn volumes() -> Vec<String> {
    let entries = fs::read_dir(VOLUMES).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names.truncate(MOST);
    names
}

/// What is in now. Asks for each volume.
pub(super) fn media() -> Vec<Medium> {
    volumes()
        .iter()
        .filter_map(|name| {
            let path = format!("{VOLUMES}/{name}");
            let told =
                Command::new(DISKUTIL).args(["info", "-plist", &path]).stdin(Stdio::null()).output().ok()?;
            medium(&String::from_utf8_lossy(&told.stdout), &path, name)
        })
        .collect()
}

/// Not told: see above.
pub(super) fn medium_of(_: &Path) -> Option<String> {
    None
}

/// Unmounts and ejects it, unless it is in use.
pub(super) fn eject(medium: &Medium) -> Result<(), String> {
    match Command::new(DISKUTIL).args(["eject", &medium.path]).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let words = if output.stderr.is_empty() { output.stdout } else { output.stderr };
            Err(String::from_utf8_lossy(&words).trim().to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What `diskutil info -plist` tells of a volume, if that can be taken out.
fn medium(told: &str, path: &str, folder: &str) -> Option<Medium> {
    let says = |key| matches!(value(told, key), Some(Value::Yes));
    if !says("Ejectable") && !says("RemovableMedia") && !says("RemovableMediaOrExternalDevice") {
        return None;
    }
    let text = |key| match value(told, key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let number = |key| text(key).and_then(|digits| digits.parse::<u64>().ok());
    let device = text("DeviceNode")?;
    Some(Medium {
        // Discs have no identifier of their own; the name and the length tell most of them apart.
        id: text("VolumeUUID")
            .unwrap_or_else(|| format!("{} {}", folder, number("TotalSize").unwrap_or_default())),
        kind: MediumKind::Drive,
        name: text("VolumeName")
            .and_then(|name| clean(&name))
            .or_else(|| clean(folder))
            .unwrap_or_else(|| "Drive".to_owned()),
        path: path.to_owned(),
        device,
        size: number("TotalSize").or_else(|| number("Size")),
        share: None,
        readers: 0,
        note: None,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Yes,
    No,
    Text(String),
}

/// The value behind a key of a property list, as far as it is a text, a number or yes or no.
fn value(list: &str, key: &str) -> Option<Value> {
    let (_, rest) = list.split_once(&format!("<key>{key}</key>"))?;
    let element = rest.trim_start().strip_prefix('<')?;
    let (name, rest) = element.split_once('>')?;
    match name {
        "true/" => Some(Value::Yes),
        "false/" => Some(Value::No),
        "string" | "integer" => Some(Value::Text(plain(rest.split_once("</")?.0))),
        _ => None,
    }
}

/// A text without the five names for signs that XML has; the ampersand comes last, so that nothing is read twice.
fn plain(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (name, sign)| text.replace(name, sign))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const STICK: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n\
        \t<key>DeviceIdentifier</key>\n\t<string>disk4s1</string>\n\
        \t<key>DeviceNode</key>\n\t<string>/dev/disk4s1</string>\n\
        \t<key>Ejectable</key>\n\t<true/>\n\
        \t<key>RemovableMedia</key>\n\t<true/>\n\
        \t<key>TotalSize</key>\n\t<integer>15376000000</integer>\n\
        \t<key>VolumeName</key>\n\t<string>Ada &amp; Ben &amp;lt;3</string>\n\
        \t<key>VolumeUUID</key>\n\t<string>5B4A0A36-6C0A-3F1B-9C52-2D7A1E0F1C11</string>\n</dict>\n</plist>\n";

    #[test]
    fn a_stick_is_told_by_what_diskutil_says_of_it() {
        let medium = medium(STICK, "/Volumes/STICK", "STICK").unwrap();
        assert_eq!(medium.id, "5B4A0A36-6C0A-3F1B-9C52-2D7A1E0F1C11");
        assert_eq!((medium.name.as_str(), medium.device.as_str()), ("Ada & Ben &lt;3", "/dev/disk4s1"));
        assert_eq!((medium.path.as_str(), medium.size), ("/Volumes/STICK", Some(15_376_000_000)));
    }

    #[test]
    fn the_disk_of_the_computer_and_what_is_no_answer_are_nothing_to_take_out() {
        let fixed = STICK.replace("<true/>", "<false/>");
        assert_eq!(medium(&fixed, "/Volumes/Data", "Data"), None);
        for nonsense in
            ["", "<key>Ejectable</key>", "<key>Ejectable</key><true/>", "<key>Ejectable</key><dict>"]
        {
            assert_eq!(medium(nonsense, "/Volumes/x", "x"), None, "{nonsense}");
        }
        assert_eq!(value("<key>a</key><string>b", "a"), None, "an answer that was cut off");
    }
}
