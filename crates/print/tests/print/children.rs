//! Children that misbehave, and what a document could do that took one over.

use super::offering::{Document, documents};
use lanyard_print::{
    document::{DocumentError, Documents, Format},
    ticket::Options,
};
use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lanyard-print-child");

fn letter() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("letter.pdf");
    fs::write(&path, Document::pdf(3).bytes).unwrap();
    (dir, path)
}

fn bad(words: &[&str]) -> Documents {
    documents(words, &CancellationToken::new())
}

/// Numbers of the processes that were started with that word, and of their parents.
fn family(word: &str) -> Vec<(String, String)> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is_ours = |line: Vec<u8>| line.split(|byte| *byte == 0).any(|found| found == word.as_bytes());
    let ours = processes.filter(|process| fs::read(process.path().join("cmdline")).is_ok_and(is_ours));
    ours.filter_map(|process| {
        let status = fs::read_to_string(process.path().join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Some((process.file_name().into_string().ok()?, parent.trim().to_owned()))
    })
    .collect()
}

/// Children that were started with that word: not the process that they are forks of, which is ours.
fn children(word: &str) -> Vec<String> {
    let us = std::process::id().to_string();
    let is_child = |(number, parent): (String, String)| (parent != us).then_some(number);
    family(word).into_iter().filter_map(is_child).collect()
}

fn alive(word: &str) -> usize {
    children(word).len()
}

