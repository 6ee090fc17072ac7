//! The door for printing clients without Lanyard.

use super::{Case, Door, Outcome, Person, Wish, World, raw_bytes};
use crate::status;
use futures_util::{FutureExt, future::BoxFuture};
use std::time::{Duration, Instant};

/// Clients without Lanyard at our printers, over plain HTTP as over TLS: `tests/tests` has those over TLS.
pub(super) struct PlainPrinting;

impl Door for PlainPrinting {
    fn name(&self) -> &'static str {
        "printing, for clients without Lanyard"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Plain || case.wish != Wish::Print {
                return None;
            }
            let port = status(&world.node).await.port;
            let body = print_job(&format!("ipp://127.0.0.1:{port}/ipp/print/{}", world.printer));
            let head = format!(
                "POST /ipp/print/{} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/ipp\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                world.printer,
                body.len()
            );
            let request = [head.as_bytes(), &body].concat();
            // The door itself opens and shuts with the rules, a moment later.
            let begun = Instant::now();
            loop {
                let answer = raw_bytes(&format!("127.0.0.1:{port}"), &request).await;
                let outcome = printed(&answer);
                if outcome == case.expected || begun.elapsed() > Duration::from_secs(5) {
                    return Some(outcome);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        .boxed()
    }
}

/// `Print-Job` of five letters (RFC 8010 §3.1.1).
fn print_job(uri: &str) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 2, 0, 0, 0, 1, 1];
    for (tag, name, value) in [
        (0x47, "attributes-charset", "utf-8"),
        (0x48, "attributes-natural-language", "en"),
        (0x45, "printer-uri", uri),
        (0x42, "requesting-user-name", "somebody"),
        (0x49, "document-format", "text/plain"),
    ] {
        bytes.push(tag);
        for text in [name, value] {
            bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes.push(3);
    bytes.extend(b"Hello");
    bytes
}

fn printed(answer: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(answer);
    let Some(at) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Outcome::Hidden; // shut
    };
    if text.starts_with("HTTP/1.1 404") {
        return Outcome::Hidden;
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let ipp = &answer[at + 4..];
    match u16::from_be_bytes([ipp[2], ipp[3]]) {
        0x0000 | 0x0001 => {
            // RFC 8011 §5.3.7: 4 is pending-held.
            let name = b"job-state\x00\x04";
            let at = ipp.windows(name.len()).position(|bytes| bytes == name).expect("the state of the job");
            if ipp[at + name.len() + 3] == 4 { Outcome::Asks } else { Outcome::Yes }
        }
        0x0401 | 0x0403 => Outcome::No,
        0x0406 => Outcome::Hidden,
        // PWG 5100.13 §13: client-error-account-limit-reached
        0x041C => Outcome::Spent,
        other => panic!("status {other:#06x}: {text}"),
    }
}
