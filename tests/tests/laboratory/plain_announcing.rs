//! Clients without Lanyard hear of the printers that are for everyone, of no others, and of nothing else.

use crate::{
    household,
    street::{HEARD, Street, corridor, hears, share_corridor, status_of},
};
use anyhow::{Context, Result, ensure};
use lanyard_tests::{Desktop, Lab, Node, printer::QUEUE, runner::remark, scenarios, soon, stays};
use std::time::{Duration, Instant};

scenarios![
    a_printer_for_everyone_is_announced_as_the_standards_want_it,
    a_printer_that_is_taken_back_says_goodbye,
    a_printer_for_the_home_alone_is_announced_to_nobody,
    a_printer_that_is_on_the_network_by_itself_is_not_announced_again,
    two_computers_with_a_printer_of_one_name_do_not_fight_over_it,
    what_is_told_without_encryption_is_about_printing_and_nothing_else,
    another_node_sees_one_card_for_each_printer,
];

/// What each type is browsed for.
const TYPES: [&str; 2] = ["_ipp._tcp", "_ipps._tcp"];

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
