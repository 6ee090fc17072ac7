//! A printing client without manners: sends bytes that no client would, a flood of requests, or a request a byte a
//! second. Everything goes over plain HTTP to one printer.

use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where an IPP answer has its status.
const STATUS: usize = 2;

/// Posts what is in `file` to `path`, as if it had `claimed` bytes, and tells what came back: `http 200 ipp 0x0400`, or
/// `closed`. What is not there of what was claimed never comes: the connection ends in its place.
pub(super) fn post(address: SocketAddr, path: &str, file: &Path, claimed: Option<u64>) -> Result<()> {
    let body = fs::read(file).with_context(|| file.display().to_string())?;
    let mut connection = Connection::open(address)?;
    let begun = Instant::now();
    let length = claimed.unwrap_or(body.len() as u64);
    connection.send(path, length, &body);
    if length > body.len() as u64 {
        // Half of it stays open: the answer may still come.
        let _ = connection.stream.shutdown(Shutdown::Write);
    }
    let told = connection.answer().unwrap_or_else(|_| "closed".to_owned());
    println!("{told} after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Posts the same `count` times, one request after the other, and tells how often which answer came.
pub(super) fn flood(address: SocketAddr, path: &str, file: &Path, count: usize) -> Result<()> {
    let body = fs::read(file).with_context(|| file.display().to_string())?;
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut connection = None;
    println!("begun");
    for _ in 0..count {
        let used = match connection.take() {
            Some(used) => Ok(used),
            None => Connection::open(address),
        };
        let told = used.and_then(|mut used| {
            used.send(path, body.len() as u64, &body);
            let told = used.answer()?;
            connection = Some(used);
            Ok(told)
        });
        *tally.entry(told.unwrap_or_else(|_| "closed".to_owned())).or_default() += 1;
    }
    for (told, times) in tally {
        println!("{times} × {told}");
    }
    Ok(())
}

/// Puts a file of a million bytes at `path`, a byte a second; tells the seconds until it was cut.
pub(super) fn slow_put(address: SocketAddr, path: &str, limit: Duration) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n")?;
    drip(stream, limit)
}

/// Sends the HTTP header, the attributes or the document a byte a second; tells the seconds until it was cut.
pub(super) fn slow(address: SocketAddr, path: &str, part: &str, file: &Path, limit: Duration) -> Result<()> {
    let begin = fs::read(file).with_context(|| file.display().to_string())?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let head = header(address, path, 1_000_000);
    match part {
        "header" => {
            stream.write_all(head.trim_end().as_bytes())?;
            stream.write_all(b"\r\nX-Slow: ")?;
        }
        // The last attribute announces more than there is.
        "attributes" | "document" => stream.write_all(&[head.as_bytes(), &begin].concat())?,
        other => bail!("no such part of a request: {other}"),
    }
    drip(stream, limit)
}

/// A byte a second until the other side has enough of it.
fn drip(mut stream: TcpStream, limit: Duration) -> Result<()> {
    println!("begun");
    let begun = Instant::now();
    let mut answer = Vec::new();
    loop {
        ensure!(begun.elapsed() < limit, "still connected after {} s", limit.as_secs());
        if stream.write_all(b"a").is_err() {
            break;
        }
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend(&buffer[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    println!(
        "cut after {:.1} s {}",
        begun.elapsed().as_secs_f64(),
        answer.lines().next().unwrap_or_default()
    );
    Ok(())
}

fn header(address: SocketAddr, path: &str, length: u64) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/ipp\r\nContent-Length: {length}\r\n\r\n"
    )
}

struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { address, answers: BufReader::new(stream.try_clone()?), stream })
    }

    /// Whether it could be sent shows in the answer: one that comes early ends the sending.
    fn send(&mut self, path: &str, length: u64, body: &[u8]) {
        let _ = self.stream.write_all(header(self.address, path, length).as_bytes());
        let _ = self.stream.write_all(body);
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let status = line.split(' ').nth(1).context("no answer")?.to_owned();
        let mut length = 0;
        loop {
            line.clear();
            self.answers.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        ensure!(length < 4 << 20, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.answers.read_exact(&mut body)?;
        let ipp = body.get(STATUS..STATUS + 2).map_or(0, |code| u16::from_be_bytes([code[0], code[1]]));
        Ok(format!("http {status} ipp 0x{ipp:04x}"))
    }
}
