//! Is this still the computer that the key was made on?
//!
//! A disk that is copied to a second computer brings its key along, and two devices with one key are one device to
//! everybody else. So the directory of the key remembers which machine it belongs to, as a hash. What to do about a
//! copy a person must say; whoever starts the node asks and does not serve before.

use super::{Identity, IdentityError, key_file};
use data_encoding::HEXLOWER;
use std::{io, path::Path};

const KEY: &str = "node.key";
const MACHINE: &str = "node.machine";
/// Keys that were set aside, at most.
const MOST_OLD: u32 = 99;

/// Where a directory with a key is, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There is no key yet. Make one, then [`Identity::adopt`].
    New,
    /// On the machine that the key was made on.
    Same,
    /// The machine has no id (some containers), or nothing was remembered (an older Lanyard). Go on, and
    /// [`Identity::adopt`] if there is an id.
    Unknown,
    /// On another machine. Ask: was the disk moved ([`Identity::adopt`]), or copied ([`Identity::become_new`])?
    Elsewhere,
}

impl Identity {
    /// Compares what `dir` remembers with the id of this machine (see [`id`]).
    ///
    /// # Errors
    /// [`IdentityError::Io`] when the directory cannot be read.
    pub fn place(dir: &Path, machine: Option<&str>) -> Result<Place, IdentityError> {
        let key = dir.join(KEY);
        if !key.try_exists().map_err(|source| IdentityError::Io { path: key, source })? {
            return Ok(Place::New);
        }
        let path = dir.join(MACHINE);
        let remembered = match key_file::load(&path) {
            Ok(bytes) => HEXLOWER.decode(bytes.trim_ascii()).ok().filter(|hash| hash.len() == 32),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                None
            }
            Err(source) => return Err(IdentityError::Io { path, source }),
        };
        Ok(match (remembered, machine) {
            (Some(remembered), Some(machine)) if remembered == hash(machine) => Place::Same,
            (Some(_), Some(_)) => Place::Elsewhere,
            _ => Place::Unknown,
        })
    }

    /// Remembers that the key in `dir` belongs to this machine.
    ///
    /// # Errors
    /// [`IdentityError::Io`] when it cannot be written.
    pub fn adopt(dir: &Path, machine: &str) -> Result<(), IdentityError> {
        let path = dir.join(MACHINE);
        let line = format!("{}\n", HEXLOWER.encode(&hash(machine)));
        key_file::write(&path, line.as_bytes()).map_err(|source| IdentityError::Io { path, source })
    }

    /// Makes this a new device with a key of its own. The old key is kept beside it as `node.key.old-1` (or the next
    /// free number): a person who clicked the wrong answer can still undo it.
    ///
    /// # Errors
    /// [`IdentityError`] when a file cannot be used. If that leaves no key, the next start makes one.
    pub fn become_new(dir: &Path, machine: Option<&str>) -> Result<Self, IdentityError> {
        let path = dir.join(KEY);
        let io = |source| IdentityError::Io { path: path.clone(), source };
        let free = (1..=MOST_OLD)
            .map(|number| dir.join(format!("{KEY}.old-{number}")))
            .find(|aside| matches!(aside.try_exists(), Ok(false)))
            .ok_or_else(|| io(io::ErrorKind::AlreadyExists.into()))?;
        key_file::set_aside(&path, &free).map_err(io)?;
        let identity = Self::load_or_create(dir)?;
        if let Some(machine) = machine {
            Self::adopt(dir, machine)?;
        }
        Ok(identity)
    }
}

/// The id that the system gave this machine when it was installed, if it has one and it can be read. It must not leave
/// the machine (machine-id(5)); here only a hash of it is kept.
///
/// Runs a program on macOS and Windows; call it where that may block.
#[must_use]
pub fn id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
        files.iter().find_map(|file| plausible(&std::fs::read_to_string(file).ok()?))
    }
    #[cfg(target_os = "macos")]
    {
        let ran = std::process::Command::new("/usr/sbin/ioreg")
            .args(["-rd1", "-c", "IOPlatformExpertDevice"])
            .output()
            .ok()?;
        after("\"IOPlatformUUID\" = \"", &String::from_utf8_lossy(&ran.stdout))
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        /// Without it a black window flashes up.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        let system = std::env::var_os("SystemRoot")?;
        let ran = std::process::Command::new(Path::new(&system).join(r"System32\reg.exe"))
            .args(["query", r"HKLM\SOFTWARE\Microsoft\Cryptography", "/v", "MachineGuid", "/reg:64"])
            .creation_flags(CREATE_NO_WINDOW)
            .output()
            .ok()?;
        after("REG_SZ", &String::from_utf8_lossy(&ran.stdout))
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    {
        None
    }
}

fn hash(machine: &str) -> [u8; 32] {
    blake3::derive_key("lanyard 2026-11 machine v1", machine.as_bytes())
}

/// The id that follows `mark` in what a program printed.
#[cfg(any(target_os = "macos", windows, test))]
fn after(mark: &str, printed: &str) -> Option<String> {
    let rest = printed.split_once(mark)?.1.trim_start();
    plausible(rest.split(|char: char| char == '"' || char.is_whitespace()).next()?)
}

/// A hexadecimal number or a UUID. An image that is to get its id at the first start holds nothing, zeros, or the word
/// `uninitialized`.
#[cfg(any(target_os = "linux", target_os = "macos", windows, test))]
fn plausible(text: &str) -> Option<String> {
    let id = text.trim().to_ascii_lowercase();
    let digits = || id.bytes().filter(|byte| *byte != b'-');
    let number = (32..=36).contains(&id.len()) && digits().all(|byte| byte.is_ascii_hexdigit());
    (number && digits().any(|byte| byte != b'0')).then_some(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_print_is_understood() {
        let id = "d9a9c3f2b4e84c6d9a0b1c2d3e4f5a6b";
        assert_eq!(plausible(&format!("{}\n", id.to_uppercase())).as_deref(), Some(id));
        for none in
            ["", "\n", "uninitialized\n", "d9a9c3f2", &"0".repeat(32), &"g".repeat(32), &"a".repeat(4000)]
        {
            assert_eq!(plausible(none), None, "{none:?}");
        }
        let uuid = "564d4e1c-8a2b-4c3d-9e0f-a1b2c3d4e5f6";
        let mac =
            format!("+-o J314s\n    {{\n      \"IOPlatformUUID\" = \"{}\"\n    }}\n", uuid.to_uppercase());
        assert_eq!(after("\"IOPlatformUUID\" = \"", &mac).as_deref(), Some(uuid));
        let windows = format!("\r\nHKEY_LOCAL_MACHINE\\…\r\n    MachineGuid    REG_SZ    {uuid}\r\n\r\n");
        assert_eq!(after("REG_SZ", &windows).as_deref(), Some(uuid));
        assert_eq!(after("REG_SZ", "ERROR: access denied"), None);
    }
}
