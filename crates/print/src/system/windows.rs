//! Windows: the queues are listed through winspool; handing documents over is not written yet.

use super::{Handover, QueueInfo, QueueState, SendError, Sighting, SpoolError, Spooler};
use crate::{QueueId, ticket::Capabilities};
use futures_util::future::BoxFuture;

/// The Windows spooler.
pub struct Winspool;

impl Spooler for Winspool {
    fn queues(&self) -> BoxFuture<'_, Result<Vec<QueueInfo>, SpoolError>> {
        Box::pin(async {
            // `printers` makes a slice from a null pointer when there is no printer at all; that panics where
            // such checks are on, and the panic ends here.
            let listed = tokio::task::spawn_blocking(printers::get_printers).await;
            let listed = listed.map_err(|_| SpoolError::Away("winspool".to_owned()))?;
            // `\\server\name` is another computer's printer.
            let own = listed.into_iter().filter(|printer| !printer.system_name.starts_with("\\\\"));
            Ok(own.map(info).collect())
        })
    }

    fn capabilities<'a>(&'a self, _: &'a QueueId) -> BoxFuture<'a, Result<Capabilities, SpoolError>> {
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    fn create<'a>(&'a self, _: &'a Handover) -> BoxFuture<'a, Result<i32, SpoolError>> {
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    fn send<'a>(&'a self, _: &'a Handover, _: i32) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async { Err(SendError { error: SpoolError::NotAvailable, whole: false }) })
    }

    fn find<'a>(&'a self, _: &'a QueueId, _: &'a str) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    fn look<'a>(
        &'a self,
        _: &'a QueueId,
        _: &'a str,
        _: i32,
    ) -> BoxFuture<'a, Result<Option<Sighting>, SpoolError>> {
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }

    fn cancel<'a>(&'a self, _: &'a QueueId, _: i32) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(async { Err(SpoolError::NotAvailable) })
    }
}

fn info(printer: printers::common::base::printer::Printer) -> QueueInfo {
    use printers::common::base::printer::PrinterState;
    let state = match printer.state {
        PrinterState::PRINTING => QueueState::Processing,
        PrinterState::OFFLINE | PrinterState::PAUSED => QueueState::Stopped,
        PrinterState::READY | PrinterState::UNKNOWN => QueueState::Idle,
    };
    let told = |text: String| Some(text).filter(|text| !text.is_empty());
    QueueInfo {
        id: QueueId(printer.system_name),
        name: printer.name,
        model: told(printer.driver_name),
        location: told(printer.location),
        state,
        reasons: Vec::new(),
        waiting: 0,
        is_default: printer.is_default,
        supplies: Vec::new(),
        paused: printer.state == PrinterState::PAUSED,
        device: super::device::Device::default(),
    }
}
