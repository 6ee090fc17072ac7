//! A look at a file of somebody else's without a copy of it: pictures, pages of PDF, the beginning of a text.
//!
//! What a file is, is told by its first bytes. A text is read here; whatever has to be decoded is fetched into a file
//! that nobody else can read and drawn by the child that reads documents for printing, with its limits. Files above
//! 32 MiB are not fetched only to be looked at. What was fetched and what was drawn is kept for a while: files on the
//! disk, pictures in memory, both bounded, both by the version of the file.

use super::{refused, remote, remote_path, shown, what_is};
use crate::{Core, StartError, presence, printing};
use data_encoding::BASE64;
use lanyard_api::{ApiError, ErrorCode, Look, NoLook};
use lanyard_drive::{
    consume::{Remote, RemoteError, remote::Place},
    path::SharePath,
    wire::{Code, Kind},
};
use lanyard_print::document::{self, DocumentError, Format};
use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{io::AsyncWriteExt, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The largest file that is fetched only to be looked at.
const MOST: u64 = 32 << 20;
/// What is read of a text, and to tell what a file is.
const HEAD: u64 = 64 * 1024;
/// Bytes of one question to the other device.
const BLOCK: u64 = 1 << 20;
/// Looks at one time; others wait.
const AT_ONCE: usize = 2;
/// The longest edge of a picture in pixels.
const EDGES: RangeInclusive<u32> = 16..=2_400;
/// Bytes of fetched files that are kept, and how many files.
const KEPT_BYTES: u64 = 128 << 20;
const KEPT_FILES: usize = 64;
/// Looks with names at one time, and bytes of a name.
const MOST_NAMED: usize = 256;
const LONGEST_NAME: usize = 64;
/// Bytes of pictures that are kept.
const KEPT_PICTURES: usize = 24 << 20;

/// Looks of this node.
pub(super) struct Looks {
    dir: PathBuf,
    seats: Semaphore,
    kept: Mutex<Kept>,
    /// Those that can be ended, by the names that front ends gave them.
    named: Mutex<HashMap<String, CancellationToken>>,
}

#[derive(Default)]
struct Kept {
    /// The latest last.
    files: VecDeque<Arc<Fetched>>,
    pictures: VecDeque<(Sight, Look)>,
}

/// One version of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    drive: String,
    path: String,
    etag: String,
}

/// What is to be seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight {
    version: Version,
    page: u32,
    size: u32,
}

