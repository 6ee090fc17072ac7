//! The one window. It is made anew each time it is opened, because a hidden webview keeps hundreds of megabytes.

use crate::shell::{Shell, ShellEvent, local_files};
use tauri::{
    AppHandle, DragDropEvent, Manager as _, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    WindowEvent, window::Color,
};

/// The window's name inside the app.
pub(crate) const LABEL: &str = "main";

/// Opens the window, or brings it to the front.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(LABEL) {
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Lanyard")
        .inner_size(1120.0, 720.0)
        .min_inner_size(360.0, 480.0)
        .on_navigation(stays_in_the_app)
        .build()?;
    // Until the page paints, its background instead of a white flash.
    let background = match window.theme() {
        Ok(tauri::Theme::Dark) => Color(0x17, 0x18, 0x1a, 0xff),
        _ => Color(0xf6, 0xf5, 0xf2, 0xff),
    };
    window.set_background_color(Some(background))?;
    forward_drops(&window);
    Ok(())
}

/// The page is ours; nothing it shows may lead the window anywhere else.
fn stays_in_the_app(url: &Url) -> bool {
    url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost") || cfg!(dev)
}

/// Native drops carry paths, which the page's own never do.
fn forward_drops(window: &WebviewWindow) {
    let app = window.app_handle().clone();
    window.on_window_event(move |event| {
        let WindowEvent::DragDrop(event) = event else { return };
        let shell = app.state::<Shell>();
        match event {
            DragDropEvent::Enter { paths, position } => {
                shell.tell(ShellEvent::Over { count: paths.len(), x: position.x, y: position.y });
            }
            // The number of files is only told on entering; the page remembers it.
            DragDropEvent::Over { position } => {
                shell.tell(ShellEvent::Over { count: 0, x: position.x, y: position.y });
            }
            DragDropEvent::Drop { paths, position } => {
                let (app, paths, position) = (app.clone(), paths.clone(), *position);
                // Looking at files may wait for a disk; the window's own thread must not.
                tauri::async_runtime::spawn_blocking(move || {
                    let files = local_files(&paths);
                    app.state::<Shell>().tell(ShellEvent::Drop { files, x: position.x, y: position.y });
                });
            }
            _ => shell.tell(ShellEvent::Leave),
        }
    });
}
