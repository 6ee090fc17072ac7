//! Drives under a letter on Windows: the system's own client of WebDAV (its service WebClient) connects the address that a
//! drive has on loopback.
//!
//! Prepared and type-checked, and not yet seen on Windows. What `net use` and `reg` are told and what they answer is put
//! together and read by pure functions, which are tested everywhere.

use super::{in_use, kept::Place};
use crate::{Core, gateway::drive, presence::RemoteShare};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_drive::{path, wire::Stat};
use std::{
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// The service looks at the server before it connects anything.
pub(super) const NEEDS_THE_DEVICE: bool = true;
/// What is said of one that went by itself.
pub(super) const GONE: &str = "It was disconnected by another program.";

/// The service gives a server up after half a minute or so.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the service keeps how large a file may be that it opens, and what it takes when nothing is said there.
const LIMIT_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\WebClient\Parameters";
const LIMIT_NAME: &str = "FileSizeLimitInBytes";
const LIMIT_AT_FIRST: u64 = 50_000_000;
/// The most that can be said: one byte less than 4 GiB.
const LIMIT_AT_MOST: u64 = u32::MAX as u64;

/// A drive that Explorer shows.
pub(super) struct Mounted {
    ended: CancellationToken,
    letter: String,
    advice: Option<String>,
}

impl Mounted {
    /// Cancelled once it is there no longer, as far as that is known here.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Takes it away, whoever uses it.
    pub(super) async fn unmount(&self, patience: Duration) {
        self.ended.cancel();
        if let Err(error) = run("net.exe", &leaving(&self.letter, true), patience).await {
            tracing::warn!(%error, "a drive was not disconnected");
        }
    }
}

/// Makes it appear.
pub(super) async fn appear(
    core: &Arc<Core>,
    share: &RemoteShare,
    dir: &Path,
    _: Option<Stat>,
) -> Result<Mounted, ApiError> {
    let letter = dir.to_string_lossy().into_owned();
    let address = drive::open_share(core, share.clone()).await?.address;
    let remote = unc(&address).ok_or_else(|| {
        let words = format!(
            "“{}” has signs in its name that Windows allows in none. Its owner can give it another name.",
            share.name
        );
        ApiError::new(ErrorCode::NotAvailable, words)
    })?;
    let output = run("net.exe", &connecting(&letter, &remote), PATIENCE).await;
    let output =
        output.map_err(|error| ApiError::new(ErrorCode::NotAvailable, format!("net use: {error}.")))?;
    if !output.status.success() {
        return Err(explain(number(&String::from_utf8_lossy(&output.stderr)), &letter));
    }
    let advice = limit_here().await.and_then(limit_words);
    Ok(Mounted { ended: CancellationToken::new(), letter, advice })
}

/// Takes it away; with care, only when `net` finds that no program uses it.
pub(super) async fn leave(mounted: &Mounted, dir: &Path, careful: bool) -> Result<(), ApiError> {
    if !careful {
        mounted.unmount(PATIENCE).await;
        return Ok(());
    }
    let output = run("net.exe", &leaving(&mounted.letter, false), PATIENCE).await;
    let output = output.map_err(|error| ApiError::new(ErrorCode::Internal, format!("net use: {error}.")))?;
    // 2250: there is no such connection.
    if !output.status.success() && number(&String::from_utf8_lossy(&output.stderr)) != Some(2250) {
        return Err(in_use(dir));
    }
    mounted.ended.cancel();
    Ok(())
}

/// What the owner should know of it.
pub(super) fn advice(mounted: &Mounted) -> Option<String> {
    mounted.advice.clone()
}

/// How large a file may be that the service opens.
async fn limit_here() -> Option<u64> {
    let asked = ["query", LIMIT_KEY, "/v", LIMIT_NAME].map(str::to_owned);
    let output = run("reg.exe", &asked, PATIENCE).await.ok()?;
    Some(limit(&String::from_utf8_lossy(&output.stdout)))
}

/// Nothing stays behind: connections are not made to last.
pub(super) fn clean_up(_: &Path) {}

/// Nothing stays behind.
pub(super) fn clean_up_all() {}

/// The letter for a drive: the one that was asked for, or the last one that is free.
pub(super) fn choose(_: Option<&Path>, asked: Option<String>, _: &str, _: &str) -> Result<PathBuf, ApiError> {
    match asked {
        Some(asked) => match letter(&asked) {
            Some(letter) => Ok(PathBuf::from(letter)),
            None => {
                let words = format!(
                    "“{asked}” is no letter of a drive. On Windows a drive appears under one, such as X:."
                );
                Err(ApiError::new(ErrorCode::Invalid, words))
            }
        },
        None => free(|letter| Path::new(&format!(r"{letter}\")).exists())
            .map(PathBuf::from)
            .ok_or_else(|| ApiError::new(ErrorCode::Busy, "All letters of drives are taken.")),
    }
}

/// There is nothing to make for a letter; one that is taken is refused by `net use`.
pub(super) fn prepare(_: &Core, dir: &Path) -> Result<Place, ApiError> {
    Ok(Place { dir: dir.to_owned(), made: false })
}

/// The letter, however it was written.
pub(super) fn real_place(dir: PathBuf) -> PathBuf {
    dir.to_str().and_then(letter).map_or(dir, PathBuf::from)
}

/// One of the system's own programs, by its whole path: one in the folder of a document is not meant.
async fn run(program: &str, arguments: &[String], patience: Duration) -> io::Result<Output> {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
    let mut command = Command::new(Path::new(&system).join("System32").join(program));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    /// `CREATE_NO_WINDOW`: no black window flashes up.
    #[cfg(windows)]
    const NO_WINDOW: u32 = 0x0800_0000;
    #[cfg(windows)]
    command.creation_flags(NO_WINDOW);
    tokio::time::timeout(patience, command.output())
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// `X:` from `x`, `x:` or `X:\`; none from anything else.
fn letter(text: &str) -> Option<String> {
    let letter = text.strip_suffix('\\').unwrap_or(text);
    let letter = letter.strip_suffix(':').unwrap_or(letter).to_ascii_uppercase();
    (letter.len() == 1 && letter.as_bytes()[0].is_ascii_uppercase()).then(|| format!("{letter}:"))
}

/// The last letter that is free; A to C are never taken.
fn free(is_taken: impl Fn(&str) -> bool) -> Option<String> {
    ('D'..='Z').rev().map(|letter| format!("{letter}:")).find(|letter| !is_taken(letter))
}

/// `\\127.0.0.1@40123\DavWWWRoot\dav\…` from `http://127.0.0.1:40123/dav/…/`: the way in which the service knows an address
/// with a port. None when a name in it is none for Windows.
fn unc(address: &str) -> Option<String> {
    let (host, way) = address.strip_prefix("http://")?.split_once('/')?;
    let mut unc = format!(r"\\{}\DavWWWRoot", host.replace(':', "@"));
    for name in way.split('/').filter(|name| !name.is_empty()) {
        let name = path::decode(name).ok()?;
        if path::portable_name(&name) != name {
            return None;
        }
        unc.push('\\');
        unc.push_str(&name);
    }
    Some(unc)
}

/// What `net` is told. It forgets the connection with the session: Lanyard makes it again.
fn connecting(letter: &str, remote: &str) -> Vec<String> {
    ["use", letter, remote, "/persistent:no"].map(str::to_owned).to_vec()
}

fn leaving(letter: &str, force: bool) -> Vec<String> {
    let force = force.then_some("/yes");
    ["use", letter, "/delete"].into_iter().chain(force).map(str::to_owned).collect()
}

/// The number of an error, which stands in the first sentence in every language.
fn number(words: &str) -> Option<u32> {
    words.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// What the number says (System Error Codes of Windows).
fn explain(number: Option<u32>, letter: &str) -> ApiError {
    let service = "The service “WebClient” of Windows does not run. Start it (services.msc), or as an administrator: \
        sc config WebClient start= demand & sc start WebClient";
    let (code, words) = match number {
        Some(85) => (ErrorCode::Exists, format!("{letter} is taken already. Choose another letter.")),
        // A name of the network that is not found is what is said when nobody looks for it by WebDAV.
        Some(53 | 67 | 1058 | 1060 | 1068 | 1222) => (ErrorCode::NotAvailable, service.to_owned()),
        Some(5 | 86 | 1326) => (
            ErrorCode::NotAllowed,
            "Windows was not let in to this drive. Share it with this computer again.".to_owned(),
        ),
        Some(59 | 121 | 1231) => {
            (ErrorCode::PeerUnreachable, "The other computer did not answer.".to_owned())
        }
        Some(number) => (ErrorCode::NotAvailable, format!("Windows did not connect it (error {number}).")),
        None => (ErrorCode::NotAvailable, "Windows did not connect it, and does not say why.".to_owned()),
    };
    ApiError::new(code, words)
}

/// The limit from the answer of `reg query`: `    FileSizeLimitInBytes    REG_DWORD    0x2faf080`.
fn limit(answer: &str) -> u64 {
    let line = answer.lines().find(|line| line.trim_start().starts_with(LIMIT_NAME));
    let digits = line.and_then(|line| line.rsplit_once("0x"));
    digits.and_then(|(_, digits)| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(LIMIT_AT_FIRST)
}

/// What is said about it; nothing when it is as large as it can be.
fn limit_words(limit: u64) -> Option<String> {
    (limit < LIMIT_AT_MOST).then(|| {
        format!(
            "Windows opens files here up to {} MB. For files up to 4 GB, as an administrator: reg add \
             {LIMIT_KEY} /v {LIMIT_NAME} /t REG_DWORD /d {LIMIT_AT_MOST} /f & net stop WebClient & net start WebClient. \
             Copies that Lanyard makes have no limit.",
            limit / 1_000_000
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_the_name_that_windows_has_for_it() {
        assert_eq!(
            unc("http://127.0.0.1:40123/dav/0123abcd/My%20M%C3%BCsic/").as_deref(),
            Some(r"\\127.0.0.1@40123\DavWWWRoot\dav\0123abcd\My Müsic")
        );
        for odd in ["a%3Ab", "a%5Cb", "what%3F", "dot.", "%2F", "%07", "con"] {
            assert_eq!(unc(&format!("http://127.0.0.1:1/dav/0/{odd}/")), None, "{odd}");
        }
        assert_eq!(unc("http://127.0.0.1:1/50%25/").as_deref(), Some(r"\\127.0.0.1@1\DavWWWRoot\50%"));
        assert_eq!(unc("https://127.0.0.1:1/dav/"), None);
    }

    #[test]
    fn a_letter_is_understood_however_it_is_written_and_the_last_free_one_is_taken() {
        for text in ["x", "X", "x:", r"X:\"] {
            assert_eq!(letter(text).as_deref(), Some("X:"), "{text}");
        }
        for text in ["", ":", r"C:\Users", "é:", "XY:", "1:", r"\"] {
            assert_eq!(letter(text), None, "{text}");
        }
        assert_eq!(free(|letter| letter > "W:").as_deref(), Some("W:"));
        assert_eq!(free(|_| true), None);
        assert_eq!(choose(None, Some("y".to_owned()), "", "").unwrap(), Path::new("Y:"));
        assert_eq!(choose(None, Some("/mnt".to_owned()), "", "").unwrap_err().code, ErrorCode::Invalid);
        assert_eq!(real_place(PathBuf::from(r"z:\")), Path::new("Z:"));
    }

    #[test]
    fn net_is_told_whole_words_and_its_answer_is_understood_in_every_language() {
        let remote = r"\\127.0.0.1@1\DavWWWRoot\dav\0\My Music";
        assert_eq!(connecting("X:", remote), ["use", "X:", remote, "/persistent:no"]);
        assert_eq!(leaving("X:", true), ["use", "X:", "/delete", "/yes"]);
        assert_eq!(leaving("X:", false), ["use", "X:", "/delete"]);
        let code = |words| explain(number(words), "X:").code;
        assert_eq!(
            code("System error 85 has occurred.\r\n\r\nThe local device name is already in use."),
            ErrorCode::Exists
        );
        assert_eq!(code("Systemfehler 67 aufgetreten.\r\n"), ErrorCode::NotAvailable);
        assert!(explain(Some(67), "X:").detail.contains("WebClient"), "and says what to do");
        assert_eq!(code("L’erreur système 5 s’est produite."), ErrorCode::NotAllowed);
        assert_eq!(code(""), ErrorCode::NotAvailable);
    }

    #[test]
    fn the_limit_for_files_is_told_unless_it_is_as_high_as_it_can_be() {
        let answer =
            |value| format!("\r\n{LIMIT_KEY}\r\n    FileSizeLimitInBytes    REG_DWORD    {value}\r\n\r\n");
        assert_eq!(limit(&answer("0x2faf080")), 50_000_000);
        assert_eq!(
            limit("ERROR: The system was unable to find the specified registry key or value."),
            50_000_000
        );
        assert!(limit_words(50_000_000).unwrap().contains("up to 50 MB"));
        assert_eq!(limit_words(limit(&answer("0xffffffff"))), None);
    }
}
