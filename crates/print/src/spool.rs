//! Documents on disk, on their way to paper: written, then settled, which is fsync of the file and of its directory.
//!
//! What a document means is in the journals; a file here without a row there is rubbish and is swept at start. So nothing
//! needs a temporary name while it is written, and between writing and settling there is time to look at it.

mod growing;
mod receiving;

use crate::{
    fault,
    ticket::{HASH_TRAILER, MAX_DOCUMENT, Ticket},
};
use hyper::body::{Body, Bytes};
use receiving::{Received, receive};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::watch;

pub use growing::Growing;

/// Room that is left free on the disk.
const SPARE: u64 = 32 * 1024 * 1024;

/// Without a byte for so long, a sender is gone.
const STALL: Duration = Duration::from_secs(30);

/// A directory of documents.
#[derive(Clone, Debug)]
pub struct Spool {
    dir: PathBuf,
}

/// Why a document was not kept. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The disk is full, or would be.
    #[error("there is no room on the disk for this document")]
    Full,
    /// More than we take.
    #[error("the document is larger than {} GiB", MAX_DOCUMENT / 1024 / 1024 / 1024)]
    TooLarge,
    /// It ended early, or stood still.
    #[error("the document did not arrive whole")]
    Cut,
    /// Other bytes than the ticket says.
    #[error("the document was changed on its way")]
    Altered,
    /// The file it is copied from cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk refused.
    #[error("cannot keep the document: {0}")]
    Io(io::Error),
}

/// A copy that is safe on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Bytes.
    pub size: u64,
    /// BLAKE3, hexadecimal.
    pub blake3: String,
}

/// What came of a copy that is only made of a small document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is made.
    Whole(Kept),
    /// The document is larger.
    Not {
        /// Bytes.
        size: u64,
    },
}

