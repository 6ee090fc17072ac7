//! Clients without Lanyard print: CUPS, cups-browsed, ipptool, curl as they are in Debian, and pyipp.

use crate::street::Street;
use anyhow::{Context, Result, ensure};
use lanyard_api::JobState;
use lanyard_tests::{documents, python, runner::remark, scenarios, soon};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

scenarios![
    cups_prints_on_a_queue_made_for_it_with_options,
    cups_prints_on_what_it_found_by_itself,
    driverless_and_cups_browsed_find_the_printer_and_print,
    pyipp_reads_the_printer_and_prints,
    a_client_that_waits_to_be_told_to_go_on_prints,
    what_phones_and_other_systems_ask_is_answered,
];

fn cups_prints_on_a_queue_made_for_it_with_options() -> Result<()> {
    let street = Street::new()?;
    let advert = street.hears("_ipp._tcp")?;
    for (queue, scheme) in [("plainly", "ipp"), ("securely", "ipps")] {
        let uri = format!("{scheme}://{}:{}/{}", advert.host, advert.port, advert.txt["rp"]);
        street.desktop.run(&["lpadmin", "-p", queue, "-E", "-v", &uri, "-m", "everywhere"])?;
    }
    soon("the queue can what the printer can", Duration::from_secs(10), || {
        let can = street.desktop.run(&["lpoptions", "-p", "plainly", "-l"])?;
        ensure!(can.contains("Duplex") && can.contains("PageSize"), "{can:?}\n{}", street.desktop.log());
        Ok(())
    })?;
    let file = street.file("three.pdf", &documents::pdf(&["one", "two", "three"]))?;
    let begun = Instant::now();
    street.desktop.run(&[
        "lp",
        "-d",
        "plainly",
        "-n",
        "2",
        "-P",
        "1-2",
        "-o",
        "sides=two-sided-long-edge",
        "-o",
        "print-color-mode=monochrome",
        "-o",
        "media=iso_a4_210x297mm",
        &file,
    ])?;
    let tray = street.printer.tray_with(1, Duration::from_secs(40))?;
    remark(format!("on paper {} ms after lp", begun.elapsed().as_millis()));
    ensure!(tray[0].pages == ["one", "two"], "{tray:?}");
    ensure!(tray[0].copies == 2 && tray[0].sides == "two-sided-long-edge", "{tray:?}");
    let ticket = ticket(&tray[0].document)?;
    ensure!(ticket.contains("IPP_PRINT_COLOR_MODE=monochrome"), "{ticket}");
    ensure!(ticket.contains("21000") && ticket.contains("29700"), "A4: {ticket}");
    street.desktop.run(&[
        "lp",
        "-d",
        "securely",
        &street.file("again.pdf", &documents::pdf(&["over TLS"]))?,
    ])?;
    let tray = street.printer.tray_with(2, Duration::from_secs(40))?;
    ensure!(tray[1].pages == ["over TLS"] && tray[1].copies == 1, "{tray:?}");
    soon("the client's own queues say that all is done", Duration::from_secs(15), || {
        let waiting = street.desktop.run(&["lpstat", "-W", "not-completed", "-o"])?;
        ensure!(waiting.trim().is_empty(), "{waiting}");
        Ok(())
    })?;
    // The owner sees whose they were.
    let jobs: Vec<lanyard_api::Job> = street.owner.json(&["jobs"])?;
    let from = street.desktop.host().ipv4()?.to_string();
    ensure!(jobs.len() == 2 && jobs.iter().all(|job| job.state == JobState::Done), "{jobs:?}");
    ensure!(jobs.iter().all(|job| job.device_name == from), "{jobs:?}");
    Ok(())
}

fn cups_prints_on_what_it_found_by_itself() -> Result<()> {
    let street = Street::new()?;
    let advert = street.hears("_ipp._tcp")?;
    let queue = soon("lpstat -e lists it", Duration::from_secs(20), || {
        let listed = street.desktop.run(&["lpstat", "-e"])?;
        let found = listed.lines().find(|line| line.starts_with("Office")).map(str::to_owned);
        found.with_context(|| format!("it lists {listed:?}"))
    })?;
    let file = street.file("letter.pdf", &documents::pdf(&["found by itself"]))?;
    street.desktop.run(&["lp", "-d", &queue, "-o", "sides=one-sided", &file])?;
    let tray = street.printer.tray_with(1, Duration::from_secs(40))?;
    ensure!(tray[0].pages == ["found by itself"] && tray[0].sides == "one-sided", "{advert:?} {tray:?}");
    Ok(())
}

fn driverless_and_cups_browsed_find_the_printer_and_print() -> Result<()> {
    let street = Street::new()?;
    street.hears("_ipp._tcp")?;
    soon("driverless lists it", Duration::from_secs(30), || {
        let listed = street.desktop.run(&["driverless"])?;
        ensure!(
            listed.contains("Office%20%28Lanyard%29") || listed.contains("Office%20(Lanyard)"),
            "{listed}"
        );
        Ok(())
    })?;
    let conf = street.desktop.host().dir().join("browsed.conf");
    let text = format!(
        "BrowseRemoteProtocols dnssd\nCreateIPPPrinterQueues All\nDomainSocket {}\nDebugLogging stderr\n\
         CacheDir {1}\nLogDir {1}\n",
        street.desktop.socket(),
        street.desktop.host().dir().display()
    );
    fs::write(&conf, text)?;
    let browsed = street
        .desktop
        .host()
        .spawn_with(&["cups-browsed", "-c", &conf.to_string_lossy()], &street.desktop.environment())?;
    let queue = soon("cups-browsed makes a queue", Duration::from_secs(40), || {
        let queues = street.desktop.run(&["lpstat", "-v"])?;
        let found = queues.lines().find_map(|line| {
            let name = line.strip_prefix("device for ")?.split(':').next()?;
            name.starts_with("Office").then(|| name.to_owned())
        });
        found.with_context(|| format!("{queues}\n{}", tail(&browsed.errors())))
    })?;
    let file = street.file("browsed.pdf", &documents::pdf(&["by way of cups-browsed"]))?;
    street.desktop.run(&["lp", "-d", &queue, "-n", "2", &file])?;
    let tray = street.printer.tray_with(1, Duration::from_secs(40))?;
    ensure!(tray[0].pages == ["by way of cups-browsed"] && tray[0].copies == 2, "{tray:?}");
    Ok(())
}

