//! Ends of a join that are not Lanyard: false devices that show a code, and a program in another language.

use anyhow::{Context, Result, ensure};
use lanyard_trust::{
    Identity,
    join::{About, Ends, Frame, Invite, Next, Purpose, Random, Shows, Window},
};
use rustls::{ClientConnection, ServerConnection, StreamOwned, pki_types::ServerName};
use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Devices that show a code with these first two digits and guess the rest, one on each of `count` ports. Each try of
/// somebody who types the code there is told in a line.
pub(super) fn twins(dir: &Path, discriminator: u8, first: u16, count: u16) -> Result<()> {
    fs::create_dir_all(dir)?;
    let identity = Identity::load_or_create(dir)?;
    for port in first..first + count {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
        let identity = identity.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                match twin(&identity, discriminator, stream) {
                    Ok(how) => println!("{port}: {how}"),
                    Err(error) => println!("{port}: nothing: {error:#}"),
                }
            }
        });
    }
    println!("showing");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn twin(identity: &Identity, discriminator: u8, mut tcp: TcpStream) -> Result<&'static str> {
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut tls = ServerConnection::new(identity.join_server_config())?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    let ends = Ends::of(identity.node_id(), &tls).context("not for joining")?;
    let mut stream = StreamOwned::new(tls, tcp);
    let invite = loop {
        let drawn =
            Invite::draw(Purpose::Admit { home: [7; 32] }, getrandom::fill).map_err(io::Error::other)?;
        if drawn.code().discriminator() == discriminator {
            break drawn;
        }
    };
    let mut window = Window::open(invite, Instant::now());
    let random = Random::draw(getrandom::fill).map_err(io::Error::other)?;
    let mut shows = Shows::new(ends, About::new("Kitchen", "linux"), false, random, Instant::now());
    let mut heard = "nothing";
    loop {
        let frame = match read(&mut stream) {
            Ok(frame) => frame,
            Err(error) if heard == "nothing" => return Err(error),
            Err(_) => return Ok(heard),
        };
        heard = match frame {
            Frame::Hello { .. } => "hello",
            // A half of the exchange and a tag: this is what a guess at the code needs.
            Frame::Confirm { .. } => "a try",
            _ => heard,
        };
        let step = shows.on(Ok(frame), &mut window, Instant::now());
        if let Some(frame) = step.send {
            stream.write_all(&frame.encode())?;
            stream.flush()?;
        }
        match step.next {
            Next::Done(_) => return Ok("GUESSED"),
            Next::Failed(_) => return Ok(heard),
            Next::Listen | Next::Ask(_) => {}
        }
    }
}

fn read(stream: &mut impl Read) -> Result<Frame> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut json = vec![0; Frame::length(head, true)?];
    stream.read_exact(&mut json)?;
    Ok(Frame::decode(&json)?)
}

/// Lets a Python program join the device at `address` by `code`, over a connection with the key in `dir`. Everything
/// the program sends is kept in `dir/sent`. What became of it is told in its own words.
pub(super) fn python_joins(
    address: SocketAddr,
    dir: &Path,
    python: &str,
    script: &str,
    code: &str,
) -> Result<()> {
    let (mut stream, ends) = meet(address, dir)?;
    let what = if code.starts_with("lanyard:") { "link" } else { "code" };
    let told = serde_json::json!({
        what: code,
        "side": "joiner",
        "own": hex(ends.own.as_bytes()),
        "peer": hex(ends.peer.as_bytes()),
        "exporter": hex(&ends.exporter),
        // Nothing to tell: a member without an address of its own.
        "say": hex(b"{}"),
        "rounds": 1,
    });
    let mut child = Command::new(python)
        .args([script, &told.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {python}"))?;
    let mut into = child.stdin.take().context("no input")?;
    let mut out = child.stdout.take().context("no output")?;
    let (sender, frames) = std::sync::mpsc::sync_channel::<Vec<u8>>(4);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = out.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    stream.sock.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut sent = Vec::new();
    let begun = Instant::now();
    while child.try_wait()?.is_none() && begun.elapsed() < Duration::from_secs(40) {
        while let Ok(bytes) = frames.try_recv() {
            sent.extend(&bytes);
            stream.write_all(&bytes)?;
            stream.flush()?;
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            // It may have ended meanwhile.
            Ok(length) => drop(into.write_all(&buffer[..length])),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    drop(into);
    while let Ok(bytes) = frames.recv_timeout(Duration::from_millis(500)) {
        sent.extend(&bytes);
        // The other side may be gone; then it did not matter to it.
        let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
    }
    // What was sent last has to arrive before the connection ends.
    thread::sleep(Duration::from_millis(500));
    let _ = child.kill();
    let output = child.wait_with_output()?;
    fs::write(dir.join("sent"), sent)?;
    print!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Sends again, over a new connection, what [`python_joins`] has kept, and tells what comes back.
pub(super) fn replay(address: SocketAddr, dir: &Path) -> Result<()> {
    let (mut stream, _) = meet(address, dir)?;
    let recorded = fs::read(dir.join("sent"))?;
    ensure!(recorded.len() > 100, "nothing was recorded");
    stream.write_all(&recorded)?;
    stream.flush()?;
    while let Ok(frame) = read(&mut stream) {
        let json = serde_json::to_value(&frame)?;
        println!("{} {}", json["type"], json["reason"]);
    }
    println!("end");
    Ok(())
}

fn meet(address: SocketAddr, dir: &Path) -> Result<(StreamOwned<ClientConnection, TcpStream>, Ends)> {
    fs::create_dir_all(dir)?;
    let identity = Identity::load_or_create(dir)?;
    let name = ServerName::IpAddress(address.ip().into());
    let mut tls = ClientConnection::new(identity.join_client_config(None), name)?;
    let mut tcp = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    let ends = Ends::of(identity.node_id(), &tls).context("not for joining")?;
    println!("as {}", identity.node_id());
    Ok((StreamOwned::new(tls, tcp), ends))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
