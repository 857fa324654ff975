//! Blobs in a directory of their own.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use super::*;

#[test]
fn reads_what_was_put_and_refuses_a_flipped_bit() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    let digest = blobs.put(BlobKind::Bundle, b"proof").expect("puts");
    assert_eq!(blobs.get(BlobKind::Bundle, digest).expect("gets"), b"proof");
    assert!(matches!(blobs.get(BlobKind::Model, digest), Err(BlobError::Missing { .. })));
    fs::write(blobs.path(BlobKind::Bundle, digest), b"prooF").expect("writes");
    assert!(matches!(
        blobs.get(BlobKind::Bundle, digest),
        Err(BlobError::Damaged { expected, got, .. }) if expected == digest && got == Digest::of(b"prooF")
    ));
}

#[test]
fn the_check_leaves_nothing_and_notices_a_directory_without_room() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    blobs.check_writable().expect("there is room");
    assert_eq!(fs::read_dir(directory.path().join("tmp")).expect("lists").count(), 0);
    fs::remove_dir(directory.path().join("tmp")).expect("removes");
    fs::write(directory.path().join("tmp"), b"no directory").expect("writes");
    assert!(blobs.check_writable().expect_err("nowhere to write").is_transient());
}

#[test]
fn directories_that_were_removed_come_back() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    fs::remove_dir_all(directory.path()).expect("removes");
    blobs.check_writable().expect("there is room");
    let digest = blobs.put(BlobKind::Bundle, b"proof").expect("puts");
    assert_eq!(blobs.get(BlobKind::Bundle, digest).expect("gets"), b"proof");
}

#[test]
fn a_directory_in_the_place_of_a_blob_is_damage_and_gives_way() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    let digest = Digest::of(b"proof");
    let path = blobs.path(BlobKind::Bundle, digest);
    fs::create_dir_all(path.join("somebodys")).expect("makes");
    let error = blobs.get(BlobKind::Bundle, digest).expect_err("no blob");
    assert!(error.is_damage() && !error.is_transient(), "{error}");
    let sweep = blobs.keep_only(BlobKind::Bundle, &BTreeSet::new(), SystemTime::now());
    assert_eq!(sweep.expect("sweeps"), Sweep::default());
    blobs.put(BlobKind::Bundle, b"proof").expect("puts");
    assert_eq!(blobs.get(BlobKind::Bundle, digest).expect("gets"), b"proof");
    let aside = fs::read_dir(directory.path().join("orphans/bundles")).expect("lists");
    let aside: Vec<_> = aside.map(|entry| entry.expect("lists").path().join("somebodys")).collect();
    assert!(matches!(&aside[..], [kept] if kept.is_dir()), "{aside:?}");
}

#[test]
fn a_pipe_in_the_place_of_a_blob_is_damage_and_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    let path = blobs.path(BlobKind::Bundle, Digest::of(b"proof"));
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("runs").success());
    let (tell, told) = std::sync::mpsc::channel();
    let reader = blobs.clone();
    std::thread::spawn(move || tell.send(reader.get(BlobKind::Bundle, Digest::of(b"proof"))));
    let read = told.recv_timeout(Duration::from_secs(10)).expect("does not wait for a writer");
    assert!(matches!(&read, Err(error @ BlobError::NoFile { .. }) if error.is_damage()), "{read:?}");
    let digest = blobs.put(BlobKind::Bundle, b"proof").expect("takes its place");
    assert_eq!(blobs.get(BlobKind::Bundle, digest).expect("gets"), b"proof");
}

#[test]
fn refuses_more_than_the_limit() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    let digest = blobs.put(BlobKind::Bundle, b"proof").expect("puts");
    let file = File::options().write(true).open(blobs.path(BlobKind::Bundle, digest)).expect("opens");
    file.set_len(BlobKind::Bundle.limit() + 1).expect("grows");
    assert!(matches!(blobs.get(BlobKind::Bundle, digest), Err(BlobError::TooLarge { .. })));
}

#[test]
fn puts_aside_what_nothing_names_and_forgets_half_written_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = Blobs::open(directory.path()).expect("opens");
    let kept = blobs.put(BlobKind::Bundle, b"kept").expect("puts");
    let orphan = blobs.put(BlobKind::Bundle, b"orphan").expect("puts");
    fs::write(directory.path().join("tmp/half"), b"ha").expect("writes");
    let blobs = Blobs::open(directory.path()).expect("opens again");
    let now = SystemTime::now();
    let sweep = |kept: &[Digest], now| {
        let kept = kept.iter().copied().collect();
        let sweep = blobs.keep_only(BlobKind::Bundle, &kept, now).expect("sweeps");
        (sweep.put_aside, sweep.taken_back, sweep.removed)
    };
    assert_eq!(sweep(&[kept], now), (1, 0, 0));
    assert!(blobs.get(BlobKind::Bundle, kept).is_ok());
    assert!(matches!(blobs.get(BlobKind::Bundle, orphan), Err(BlobError::Missing { .. })));
    // The right database is back.
    assert_eq!(sweep(&[kept, orphan], now), (0, 1, 0));
    assert_eq!(blobs.get(BlobKind::Bundle, orphan).expect("gets"), b"orphan");
    assert_eq!(sweep(&[kept], now), (1, 0, 0));
    assert_eq!(sweep(&[kept], now + ORPHANS_KEPT), (0, 0, 0));
    assert_eq!(sweep(&[kept], now + ORPHANS_KEPT + Duration::from_secs(1)), (0, 0, 1));
    assert_eq!(sweep(&[kept, orphan], now), (0, 0, 0));
    assert_eq!(fs::read_dir(directory.path().join("tmp")).expect("lists").count(), 0);
}
