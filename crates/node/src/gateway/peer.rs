//! Whose program is at the other end of a connection on loopback.
//!
//! CUPS tells every user of the computer where a queue leads, so the secret in the path does not keep another user away
//! for certain. Linux tells who owns a socket (`/proc/net/tcp`, proc(5)): this user, or one of the system's own, as the
//! print service is. Elsewhere the secret alone must do.

use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::{
    fs::File,
    io::{BufRead, BufReader},
};

/// Users below this are the system's own (systemd's and Debian's `UID_MIN`).
#[cfg(target_os = "linux")]
const FIRST_PERSON: u32 = 1000;

/// `nobody`, to whom other namespaces' users are mapped.
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65_534;

/// Whether the program that connected from `remote` to us at `here` is one that may print. Blocks for a moment.
#[cfg(target_os = "linux")]
pub(super) fn may_print(remote: SocketAddr, here: SocketAddr) -> bool {
    let us = rustix::process::getuid().as_raw();
    match File::open("/proc/net/tcp") {
        // Line by line: with thousands of connections the whole of it would be large, and asked for often.
        Ok(table) => owner(BufReader::with_capacity(64 << 10, table), remote, here)
            .is_some_and(|user| user == us || user < FIRST_PERSON || user == NOBODY),
        // Not every container shows it.
        Err(_) => true,
    }
}

/// Elsewhere nobody tells.
#[cfg(not(target_os = "linux"))]
pub(super) fn may_print(_: SocketAddr, _: SocketAddr) -> bool {
    true
}

/// The owner of the socket whose own end is `local` and whose far end is `far`.
#[cfg(target_os = "linux")]
fn owner(table: impl BufRead, local: SocketAddr, far: SocketAddr) -> Option<u32> {
    let written = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(v4.ip().octets()), v4.port())),
        SocketAddr::V6(_) => None,
    };
    let (local, far) = (written(local)?, written(far)?);
    table.lines().skip(1).map_while(Result::ok).find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_it = columns.next() == Some(local.as_str()) && columns.next() == Some(far.as_str());
        // st, queues, timer, retransmissions, then the user.
        is_it.then(|| columns.nth(4)?.parse().ok()).flatten()
    })
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_owner_of_a_connection_is_found_and_we_may_print() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let client = TcpStream::connect(here).unwrap();
        let remote = client.local_addr().unwrap();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(owner(table.as_bytes(), remote, here), Some(rustix::process::getuid().as_raw()));
        assert!(may_print(remote, here));
        drop(client);
        let stranger = "127.0.0.1:1".parse().unwrap();
        assert!(!may_print(stranger, here), "whoever cannot be found does not get in");
    }

    #[test]
    fn another_persons_connection_is_told_from_ours() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:9C41 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 1 1 0\n";
        let owner =
            owner(table.as_bytes(), "127.0.0.1:40001".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(owner, Some(1001));
    }
}