/// A file that was fetched; gone from the disk when nobody needs it any more.
struct Fetched {
    version: Version,
    path: PathBuf,
    size: u64,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Looks {
    /// Keeps what it fetches in `dir`, which is emptied.
    pub(super) fn open(dir: PathBuf) -> Result<Self, StartError> {
        let _ = fs::remove_dir_all(&dir);
        let made = fs::create_dir_all(&dir);
        made.map_err(|error| StartError::failed("making a place for looks at files", error))?;
        Ok(Self { dir, seats: Semaphore::new(AT_ONCE), kept: Mutex::default(), named: Mutex::default() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn picture(&mut self, sight: &Sight) -> Option<Look> {
        let at = self.pictures.iter().position(|(known, _)| known == sight)?;
        let kept = self.pictures.remove(at)?;
        let look = kept.1.clone();
        self.pictures.push_back(kept);
        Some(look)
    }

    fn keep_picture(&mut self, sight: Sight, look: Look) {
        let bytes = |look: &Look| match look {
            Look::Picture { png, .. } => png.len(),
            _ => 64,
        };
        self.pictures.push_back((sight, look));
        while self.pictures.iter().map(|(_, look)| bytes(look)).sum::<usize>() > KEPT_PICTURES {
            self.pictures.pop_front();
        }
    }

    fn file(&mut self, version: &Version) -> Option<Arc<Fetched>> {
        let at = self.files.iter().position(|file| file.version == *version)?;
        let file = self.files.remove(at)?;
        self.files.push_back(Arc::clone(&file));
        Some(file)
    }

    fn keep_file(&mut self, file: &Arc<Fetched>) {
        self.files.push_back(Arc::clone(file));
        let total = |files: &VecDeque<Arc<Fetched>>| files.iter().map(|file| file.size).sum::<u64>();
        while self.files.len() > KEPT_FILES || total(&self.files) > KEPT_BYTES {
            self.files.pop_front();
        }
    }
}

/// A look that can be ended by its name while it is under way.
struct Named<'a> {
    looks: &'a Looks,
    name: String,
    end: CancellationToken,
}

impl<'a> Named<'a> {
    fn new(looks: &'a Looks, name: String) -> Result<Self, ApiError> {
        let mut named = looks.named();
        if name.len() > LONGEST_NAME || named.len() >= MOST_NAMED || named.contains_key(&name) {
            return Err(ApiError::new(ErrorCode::Invalid, "A look has a short name that no other one has."));
        }
        let end = CancellationToken::new();
        named.insert(name.clone(), end.clone());
        drop(named);
        Ok(Self { looks, name, end })
    }
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        self.looks.named().remove(&self.name);
    }
}

/// What a file looks like, as long as somebody wants to see it.
///
/// # Errors
/// As below; `busy` when [`end`] was asked for.
pub async fn look(
    core: &Arc<Core>,
    drive: &str,
    path: &str,
    page: u32,
    size: u32,
    name: Option<String>,
) -> Result<Look, ApiError> {
    let Some(name) = name else { return see(core, drive, path, page, size).await };
    let named = Named::new(&core.drives.looks, name)?;
    tokio::select! {
        // The child that draws ends with the work that is dropped here, and so does what is being fetched.
        () = named.end.cancelled() => Err(ApiError::new(ErrorCode::Busy, "Nobody wants to see it any more.")),
        seen = see(core, drive, path, page, size) => seen,
    }
}

/// Ends a look, if it is still under way.
pub fn end(core: &Core, name: &str) {
    if let Some(end) = core.drives.looks.named().get(name) {
        end.cancel();
    }
}

/// What a file looks like.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `changed`, `invalid` for a folder or an odd size,
/// `busy` when documents cannot be read now, `disk_full`.
async fn see(core: &Arc<Core>, drive: &str, path: &str, page: u32, size: u32) -> Result<Look, ApiError> {
    if !EDGES.contains(&size) {
        let words = format!("A picture is {} to {} pixels large.", EDGES.start(), EDGES.end());
        return Err(ApiError::new(ErrorCode::Invalid, words));
    }
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let looks = &core.drives.looks;
    let seat = looks.seats.acquire().await;
    let _seat = seat.map_err(|_| ApiError::new(ErrorCode::Stopping, "Lanyard is stopping."))?;
    let there = what_is(core, &share, &path).await?;
    let explain = |error: RemoteError| refused(&error, &share.device_name, &shown(&path, &share));
    let (Kind::File, Some(etag)) = (there.kind, there.etag) else {
        return Err(explain(RemoteError::Refused(Code::WrongKind)));
    };
    let version = Version { drive: share.id(), path: path.to_string(), etag };
    let sight = Sight { version, page: page.max(1), size };
    if let Some(look) = looks.kept().picture(&sight) {
        return Ok(look);
    }
    let remote = remote(core, &share);
    let head = head(&remote, &path, &sight.version.etag, there.size).await.map_err(explain)?;
    let look = match kind_of(&head, there.size) {
        Seen::Nothing(why) => Look::Nothing { why },
        Seen::Text(text) => Look::Text { text, whole: there.size <= HEAD },
        Seen::Drawn if there.size > MOST => Look::Nothing { why: NoLook::TooLarge },
        Seen::Drawn => {
            let file = fetched(looks, &remote, &path, &sight.version, there.size, head).await;
            let file = file.map_err(|error| match error {
                Fetching::Remote(error) => explain(error),
                Fetching::Disk(error) => disk(&error),
            })?;
            drawn(core, &file.path, &sight).await?
        }
    };
    looks.kept().keep_picture(sight, look.clone());
    Ok(look)
}

/// What the first bytes say.
enum Seen {
    /// A picture or a PDF.
    Drawn,
    Text(String),
    Nothing(NoLook),
}

fn kind_of(head: &[u8], size: u64) -> Seen {
    let begins = |magic: &[u8]| head.starts_with(magic);
    let is_webp = begins(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let is_tiff = [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].into_iter().any(begins);
    let is_pdf =
        head.get(..1024.min(head.len())).is_some_and(|start| start.windows(5).any(|w| w == b"%PDF-"));
    if size == 0 {
        Seen::Nothing(NoLook::Empty)
    } else if begins(&[0xff, 0xd8, 0xff]) || begins(b"\x89PNG\r\n\x1a\n") || is_webp || is_tiff || is_pdf {
        Seen::Drawn
    } else {
        text(head, size > head.len() as u64).map_or(Seen::Nothing(NoLook::Kind), Seen::Text)
    }
}

/// A text in UTF-8, or in UTF-16 that says so; none for anything else, which would be a screen of nonsense.
fn text(head: &[u8], cut: bool) -> Option<String> {
    let utf16 = |bytes: &[u8], number: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| number([pair[0], pair[1]])).collect();
        // The last letter may be cut in two.
        let units = if cut { units.get(..units.len().saturating_sub(1))? } else { &units };
        String::from_utf16(units).ok()
    };
    let text = match head {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => {
            let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            match std::str::from_utf8(head) {
                Ok(text) => text.to_owned(),
                Err(error) if cut && error.error_len().is_none() => {
                    std::str::from_utf8(&head[..error.valid_up_to()]).ok()?.to_owned()
                }
                Err(_) => return None,
            }
        }
    };
    // Other control characters are a sign of something that is no text.
    let odd =
        |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    (!text.contains(odd)).then_some(text)
}

async fn head(remote: &Remote, path: &SharePath, etag: &str, size: u64) -> Result<Vec<u8>, RemoteError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let bytes = remote.read(&Place::Named(path.clone()), 0..size.min(HEAD), Some(etag)).await?;
    Ok(bytes.to_vec())
}

