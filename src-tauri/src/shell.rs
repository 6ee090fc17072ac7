//! What only the window can do: file dialogs, files dropped on it or given on the command line, the file manager.

use crate::opening;
use lanyard_api::{ApiError, ErrorCode};
use serde::{Deserialize, Serialize};
use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tauri::{AppHandle, Manager as _};
use tauri_plugin_dialog::{DialogExt as _, FilePath};
use tauri_plugin_opener::OpenerExt as _;
use tokio::sync::{broadcast, oneshot};

/// More files than this at once are a mistake of the hand.
const MOST_FILES: usize = 500;

/// The window's own questions.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum ShellRequest {
    /// Lets a person choose files → `[LocalFile]`, empty when they change their mind.
    PickFiles { title: String },
    /// Lets a person choose a folder → its path or null.
    PickFolder { title: String },
    /// Asks where to save a text, and saves it there → null, also when they change their mind.
    SaveText { name: String, text: String },
    /// What is known about paths that were dropped → `[LocalFile]`.
    Describe { paths: Vec<PathBuf> },
    /// Files given on the command line since the last time → `[LocalFile]`.
    TakeOpened,
    /// Shows a file in the file manager → null.
    Reveal { path: PathBuf },
    /// Opens a file with its own program; a program is only shown in the file manager → null.
    Open { path: PathBuf },
    /// Opens a folder in the file manager → null.
    OpenFolder { path: PathBuf },
    /// Whether closing the window leaves the node running, and whether there is a tray → `{keeps_running, tray}`.
    About,
    /// Stops the node and ends the app.
    Quit,
}

/// A file of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LocalFile {
    path: String,
    name: String,
    size: u64,
    folder: bool,
}

/// What happens to the window.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum ShellEvent {
    /// Files hang over the window, at physical pixels.
    Over { count: usize, x: f64, y: f64 },
    /// They left.
    Leave,
    /// They were let go.
    Drop { files: Vec<LocalFile>, x: f64, y: f64 },
    /// Files were opened with the app; `TakeOpened` hands them out.
    Opened,
}

/// Events of the window, and files waiting for a page to take them.
pub(crate) struct Shell {
    opened: Mutex<Vec<PathBuf>>,
    events: broadcast::Sender<ShellEvent>,
}

impl Shell {
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { opened: Mutex::new(files), events: broadcast::channel(64).0 }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<ShellEvent> {
        self.events.subscribe()
    }

    pub(crate) fn tell(&self, event: ShellEvent) {
        // Nobody listens while the window is closed.
        let _ = self.events.send(event);
    }

    pub(crate) fn open_files(&self, files: impl IntoIterator<Item = PathBuf>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.extend(files);
        opened.truncate(MOST_FILES);
        if !opened.is_empty() {
            self.tell(ShellEvent::Opened);
        }
    }

    fn take_opened(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers the window's own questions.
pub(crate) async fn handle(app: &AppHandle, request: ShellRequest) -> Result<serde_json::Value, ApiError> {
    match request {
        ShellRequest::PickFiles { title } => {
            let (answer, picked) = oneshot::channel();
            dialog(app, &title).pick_files(move |files| drop(answer.send(files)));
            let paths =
                picked.await.ok().flatten().unwrap_or_default().into_iter().filter_map(into_path).collect();
            describe(paths).await
        }
        ShellRequest::PickFolder { title } => {
            let (answer, picked) = oneshot::channel();
            dialog(app, &title).pick_folder(move |folder| drop(answer.send(folder)));
            json(&picked.await.ok().flatten().and_then(into_path))
        }
        ShellRequest::SaveText { name, text } => {
            let (answer, picked) = oneshot::channel();
            dialog(app, &name).set_file_name(&name).save_file(move |file| drop(answer.send(file)));
            let Some(path) = picked.await.ok().flatten().and_then(into_path) else { return json(&()) };
            tokio::task::spawn_blocking(move || save_text(&path, &text))
                .await
                .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))??;
            json(&())
        }
        ShellRequest::Describe { paths } => describe(paths).await,
        ShellRequest::TakeOpened => describe(app.state::<Shell>().take_opened()).await,
        ShellRequest::Reveal { path } => reveal(app, &path),
        ShellRequest::Open { path } => open(app, path).await,
        ShellRequest::OpenFolder { path } => open_folder(app, path).await,
        ShellRequest::About => json(&serde_json::json!({
            "keeps_running": app.state::<crate::host::Host>().is_embedded(),
            "tray": crate::tray::is_shown(app),
        })),
        ShellRequest::Quit => {
            app.exit(0);
            json(&())
        }
    }
}

