//! A web server as an attacker has one: it serves a page, and tells everything that reaches it.

use anyhow::Result;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Serves the files of `dir` and prints a line for every request: its method, its path and its body.
pub(super) fn web(address: SocketAddr, dir: &Path) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    for stream in listener.incoming() {
        let (stream, dir) = (stream?, PathBuf::from(dir));
        thread::spawn(move || answer(stream, &dir));
    }
    Ok(())
}

fn answer(stream: TcpStream, dir: &Path) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    reader.by_ref().take(8192).read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.by_ref().take(8192).read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).replace(['\r', '\n'], " ");
    let (method, path) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    let path = path.split(' ').next().unwrap_or_default();
    println!("{method} {path} {body}");
    let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let (status, content) = match fs::read(dir.join(name.replace("..", ""))) {
        Ok(content) if !name.is_empty() => ("200 OK", content),
        _ => ("404 Not Found", b"nothing".to_vec()),
    };
    let kind = if name.ends_with(".html") { "text/html; charset=utf-8" } else { "text/plain" };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    stream.write_all(&content)?;
    Ok(())
}
