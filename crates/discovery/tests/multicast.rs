//! Announcing and browsing with real multicast DNS on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use lanyard_discovery::{
    Announcement, Browser, Interface, Kind, Opening, Reach, Saying, Service, interfaces,
};
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