/// What is known about files, for a page that cannot look itself. What cannot be read is left out.
pub(crate) fn local_files(paths: &[PathBuf]) -> Vec<LocalFile> {
    paths
        .iter()
        .take(MOST_FILES)
        .filter_map(|path| {
            let about = path.metadata().ok()?;
            Some(LocalFile {
                path: path.to_str()?.to_owned(),
                name: path.file_name()?.to_string_lossy().into_owned(),
                size: if about.is_dir() { 0 } else { about.len() },
                folder: about.is_dir(),
            })
        })
        .collect()
}

fn dialog(app: &AppHandle, title: &str) -> tauri_plugin_dialog::FileDialogBuilder<tauri::Wry> {
    let dialog = app.dialog().file().set_title(title);
    match app.get_webview_window(crate::window::LABEL) {
        Some(window) => dialog.set_parent(&window),
        None => dialog,
    }
}

fn into_path(file: FilePath) -> Option<PathBuf> {
    file.into_path().ok()
}

async fn describe(paths: Vec<PathBuf>) -> Result<serde_json::Value, ApiError> {
    let files = tokio::task::spawn_blocking(move || local_files(&paths))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    json(&files)
}

/// Writes a text for its owner's eyes only: it may be a recovery code.
fn save_text(path: &Path, text: &str) -> Result<(), ApiError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| {
            ApiError::new(ErrorCode::Unreadable, format!("{} cannot be written: {error}", path.display()))
        })
}

fn reveal(app: &AppHandle, path: &Path) -> Result<serde_json::Value, ApiError> {
    if !path.exists() {
        return Err(ApiError::new(ErrorCode::NotFound, format!("{} is not there any more.", path.display())));
    }
    app.opener()
        .reveal_item_in_dir(path)
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("no file manager answers: {error}")))?;
    json(&())
}

/// The file may be on a mounted drive whose device is away: it is looked at where waiting holds nobody up.
async fn open(app: &AppHandle, path: PathBuf) -> Result<serde_json::Value, ApiError> {
    let looked = path.clone();
    let look = move || (looked.exists(), opening::is_program(&looked));
    let (is_there, is_program) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
    if !is_there {
        return Err(ApiError::new(ErrorCode::NotFound, format!("{} is not there any more.", path.display())));
    }
    if is_program {
        return reveal(app, &path);
    }
    app.opener()
        .open_path(path.to_string_lossy(), None::<&str>)
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("no program opens this: {error}")))?;
    json(&())
}

/// A look at a mounted drive may wait for the other device, so it is not taken here but by the file manager. Only what is
/// a folder is opened: nothing that a page names is ever run.
async fn open_folder(app: &AppHandle, path: PathBuf) -> Result<serde_json::Value, ApiError> {
    let looked = path.clone();
    let is_folder = tokio::task::spawn_blocking(move || looked.is_dir()).await.unwrap_or_default();
    if !is_folder {
        return Err(ApiError::new(ErrorCode::NotFound, format!("There is no folder {}.", path.display())));
    }
    app.opener()
        .open_path(path.to_string_lossy(), None::<&str>)
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("no file manager answers: {error}")))?;
    json(&())
}

fn json(value: &impl Serialize) -> Result<serde_json::Value, ApiError> {
    serde_json::to_value(value).map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn files_opened_before_a_page_is_there_wait_for_it_and_are_handed_out_once() {
        let shell = Shell::new(vec!["/a.pdf".into()]);
        shell.open_files([PathBuf::from("/b.pdf")]);
        assert_eq!(shell.take_opened(), [PathBuf::from("/a.pdf"), PathBuf::from("/b.pdf")]);
        assert!(shell.take_opened().is_empty(), "a second page must not print them again");
    }

    #[test]
    fn a_saved_text_is_whole_and_replaces_a_longer_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("code.txt");
        std::fs::write(&file, "a much longer text than the one that takes its place").unwrap();
        save_text(&file, "0123-4567").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0123-4567");
        let lost = save_text(&dir.path().join("no folder").join("code.txt"), "0123-4567");
        assert_eq!(lost.unwrap_err().code, ErrorCode::Unreadable, "a person is told when it was not kept");
    }

    #[test]
    #[cfg(unix)]
    fn a_saved_text_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("code.txt");
        save_text(&file, "0123-4567").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_dropped_folder_is_told_from_a_file_and_a_vanished_path_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.txt");
        std::fs::write(&file, "four").unwrap();
        let found = local_files(&[dir.path().to_owned(), file, dir.path().join("gone")]);
        assert_eq!(found.len(), 2, "the vanished one is left out: {found:?}");
        assert!(found[0].folder && !found[1].folder, "{found:?}");
        assert_eq!(found[1].size, 4, "{found:?}");
    }
}
