//! A file that somebody else has a hand in as well: another program here, or another computer.

use super::{ESTALE, Here, visible};
use crate::world::{MIB, Owner, Reader, noise};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    time::SystemTime,
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

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_writing_after_both_were_kept_writes_into_what_was_kept_of_their_own() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        // One that grows at the other side, and one that is held here.
        for (name, size) in [("large", 3 * MIB), ("small", 3_000)] {
            let (mine, theirs) = (dir.join(name), root.join(name));
            let content = noise(size + size / 2, 8);
            fs::write(&theirs, "old").unwrap();
            let mut file = File::options().read(true).write(true).truncate(true).open(&mine).unwrap();
            file.write_all(&content[..size]).unwrap();
            fs::write(&theirs, "somebody else's").unwrap();
            // As when a shell's first command ends, and the second one goes on.
            drop(file.try_clone().unwrap());
            assert_eq!(fs::read(&mine).unwrap(), b"somebody else's", "{name}: the name is theirs at once");
            file.write_all(&content[size..]).unwrap();
            assert_eq!(file.metadata().unwrap().len(), content.len() as u64, "{name}");
            let mut read = vec![0; content.len()];
            file.read_exact_at(&mut read, 0).unwrap();
            assert!(read == content, "{name}: what is open is what was written");
            file.sync_all().unwrap();
            assert_eq!(fs::read(&theirs).unwrap(), b"somebody else's", "{name}");
            let kept = format!("{name} (2)");
            assert!(fs::read(root.join(&kept)).unwrap() == content, "{name}");
            drop(file);
            assert!(fs::read(dir.join(kept)).unwrap() == content, "{name}");
        }
    })
    .await;
    assert_eq!(visible(&owner), ["large", "large (2)", "small", "small (2)"]);
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_name_is_somebody_else_s_by_now_is_not_moved_in_its_place() {
    let owner = Owner::new();
    owner.write("draft", b"old");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let theirs = owner.root().join("draft");
    here.program(move |dir| {
        let mut file = File::create(dir.join("draft")).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(&theirs, "somebody else's").unwrap();
        assert_eq!(
            fs::rename(dir.join("draft"), dir.join("final")).unwrap_err().kind(),
            io::ErrorKind::ResourceBusy
        );
        file.write_all(b", too").unwrap();
    })
    .await;
    here.end().await;
    assert_eq!(visible(&owner), ["draft", "draft (2)"]);
    assert_eq!(fs::read(owner.root().join("draft")).unwrap(), b"somebody else's");
    assert_eq!(fs::read(owner.root().join("draft (2)")).unwrap(), b"mine, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sets_the_mode_or_the_time_of_a_file_does_not_come_to_know_somebody_else_s_version() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        let told = |result: io::Result<()>| result.err().and_then(|error| error.raw_os_error());
        let mut file = File::create(dir.join("mode")).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(root.join("mode"), "theirs").unwrap();
        assert_eq!(told(file.set_permissions(fs::Permissions::from_mode(0o755))), Some(ESTALE));
        drop(file);

        let mut file = File::create(dir.join("time")).unwrap();
        fs::write(root.join("time"), "theirs").unwrap();
        assert_eq!(told(file.set_modified(SystemTime::UNIX_EPOCH)), Some(ESTALE));
        file.write_all(b"mine").unwrap();
        drop(file);

        for name in ["mode", "time"] {
            assert_eq!(fs::read(root.join(name)).unwrap(), b"theirs", "{name}");
            assert_eq!(fs::read(root.join(format!("{name} (2)"))).unwrap(), b"mine", "{name}");
        }
    })
    .await;
    here.end().await;
}
