//! Announcing and browsing with real multicast DNS on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use lanyard_discovery::{
    Announcement, Browser, Interface, Kind, Opening, PaperMax, PrinterRecord, Printers, Reach, Saying,
    Service, interfaces,
};
use mdns_sd::{IfKind, ServiceDaemon, ServiceEvent};
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn loopback() -> Interface {
    interfaces::read(Reach::Loopback).unwrap().remove(0)
}

async fn until(browser: &Browser, what: &str, is_so: impl Fn(&[Service]) -> bool) -> Duration {
    let begun = Instant::now();
    let mut changes = browser.changes();
    let wait = async {
        loop {
            changes.mark_unchanged();
            if is_so(&browser.services()) {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| {
        panic!("{what} within 10 s; heard: {:?}", browser.services());
    });
    begun.elapsed()
}

#[tokio::test]
async fn an_announcement_is_heard_with_its_addresses_and_gone_after_its_goodbye() {
    let lo = loopback();
    let addresses: Vec<IpAddr> = lo.addresses.iter().map(|prefix| prefix.address).collect();
    let (_sender, interfaces) = watch::channel(Arc::new(vec![lo.clone()]));
    let cancel = CancellationToken::new();
    let browser = Browser::new();
    let task = tokio::spawn(browser.clone().run(interfaces, cancel.clone()));

    let announcement = Announcement::start(&lo, &addresses, 7717, &Saying::default()).unwrap();
    let name = announcement.fullname();
    let is_ours = |service: &Service| service.kind == Kind::Lanyard && service.fullname == name;
    let heard =
        until(&browser, "the announcement was not heard", |services| services.iter().any(is_ours)).await;
    println!("heard after {heard:?}");
    let service = browser.services().into_iter().find(is_ours).unwrap();
    // Linux routes no IPv6 multicast over loopback, so only IPv4 is heard here; the laboratory sees both.
    assert_eq!(service.addresses, ["127.0.0.1:7717".parse().unwrap()]);
    assert!(service.model.is_none() && service.location.is_none());

    assert!(service.opening.is_none() && !service.token.unwrap().is_of(&[1; 32]));

    let opening = Some(Opening { discriminator: 42, label: "kitchen".to_owned() });
    announcement.update(&addresses, 7717, &Saying { keys: vec![[1; 32]], opening: opening.clone() }).unwrap();
    let heard = until(&browser, "what it says now was not heard", |services| {
        services.iter().filter(|service| is_ours(service)).any(|service| service.opening == opening)
    });
    println!("the change was heard after {:?}", heard.await);
    let service = browser.services().into_iter().find(is_ours).unwrap();
    assert!(service.token.unwrap().is_of(&[1; 32]), "under the same name");
    announcement.update(&addresses, 7717, &Saying::default()).unwrap();
    until(&browser, "the end of the code was not heard", |services| {
        services.iter().filter(|service| is_ours(service)).any(|service| service.opening.is_none())
    })
    .await;

    announcement.withdraw().await;
    until(&browser, "the goodbye was not heard", |services| !services.iter().any(is_ours)).await;
    cancel.cancel();
    task.await.unwrap();
}

/// Lists the instances of a type on the loopback interface as long as it lives.
struct Listener {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
}

impl Listener {
    fn of(service_type: &str) -> Self {
        let daemon = ServiceDaemon::new().unwrap();
        daemon.disable_interface(IfKind::All).unwrap();
        daemon.enable_interface(IfKind::Name(loopback().name)).unwrap();
        let events = daemon.browse(service_type).unwrap();
        Self { daemon, events }
    }

    /// Waits until an instance is heard of with this name, or its goodbye.
    async fn hears(&self, fullname: &str, gone: bool) {
        let mut others = Vec::new();
        let wait = async {
            loop {
                match self.events.recv_async().await.unwrap() {
                    ServiceEvent::ServiceResolved(found) if !gone && found.fullname == fullname => return,
                    ServiceEvent::ServiceRemoved(_, name) if gone && name == fullname => return,
                    other => others.push(format!("{other:?}")),
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
        assert!(waited.is_ok(), "{fullname}: gone={gone} is not heard, but {others:#?}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

#[tokio::test]
async fn a_printer_is_heard_under_each_type_and_subtype_by_one_name_until_it_is_not_told_of_any_more() {
    let lo = loopback();
    let addresses: Vec<IpAddr> = lo.addresses.iter().map(|prefix| prefix.address).collect();
    let record = |name: &str| PrinterRecord {
        instance: format!("{name} no. {} (Lanyard)", std::process::id()),
        resource: "ipp/print/abc".to_owned(),
        model: "Some 3.5".to_owned(),
        formats: vec!["application/pdf".to_owned(), "image/urf".to_owned()],
        uuid: "01234567-89ab-4cde-8f01-23456789abcd".to_owned(),
        color: true,
        duplex: true,
        urf: vec!["V1.4".to_owned()],
        paper_max: PaperMax::Legal,
        tls: true,
    };
    let types = ["_ipp._tcp", "_ipps._tcp"];
    let listen = |subtype: &str| types.map(|base| Listener::of(&format!("{subtype}{base}.local.")));
    let (plain, print, universal) = (listen(""), listen("_print._sub."), listen("_universal._sub."));
    // What a listener of this kind hears before it has begun to ask, it counts as known and never tells.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut printers = Printers::start(&lo, "lanyard-test2345").unwrap();
    let (first, second) = (record("Laser v1.2"), record("Ink\\jet"));
    printers.tell(&addresses, 7717, &[first.clone(), second.clone()]).unwrap();
    let named = |record: &PrinterRecord, base: &str| format!("{}.{base}.local.", record.instance);
    for (at, base) in types.iter().enumerate() {
        for listener in [&plain[at], &print[at], &universal[at]] {
            listener.hears(&named(&first, base), false).await;
        }
        universal[at].hears(&named(&second, base), false).await;
    }

    printers.tell(&addresses, 7717, std::slice::from_ref(&second)).unwrap();
    for (at, base) in types.iter().enumerate() {
        for listener in [&plain[at], &print[at], &universal[at]] {
            listener.hears(&named(&first, base), true).await;
        }
    }
    printers.withdraw().await;
    for (at, base) in types.iter().enumerate() {
        plain[at].hears(&named(&second, base), true).await;
    }
}
