//! A file that somebody else has a hand in as well: another program here, or another computer.

use super::Here;
use crate::world::{Owner, Reader};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_opened_while_it_is_closed_takes_what_is_written() {
    const ROUNDS: usize = 300;
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        let write = |line: &'static str| -> io::Result<()> {
            for _ in 0..ROUNDS {
                let mut file = File::options().append(true).create(true).open(dir.join("both"))?;
                file.write_all(line.as_bytes())?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            for writing in [scope.spawn(|| write("one\n")), scope.spawn(|| write("two\n"))] {
                writing.join().unwrap().unwrap();
            }
        });
    })
    .await;
    here.end().await;
    let written = fs::read_to_string(owner.root().join("both")).unwrap();
    for line in ["one", "two"] {
        assert_eq!(written.lines().filter(|written| *written == line).count(), ROUNDS, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_at_the_end_goes_behind_what_somebody_else_has_just_written_there() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        for name in ["append", "seek", "read"] {
            let (mine, theirs) = (dir.join(name), root.join(name));
            fs::write(&theirs, [b'a'; 100]).unwrap();
            assert_eq!(fs::metadata(&mine).unwrap().len(), 100);
            // The kernel holds for two seconds what it has just heard.
            File::options().append(true).open(&theirs).unwrap().write_all(&[b'b'; 50]).unwrap();
            let mut options = File::options();
            let options = options.read(true).write(true).append(name == "append");
            let mut file = options.open(&mine).unwrap();
            match name {
                "seek" => assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), 150),
                "read" => assert_eq!(file.read_to_end(&mut Vec::new()).unwrap(), 150),
                _ => {}
            }
            file.write_all(b"mine").unwrap();
            file.write_all(b", too").unwrap();
            drop(file);
            let whole = [&[b'a'; 100][..], &[b'b'; 50], b"mine, too"].concat();
            assert!(fs::read(&theirs).unwrap() == whole, "{name}");
            assert!(fs::read(&mine).unwrap() == whole, "{name}: as it is read here");
        }
    })
    .await;
    here.end().await;
}
