//! Clients without Lanyard find, reach and use printers that are shared with everyone on the network: Avahi, CUPS,
//! ipptool, curl as they are in Debian.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::JobState;
use lanyard_tests::{
    Advert, Desktop, Host, Lab, Node, PaperPrinter, Process, documents, printer::QUEUE, python,
    runner::remark, scenarios, soon, stays,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

scenarios![
    a_printer_for_everyone_is_announced_as_the_standards_want_it,
    a_printer_that_is_taken_back_says_goodbye,
    a_printer_for_the_home_alone_is_announced_to_nobody,
    a_printer_that_is_on_the_network_by_itself_is_not_announced_again,
    two_computers_with_a_printer_of_one_name_do_not_fight_over_it,
    what_is_told_without_encryption_is_about_printing_and_nothing_else,
    cups_prints_on_a_queue_made_for_it_with_options,
    cups_prints_on_what_it_found_by_itself,
    driverless_and_cups_browsed_find_the_printer_and_print,
    pyipp_reads_the_printer_and_prints,
    a_client_that_waits_to_be_told_to_go_on_prints,
    what_phones_and_other_systems_ask_is_answered,
    another_node_sees_one_card_for_each_printer,
];

/// What each type is browsed for.
const TYPES: [&str; 2] = ["_ipp._tcp", "_ipps._tcp"];

/// How long an announcement or a goodbye may take to be heard.
const HEARD: Duration = Duration::from_secs(8);

/// `ben` has a printer that is shared with everyone; `cleo` has no Lanyard.
struct Street {
    desktop: Desktop,
    owner: Node,
    printer: PaperPrinter,
    lab: Lab,
}

impl Street {
    fn new() -> Result<Self> {
        let street = Self::unshared()?;
        street.owner.run(&["share", "printer", QUEUE, "--name", "Office", "--to", "network"])?;
        Ok(street)
    }

    fn unshared() -> Result<Self> {
        let lab = Lab::new()?;
        let ben = lab.host("ben")?;
        let printer = PaperPrinter::install(&ben)?;
        let owner = Node::at_home_beside(&ben, &printer)?;
        let desktop = Desktop::install(&lab.host("cleo")?)?;
        Ok(Self { desktop, owner, printer, lab })
    }

    /// What `cleo` hears of the printer.
    fn hears(&self, service: &str) -> Result<Advert> {
        hears(&self.desktop, service, "Office (Lanyard)")
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.desktop.host().dir().join(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The IPP attributes of the printer at `uri`, as ipptool prints them.
    fn attributes(&self, uri: &str, options: &[&str]) -> Result<Attributes> {
        let mut command = vec!["ipptool", "-tv", "-T", "20"];
        command.extend(options);
        command.extend([uri, "get-printer-attributes.test"]);
        Ok(Attributes(self.desktop.host().run(&command)?))
    }
}

fn hears(desktop: &Desktop, service: &str, name: &str) -> Result<Advert> {
    soon(&format!("{name} is heard as {service}"), HEARD, || {
        let found = desktop.browse(service)?;
        let names: Vec<&str> = found.iter().map(|advert| advert.name.as_str()).collect();
        let words = format!("there is {names:?}");
        // The IPv4 one; that of IPv6 says the same.
        found.into_iter().find(|advert| advert.name == name && advert.address.contains('.')).context(words)
    })
}

/// ipptool's `name (syntax) = value` lines.
struct Attributes(String);

impl Attributes {
    fn value(&self, name: &str) -> Result<&str> {
        let found = self.0.lines().find_map(|line| {
            let (told, value) = line.trim().split_once(" = ")?;
            (told.split(' ').next() == Some(name)).then_some(value)
        });
        found.with_context(|| format!("no {name} in {}", self.0))
    }
}

fn a_printer_for_everyone_is_announced_as_the_standards_want_it() -> Result<()> {
    let street = Street::new()?;
    let mut records = Vec::new();
    for base in TYPES {
        let advert = street.hears(base)?;
        for subtype in ["_print", "_universal"] {
            let found = street.hears(&format!("{subtype}._sub.{base}"))?;
            ensure!(found == advert, "{subtype} tells something else: {found:?} instead of {advert:?}");
        }
        records.push(advert);
    }
    let [ipp, ipps] = &records[..] else { unreachable!() };
    ensure!(ipp.txt == ipps.txt, "{ipp:?} {ipps:?}");
    let lpd = street.hears("_printer._tcp")?;
    ensure!(lpd.port == 0 && lpd.host == ipp.host, "the name is kept, and LPD is not spoken: {lpd:?}");
    ensure!(ipp.host.starts_with("lanyard-") && !ipp.host.contains("ben"), "the host's name: {}", ipp.host);
    ensure!(ipp.first == "txtvers", "RFC 6763 §6.7: {ipp:?}");
    let told = |key: &str| ipp.txt.get(key).map_or("", String::as_str);

    // The printer itself says the same, by its name.
    let path = told("rp");
    let uri = format!("ipp://{}:{}/{path}", ipp.host, ipp.port);
    let says = street.attributes(&uri, &[])?;
    for (key, attribute) in [
        ("adminurl", "printer-more-info"),
        ("ty", "printer-make-and-model"),
        ("URF", "urf-supported"),
        ("kind", "printer-kind"),
        ("mopria-certified", "mopria-certified"),
    ] {
        let value = says.value(attribute)?;
        ensure!(told(key) == value, "{key} is {:?}, {attribute} is {value:?}", told(key));
    }
    ensure!(says.value("printer-uuid")? == format!("urn:uuid:{}", told("UUID")), "{ipp:?}");
    ensure!(says.value("printer-dns-sd-name")? == ipp.name, "{ipp:?}");
    ensure!((told("Color") == "T") == (says.value("color-supported")? == "true"), "{ipp:?}");
    ensure!((told("Duplex") == "T") == says.value("sides-supported")?.contains("two-sided"), "{ipp:?}");
    let formats: Vec<&str> = says.value("document-format-supported")?.split(',').collect();
    for format in told("pdl").split(',') {
        ensure!(formats.contains(&format), "{format} is told and not taken: {formats:?}");
    }
    for format in ["application/pdf", "image/jpeg", "image/pwg-raster", "image/urf"] {
        ensure!(told("pdl").contains(format), "{format} is missing: {}", told("pdl"));
    }
    ensure!(!told("URF").is_empty() && !told("TLS").is_empty() && told("air") == "none", "{ipp:?}");
    ensure!(!ipp.txt.contains_key("note") && !ipp.txt.contains_key("print_wfds"), "{ipp:?}");

    // TLS is told, so it can be changed to, and be begun with.
    let changed = street.attributes(&uri, &["-E"])?;
    ensure!(changed.value("printer-uuid")? == says.value("printer-uuid")?, "after an Upgrade");
    let secure = format!("ipps://{}:{}/{path}", ipps.host, ipps.port);
    ensure!(street.attributes(&secure, &[])?.value("printer-uuid")? == says.value("printer-uuid")?, "ipps");
    ensure!(says.value("printer-uri-supported")?.contains(&uri), "{}", says.value("printer-uri-supported")?);
    Ok(())
}

fn a_printer_that_is_taken_back_says_goodbye() -> Result<()> {
    let street = Street::new()?;
    let gone = |why: &str| {
        soon(why, HEARD, || {
            for base in TYPES {
                let found = street.desktop.browse(base)?;
                let ours = found.iter().any(|advert| advert.name.ends_with("(Lanyard)"));
                ensure!(!ours, "{base}: {found:?}");
            }
            Ok(())
        })
    };
    street.hears("_ipp._tcp")?;
    street.owner.run(&["sharing", "pause"])?;
    gone("a pause is a goodbye")?;
    street.owner.run(&["sharing", "resume"])?;
    street.hears("_ipp._tcp")?;
    street.owner.run(&["network", "public", "current"])?;
    gone("a network that is public hears nothing")?;
    street.owner.trust_network()?;
    let advert = street.hears("_ipp._tcp")?;
    street.owner.run(&["unshare", "Office"])?;
    let begun = Instant::now();
    gone("a share that ends is a goodbye")?;
    remark(format!("gone {} ms after it was taken back", begun.elapsed().as_millis()));
    let page = format!("http://{}:{}/{}", advert.address, advert.port, advert.txt["rp"]);
    let status = status_of(street.desktop.host(), &[&page])?;
    ensure!(status == "000", "the door is shut: {status}");
    let secure = page.replace("http:", "https:");
    let status = status_of(street.desktop.host(), &["-k", &secure])?;
    ensure!(status == "000", "so is that over TLS: {status}");
    Ok(())
}

fn a_printer_for_the_home_alone_is_announced_to_nobody() -> Result<()> {
    let street = Street::unshared()?;
    street.owner.run(&["home", "create", "Nest"])?;
    let all = street.lab.switch().capture_all()?;
    street.owner.run(&["share", "printer", QUEUE, "--name", "Dulcinea", "--to", "home"])?;
    street.owner.run(&["share", "printer", "save-as-pdf", "--name", "Paper mill", "--to", "network"])?;
    let advert = hears(&street.desktop, "_ipp._tcp", "Paper mill (Lanyard)")?;
    stays("the other one is not heard", Duration::from_secs(3), || {
        let found = street.desktop.browse("_ipp._tcp")?;
        ensure!(!found.iter().any(|advert| advert.name.contains("Dulcinea")), "{found:?}");
        Ok(())
    })?;
    // The door is open for the one; the other is not behind it, not even by its id.
    let shares: Vec<lanyard_api::Share> = street.owner.json(&["shares"])?;
    let secret = shares.iter().find(|share| share.name == "Dulcinea").context("the share")?;
    for path in [format!("/ipp/print/{}", secret.id), "/ipp/print/nothing".to_owned()] {
        let page = format!("http://{}:{}{path}", advert.host, advert.port);
        let status = status_of(street.desktop.host(), &[&page])?;
        ensure!(status == "404", "{path}: {status}");
    }
    let (raw, _) = all.stop()?;
    let contains =
        |words: &str| raw.windows(words.len()).any(|bytes| bytes.eq_ignore_ascii_case(words.as_bytes()));
    ensure!(contains("paper mill"), "the capture holds no announcement");
    ensure!(!contains("dulcinea"), "it can be read on the wire");
    ensure!(!contains("nest"), "so can the home's name");
    Ok(())
}

fn a_printer_that_is_on_the_network_by_itself_is_not_announced_again() -> Result<()> {
    let street = Street::unshared()?;
    let far = street.lab.host("printer")?;
    let _corridor = corridor(&far)?;
    share_corridor(&street, &format!("ipp://{}:8631/ipp/print", far.ipv4()?))?;
    street.owner.run(&["share", "printer", QUEUE, "--name", "Office", "--to", "network"])?;
    street.hears("_ipp._tcp")?;
    stays("it is not announced a second time", Duration::from_secs(3), || {
        let found = street.desktop.browse("_ipp._tcp")?;
        let again = found.iter().any(|advert| advert.name == "Corridor (Lanyard)");
        ensure!(!again, "{found:?}");
        Ok(())
    })
}

/// A printer that is on the network by itself.
fn corridor(far: &Host) -> Result<Process> {
    let spool = far.dir().join("spool");
    fs::create_dir(&spool)?;
    far.sh("mkdir -p /run/dbus /run/avahi-daemon
         dbus-daemon --system --fork --nopidfile
         avahi-daemon -D --no-drop-root --no-chroot --no-rlimits")?;
    let spool = spool.to_string_lossy();
    let what = ["ippeveprinter", "-2", "-d", &spool, "-c", "/bin/true", "-f", "application/pdf"];
    far.spawn(&[&what[..], &["-p", "8631", "Corridor"]].concat())
}

/// `ben` has a queue for it and shares that.
fn share_corridor(street: &Street, device: &str) -> Result<()> {
    soon("the queue is made", Duration::from_secs(15), || {
        street.printer.admin(&["lpadmin", "-p", "Corridor", "-E", "-v", device, "-m", "everywhere"])
    })?;
    soon("the node knows the queue", Duration::from_secs(10), || {
        street.owner.run(&["share", "printer", "Corridor", "--name", "Corridor", "--to", "network"])
    })?;
    Ok(())
}

fn two_computers_with_a_printer_of_one_name_do_not_fight_over_it() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben) = (Node::at_home(&lab.host("ada")?)?, Node::at_home(&lab.host("ben")?)?);
    let desktop = Desktop::install(&lab.host("cleo")?)?;
    for node in [&ada, &ben] {
        node.run(&["share", "printer", "save-as-pdf", "--name", "Paper", "--to", "network"])?;
    }
    let names = || -> Result<Vec<(String, String)>> {
        let found = desktop.browse("_ipp._tcp")?;
        let mut names: Vec<_> = found.into_iter().map(|advert| (advert.name, advert.host)).collect();
        names.sort();
        names.dedup();
        Ok(names)
    };
    let settled = soon("each has a name of its own", Duration::from_secs(20), || {
        let names = names()?;
        let two = names.len() == 2 && names[0].0 != names[1].0 && names[0].1 != names[1].1;
        ensure!(two && names.iter().all(|(name, _)| name.starts_with("Paper (Lanyard")), "{names:?}");
        Ok(names)
    })?;
    stays("they keep them", Duration::from_secs(4), || {
        let names = names()?;
        ensure!(names == settled, "{names:?}");
        Ok(())
    })
}

fn what_is_told_without_encryption_is_about_printing_and_nothing_else() -> Result<()> {
    let street = Street::new()?;
    let advert = street.hears("_ipp._tcp")?;
    let host = street.desktop.host();
    let plain = format!("http://{}:{}", advert.host, advert.port);
    for path in ["/g", "/g/", "/g/pin", "/v1/hello", "/rpc", "/", "/admin", "/ipp"] {
        let status = status_of(host, &[&format!("{plain}{path}")])?;
        ensure!(status == "404", "{path}: {status}");
    }
    let page = format!("{plain}/{}", advert.txt["rp"]);
    ensure!(status_of(host, &[&page])? == "200", "the printer's own page");
    let foreign = status_of(host, &["-H", "Host: rebind.example:7717", &page])?;
    ensure!(foreign == "421", "another host's name: {foreign}");
    let form = status_of(
        host,
        &["-H", "Origin: http://evil.example", "-H", "Content-Type: text/plain", "-d", "x", &page],
    )?;
    ensure!(form == "403" || form == "415", "a page elsewhere: {form}");
    // With a pass for a guest its pages are there over TLS, and still not without.
    street.owner.run(&["guest", "Office"])?;
    ensure!(status_of(host, &[&format!("{plain}/g")])? == "404", "guests' pages without encryption");
    let secure = format!("https://{}:{}/g", advert.host, advert.port);
    ensure!(status_of(host, &["-k", &secure])? == "200", "guests' pages over TLS");
    Ok(())
}

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
        ensure!(told.contains("name Office") && told.contains("state idle"), "{told}");
        let tray = street.printer.tray_with(number + 1, Duration::from_secs(30))?;
        ensure!(tray[number].pages == ["from pyipp"], "{tray:?}");
    }
    Ok(())
}

