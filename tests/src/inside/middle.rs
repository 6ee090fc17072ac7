//! A computer in the middle: it ends every TLS connection itself and makes another one to where the first was meant
//! to go, as anybody can who gets the packets of two others.

use anyhow::{Context, Result, bail};
use lanyard_trust::{
    Identity,
    identity::{ALPN, JOIN_ALPN, peer_id},
};
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned, pki_types::ServerName};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How long one connection may go on.
const LONGEST: Duration = Duration::from_secs(120);

type Near = StreamOwned<ServerConnection, TcpStream>;
type Far = StreamOwned<ClientConnection, TcpStream>;

/// Takes what comes to the first port of each `port=address` and passes it on to the address, with the key in `dir`
/// on both sides. All that it could read goes into `dir/transcript`; each step is a line of standard output.
pub(super) fn middle(dir: &Path, ways: &[&str]) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let identity = Identity::load_or_create(dir)?;
    let mut config = ServerConfig::clone(&identity.server_config());
    config.alpn_protocols = vec![ALPN.to_vec(), JOIN_ALPN.to_vec()];
    let config = Arc::new(config);
    for way in ways {
        let (port, target) = way.split_once('=').context("PORT=ADDRESS is expected")?;
        let (port, target): (u16, SocketAddr) = (port.parse()?, target.parse()?);
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
        let (identity, config) = (identity.clone(), Arc::clone(&config));
        let transcript = OpenOptions::new().append(true).create(true).open(dir.join("transcript"))?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (identity, config) = (identity.clone(), Arc::clone(&config));
                let Ok(transcript) = transcript.try_clone() else { continue };
                thread::spawn(move || match pass(&identity, config, stream, target, transcript) {
                    Ok(passed) => println!("to {target}: over after {passed} bytes"),
                    Err(error) => println!("to {target}: {error:#}"),
                });
            }
        });
    }
    println!("in the middle as {}", identity.node_id());
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn pass(
    identity: &Identity,
    config: Arc<ServerConfig>,
    mut near: TcpStream,
    target: SocketAddr,
    mut transcript: File,
) -> Result<u64> {
    let from = near.peer_addr()?;
    println!("to {target}: a connection from {from}");
    near.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut tls = ServerConnection::new(config)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut near).with_context(|| format!("{from} does not shake hands"))?;
    }
    let protocol = tls.alpn_protocol().map(<[u8]>::to_vec).unwrap_or_default();
    let caller = peer_id(tls.peer_certificates()).context("no key on the near side")?;
    let mut near: Near = StreamOwned::new(tls, near);

    let client = match protocol.as_slice() {
        ALPN => identity.client_config(None),
        JOIN_ALPN => identity.join_client_config(None),
        other => bail!("an unknown protocol: {}", String::from_utf8_lossy(other)),
    };
    let mut tcp = TcpStream::connect_timeout(&target, Duration::from_secs(5))?;
    tcp.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut tls = ClientConnection::new(client, ServerName::IpAddress(target.ip().into()))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).with_context(|| format!("{target} does not shake hands"))?;
    }
    let called = peer_id(tls.peer_certificates()).context("no key on the far side")?;
    let mut far: Far = StreamOwned::new(tls, tcp);
    println!("to {target}: in between {caller} and {called} by {}", String::from_utf8_lossy(&protocol));

    for stream in [&near.sock, &far.sock] {
        stream.set_read_timeout(Some(Duration::from_millis(2)))?;
    }
    let begun = Instant::now();
    let mut passed = 0;
    while begun.elapsed() < LONGEST {
        match (step(&mut near, &mut far, &mut transcript)?, step(&mut far, &mut near, &mut transcript)?) {
            (Some(there), Some(back)) => passed += there + back,
            _ => break,
        }
    }
    Ok(passed)
}

/// Passes on what has come; none at the end of the stream.
fn step(from: &mut impl Read, to: &mut impl Write, transcript: &mut File) -> Result<Option<u64>> {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer) {
        Ok(0) => Ok(None),
        Ok(length) => {
            transcript.write_all(&buffer[..length])?;
            to.write_all(&buffer[..length])?;
            to.flush()?;
            Ok(Some(length as u64))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Ok(Some(0))
        }
        // The end of the other side without a goodbye is an end, too.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}
