//! The desktop shell: one window onto a node, a tray, file dialogs.
//!
//! It holds no logic and no state of its own that matters: the page asks the node through [`commands`], and [`host`]
//! either runs that node in this process or attaches to one that runs already. Closing the window destroys the webview
//! and keeps the node; a second start or the tray opens a window again.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod commands;
#[cfg(target_os = "linux")]
mod handover;
mod host;
mod opening;
mod shell;
mod tray;
mod window;
mod words;

use arguments::Arguments;
use host::Host;
use shell::Shell;
use std::{process::ExitCode, time::Duration};
use tauri::{Manager, RunEvent};

/// How long the node may take to say goodbye and save what is in flight.
const STOP_WITHIN: Duration = Duration::from_secs(8);

fn main() -> anyhow::Result<ExitCode> {
    // This program reads documents as its own limited child; nothing else may be there by then.
    if let Some(status) = lanyard_node::answer_if_child() {
        return Ok(status);
    }
    let arguments = Arguments::from_env();
    #[cfg(target_os = "linux")]
    if handover::is_done(&arguments::instance_name(arguments.data.as_deref())) {
        return Ok(ExitCode::SUCCESS);
    }
    prefer_a_renderer_that_works();

    let host = Host::new(arguments.data.clone());
    let shell = Shell::new(arguments.files);

    let app = tauri::Builder::default()
        .plugin(single_instance(arguments.data.as_deref()))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .manage(host.clone())
        .manage(shell)
        .invoke_handler(tauri::generate_handler![commands::rpc, commands::subscribe])
        .setup(move |app| {
            // The node starts while the window is drawn; the page's first question waits for it.
            tauri::async_runtime::spawn(async move {
                if let Err(error) = host.node().await {
                    tracing::error!(%error, "the node does not start");
                }
            });
            stop_on_signal(app.handle().clone());
            tray::show(app.handle());
            window::open(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!())?;

    app.run(|app, event| match event {
        // The last window closed: the node goes on if it lives in here. `code` is set when somebody asked to quit.
        RunEvent::ExitRequested { code: None, api, .. } if app.state::<Host>().is_embedded() => {
            api.prevent_exit()
        }
        RunEvent::Exit => {
            let host = app.state::<Host>().inner().clone();
            tauri::async_runtime::block_on(async {
                let _ = tokio::time::timeout(STOP_WITHIN, host.stop()).await;
            });
        }
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => {
            let files = urls.iter().filter_map(|url| url.to_file_path().ok());
            app.state::<Shell>().open_files(files);
            let _ = window::open(app);
        }
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => drop(window::open(app)),
        _ => {}
    });
    Ok(ExitCode::SUCCESS)
}

/// A second start of the same data hands over its files and shows the window of the first. Where there is no way to
/// find the first one (no session bus), the second simply attaches to the node of the first.
fn single_instance(data: Option<&std::path::Path>) -> tauri::plugin::TauriPlugin<tauri::Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(arguments::instance_name(data))
        .callback(|app, argv, cwd| {
            let arguments = Arguments::parse(argv.into_iter().skip(1).map(Into::into), cwd.as_ref());
            app.state::<Shell>().open_files(arguments.files);
            if let Err(error) = window::open(app) {
                tracing::error!(%error, "no window");
            }
        })
        .build()
}

/// WebKitGTK's DMA-BUF renderer shows an empty window on many graphics drivers. It is read when GTK starts, so this
/// comes first; an owner who set the variable keeps their choice.
fn prefer_a_renderer_that_works() {
    #[cfg(target_os = "linux")]
    {
        const RENDERER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
        if std::env::var_os(RENDERER).is_none() {
            // Changing the environment is only sound while there is one thread; a new process image is the safe way.
            use std::os::unix::process::CommandExt as _;
            if let Ok(program) = std::env::current_exe() {
                let error = std::process::Command::new(program)
                    .args(std::env::args_os().skip(1))
                    .env(RENDERER, "1")
                    .exec();
                tracing::warn!(%error, "cannot start again with {RENDERER}=1");
            }
        }
    }
}

/// The session ends or somebody stops the process: quit as from the menu, so that neighbours hear a goodbye.
fn stop_on_signal(app: tauri::AppHandle) {
    tauri::async_runtime::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        app.exit(0);
    });
}
