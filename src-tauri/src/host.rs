//! Where the node is: in this process, or in another one of this user that was there first.

use lanyard_api::{ApiError, ErrorCode, Event, Request, Response};
use lanyard_node::{Attached, Config, DataDir, Node, StartError, logs};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, mpsc};

/// A node that holds the lock but does not answer yet is asked again this often.
const ATTACH_TRIES: u32 = 25;
const ATTACH_PAUSE: Duration = Duration::from_millis(200);

/// The node behind the window. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Host {
    data: Option<PathBuf>,
    current: Arc<Mutex<Option<Backend>>>,
    embedded: Arc<AtomicBool>,
}

/// A node in this process or in another.
#[derive(Clone)]
pub(crate) enum Backend {
    Embedded(Node),
    Attached(Attached),
}

impl Host {
    pub(crate) fn new(data: Option<PathBuf>) -> Self {
        Self { data, current: Arc::default(), embedded: Arc::default() }
    }

    /// The node, started or attached to on the first call; later calls share it.
    pub(crate) async fn node(&self) -> Result<Backend, ApiError> {
        let mut current = self.current.lock().await;
        if let Some(backend) = &*current {
            return Ok(backend.clone());
        }
        let backend = self.open().await?;
        self.embedded.store(matches!(backend, Backend::Embedded(_)), Ordering::Release);
        Ok(current.insert(backend).clone())
    }

    /// Whether the node lives in this process and would end with it.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.load(Ordering::Acquire)
    }

    /// The other process went away: the next question finds or starts a node anew.
    pub(crate) async fn forget_attached(&self) {
        let mut current = self.current.lock().await;
        if matches!(&*current, Some(Backend::Attached(_))) {
            *current = None;
        }
    }

    /// Stops the node if it lives in here.
    pub(crate) async fn stop(&self) {
        if let Some(Backend::Embedded(node)) = self.current.lock().await.take() {
            node.stop().await;
        }
    }

    /// Once a copied device has got a key of its own, the node is stopped; the page asks again and starts it anew.
    async fn renew(self, node: Node) {
        node.renewed().await;
        self.stop().await;
    }

    async fn open(&self) -> Result<Backend, ApiError> {
        for _ in 0..ATTACH_TRIES {
            if let Some(attached) = Attached::connect(self.data.as_deref()).await {
                return Ok(Backend::Attached(attached));
            }
            // Only the process that runs the node writes its log.
            if let Ok(data) = DataDir::resolve(self.data.as_deref()) {
                let _ = logs::start(&data, None);
            }
            let config = Config {
                data: self.data.clone(),
                loopback: std::env::var_os("LANYARD_LOOPBACK").is_some_and(|value| value == "1"),
                document_child: reader_beside(),
                ..Config::default()
            };
            match Node::start(config).await {
                Ok(node) => {
                    tauri::async_runtime::spawn(self.clone().renew(node.clone()));
                    return Ok(Backend::Embedded(node));
                }
                // It holds the lock and is about to listen, or about to be gone.
                Err(StartError::AlreadyRunning { .. }) => tokio::time::sleep(ATTACH_PAUSE).await,
                Err(error) => return Err(ApiError::new(ErrorCode::Internal, error.to_string())),
            }
        }
        Err(ApiError::new(ErrorCode::Busy, "another Lanyard of this user runs but does not answer"))
    }
}

impl Backend {
    /// Asks the node.
    pub(crate) async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        match self {
            Self::Embedded(node) => node.handle(request).await,
            Self::Attached(attached) => attached.handle(request).await,
        }
    }

    /// A snapshot, then every change.
    pub(crate) async fn subscribe(&self) -> Result<mpsc::Receiver<Event>, ApiError> {
        match self {
            Self::Embedded(node) => Ok(node.subscribe()),
            Self::Attached(attached) => attached.subscribe().await,
        }
    }
}

/// The command line program, if it lies beside this one and is of the same version: as a child that reads a document
/// it starts many times faster, because no libraries of a web view are loaded into it first.
fn reader_beside() -> Option<PathBuf> {
    let name = if cfg!(windows) { "lanyard.exe" } else { "lanyard" };
    let program = std::env::current_exe().ok()?.with_file_name(name);
    if !program.is_file() {
        return None;
    }
    let mut asked = std::process::Command::new(&program);
    asked.arg("--version").stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        asked.creation_flags(CREATE_NO_WINDOW);
    }
    let said = asked.output().ok()?;
    let same = format!("lanyard {}", env!("CARGO_PKG_VERSION"));
    (String::from_utf8_lossy(&said.stdout).trim() == same).then_some(program)
}
