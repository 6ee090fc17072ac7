//! What the test binary does when it is started again inside a host: the far end of a measurement, a port that is
//! taken, a stranger with bad manners. A process cannot move a thread of its own between hosts without `unsafe`, so
//! it starts itself there.

mod besiege;
mod joining;
mod middle;
mod ranges;
mod rude;
mod stopwatch;
mod web;

pub use stopwatch::{Timed, usage};

use crate::mdns;
use anyhow::{Context, Result, anyhow, bail, ensure};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    env,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

/// The first argument that tells the test binary that it is not the runner.
pub const MARK: &str = "inside-a-host";

/// The port of the echo in [`crate::impair`]'s measurements.
pub const ECHO_PORT: u16 = 9098;

/// Does what the arguments say when they begin with [`MARK`]; none when this process is the runner.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (mark, rest) = arguments.split_first()?;
    if mark != MARK {
        return None;
    }
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    Some(match act(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    })
}

fn act(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["time", command @ ..] => stopwatch::run(command),
        ["ranges", address, dir, path, size, connections, length] => {
            let length = Duration::from_secs(length.parse()?);
            ranges::ranges(
                address.parse()?,
                Path::new(dir),
                path,
                size.parse()?,
                connections.parse()?,
                length,
            )
        }
        ["first-page", address, dir, path] => ranges::first_page(address.parse()?, Path::new(dir), path),
        ["sink", port] => sink(port.parse()?),
        ["blast", address, bytes] => blast(address.parse()?, bytes.parse()?),
        ["echo"] => echo(),
        ["round-trip", address] => round_trip(address.parse()?),
        ["probe", address, count] => probe(address.parse()?, count.parse()?),
        ["hold-port", port] => hold_port(port.parse()?),
        ["drip", address, limit] => drip(address.parse()?, Duration::from_secs(limit.parse()?)),
        ["slow-request", part, address, limit, dir] => {
            let limit = Duration::from_secs(limit.parse()?);
            besiege::slow_request(part, address.parse()?, limit, Path::new(dir))
        }
        ["slow-readers", path, address, count, length, dir] => {
            let length = Duration::from_secs(length.parse()?);
            besiege::slow_readers(path, address.parse()?, count.parse()?, length, Path::new(dir))
        }
        ["besiege", address, count, length] => {
            besiege::besiege(address.parse()?, count.parse()?, Duration::from_secs(length.parse()?))
        }
        ["ask", address, dir, request] => besiege::ask(address.parse()?, Path::new(dir), request),
        ["twins", dir, discriminator, first, count] => {
            joining::twins(Path::new(dir), discriminator.parse()?, first.parse()?, count.parse()?)
        }
        ["python-joins", address, dir, python, script, code] => {
            joining::python_joins(address.parse()?, Path::new(dir), python, script, code)
        }
        ["replay", address, dir] => joining::replay(address.parse()?, Path::new(dir)),
        ["middle", dir, ways @ ..] => middle::middle(Path::new(dir), ways),
        ["post-ipp", address, path, file] => rude::post(address.parse()?, path, Path::new(file), None),
        ["post-ipp", address, path, file, claimed] => {
            rude::post(address.parse()?, path, Path::new(file), Some(claimed.parse()?))
        }
        ["flood-ipp", address, path, file, count] => {
            rude::flood(address.parse()?, path, Path::new(file), count.parse()?)
        }
        ["slow-ipp", address, path, part, file, limit] => {
            let limit = Duration::from_secs(limit.parse()?);
            rude::slow(address.parse()?, path, part, Path::new(file), limit)
        }
        ["slow-put", address, path, limit] => {
            rude::slow_put(address.parse()?, path, Duration::from_secs(limit.parse()?))
        }
        ["web", address, dir] => web::web(address.parse()?, Path::new(dir)),
        ["open-socket", path] => open_socket(Path::new(path)),
        ["announce", packets @ ..] => announce(packets),
        ["silent", address, limit] => silent(address.parse()?, Duration::from_secs(limit.parse()?)),
        ["crowd", address, count] => crowd(address.parse()?, count.parse()?),
        ["hold-udp-port", port] => hold_udp_port(port.parse()?),
        ["ask-to-probe", address, other, dir] => ask_to_probe(address.parse()?, other, Path::new(dir)),
        ["hold-host"] => hold_host(),
        ["hostile-mdns", count] => hostile_mdns(count.parse()?, Duration::ZERO),
        ["hostile-mdns", count, length] => hostile_mdns(count.parse()?, Duration::from_secs(length.parse()?)),
        other => bail!("no such thing to do inside a host: {other:?}"),
    }
}