fn pyipp_reads_the_printer_and_prints() -> Result<()> {
    let python = python::with("pyipp==0.17.2", None, Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let street = Street::new()?;
    let advert = street.hears("_ipp._tcp")?;
    let script = street.file("print.py", include_bytes!("clients/print.py"))?;
    let file = street.file("pyipp.pdf", &documents::pdf(&["from pyipp"]))?;
    let (port, path) = (advert.port.to_string(), format!("/{}", advert.txt["rp"]));
    for (number, tls) in ["plain", "tls"].into_iter().enumerate() {
        let python = python.to_string_lossy();
        let told = street.desktop.host().run(&[&python, &script, &advert.host, &port, &path, tls, &file])?;
        ensure!(told.contains("name Office") && told.contains("\nstate "), "{told}");
        let tray = street.printer.tray_with(number + 1, Duration::from_secs(30))?;
        ensure!(tray[number].pages == ["from pyipp"], "{tray:?}");
    }
    Ok(())
}

fn a_client_that_waits_to_be_told_to_go_on_prints() -> Result<()> {
    let street = Street::new()?;
    let advert = street.hears("_ipp._tcp")?;
    let host = street.desktop.host();
    for (number, scheme) in ["http", "https"].into_iter().enumerate() {
        let ipp = format!("ipp{}://{}:{}/{}", &scheme[4..], advert.host, advert.port, advert.txt["rp"]);
        let pdf = documents::pdf(&["after a word"]);
        let body = street.file("print-job.ipp", &[print_job(&ipp, "application/pdf"), pdf].concat())?;
        let page = format!("{scheme}://{}:{}/{}", advert.host, advert.port, advert.txt["rp"]);
        let told = host.run(&[
            "curl",
            "-skv",
            "-m",
            "30",
            "--expect100-timeout",
            "20",
            "-H",
            "Expect: 100-continue",
            "-H",
            "Content-Type: application/ipp",
            "-H",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &format!("@{body}"),
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{time_total}",
            "--stderr",
            "-",
            &page,
        ])?;
        ensure!(told.contains("< HTTP/1.1 100 Continue"), "{told}");
        ensure!(told.contains("< HTTP/1.1 200"), "{told}");
        let tray = street.printer.tray_with(number + 1, Duration::from_secs(30))?;
        ensure!(tray[number].pages == ["after a word"], "{tray:?}");
    }
    Ok(())
}

/// The requests of devices that cannot be here, as their sources, traces and documentation show them. What the
/// devices then do with the answers is not tested.
fn what_phones_and_other_systems_ask_is_answered() -> Result<()> {
    const REPLAYS: [(&str, &str); 4] = [
        ("ios.test", include_str!("replays/ios.test")),
        ("android.test", include_str!("replays/android.test")),
        ("windows.test", include_str!("replays/windows.test")),
        ("chromeos.test", include_str!("replays/chromeos.test")),
    ];
    let street = Street::new()?;
    let (ipp, ipps) = (street.hears("_ipp._tcp")?, street.hears("_ipps._tcp")?);
    let document = street.file("replay.pdf", &documents::pdf(&["a replay"]))?;
    let mut printed = 0;
    for (name, content) in REPLAYS {
        let test = street.file(name, content.as_bytes())?;
        for (scheme, advert) in [("ipp", &ipp), ("ipps", &ipps)] {
            let uri = format!("{scheme}://{}:{}/{}", advert.host, advert.port, advert.txt["rp"]);
            let output = street
                .desktop
                .host()
                .output(&["ipptool", "-tI", "-T", "30", "-f", &document, &uri, &test])?;
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            ensure!(output.status.success() && !told.contains("[FAIL]"), "{name} over {scheme}:\n{told}");
            ensure!(told.contains("[PASS]"), "{name} over {scheme} ran nothing:\n{told}");
            printed += 1;
        }
    }
    let tray = street.printer.tray_with(printed, Duration::from_secs(60))?;
    ensure!(tray.iter().all(|printed| printed.pages == ["a replay"]), "{tray:?}");
    Ok(())
}

/// `Print-Job` (RFC 8010 §3.1.1) without its document.
fn print_job(uri: &str, format: &str) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 2, 0, 0, 0, 1, 1];
    for (tag, name, value) in [
        (0x47, "attributes-charset", "utf-8"),
        (0x48, "attributes-natural-language", "en"),
        (0x45, "printer-uri", uri),
        (0x42, "requesting-user-name", "cleo"),
        (0x49, "document-format", format),
    ] {
        bytes.push(tag);
        for text in [name, value] {
            bytes.extend(u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes.push(3);
    bytes
}

fn ticket(document: &Path) -> Result<String> {
    Ok(fs::read_to_string(document.with_file_name("ticket"))?)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