impl Spool {
    /// Uses `dir`, making it if needed, readable by the owner only.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { dir })
    }

    /// Where a document of that name is. Names are made here, never by strangers.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Takes a document from the network: bounded, counted, hashed, and kept only if it is what the ticket says.
    /// It is whole when this returns, and on the disk after [`Spool::settle`]. Whoever follows it is told of its size as
    /// it grows.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn receive<B>(
        &self,
        name: &str,
        ticket: &Ticket,
        body: B,
        grown: Option<watch::Sender<u64>>,
    ) -> Result<(), KeepError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if ticket.size > MAX_DOCUMENT {
            return Err(KeepError::TooLarge);
        }
        self.room_for(ticket.size)?;
        let unfinished = Unfinished::new(self, name);
        let Received { kept, trailers } = match receive(unfinished.path(), ticket.size, body, grown).await {
            Err(KeepError::TooLarge) => return Err(KeepError::Altered),
            received => received?,
        };
        if kept.size < ticket.size {
            return Err(KeepError::Cut);
        }
        let behind = trailers.get(HASH_TRAILER).and_then(|hash| hash.to_str().ok());
        match ticket.blake3.as_deref().or(behind) {
            Some(hash) if kept.blake3.eq_ignore_ascii_case(hash) => {}
            Some(_) => return Err(KeepError::Altered),
            None => return Err(KeepError::Cut),
        }
        unfinished.keep();
        Ok(())
    }

    /// Takes a document of which nobody said how large it is or what it hashes to: `most` bytes of it, for which
    /// there must be room before it begins. A body that breaks off is not kept. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn receive_unannounced<B>(&self, name: &str, most: u64, body: B) -> Result<Kept, KeepError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.room_for(most)?;
        let unfinished = Unfinished::new(self, name);
        let kept = receive(unfinished.path(), most, body, None).await?.kept;
        self.settle(name).await?;
        unfinished.keep();
        Ok(kept)
    }

    /// Sees to it that a document is on the disk, and its name too.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn settle(&self, name: &str) -> Result<(), KeepError> {
        let (spool, name) = (self.clone(), name.to_owned());
        blocking(move || spool.sync(&name)).await.map_err(KeepError::of)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        fault::point("spool: a document is whole, and not on the disk");
        // Windows flushes only what may be written to.
        fs::OpenOptions::new().write(true).open(self.path(name))?.sync_all()?;
        fault::point("spool: a document is on the disk, and perhaps not its name");
        sync_dir(&self.dir)
    }

    /// Copies a file of this computer, so that the person may change or remove it at once. On the disk when this
    /// returns. Blocks.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn copy(&self, name: &str, from: &Path) -> Result<Kept, KeepError> {
        let (kept, unfinished) = self.write(name, from, None)?;
        self.sync(name).map_err(KeepError::of)?;
        unfinished.keep();
        Ok(kept)
    }

    fn write(
        &self,
        name: &str,
        from: &Path,
        grown: Option<&watch::Sender<u64>>,
    ) -> Result<(Kept, Unfinished), KeepError> {
        let unreadable = |source| KeepError::Unreadable { path: from.to_owned(), source };
        let mut source = fs::File::open(from).map_err(unreadable)?;
        let size = source.metadata().map_err(unreadable)?.len();
        if size > MAX_DOCUMENT {
            return Err(KeepError::TooLarge);
        }
        self.room_for(size)?;
        let unfinished = Unfinished::new(self, name);
        let mut target = create(unfinished.path()).map_err(KeepError::of)?;
        let mut early = Early::of(&target);
        let mut hashing = Hashing::of(size);
        // One more, so that the end of a small one is seen with the second read.
        let room = usize::try_from(size + 1).unwrap_or(usize::MAX).clamp(4096, Hashing::PIECE);
        let mut copied = 0u64;
        loop {
            let mut piece = hashing.piece(room);
            let read = io::Read::read(&mut source, &mut piece).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            piece.truncate(read);
            copied += read as u64;
            if copied > MAX_DOCUMENT {
                return Err(KeepError::TooLarge);
            }
            io::Write::write_all(&mut target, &piece).map_err(KeepError::of)?;
            hashing.goes_on_with(piece);
            early.wrote(read).map_err(KeepError::of)?;
            if let Some(grown) = grown {
                grown.send_replace(copied);
            }
        }
        early.end().map_err(KeepError::of)?;
        Ok((Kept { size: copied, blake3: hashing.end().map_err(KeepError::Io)? }, unfinished))
    }

    /// The same off the async threads; on the disk after [`Spool::settle`]. Whoever follows the copy is told of its size
    /// as it grows.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn copied(
        &self,
        name: &str,
        from: &Path,
        grown: Option<watch::Sender<u64>>,
    ) -> Result<Kept, KeepError> {
        let (spool, name, from) = (self.clone(), name.to_owned(), from.to_owned());
        let (kept, unfinished) = copying(move || spool.write(&name, &from, grown.as_ref())).await?;
        unfinished.keep();
        Ok(kept)
    }

    /// The same for a document of `most` bytes at most; a larger one is left where it is.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn copied_if_small(&self, name: &str, from: &Path, most: u64) -> Result<Copied, KeepError> {
        let (spool, name, from) = (self.clone(), name.to_owned(), from.to_owned());
        let copy = move || {
            let size = fs::metadata(&from).map_or(0, |about| about.len());
            if size > most { Ok(Err(size)) } else { spool.write(&name, &from, None).map(Ok) }
        };
        match copying(copy).await? {
            Ok((kept, unfinished)) => {
                unfinished.keep();
                Ok(Copied::Whole(kept))
            }
            Err(size) => Ok(Copied::Not { size }),
        }
    }

    /// Throws a document away; one that is not there is no error.
    pub fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(name, %error, "a printed document could not be deleted");
        }
    }

    /// Throws away everything that no row knows. Only at start, before anything is received.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn sweep(&self, known: &HashSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !known.contains(&name) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    /// How large a document may be that is kept now.
    #[must_use]
    pub fn room(&self) -> u64 {
        let free = fs4::available_space(&self.dir).unwrap_or(u64::MAX);
        free.saturating_sub(SPARE).min(MAX_DOCUMENT)
    }

    fn room_for(&self, size: u64) -> Result<(), KeepError> {
        // A file system that does not tell is tried.
        let free = fs4::available_space(&self.dir).unwrap_or(u64::MAX);
        if free < size.saturating_add(SPARE) { Err(KeepError::Full) } else { Ok(()) }
    }
}

impl KeepError {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// A file that is not whole yet; gone when dropped before it is.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn new(spool: &Spool, name: &str) -> Self {
        Self(Some(spool.path(name)))
    }

    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = self.0.as_ref().map(fs::remove_file);
    }
}

/// Brings what was written of a large document to the disk while more of it is written, so that there is little left to
/// wait for in the end. The disk tells of an error once, so whoever settles the document must have heard of it:
/// [`Early::end`].
struct Early {
    file: Option<Arc<fs::File>>,
    since: usize,
    bringing: Option<thread::JoinHandle<io::Result<()>>>,
}

impl Early {
    /// Bytes from one time to the next.
    const STEP: usize = 32 * 1024 * 1024;

    fn of(file: &fs::File) -> Self {
        Self { file: file.try_clone().ok().map(Arc::new), since: 0, bringing: None }
    }

    fn wrote(&mut self, bytes: usize) -> io::Result<()> {
        self.since += bytes;
        if self.since < Self::STEP || self.bringing.as_ref().is_some_and(|bringing| !bringing.is_finished()) {
            return Ok(());
        }
        self.join()?;
        self.since = 0;
        if let Some(file) = self.file.clone() {
            let thread = thread::Builder::new().name("document to disk".to_owned());
            // Without a thread for it, everything waits for the end.
            self.bringing = thread.spawn(move || file.sync_data()).ok();
        }
        Ok(())
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(bringing) = self.bringing.take() else { return Ok(()) };
        bringing.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    }

