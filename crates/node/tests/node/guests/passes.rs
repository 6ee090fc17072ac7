//! How a pass is made, and how it ends: by its owner, in time, by wrong PINs.

use super::{Host, eventually};
use crate::phone::{Part, Phone};
use crate::start;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use lanyard_api::{ErrorCode, PassAction, Request, Response};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_made_only_for_what_makes_sense() {
    let host = Host::start().await;
    let (printer, folder) = (host.printer("Laser").await, host.folder("Photos").await);
    let hour = Duration::from_secs(3600);
    let code = async |share: &str, action, time| host.try_pass(share, action, time).await.unwrap_err().code;
    assert_eq!(code("nothing", PassAction::Read, hour).await, ErrorCode::NotFound);
    assert_eq!(code(&printer.id, PassAction::Read, hour).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Print, hour).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Read, Duration::ZERO).await, ErrorCode::Invalid);
    assert_eq!(code(&folder.id, PassAction::Read, 31 * 24 * hour).await, ErrorCode::Invalid);
    let pass = host.pass(&folder, PassAction::Read).await;
    assert_eq!(pass.pin.len(), 8);
    assert!(pass.link.starts_with("https://127.0.0.1:") && pass.link.len() < 60, "{}", pass.link);
    assert!(pass.qr.len() >= 25 && pass.qr.iter().all(|row| row.len() == pass.qr.len()));
    for _ in 1..32 {
        host.pass(&folder, PassAction::Read).await;
    }
    assert_eq!(code(&folder.id, PassAction::Read, hour).await, ErrorCode::Busy);
    let mut pages: Vec<String> = Vec::new();
    pages.extend(host.passes().await.into_iter().map(|pass| pass.id));
    pages.sort();
    pages.dedup();
    assert_eq!(pages.len(), 32);
    let ended = host.node.handle(Request::EndPass { pass: "no such pass".into() }).await.unwrap_err();
    assert_eq!(ended.code, ErrorCode::NotFound);
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_ended_cuts_a_download_and_shuts_the_door() {
    let host = Host::start().await;
    host.put("film.bin", &vec![1; 64 << 20]);
    let share = host.folder("Films").await;
    let (pass, other) =
        (host.pass(&share, PassAction::Read).await, host.pass(&share, PassAction::Read).await);
    let (phone, neighbour) = (Phone::by_link(&pass).await, Phone::by_link(&other).await);
    let begin = async |phone: &Phone| {
        let request = phone.request(Method::GET, "/g/file?path=film.bin").body(Full::default()).unwrap();
        let mut body = phone.begin(request).await.into_body();
        body.frame().await.unwrap().unwrap();
        body
    };
    let (mut cut, mut whole) = (begin(&phone).await, begin(&neighbour).await);
    host.end(&pass).await;
    let ended = Instant::now();
    let mut rest = 0;
    let error = loop {
        match cut.frame().await {
            Some(Ok(frame)) => rest += frame.into_data().map_or(0, |bytes| bytes.len()),
            other => break other,
        }
    };
    println!("cut {} ms after the click, {rest} bytes were still on their way", ended.elapsed().as_millis());
    assert!(matches!(error, Some(Err(_))), "broken off, not ended: {error:?}");
    assert!(rest < 32 << 20 && ended.elapsed() < Duration::from_secs(2));
    let mut got = 0;
    while let Some(frame) = whole.frame().await {
        got += frame.unwrap().into_data().map_or(0, |bytes| bytes.len());
    }
    assert!(got > 60 << 20, "the other guest's goes on");

    let answer = phone.get("/g/").await;
    assert_eq!((answer.status, answer.at()), (StatusCode::SEE_OTHER, "/g"), "out");
    assert_eq!(phone.get("/g/file?path=film.bin").await.status, StatusCode::SEE_OTHER);
    let again = Phone::of(&pass).open(&pass.link).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the link opens nothing any more");
    let Response::Shares(shares) = host.node.handle(Request::Shares).await.unwrap() else { panic!() };
    assert_eq!(shares[0].policy.audience.len(), 2, "everyone as before, and the other guest");
    host.end(&other).await;
    assert!(phone.connect().await.is_err(), "with the last pass the door is shut");
    let pass = host.pass(&share, PassAction::Read).await;
    assert_eq!(Phone::by_link(&pass).await.get("/g/").await.status, StatusCode::OK, "and opens again");
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_ends_in_time_and_with_its_share() {
    let host = Host::start().await;
    let share = host.folder("Photos").await;
    let short = host.try_pass(&share.id, PassAction::Read, Duration::from_millis(1500)).await.unwrap();
    let phone = Phone::by_link(&short).await;
    assert_eq!(phone.get("/g/").await.status, StatusCode::OK);
    eventually("the pass has ended", async || host.passes().await.is_empty()).await;
    eventually("the door is shut", async || phone.connect().await.is_err()).await;

    let (pass, printing) = (
        host.pass(&share, PassAction::Add).await,
        host.pass(&host.printer("P").await, PassAction::Print).await,
    );
    let phone = Phone::by_link(&pass).await;
    host.node.handle(Request::Unshare { share: share.id.clone() }).await.unwrap();
    let answer = phone.form("/g/upload", &[Part::File("late.txt", b"late")]).await;
    assert!(!answer.status.is_success(), "{}", answer.status);
    assert!(host.names().is_empty());
    eventually("the pass has ended with its share", async || host.passes().await.len() == 1).await;
    assert_eq!(host.passes().await[0].id, printing.pass.id);
    host.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_pins_burn_it_for_good_and_the_owner_sees_that() {
    let host = Host::start().await;
    let share = host.folder("Photos").await;
    let (pass, other) =
        (host.pass(&share, PassAction::Read).await, host.pass(&share, PassAction::Read).await);
    let wrong = if pass.pin == "31415926" { "31415927" } else { "31415926" };
    let mut phone = Phone::of(&pass);
    for text in ["", "1234", "12345678x"] {
        assert_eq!(phone.pin(&pass, text).await.status, StatusCode::FORBIDDEN, "no guess: {text}");
    }
    for _ in 0..4 {
        assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::FORBIDDEN);
    }
    assert!(host.passes().await.iter().all(|pass| !pass.pin_burned));
    assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        phone.pin(&pass, &pass.pin).await.status,
        StatusCode::FORBIDDEN,
        "the right one comes too late"
    );
    assert!(phone.cookie.is_none());
    let passes = host.passes().await;
    let burned: Vec<&str> =
        passes.iter().filter(|pass| pass.pin_burned).map(|pass| pass.id.as_str()).collect();
    assert_eq!(burned, [pass.pass.id.as_str()]);
    assert_eq!(phone.pin(&other, &other.pin).await.status, StatusCode::SEE_OTHER, "others are not touched");
    assert_eq!(phone.pin(&pass, wrong).await.status, StatusCode::TOO_MANY_REQUESTS, "ten tries a minute");
    Phone::by_link(&pass).await;

    host.node.stop().await;
    let node = start(host.data.path()).await;
    let Response::Passes(passes) = node.handle(Request::Passes).await.unwrap() else { panic!() };
    assert_eq!(passes.iter().filter(|pass| pass.pin_burned).count(), 1, "remembered over a restart");
    assert_eq!(Phone::of(&pass).pin(&pass, &pass.pin).await.status, StatusCode::FORBIDDEN);
    assert!(
        phone.get("/g/").await.status == StatusCode::SEE_OTHER,
        "cookies are worth nothing after a restart"
    );
    assert_eq!(Phone::of(&pass).pin(&other, &other.pin).await.status, StatusCode::SEE_OTHER);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pass_the_port_does_not_speak_to_browsers() {
    let host = Host::start().await;
    let pass = host.pass(&host.folder("Photos").await, PassAction::Read).await;
    let phone = Phone::of(&pass);
    phone.connect().await.unwrap();
    let mut other = pass.clone();
    other.fingerprint = other.fingerprint.replace(|c: char| c.is_ascii_digit(), "A");
    assert!(Phone::of(&other).connect().await.is_err(), "the fingerprint that is shown is the certificate's");
    host.end(&pass).await;
    assert!(phone.connect().await.is_err());
    let plainly = async || {
        let mut plain = tokio::net::TcpStream::connect(phone.address).await.unwrap();
        plain.write_all(b"GET /g HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(!plainly().await.starts_with("HTTP"), "never without encryption");
    // A printer for everyone on the network opens the port to printing, and to nothing of the guests'.
    host.printer("Laser").await;
    eventually("the port is open", async || plainly().await.starts_with("HTTP/1.1 404")).await;
    assert_eq!(phone.get("/g").await.status, StatusCode::NOT_FOUND, "there is no pass any more");
    assert_eq!(phone.get("/g/").await.status, StatusCode::NOT_FOUND);
    host.node.stop().await;
}