async fn until_alive(word: &str, count: usize) {
    let start = Instant::now();
    while alive(word) != count {
        assert!(start.elapsed() < Duration::from_secs(10), "{} alive, not {count}", alive(word));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_or_talks_nonsense_costs_only_that_document() {
    let (_dir, letter) = letter();
    for word in ["die", "babble", "another", "flood"] {
        let start = Instant::now();
        let told = bad(&[word]).inspect(&letter, false).await;
        assert!(matches!(told, Err(DocumentError::Unreadable)), "{word}: {told:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{word} does not keep us");
    }
    let told = bad(&[]).inspect(&letter, true).await.unwrap();
    assert_eq!((told.format, told.pages), (Format::Pdf, Some(3)), "a good one counts");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_next_child_waits_for_its_document_and_each_reads_one() {
    let (dir, letter) = letter();
    // A program of its own, so that its processes can be told from those of other tests.
    let program = dir.path().join("reader");
    fs::copy(PROGRAM, &program).unwrap();
    let word = program.to_str().unwrap();
    let numbers = || children(word);
    let child = lanyard_print::document::ChildProgram::at(program.clone(), &[]);
    let documents = Documents::new(child, CancellationToken::new());
    assert!(numbers().is_empty(), "nothing is started before there is a document");
    let mut known = Vec::new();
    for round in 0..30 {
        let told = documents.inspect(&letter, true).await.unwrap();
        assert_eq!((told.format, told.pages), (Format::Pdf, Some(3)));
        // The one that has answered goes; another waits, and no other.
        let start = Instant::now();
        let waiting = loop {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}, and known are {known:?}", numbers());
            match &numbers()[..] {
                [one] if !known.contains(one) => break one.clone(),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        // One that dies while it waits costs nothing, also when it is asked just then.
        if round > 2 {
            let number = rustix::process::Pid::from_raw(waiting.parse().unwrap()).unwrap();
            // Now and then it is the one that has just answered, and is gone.
            let _ = rustix::process::kill_process(number, rustix::process::Signal::KILL);
        }
        // Nor does the one that they are forks of.
        if round % 5 == 4 {
            let us = std::process::id().to_string();
            let zygote = family(word).into_iter().find(|(_, parent)| *parent == us).unwrap();
            let number = rustix::process::Pid::from_raw(zygote.0.parse().unwrap()).unwrap();
            rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
        }
        known.push(waiting);
    }
    drop(documents);
    let start = Instant::now();
    while !family(word).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?} stay", family(word));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// As it is asked where nobody waits: on every system but Linux.
#[test]
fn a_child_answers_a_question_that_is_its_argument() {
    let (_dir, letter) = letter();
    let asked = Command::new(PROGRAM)
        .args(["--lanyard-document-child", r#"{"inspect":{"count":true}}"#])
        .stdin(File::open(letter).unwrap())
        .output()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&asked.stderr).unwrap();
    assert_eq!(answer["outcome"]["found"]["pages"], 3, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_be_started_says_nothing_about_the_document() {
    let (_dir, letter) = letter();
    let program = lanyard_print::document::ChildProgram::at("/nonexistent".into(), &[]);
    let told = Documents::new(program, CancellationToken::new()).inspect(&letter, false).await;
    assert!(matches!(told, Err(DocumentError::NotNow(_))), "it may be tried again: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_takes_too_long_is_ended() {
    let (_dir, letter) = letter();
    let word = Uuid::new_v4().to_string();
    let start = Instant::now();
    let told = bad(&["sleep", &word]).inspect(&letter, false).await;
    assert!(matches!(told, Err(DocumentError::Unreadable)), "{told:?}");
    println!("ended after {:?}", start.elapsed());
    assert!((14..30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(alive(&word), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_nobody_waits_for_is_ended() {
    let (_dir, letter) = letter();
    let (word, cancel) = (Uuid::new_v4().to_string(), CancellationToken::new());
    let looking = documents(&["sleep", &word], &cancel);
    let dropped = tokio::time::timeout(Duration::from_millis(500), looking.inspect(&letter, false)).await;
    assert!(dropped.is_err());
    until_alive(&word, 0).await;
    let stopped = tokio::spawn(async move { looking.inspect(&letter, false).await });
    until_alive(&word, 1).await;
    cancel.cancel();
    let told = stopped.await.unwrap();
    assert!(matches!(told, Err(DocumentError::NotNow(_))), "{told:?}");
    assert_eq!(alive(&word), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_two_children_run_at_once() {
    let (_dir, letter) = letter();
    let (word, cancel) = (Uuid::new_v4().to_string(), CancellationToken::new());
    let looking = documents(&["sleep", &word], &cancel);
    let all: Vec<_> = (0..6)
        .map(|_| {
            let (looking, letter) = (looking.clone(), letter.clone());
            tokio::spawn(async move { looking.inspect(&letter, false).await })
        })
        .collect();
    until_alive(&word, 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(alive(&word), 2);
    cancel.cancel();
    for looked in all {
        assert!(looked.await.unwrap().is_err());
    }
    assert_eq!(alive(&word), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_that_is_made_again_is_not_written_by_the_child_before() {
    let (dir, letter) = letter();
    let out = dir.path().join("out.pdf");
    let earlier = File::create(&out).unwrap();
    let options = Options { copies: Some(2), ..Options::default() };
    bad(&[]).to_pdf(&letter, Format::Pdf, &options, &out).await.unwrap();
    let whole = fs::metadata(&out).unwrap().len();
    std::io::Write::write_all(&mut &earlier, &vec![0; 100_000]).unwrap();
    assert_eq!(fs::metadata(&out).unwrap().len(), whole, "it has the old file");
}

#[test]
#[cfg(target_os = "linux")]
fn a_document_that_takes_a_child_over_gets_no_further() {
    let (_dir, letter) = letter();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tried = |word: &str| {
        let output = Command::new(PROGRAM)
            .args([word, &address, &std::process::id().to_string()])
            .stdin(File::open(&letter).unwrap())
            .stdout(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let free = tried("free");
    let tries = free.lines().count();
    assert!(tries >= 9 && free.lines().all(|line| line.ends_with(": done")), "all of it is possible: {free}");
    let confined = tried("confined");
    let refused = confined.lines().filter(|line| line.ends_with(": PermissionDenied")).count();
    assert_eq!(refused, tries, "nothing of it is: {confined}");
    assert!(confined.contains("400 MiB: done\n1 GiB: "), "it has memory: {confined}");
    assert!(!confined.contains("1 GiB: done"), "but not without end: {confined}");
    assert!(confined.ends_with("end\n"), "and it can end: {confined}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_takes_little_time() {
    let (dir, letter) = letter();
    let looking = bad(&[]);
    const LOOKS: u32 = 20;
    let start = Instant::now();
    for _ in 0..LOOKS {
        looking.inspect(&letter, false).await.unwrap();
    }
    println!("a look: {:?}", start.elapsed() / LOOKS);
    let (options, out) = (Options { copies: Some(2), ..Options::default() }, dir.path().join("out"));
    let start = Instant::now();
    for _ in 0..LOOKS {
        looking.to_pdf(&letter, Format::Pdf, &options, &out).await.unwrap();
    }
    println!("a small PDF made: {:?}", start.elapsed() / LOOKS);
    assert!(start.elapsed() < LOOKS * Duration::from_millis(500));
}