    fn is_busy(&self) -> bool {
        self.bringing.is_some()
    }

    /// Waits for what is under way. Blocks.
    fn end(mut self) -> io::Result<()> {
        self.join()
    }
}

/// Hashes what is copied: beside the copying, where that is much.
enum Hashing {
    Here(Box<blake3::Hasher>),
    Beside {
        pieces: mpsc::SyncSender<Vec<u8>>,
        done: mpsc::Receiver<Vec<u8>>,
        hash: thread::JoinHandle<blake3::Hash>,
    },
}

impl Hashing {
    /// Bytes that are copied at once, and how many such pieces may wait.
    const PIECE: usize = 256 * 1024;
    const WAITING: usize = 4;

    /// For a document of that size. Small ones are not worth a thread.
    fn of(size: u64) -> Self {
        const SMALL: u64 = 8 * 1024 * 1024;
        let here = || Self::Here(Box::default());
        if size <= SMALL {
            return here();
        }
        let (pieces, to_hash) = mpsc::sync_channel::<Vec<u8>>(Self::WAITING);
        let (give_back, done) = mpsc::channel();
        let hash = move || {
            let mut hasher = blake3::Hasher::new();
            for piece in to_hash {
                hasher.update(&piece);
                // Nobody wants the last ones back.
                let _ = give_back.send(piece);
            }
            hasher.finalize()
        };
        let thread = thread::Builder::new().name("document's hash".to_owned());
        thread.spawn(hash).map_or_else(|_| here(), |hash| Self::Beside { pieces, done, hash })
    }

    /// A buffer for the next piece, of `room` bytes.
    fn piece(&self, room: usize) -> Vec<u8> {
        let used = match self {
            Self::Here(_) => None,
            Self::Beside { done, .. } => done.try_recv().ok(),
        };
        let mut piece = used.unwrap_or_default();
        piece.resize(room, 0);
        piece
    }

    fn goes_on_with(&mut self, piece: Vec<u8>) {
        match self {
            Self::Here(hasher) => drop(hasher.update(&piece)),
            // One that is gone has panicked, which is heard of in the end.
            Self::Beside { pieces, .. } => drop(pieces.send(piece)),
        }
    }

    /// The hash, hexadecimal.
    fn end(self) -> io::Result<String> {
        let hash = match self {
            Self::Here(hasher) => hasher.finalize(),
            Self::Beside { pieces, hash, .. } => {
                drop(pieces);
                hash.join().map_err(|_| io::Error::other("a thread panicked"))?
            }
        };
        Ok(hash.to_hex().to_string())
    }
}

fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes a rename in `dir` survive a power cut. Windows has no such call; NTFS journals renames.
///
/// # Errors
/// When the disk refuses.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        fs::File::open(dir)?.sync_all()
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        Ok(())
    }
}

/// Copies off the async threads. What nobody waits for any more goes with what is handed over here.
async fn copying<T: Send + 'static>(
    copy: impl FnOnce() -> Result<T, KeepError> + Send + 'static,
) -> Result<T, KeepError> {
    let stopping = |_| Err(KeepError::Io(io::Error::other("the node is stopping")));
    tokio::task::spawn_blocking(copy).await.unwrap_or_else(stopping)
}

/// Blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| io::Error::other("the node is stopping"))?
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_hashed_right_whether_beside_the_copying_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().join("spool")).unwrap();
        let source = dir.path().join("document");
        for size in [0, 1, 4095, 4096, 300_000, 8 << 20, (8 << 20) + 1, 11_000_003] {
            let bytes: Vec<u8> = (0..size).map(|at: usize| (at / 7 % 251) as u8).collect();
            fs::write(&source, &bytes).unwrap();
            let kept = spool.copy("copy", &source).unwrap();
            let expected = Kept { size: size as u64, blake3: blake3::hash(&bytes).to_hex().to_string() };
            assert_eq!(kept, expected);
            assert!(fs::read(spool.path("copy")).unwrap() == bytes, "{size} bytes are not the same");
        }
    }

    #[test]
    fn what_the_disk_says_early_is_heard() {
        // A device that brings nothing to a disk says so.
        let refuses = fs::File::open("/dev/null").unwrap();
        let mut early = Early::of(&refuses);
        early.wrote(Early::STEP - 1).unwrap();
        assert!(early.bringing.is_none(), "too little yet");
        early.wrote(1).unwrap();
        assert!(early.end().is_err(), "nobody else would ever hear of it");
    }
}
