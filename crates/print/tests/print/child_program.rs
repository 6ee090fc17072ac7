//! The program that the tests start to read documents: a good child, or one of the bad ones that its first word names.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use lanyard_print::document::inside;
use std::{
    env, fs,
    io::{self, Write},
    net::{TcpStream, UdpSocket},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    // Misbehaving is for the children.
    #[cfg(target_os = "linux")]
    if words.len() > 2
        && words.last().is_some_and(|word| word == "zygote")
        && let Some(status) = inside::be_born()
    {
        return status;
    }
    match words.first().map(String::as_str) {
        Some("die") => std::process::abort(),
        Some("sleep") => loop {
            thread::sleep(Duration::from_secs(60));
        },
        Some("babble") => eprintln!("Lovely document! Twelve pages."),
        Some("another") => eprintln!(r#"{{"confined":true,"outcome":"made"}}"#),
        Some("flood") => while io::stderr().write_all(&[b'x'; 65536]).is_ok() {},
        Some("free") => try_everything(&words[1], &words[2]),
        Some("confined") => confined(&words[1], &words[2]),
        _ => return inside::answer_if_child().unwrap_or(ExitCode::FAILURE),
    }
    ExitCode::SUCCESS
}

/// What a document could do that took a child over.
#[cfg(target_os = "linux")]
fn confined(address: &str, process: &str) {
    use lanyard_print::document::limits::Limits;
    use std::os::fd::AsFd;
    let document = io::stdin().as_fd().try_clone_to_owned().unwrap().into();
    let out = io::stdout().as_fd().try_clone_to_owned().unwrap().into();
    let begun = Limits::begin();
    assert!(
        Limits::for_document(1000).take(begun, &document, &out, &[]),
        "this kernel has no seccomp filters"
    );
    try_everything(address, process);
    // An allocation that is too large ends the process: last.
    let mut hoard = vec![1u8; 400 * 1024 * 1024];
    tell("400 MiB", hoard.try_reserve_exact(10).map_err(io::Error::other));
    tell("1 GiB", Vec::<u8>::new().try_reserve_exact(1 << 30).map_err(io::Error::other));
    let _ = io::stderr().write_all(b"end\n");
    std::process::exit(0);
}

#[cfg(not(target_os = "linux"))]
fn confined(_: &str, _: &str) {}

fn try_everything(address: &str, process: &str) {
    tell("open", fs::File::open("/etc/passwd"));
    tell("list", fs::read_dir("/"));
    tell("create", fs::File::create(env::temp_dir().join("lanyard-child-was-here")));
    tell("look", fs::metadata("/etc/passwd"));
    tell("connect", TcpStream::connect(address));
    tell("send", UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", address)));
    tell("run", Command::new("/bin/true").status());
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, test_kill_process};
        let process = process.parse().ok().and_then(Pid::from_raw).unwrap();
        tell("signal", test_kill_process(process).map_err(io::Error::from));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = process;
    tell("thread", thread::Builder::new().spawn(|| {}));
}

fn tell<T>(what: &str, done: io::Result<T>) {
    let word = match done {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    let _ = io::stderr().write_all(format!("{what}: {word}\n").as_bytes());
}
