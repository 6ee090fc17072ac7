//! A second start hands its files to the first one, before anything of a window is loaded.
//!
//! The single-instance plugin would do the same, but only once GTK and WebKit run, and then ends the process from
//! inside their start: their threads are torn down in the middle of it, and seldom one crashes on the way out. So this
//! comes first and speaks to the plugin of the first start; two starts at the same moment are still the plugin's.

use std::time::Duration;
use zbus::{
    blocking::{Connection, connection::Builder, fdo::DBusProxy},
    names::BusName,
};

/// What the plugin serves.
const INTERFACE: &str = "org.SingleInstance.DBus";

/// How long the first start may take to say that it has the files.
const PATIENCE: Duration = Duration::from_secs(5);

/// True when another start for the same data runs and has taken over what this one was started with.
pub(crate) fn is_done(instance: &str) -> bool {
    match hand_over(instance) {
        Ok(done) => done,
        Err(error) => {
            // No session bus, or the first start hangs or ends at this moment: go on as the plugin decides.
            tracing::debug!(%error, "no other start was found");
            false
        }
    }
}

fn hand_over(instance: &str) -> zbus::Result<bool> {
    let name = format!("{instance}.SingleInstance");
    let connection: Connection = Builder::session()?.method_timeout(PATIENCE).build()?;
    if !DBusProxy::new(&connection)?.name_has_owner(BusName::try_from(name.as_str())?)? {
        return Ok(false);
    }
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let cwd = std::env::current_dir().unwrap_or_default();
    let cwd = cwd.to_string_lossy().into_owned();
    let path = format!("/{}", name.replace('.', "/").replace('-', "_"));
    connection.call_method(
        Some(name.as_str()),
        path.as_str(),
        Some(INTERFACE),
        "ExecuteCallback",
        &(words, cwd),
    )?;
    Ok(true)
}
