//! Small questions to a drive by a device with a key of its own: as many ranges of a file as are answered in a time, and
//! how soon the first names of a folder come.

use super::besiege;
use anyhow::{Context, Result, anyhow, ensure};
use rustls::{ClientConnection, StreamOwned};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Bytes in one range.
const RANGE: u64 = 64 * 1024;

/// Connections of one device.
const DEVICE: usize = 4;

type Connection = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// Asks for ranges all over a file of `size` bytes on so many connections at once and prints how many a second came.
pub(super) fn ranges(
    address: SocketAddr,
    dir: &Path,
    path: &str,
    size: u64,
    connections: u64,
    length: Duration,
) -> Result<()> {
    ensure!(size > 2 * RANGE, "the file is too small");
    // A node lets nobody have more than some files open at once: these are several devices. Their keys are made once.
    for number in (0..connections).step_by(DEVICE) {
        drop(connect(address, &key(dir, number))?);
    }
    let begun = Instant::now();
    let asking: Vec<_> = (0..connections)
        .map(|number| {
            let (dir, path) = (key(dir, number), path.to_owned());
            thread::spawn(move || -> Result<u64> {
                let mut connection = connect(address, &dir)?;
                let (mut count, mut body) = (0, Vec::new());
                let mut at = number * 7_919;
                while begun.elapsed() < length {
                    at = (at + 104_729) % (size / RANGE - 1);
                    let from = at * RANGE;
                    let range = format!("Range: bytes={from}-{}\r\n", from + RANGE - 1);
                    answer(&mut connection, &path, &range, &mut body)?;
                    ensure!(body.len() as u64 == RANGE, "{} bytes instead of a range", body.len());
                    count += 1;
                }
                Ok(count)
            })
        })
        .collect();
    let mut count = 0;
    for one in asking {
        count += one.join().map_err(|_| anyhow!("a thread panicked"))??;
    }
    println!("{:.0}", count as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

/// Asks for the beginning of a folder on a connection that is there already, and prints the microseconds until it came.
pub(super) fn first_page(address: SocketAddr, dir: &Path, path: &str) -> Result<()> {
    let (mut connection, mut body) = (connect(address, dir)?, Vec::new());
    let begun = Instant::now();
    answer(&mut connection, path, "", &mut body)?;
    println!("{}", begun.elapsed().as_micros());
    ensure!(!body.is_empty(), "an empty answer");
    Ok(())
}

fn key(dir: &Path, connection: u64) -> PathBuf {
    dir.join((connection / DEVICE as u64).to_string())
}

fn connect(address: SocketAddr, dir: &Path) -> Result<Connection> {
    let stream = besiege::client(address, dir)?;
    stream.sock.set_nodelay(true)?;
    Ok(BufReader::with_capacity(128 * 1024, stream))
}

/// Asks and takes the whole answer.
fn answer(connection: &mut Connection, path: &str, headers: &str, body: &mut Vec<u8>) -> Result<()> {
    write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")?;
    connection.get_mut().flush()?;
    let (mut line, mut length, mut first) = (String::new(), None, true);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let text = line.trim_end();
        if first {
            ensure!(text.starts_with("HTTP/1.1 20"), "the answer is {text:?}");
        }
        first = false;
        if text.is_empty() {
            break;
        }
        if let Some(value) = text.to_ascii_lowercase().strip_prefix("content-length:") {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    body.resize(length.context("an answer without a length")?, 0);
    connection.read_exact(body)?;
    Ok(())
}