enum Fetching {
    Remote(RemoteError),
    Disk(io::Error),
}

/// The whole file, unless it is here already. `head` is its beginning.
async fn fetched(
    looks: &Looks,
    remote: &Remote,
    path: &SharePath,
    version: &Version,
    size: u64,
    head: Vec<u8>,
) -> Result<Arc<Fetched>, Fetching> {
    if let Some(file) = looks.kept().file(version) {
        return Ok(file);
    }
    let local = looks.dir.join(Uuid::new_v4().simple().to_string());
    // It goes away again when anything fails on the way.
    let file = Arc::new(Fetched { version: version.clone(), path: local.clone(), size });
    let mut out = private(&local).await.map_err(Fetching::Disk)?;
    out.write_all(&head).await.map_err(Fetching::Disk)?;
    let mut at = head.len() as u64;
    while at < size {
        let block = at..(at + BLOCK).min(size);
        let read = remote.read(&Place::Named(path.clone()), block.clone(), Some(&version.etag)).await;
        out.write_all(&read.map_err(Fetching::Remote)?).await.map_err(Fetching::Disk)?;
        at = block.end;
    }
    out.flush().await.map_err(Fetching::Disk)?;
    looks.kept().keep_file(&file);
    Ok(file)
}

async fn private(path: &Path) -> io::Result<tokio::fs::File> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}

/// Drawn by a child.
async fn drawn(core: &Core, file: &Path, sight: &Sight) -> Result<Look, ApiError> {
    let documents = printing::documents(core);
    let out = core.drives.looks.dir.join(format!("{}.png", Uuid::new_v4().simple()));
    let picture = Picture(out);
    let draw = async {
        let found = documents.inspect_strange(file, false).await?;
        if !matches!(found.format, Format::Pdf | Format::Jpeg | Format::Png | Format::WebP | Format::Tiff) {
            return Err(DocumentError::Unsupported);
        }
        let look = document::Look {
            options: lanyard_print::ticket::Options::default(),
            paper: None,
            side: sight.page,
            edge: sight.size,
            color: true,
            bare: true,
        };
        let shown = documents.show(file, found.format, look, &picture.0).await?;
        Ok((shown, tokio::fs::read(&picture.0).await?))
    };
    match draw.await {
        Ok((shown, png)) => Ok(Look::Picture {
            png: BASE64.encode(&png),
            width: shown.width,
            height: shown.height,
            page: sight.page.min(shown.sides.max(1)),
            pages: shown.sides,
        }),
        Err(DocumentError::NotNow(_)) => {
            Err(ApiError::new(ErrorCode::Busy, "Documents cannot be read now; try again."))
        }
        Err(DocumentError::Io(error)) => Err(disk(&error)),
        Err(DocumentError::Empty) => Ok(Look::Nothing { why: NoLook::Empty }),
        Err(DocumentError::Locked) => Ok(Look::Nothing { why: NoLook::Locked }),
        Err(DocumentError::Unsupported | DocumentError::Heif | DocumentError::OfficeFromOthers) => {
            Ok(Look::Nothing { why: NoLook::Kind })
        }
        Err(error) => {
            tracing::debug!(%error, "a file could not be looked at");
            Ok(Look::Nothing { why: NoLook::Damaged })
        }
    }
}

