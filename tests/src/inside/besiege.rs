//! One address that takes all the connections it can get, and devices with a key of their own that are slow.

use anyhow::{Context, Result, bail, ensure};
use lanyard_trust::Identity;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt},
    process::{Resource, getrlimit, setrlimit},
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How often the ones that were closed are opened again, and the dripping ones send a byte.
const TURN: Duration = Duration::from_secs(1);

/// The beginning of a TLS handshake record that announces 512 bytes, and then zeros.
const RECORD: [u8; 11] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];

/// Keeps `count` connections to `address` begun for `length`: every other one says nothing, the others send a byte a
/// second of what could become a handshake. Each that is closed is opened again a second later.
pub(super) fn besiege(address: SocketAddr, count: usize, length: Duration) -> Result<()> {
    // A thousand open files are what a process may have unless it asks for more.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("ask for more open files")?;
    let begun = Instant::now();
    let (mut open, mut opened, mut most) = (Vec::<(TcpStream, usize)>::new(), 0_usize, 0);
    let mut round = 0_usize;
    while begun.elapsed() < length {
        let turn = Instant::now();
        open.retain_mut(|(stream, number)| is_there(stream, *number, round));
        most = most.max(open.len());
        if round == 1 {
            println!("besieged: {} of {count} stay open for a second", open.len());
        }
        for _ in open.len()..count {
            open.push((begin(address)?, opened));
            opened += 1;
        }
        round += 1;
        thread::sleep(TURN.saturating_sub(turn.elapsed()));
    }
    println!("opened {opened}, {most} at once for more than a second");
    Ok(())
}

/// Begins a connection and does not wait for it.
fn begin(address: SocketAddr) -> Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error).with_context(|| format!("begin a connection to {address}")),
    }
}

/// Whether the other side still has it, after it got the next byte when it is one that drips.
fn is_there(stream: &mut TcpStream, number: usize, round: usize) -> bool {
    let waits =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected);
    match stream.read(&mut [0; 64]) {
        Ok(0) => return false,
        // An alert may come before the end.
        Ok(_) => {}
        Err(error) if waits(&error) => {}
        Err(_) => return false,
    }
    if number.is_multiple_of(2) {
        return true;
    }
    match stream.write_all(&[RECORD.get(round).copied().unwrap_or_default()]) {
        Ok(()) => true,
        Err(error) => waits(&error),
    }
}

/// A connection to `address` with the key in `dir`, as another device makes one.
pub(super) fn knock(address: SocketAddr, dir: &Path) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut stream = client(address, dir)?;
    // Little fits on the way: who does not read is noticed soon.
    sockopt::set_socket_recv_buffer_size(&stream.sock, 4096)?;
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// The same as an ordinary client; the handshake comes with the first words.
pub(super) fn client(address: SocketAddr, dir: &Path) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    std::fs::create_dir_all(dir)?;
    let config = Identity::load_or_create(dir)?.client_config(None);
    let tls = ClientConnection::new(config, ServerName::IpAddress(address.ip().into()))?;
    let tcp = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(StreamOwned::new(tls, tcp))
}

/// A device with a key of its own that sends the header or the body of a request one byte a second, or the
/// header of one for a path and then takes nothing of the answer; tells the seconds until it was cut.
pub(super) fn slow_request(part: &str, address: SocketAddr, limit: Duration, dir: &Path) -> Result<()> {
    let mut stream = knock(address, dir)?;
    stream.sock.set_read_timeout(Some(Duration::from_millis(1000)))?;
    match part {
        "header" => stream.write_all(b"POST /v1/hello HTTP/1.1\r\nHost: x\r\nX-Slow: ")?,
        "body" => stream.write_all(b"POST /v1/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n")?,
        path if path.starts_with('/') => return never_read(stream, path, limit),
        other => bail!("no such part of a request: {other}"),
    }
    let begun = Instant::now();
    let mut answer = Vec::new();
    loop {
        ensure!(begun.elapsed() < limit, "still connected after {} s", limit.as_secs());
        if stream.write_all(b"a").and_then(|()| stream.flush()).is_err() {
            break;
        }
        let mut buffer = [0; 512];
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

/// Asks for something large and takes nothing of it; begins another request meanwhile, in order to notice the end.
fn never_read(
    mut stream: StreamOwned<ClientConnection, TcpStream>,
    path: &str,
    limit: Duration,
) -> Result<()> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")?;
    stream.flush()?;
    let begun = Instant::now();
    while stream.write_all(b"G").and_then(|()| stream.flush()).is_ok() {
        ensure!(begun.elapsed() < limit, "still connected after {} s", limit.as_secs());
        thread::sleep(TURN);
    }
    println!("cut after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A device with a key of its own that asks for something large on `count` connections and takes two KiB a second of each:
/// just enough not to be cut. Says how many were answered, goes on for `length`, and says how many were left.
pub(super) fn slow_readers(
    path: &str,
    address: SocketAddr,
    count: usize,
    length: Duration,
    dir: &Path,
) -> Result<()> {
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut stream = client(address, dir)?;
        // Room for a few records: in less, one would take seconds.
        sockopt::set_socket_recv_buffer_size(&stream.sock, 64 * 1024)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")?;
        stream.flush()?;
        readers.push(stream);
    }
    let mut sip = |stream: &mut StreamOwned<ClientConnection, TcpStream>| {
        let mut bytes = [0; 2048];
        stream.read_exact(&mut bytes).is_ok().then_some(bytes)
    };
    let answered =
        readers.iter_mut().filter_map(&mut sip).filter(|bytes| bytes.starts_with(b"HTTP/1.1 200")).count();
    println!("answered {answered} of {count}");
    let begun = Instant::now();
    while begun.elapsed() < length {
        let turn = Instant::now();
        readers.retain_mut(|stream| sip(stream).is_some());
        thread::sleep(TURN.saturating_sub(turn.elapsed()));
    }
    println!("{} left", readers.len());
    Ok(())
}

/// Asks one thing as a device with the key in `dir` and prints the answer as it comes.
pub(super) fn ask(address: SocketAddr, dir: &Path, request: &str) -> Result<()> {
    let mut stream = knock(address, dir)?;
    let (line, body) = request.split_once('\n').unwrap_or((request, ""));
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()?;
    let mut answer = Vec::new();
    // The answer ends with the connection, whether or not its end is announced properly.
    let _ = stream.take(1 << 20).read_to_end(&mut answer);
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}
