//! The tray: a comfort where there is one, never the only way to anything.

use crate::{window, words::Words};
use tauri::{
    AppHandle,
    image::Image,
    menu::{MenuBuilder, MenuItemBuilder},
    tray::{MouseButton, TrayIconBuilder, TrayIconEvent},
};

const ID: &str = "main";
const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Shows the icon, or does without.
pub(crate) fn show(app: &AppHandle) {
    if !is_supported() {
        tracing::info!("no tray library on this system; opening Lanyard again shows the window");
        return;
    }
    if let Err(error) = build(app) {
        tracing::warn!(%error, "no tray icon");
    }
}

/// Whether an icon was made. A desktop without a place for it may still not show it.
pub(crate) fn is_shown(app: &AppHandle) -> bool {
    app.tray_by_id(ID).is_some()
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let words = Words::of_this_system();
    let menu = MenuBuilder::new(app)
        .item(&MenuItemBuilder::with_id(OPEN, words.get("tray.open")).build(app)?)
        .separator()
        .item(&MenuItemBuilder::with_id(QUIT, words.get("tray.quit")).build(app)?)
        .build()?;
    TrayIconBuilder::with_id(ID)
        .icon(Image::from_bytes(include_bytes!("../../icons/tray.png"))?)
        .tooltip("Lanyard")
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| match event.id().as_ref() {
            OPEN => open(app),
            QUIT => app.exit(0),
            _ => {}
        })
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click { button: MouseButton::Left, .. } = event {
                open(tray.app_handle());
            }
        })
        .build(app)?;
    Ok(())
}

fn open(app: &AppHandle) {
    if let Err(error) = window::open(app) {
        tracing::error!(%error, "no window");
    }
}

/// Building a tray without this library at run time ends the process, so it is looked for first. A library in an
/// unusual place is missed; then there is no icon, which does no harm.
#[cfg(target_os = "linux")]
fn is_supported() -> bool {
    const LIBRARIES: [&str; 2] = ["libayatana-appindicator3.so.1", "libappindicator3.so.1"];
    const PLACES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib"];
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let own = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    own.split(':')
        .filter(|place| !place.is_empty())
        .chain(PLACES)
        .chain([multiarch.as_str()])
        .any(|place| LIBRARIES.iter().any(|library| std::path::Path::new(place).join(library).exists()))
}

#[cfg(not(target_os = "linux"))]
fn is_supported() -> bool {
    true
}