/// A picture in the making; its file goes away with it.
struct Picture(PathBuf);

impl Drop for Picture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn disk(error: &io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            ApiError::new(ErrorCode::DiskFull, "There is no room on this computer's disk for a look at it.")
        }
        _ => ApiError::new(ErrorCode::Internal, format!("This computer's disk refused: {error}.")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn seen(head: &[u8]) -> &'static str {
        match kind_of(head, head.len() as u64) {
            Seen::Drawn => "drawn",
            Seen::Text(_) => "text",
            Seen::Nothing(NoLook::Kind) => "nothing",
            Seen::Nothing(NoLook::Empty) => "empty",
            Seen::Nothing(_) => "odd",
        }
    }

    #[test]
    fn what_a_file_is_is_told_by_its_bytes() {
        assert_eq!(seen(b"\xff\xd8\xff\xe0rest"), "drawn");
        assert_eq!(seen(b"\x89PNG\r\n\x1a\nrest"), "drawn");
        assert_eq!(seen(b"RIFF1234WEBPVP8 "), "drawn");
        assert_eq!(seen(b"junk before\n%PDF-1.7"), "drawn");
        assert_eq!(seen(b"RIFF1234WAVEfmt \0\0"), "nothing");
        assert_eq!(seen(b"<html><script>alert(1)</script>"), "text", "shown as letters, never as a page");
        assert_eq!(seen("Grüße".as_bytes()), "text");
        assert_eq!(seen(b"MZ\x90\0\x03"), "nothing");
        assert_eq!(seen(b"gr\xfc\xdfe"), "nothing", "another encoding would be guessed");
        assert_eq!(seen(b""), "empty");
    }

    #[test]
    fn a_text_that_is_cut_ends_at_a_whole_letter() {
        let bytes = "aé".as_bytes();
        assert_eq!(text(&bytes[..2], true).as_deref(), Some("a"));
        assert_eq!(text(&bytes[..2], false), None, "a file that ends in half a letter is no UTF-8");
        let wide: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("aé".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(text(&wide, false).as_deref(), Some("aé"));
        assert_eq!(text(&wide, true).as_deref(), Some("a"));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let mut kept = Kept::default();
        let sight = |page| Sight {
            version: Version { drive: "d".into(), path: "p".into(), etag: "e".into() },
            page,
            size: 16,
        };
        let picture = Look::Picture { png: "x".repeat(10 << 20), width: 1, height: 1, page: 1, pages: 1 };
        for page in 1..=3 {
            kept.keep_picture(sight(page), picture.clone());
        }
        assert!(kept.picture(&sight(1)).is_none());
        assert!(kept.picture(&sight(2)).is_some() && kept.picture(&sight(3)).is_some());
        let other = Sight { version: Version { etag: "another".into(), ..sight(2).version }, ..sight(2) };
        assert!(kept.picture(&other).is_none(), "another version is another picture");
    }

    #[test]
    fn a_look_is_known_by_its_name_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let looks = Looks::open(dir.path().join("looks")).unwrap();
        let named = Named::new(&looks, "a".to_owned()).unwrap();
        assert!(Named::new(&looks, "a".to_owned()).is_err(), "the name of another one would end this one");
        looks.named()["a"].cancel();
        assert!(named.end.is_cancelled());
        drop(named);
        assert!(looks.named().is_empty());
        assert!(Named::new(&looks, "x".repeat(LONGEST_NAME + 1)).is_err());
        let many: Vec<_> = (0..MOST_NAMED).map(|n| Named::new(&looks, n.to_string()).unwrap()).collect();
        assert!(Named::new(&looks, "one more".to_owned()).is_err());
        drop(many);
        assert!(Named::new(&looks, "a".to_owned()).is_ok(), "the name is free again");
    }

    #[test]
    fn a_fetched_file_leaves_the_disk_with_the_last_look_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Kept::default();
        for number in 0..=KEPT_FILES {
            let path = dir.path().join(number.to_string());
            fs::write(&path, "x").unwrap();
            let version = Version { drive: "d".into(), path: number.to_string(), etag: "e".into() };
            kept.keep_file(&Arc::new(Fetched { version, path, size: 1 }));
        }
        assert!(!dir.path().join("0").exists(), "the oldest made room");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), KEPT_FILES);
    }
}
