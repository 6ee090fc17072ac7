//! The door for this computer's own front ends: a Unix socket that only its owner may open, or a named pipe.

use super::front;
use crate::{Core, DataDir, StartError};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[cfg(unix)]
pub(crate) use unix::{Stream, clean_up, connect};
#[cfg(windows)]
pub(crate) use windows::{Stream, clean_up, connect};

/// Opens the door.
///
/// # Errors
/// [`StartError::Failed`] when the socket cannot be made.
pub async fn open(core: &Arc<Core>) -> Result<(), StartError> {
    #[cfg(unix)]
    let listener = unix::listen(&core.data)?;
    #[cfg(windows)]
    let listener = windows::Listener::listen(&core.data)?;
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = accept(core, listener) => {}
        }
    });
    Ok(())
}

#[cfg(unix)]
async fn accept(core: Arc<Core>, listener: tokio::net::UnixListener) {
    let places = Arc::new(Semaphore::new(front::MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = front::connection(Arc::clone(&core), stream, front::route);
                core.tasks.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => super::pause_after(&error).await,
        }
    }
}

#[cfg(windows)]
async fn accept(core: Arc<Core>, mut listener: windows::Listener) {
    let places = Arc::new(Semaphore::new(front::MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok(pipe) => {
                let connection = front::connection(Arc::clone(&core), pipe, front::route);
                core.tasks.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => super::pause_after(&error).await,
        }
    }
}

/// FNV-1a of the data directory's path: the same in every build, which the standard hasher does not promise.
fn path_hash(data: &DataDir) -> String {
    let bytes = data.root().as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(unix)]
mod unix {
    use super::path_hash;
    use crate::{DataDir, StartError};
    use std::{
        fs, io,
        os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
        path::{Path, PathBuf},
    };
    use tokio::net::{UnixListener, UnixStream};

    /// `sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing zero.
    const MAX_PATH: usize = 100;

    pub(super) fn listen(data: &DataDir) -> Result<UnixListener, StartError> {
        let path = socket_path(data).map_err(|error| StartError::failed("the local socket", error))?;
        let failed =
            |error| StartError::failed(format!("cannot open the local socket {}", path.display()), error);
        // We hold the lock, so a socket that is still there belongs to a node that is not.
        remove(&path).map_err(failed)?;
        let listener = UnixListener::bind(&path).map_err(failed)?;
        // The directory around it is closed to others, so the moment before this does not matter.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(listener)
    }

    /// A connection to a node.
    pub(crate) type Stream = UnixStream;

    pub(crate) async fn connect(data: &DataDir) -> io::Result<Stream> {
        let path = match fs::read_to_string(record(data)) {
            Ok(text) => PathBuf::from(text),
            Err(_) => data.socket(),
        };
        UnixStream::connect(path).await
    }

    pub(crate) fn clean_up(data: &DataDir) {
        let path = fs::read_to_string(record(data)).map_or_else(|_| data.socket(), PathBuf::from);
        let recorded = remove(&record(data));
        if let Err(error) = remove(&path).and(recorded) {
            tracing::warn!(%error, "the local socket cannot be removed");
        }
        if path != data.socket()
            && let Some(dir) = path.parent()
        {
            // Of no further use; harmless if it stays.
            let _ = fs::remove_dir(dir);
        }
    }

    /// The socket in the data directory, or, when that path is too long for a socket, in a short directory of
    /// our own; the data directory then holds a note that says where.
    fn socket_path(data: &DataDir) -> io::Result<PathBuf> {
        remove(&record(data))?;
        let path = data.socket();
        if path.as_os_str().len() <= MAX_PATH {
            return Ok(path);
        }
        let path = short_dir(data)?.join("node.sock");
        let text = path.to_str().ok_or_else(|| io::Error::other("the short path is not valid Unicode"))?;
        fs::write(record(data), text)?;
        Ok(path)
    }

    fn short_dir(data: &DataDir) -> io::Result<PathBuf> {
        let hash = path_hash(data);
        let run = directories::BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned));
        let base = run.filter(|dir| dir.is_dir() && dir.as_os_str().len() < MAX_PATH - 40);
        let dir = match base {
            Some(base) => base.join(format!("lanyard-{hash}")),
            None => PathBuf::from(format!("/tmp/lanyard-{}-{hash}", rustix::process::getuid().as_raw())),
        };
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // Anybody can make a directory in /tmp before us: it must be ours, closed, and no link.
        let found = fs::symlink_metadata(&dir)?;
        let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if !ours || found.mode() & 0o077 != 0 {
            return Err(io::Error::other(format!("{} belongs to somebody else", dir.display())));
        }
        Ok(dir)
    }

    fn record(data: &DataDir) -> PathBuf {
        data.root().join("node.sock.path")
    }

    fn remove(path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(windows)]
mod windows {
    use super::path_hash;
    use crate::{DataDir, StartError};
    use std::{io, time::Duration};
    use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions};

    /// `ERROR_PIPE_BUSY`: every instance is taken at this moment.
    const PIPE_BUSY: i32 = 231;

    /// One instance of the pipe always waits for the next client.
    pub(super) struct Listener {
        name: String,
        waiting: NamedPipeServer,
    }

    impl Listener {
        pub(super) fn listen(data: &DataDir) -> Result<Self, StartError> {
            let name = pipe_name(data);
            // The first instance, or somebody else already sits behind that name.
            let waiting = ServerOptions::new()
                .first_pipe_instance(true)
                .reject_remote_clients(true)
                .create(&name)
                .map_err(|error| StartError::failed(format!("cannot open the local pipe {name}"), error))?;
            Ok(Self { name, waiting })
        }

        pub(super) async fn accept(&mut self) -> io::Result<NamedPipeServer> {
            self.waiting.connect().await?;
            let next = ServerOptions::new().reject_remote_clients(true).create(&self.name)?;
            Ok(std::mem::replace(&mut self.waiting, next))
        }
    }

    /// A connection to a node.
    pub(crate) type Stream = NamedPipeClient;

    pub(crate) async fn connect(data: &DataDir) -> io::Result<Stream> {
        let name = pipe_name(data);
        for _ in 0..50 {
            match ClientOptions::new().open(&name) {
                Err(error) if error.raw_os_error() == Some(PIPE_BUSY) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                opened => return opened,
            }
        }
        Err(io::Error::from(io::ErrorKind::TimedOut))
    }

    pub(crate) fn clean_up(_data: &DataDir) {
        // A pipe goes with its process.
    }

    fn pipe_name(data: &DataDir) -> String {
        format!(r"\\.\pipe\lanyard-{}", path_hash(data))
    }
}
