//! The doors for whoever comes without a key, and the certificate that is shown there.
//!
//! Guests' browsers and file managers come over TLS; printing clients come over TLS or without, and may change to TLS
//! on the way. The doors are open while there is a pass for a guest, or a folder or a printer for everyone on the
//! network: the second door while there is such a printer. While nothing is behind them the port looks as if there were no doors.

use crate::{Core, doors};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::Web;
use lanyard_trust::{NodeId, web::WebIdentity};
use std::{sync::Arc, time::SystemTime};
use tokio::sync::Mutex;

/// The doors' state. Held by whoever opens or shuts them.
#[derive(Default)]
pub struct WebDoors {
    open: Mutex<Option<Open>>,
}

struct Open {
    identity: WebIdentity,
    plain: bool,
}

/// Opens the doors that are needed now, and shuts the others. Gives the certificate when they are open.
///
/// # Errors
/// `internal` when there is no certificate to be had; then nobody comes in.
pub(crate) async fn settle(core: &Arc<Core>) -> Result<Option<WebIdentity>, ApiError> {
    let mut open = core.web.open.lock().await;
    let stopping = core.cancel.is_cancelled();
    let plain = core.shares.has_printer_for_everyone() && !stopping;
    if stopping || !(plain || core.shares.has_folder_for_everyone() || core.guests.has_passes()) {
        if open.take().is_some() {
            tracing::info!("nobody can come in without a key any more");
        }
        shut(core);
        return Ok(None);
    }
    let known = open.as_ref().filter(|open| open.identity.is_current(SystemTime::now()));
    if let Some(known) = known.filter(|known| known.plain == plain) {
        return Ok(Some(known.identity.clone()));
    }
    let identity = match known {
        Some(known) => known.identity.clone(),
        None => {
            let identity = certificate(core).await?;
            let web = Web { tls: identity.server_config(), visit: doors::visit::door(core) };
            core.doors.set_web(Some(web));
            identity
        }
    };
    core.doors.set_plain(plain.then(|| doors::visit::door(core)));
    tracing::info!(plain, "whoever has no key can come in");
    *open = Some(Open { identity: identity.clone(), plain });
    Ok(Some(identity))
}

/// Shuts the doors, whatever is behind them.
pub(crate) fn shut(core: &Core) {
    core.doors.set_plain(None);
    core.doors.set_web(None);
}

/// The name in the certificate and in announcements of printers, without `.local`: the same for ever, and nobody's.
pub(crate) fn host_label(core: &Core) -> String {
    host_label_of(&core.identity.node_id())
}

/// The same of another device, so that its announcements are known to be its own.
pub(crate) fn host_label_of(node: &NodeId) -> String {
    let hash = blake3::derive_key("lanyard web host v1", node.as_bytes());
    format!("lanyard-{}", data_encoding::BASE32_NOPAD.encode(&hash[..5]).to_ascii_lowercase())
}

async fn certificate(core: &Core) -> Result<WebIdentity, ApiError> {
    let (dir, label) = (core.data.root().to_owned(), host_label(core));
    let loading =
        tokio::task::spawn_blocking(move || WebIdentity::load_or_create(&dir, &label, SystemTime::now()));
    let failed = |error: String| {
        ApiError::new(ErrorCode::Internal, format!("The certificate for guests cannot be made: {error}."))
    };
    loading.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}
