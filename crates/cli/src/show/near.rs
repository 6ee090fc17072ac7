//! What is nearby: devices, printers and drives of others.

use super::{at, clean, reasons, size, table::Table, with_reason};
use lanyard_api::{Access, DeviceState, Nearby, Printer, PrinterState};

pub(crate) fn nearby(nearby: &Nearby) -> String {
    if nearby.devices.is_empty() && nearby.printers.is_empty() && nearby.drives.is_empty() {
        return "Nothing is nearby yet. Start Lanyard on another computer on this network.\n".to_owned();
    }
    let mut text = String::new();
    if !nearby.devices.is_empty() {
        let mut table = Table::new(&["DEVICE", "STATE", "CHECK WORDS", "ADDRESS"]);
        for device in &nearby.devices {
            let address = device.addresses.first().cloned().unwrap_or_default();
            table.row([
                device.name.clone(),
                device_state(device.state).to_owned(),
                device.check_words.clone(),
                address,
            ]);
        }
        text.push_str(&table.text());
    }
    if !nearby.printers.is_empty() {
        let mut table = Table::new(&["PRINTER", "STATE", "MODEL"]);
        for printer in &nearby.printers {
            table.row([
                at(&printer.name, &printer.device_name),
                printer_state(printer),
                printer.model.clone().unwrap_or_default(),
            ]);
        }
        separate(&mut text, &table);
    }
    if !nearby.drives.is_empty() {
        let mut table = Table::new(&["DRIVE", "STATE", "MAY", "FREE"]);
        for drive in &nearby.drives {
            table.row([
                at(&drive.name, &drive.device_name),
                with_access(if drive.available { "ready" } else { "away" }, drive.access),
                if drive.writable { "read and write" } else { "read" }.to_owned(),
                drive.free_bytes.map(size).unwrap_or_default(),
            ]);
        }
        separate(&mut text, &table);
    }
    text
}

/// One line for each thing that came, went or changed.
pub(crate) fn nearby_changes(before: &Nearby, now: &Nearby) -> String {
    let (old, new) = (nearby_lines(before), nearby_lines(now));
    let mut text = String::new();
    for (id, line) in &new {
        match old.iter().find(|(other, _)| other == id) {
            None => text.push_str(&format!("came     {line}\n")),
            Some((_, other)) if other != line => text.push_str(&format!("changed  {line}\n")),
            Some(_) => {}
        }
    }
    for (id, line) in &old {
        if !new.iter().any(|(other, _)| other == id) {
            text.push_str(&format!("went     {line}\n"));
        }
    }
    text
}

fn nearby_lines(nearby: &Nearby) -> Vec<(String, String)> {
    let devices = nearby.devices.iter().map(|device| {
        (device.id.clone(), format!("device   {}, {}", clean(&device.name), device_state(device.state)))
    });
    let printers = nearby.printers.iter().map(|printer| {
        let name = clean(&at(&printer.name, &printer.device_name));
        (printer.id.clone(), format!("printer  {name}, {}", clean(&printer_state(printer))))
    });
    let drives = nearby.drives.iter().map(|drive| {
        let state = if drive.available { "ready" } else { "away" };
        (drive.id.clone(), format!("drive    {}, {state}", clean(&at(&drive.name, &drive.device_name))))
    });
    devices.chain(printers).chain(drives).collect()
}

fn separate(text: &mut String, table: &Table) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&table.text());
}

fn device_state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "online",
        DeviceState::Unreachable => "not answering",
    }
}

fn printer_state(printer: &Printer) -> String {
    let told = printer.reasons.iter().map(String::as_str).filter(|reason| *reason != "none");
    let reasons: Vec<&str> = told.map(reasons::words).collect();
    with_access(&with_reason(queue_state(printer.state), Some(reasons.join(", ").as_str())), printer.access)
}

pub(super) fn queue_state(state: PrinterState) -> &'static str {
    match state {
        PrinterState::Ready => "ready",
        PrinterState::Busy => "busy",
        PrinterState::Stopped => "stopped",
        PrinterState::Unreachable => "not answering",
    }
}

fn with_access(state: &str, access: Access) -> String {
    match access {
        Access::Allowed => state.to_owned(),
        Access::Ask => format!("{state}, ask first"),
        Access::Waiting => format!("{state}, waiting for its owner"),
        Access::Refused => format!("{state}, refused by its owner"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_told() {
        let drive = |id: &str, available| lanyard_api::Drive {
            id: id.into(),
            name: id.to_uppercase(),
            device: "x".into(),
            device_name: "pi".into(),
            access: Access::Allowed,
            writable: false,
            disc: false,
            available,
            free_bytes: None,
            total_bytes: None,
        };
        let before = Nearby { drives: vec![drive("a", true), drive("b", true)], ..Nearby::default() };
        let now = Nearby { drives: vec![drive("b", false), drive("c", true)], ..Nearby::default() };
        assert_eq!(
            nearby_changes(&before, &now),
            "changed  drive    B@pi, away\ncame     drive    C@pi, ready\nwent     drive    A@pi, ready\n"
        );
    }
}