/// Takes what comes on one connection, then says so with one byte.
fn sink(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    println!("listening");
    let (mut stream, _) = listener.accept()?;
    io::copy(&mut stream, &mut io::sink())?;
    stream.write_all(b".")?;
    Ok(())
}

fn blast(address: SocketAddr, bytes: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    io::copy(&mut io::repeat(0x5a).take(bytes), &mut stream)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // The answer comes when everything has arrived; what lies in buffers has not been sent.
    let mut answer = [0; 1];
    stream.read_exact(&mut answer)?;
    Ok(())
}

/// Sends every datagram back to where it came from.
fn echo() -> Result<()> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, ECHO_PORT))?;
    println!("listening");
    let mut buffer = [0; 64];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        // Nobody may be there any more; the others still want their echo.
        let _ = socket.send_to(&buffer[..length], from);
    }
}

/// Sends `count` datagrams, a thousand a second, and tells how many came back.
fn probe(address: SocketAddr, count: u32) -> Result<()> {
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    let receiver = socket.try_clone()?;
    receiver.set_read_timeout(Some(Duration::from_millis(700)))?;
    let counter = thread::spawn(move || {
        let mut received = 0u32;
        // An error that came back by ICMP is no echo, and no end.
        let begun = Instant::now();
        while received < count && begun.elapsed() < Duration::from_secs(30) {
            match receiver.recv(&mut [0; 64]) {
                Ok(_) => received += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
        received
    });
    for number in 0..count {
        // Where there is no way, sending fails at once, which is as lost as it gets.
        let _ = socket.send_to(&number.to_be_bytes(), address);
        thread::sleep(Duration::from_millis(1));
    }
    let received = counter.join().unwrap_or(0);
    println!("{received}");
    Ok(())
}

/// Prints the milliseconds that half of some small datagrams need at most there and back.
fn round_trip(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut times = Vec::new();
    for number in 0..40_u32 {
        let begun = Instant::now();
        socket.send_to(&number.to_be_bytes(), address)?;
        let mut answer = [0; 64];
        while let Ok(length) = socket.recv(&mut answer) {
            if answer[..length] == number.to_be_bytes() {
                times.push(begun.elapsed());
                break;
            }
        }
        ensure!(begun.elapsed() < Duration::from_secs(5) || !times.is_empty(), "no echo");
    }
    times.sort_unstable();
    let middle = times.get(times.len() / 2).context("no echo")?;
    println!("{:.2}", middle.as_secs_f64() * 1_000.0);
    Ok(())
}

fn hold_port(port: u16) -> Result<()> {
    let _v6 = TcpListener::bind(("::", port)).context("take the port")?;
    println!("listening");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Keeps a UDP port to itself: without SO_REUSEADDR nobody shares it.
fn hold_udp_port(port: u16) -> Result<()> {
    let _v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).context("take the port")?;
    println!("listening");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Asks a node five times at once, always with somebody else's address in it, to connect back; tells the status of
/// each answer.
fn ask_to_probe(address: SocketAddr, other: &str, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let identity = lanyard_trust::Identity::load_or_create(dir)?;
    let body = format!("{{\"v\":1,\"port\":9999,\"addresses\":[\"{other}\"],\"address\":\"{other}:9999\"}}");
    let request =
        format!("POST /v1/probe HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let asking: Vec<_> = (0..5)
        .map(|_| {
            let (config, request) = (identity.client_config(None), request.clone());
            thread::spawn(move || -> Result<String> {
                let mut tls = ClientConnection::new(config, ServerName::IpAddress(address.ip().into()))?;
                let mut tcp = TcpStream::connect(address)?;
                while tls.is_handshaking() {
                    tls.complete_io(&mut tcp)?;
                }
                tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
                let mut stream = StreamOwned::new(tls, tcp);
                stream.write_all(request.as_bytes())?;
                stream.flush()?;
                let mut answer = [0; 512];
                let length = stream.read(&mut answer)?;
                Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
            })
        })
        .collect();
    for asked in asking {
        let answer = asked.join().map_err(|_| anyhow!("a thread panicked"))??;
        println!("{}", answer.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// Makes a host with a process in it, tells both process ids, and waits to be killed.
fn hold_host() -> Result<()> {
    let host = crate::Host::new("held")?;
    let sleeper = host.spawn(&["sleep", "600"])?;
    println!("{} {}", host.pid(), sleeper.pid());
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Connects and sends one byte a second of what could become a request; answers with the seconds until it was cut.
fn drip(address: SocketAddr, limit: Duration) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(1000)))?;
    let begun = Instant::now();
    // The beginning of a TLS handshake record that announces 512 bytes and then takes its time.
    let slow = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]
        .into_iter()
        .chain(std::iter::repeat(0));
    for byte in slow {
        ensure!(begun.elapsed() < limit, "still connected after {} s", limit.as_secs());
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        match stream.read(&mut [0; 512]) {
            Ok(0) => break,
            // An alert may come before the end.
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    println!("cut after {:.1}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Connects, says nothing, and answers with the seconds until it was cut.
fn silent(address: SocketAddr, limit: Duration) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(limit))?;
    let begun = Instant::now();
    match stream.read(&mut [0; 512]) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            bail!("still connected after {} s", limit.as_secs())
        }
        Ok(_) | Err(_) => {}
    }
    println!("cut after {:.1}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Opens `count` connections, says nothing on any of them, and opens a new one for each that is closed.
fn crowd(address: SocketAddr, count: usize) -> Result<()> {
    let mut open: Vec<TcpStream> = Vec::new();
    let mut refused = 0;
    let mut told = false;
    let begun = Instant::now();
    loop {
        open.retain(|stream| {
            // Nothing to read yet is what an open connection looks like.
            let quiet = stream.peek(&mut [0]);
            matches!(quiet, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        });
        let (mut new, kept) = (Vec::new(), open.len());
        for _ in kept..count {
            match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
                Ok(stream) => {
                    stream.set_nonblocking(true)?;
                    new.push(stream);
                }
                Err(_) => refused += 1,
            }
        }
        open.extend(new);
        // What was only just accepted may be closed a moment later; told is what stays.
        if !told && begun.elapsed() > Duration::from_secs(1) {
            println!("crowded: {kept} of {count} stay open, {refused} were refused");
            told = true;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Connects to a local socket, as any user of a computer may try.
fn open_socket(path: &Path) -> Result<()> {
    UnixStream::connect(path).with_context(|| format!("connect to {}", path.display()))?;
    println!("open");
    Ok(())
}

/// Sends announcements no honest device would send, `count` of them with valid but different names, spread over
/// `length`.
fn hostile_mdns(count: u32, length: Duration) -> Result<()> {
    let socket = multicast()?;
    let group = (mdns::GROUP, mdns::PORT);
    for packet in mdns::hostile() {
        socket.send_to(&packet, group)?;
    }
    println!("rude ones sent");
    let begun = Instant::now();
    for number in 0..count {
        socket.send_to(&mdns::plausible(number), group)?;
        // Fast, but not so fast that the sender's own buffers drop most of it.
        if number % 50 == 49 {
            let due = length * number / count;
            thread::sleep(due.saturating_sub(begun.elapsed()).max(Duration::from_millis(5)));
        }
    }
    println!("all sent");
    Ok(())
}

/// Sends packets (hexadecimal digits) to the multicast group, three times within a second, as RFC 6762 §8.3 asks of
/// announcements.
fn announce(packets: &[&str]) -> Result<()> {
    let socket = multicast()?;
    let packets: Vec<Vec<u8>> = packets.iter().map(|packet| mdns::from_hex(packet)).collect::<Result<_>>()?;
    for _ in 0..3 {
        for packet in &packets {
            socket.send_to(packet, (mdns::GROUP, mdns::PORT))?;
        }
        thread::sleep(Duration::from_millis(300));
    }
    println!("announced");
    Ok(())
}

fn multicast() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, mdns::PORT))?;
    socket.set_multicast_ttl_v4(255)?;
    Ok(socket)
}