fn another_node_sees_one_card_for_each_printer() -> Result<()> {
    let street = Street::new()?;
    let ada = Node::at_home(&street.lab.host("ada")?)?;
    household::create(&street.owner, "Nest")?;
    household::admit(&street.owner, &ada)?;
    let far = street.lab.host("printer")?;
    let _corridor = corridor(&far)?;
    let device = format!("ipp://{}:8631/ipp/print", far.ipv4()?);
    share_corridor(&street, &device)?;
    street.hears("_ipp._tcp")?;
    hears(&street.desktop, "_ipp._tcp", "Corridor")?;
    let printers = soon("ada sees each printer once", Duration::from_secs(15), || {
        let mut printers = ada.nearby()?.printers;
        // The laboratory's own printer stands beside ben's queue and is on the network, too.
        printers.retain(|printer| !printer.name.starts_with("Lab Printer"));
        let names: Vec<&str> = printers.iter().map(|printer| printer.name.as_str()).collect();
        ensure!(names == ["Corridor", "Office"], "{printers:#?}");
        ensure!(printers[0].routes.len() == 2, "{printers:#?}");
        Ok(printers)
    })?;
    let [corridor, office] = &printers[..] else { unreachable!() };
    ensure!(corridor.device.is_some() && corridor.routes[0] == corridor.id, "{corridor:?}");
    ensure!(corridor.routes[1].starts_with("dnssd:"), "the printer itself comes last: {corridor:?}");
    ensure!(office.routes == [office.id.clone()], "its announcement is no other way: {office:?}");
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

/// The status with which a page answers, `000` when there is none.
fn status_of(host: &Host, arguments: &[&str]) -> Result<String> {
    let mut command = vec!["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}"];
    command.extend(arguments);
    Ok(String::from_utf8_lossy(&host.output(&command)?.stdout).into_owned())
}

fn ticket(document: &PathBuf) -> Result<String> {
    Ok(fs::read_to_string(document.with_file_name("ticket"))?)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
