use std::{
    env,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::fixture::{files, store};

const KIND: ObjectKind = ObjectKind::Model;

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Note {
    text: String,
    object: Digest,
}

impl Record for Note {
    const KIND: RecordKind = RecordKind::Circuit;

    fn references(&self) -> References {
        vec![(self::KIND, self.object)]
    }
}

#[test]
fn the_directory_comes_from_the_variable_or_the_platform() {
    let data = PathBuf::from("/data/lemma");
    assert_eq!(root_of(Some("/home/x".into()), Some(data.clone())).unwrap(), PathBuf::from("/home/x"));
    assert_eq!(root_of(Some("".into()), Some(data.clone())).unwrap(), data);
    assert_eq!(root_of(None, Some(data.clone())).unwrap(), data);
    assert!(matches!(root_of(None, None), Err(StoreError::NoHome)));
    assert!(matches!(root_of(Some("".into()), None), Err(StoreError::NoHome)));
}

#[test]
fn objects_are_found_by_their_digest() {
    let (_directory, store) = store();
    let digest = store.put(KIND, b"bytes").unwrap();
    assert_eq!(digest, Digest::of(b"bytes"));
    assert_eq!(store.put(KIND, b"bytes").unwrap(), digest);
    assert_eq!(store.get(KIND, digest, 5).unwrap(), b"bytes");
    let (mut stream, length) = store.open_checked(KIND, digest).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.as_slice(), length), (&b"bytes"[..], 5));
    assert!(matches!(store.get(KIND, digest, 4), Err(StoreError::TooLarge { limit: 4, got: 5, .. })));
    assert!(store.get(KIND, Digest::of(b"other"), 5).unwrap_err().is_not_found());
    assert!(store.get(ObjectKind::Srs, digest, 5).unwrap_err().is_not_found());
}

#[test]
fn damaged_objects_are_refused() {
    let (_directory, store) = store();
    let digest = store.put(KIND, b"bytes").unwrap();
    fs::write(store.object_path(KIND, digest), b"bytez").unwrap();
    let is_damage = |error: StoreError| match error {
        StoreError::Damaged { expected, got, .. } => expected == digest && got == Digest::of(b"bytez"),
        _ => false,
    };
    assert!(is_damage(store.get(KIND, digest, 5).unwrap_err()));
    assert!(is_damage(store.open_checked(KIND, digest).unwrap_err()));
}

#[test]
fn a_failed_write_leaves_nothing_under_a_name() {
    let (_directory, store) = store();
    let error = store.put_with(KIND, |out| {
        out.write_all(b"half")?;
        Err(io::Error::other("disk on fire"))
    });
    assert!(matches!(error, Err(StoreError::Io { action: "write", .. })));
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(files(&store.temporary()).len(), 0);
}

#[test]
fn records_round_trip_and_damage_is_named() {
    let (_directory, store) = store();
    let note = Note { text: "hello".into(), object: Digest([1; 32]) };
    assert_eq!(store.record::<Note>("n").unwrap(), None);
    store.put_record("n", &note).unwrap();
    assert_eq!(store.record("n").unwrap(), Some(note.clone()));
    let newer = Note { text: "newer".into(), ..note };
    store.put_record("n", &newer).unwrap();
    assert_eq!(store.all_records::<Note>().unwrap(), [newer]);

    let path = store.records_of(Note::KIND).join("n");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(matches!(store.record::<Note>("n"), Err(StoreError::RecordEnvelope { .. })));
    let body =
        lemma_verifier::envelope::encode(lemma_verifier::envelope::Kind::StoreRecord, b"nonsense").unwrap();
    fs::write(&path, body).unwrap();
    assert!(matches!(store.record::<Note>("n"), Err(StoreError::RecordBody { .. })));
}

#[test]
fn damaged_records_block_nothing_and_are_collected() {
    let (_directory, store) = store();
    let object = store.put(KIND, b"kept").unwrap();
    let note = Note { text: "intact".into(), object };
    store.put_record("intact", &note).unwrap();
    let records = store.records_of(Note::KIND);
    fs::write(records.join("damaged"), b"damage").unwrap();
    fs::write(records.join(".DS_Store"), b"stray").unwrap();
    fs::create_dir(records.join("directory")).unwrap();
    fs::create_dir(store.temporary().join("directory")).unwrap();
    fs::create_dir_all(store.temporary().join("filled/directory")).unwrap();

    assert_eq!(store.record("intact").unwrap(), Some(note.clone()));
    assert_eq!(store.all_records::<Note>().unwrap().as_slice(), std::slice::from_ref(&note));
    assert!(store.record::<Note>("damaged").unwrap_err().is_damage());
    assert!(store.record::<Note>("directory").unwrap_err().is_damage());
    assert_eq!(store.list().unwrap().len(), 1);
    let damaged = store.damaged_records().unwrap();
    let names: Vec<_> = damaged.iter().map(|record| record.path.file_name().unwrap()).collect();
    assert_eq!(names, [".DS_Store", "damaged", "directory"]);

    let report = store.gc().unwrap();
    assert_eq!((report.damaged, report.files, report.bytes), (damaged, 4, 11));
    assert_eq!(store.damaged_records().unwrap(), []);
    assert_eq!(store.record("intact").unwrap(), Some(note));
    assert_eq!(store.get(KIND, object, 9).unwrap(), b"kept");
    assert_eq!(store.gc().unwrap(), GcReport::default());
}

#[cfg(unix)]
#[test]
fn a_store_that_may_only_be_read_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let (_directory, store) = store();
    let object = store.put(KIND, b"bytes").unwrap();
    let note = Note { text: "kept".into(), object };
    store.put_record("n", &note).unwrap();
    let directories =
        ["locks", "tmp", "objects/model", "records/circuit"].map(|name| store.root().join(name));
    let set = |mode| {
        for directory in &directories {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
            for file in fs::read_dir(directory).unwrap() {
                fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    };
    set(0o555);
    // Nothing keeps a superuser from writing.
    if fs::write(store.root().join("locks/probe"), b"").is_err() {
        let store = Store::open(store.root()).unwrap();
        assert!(store.lock("computation").is_ok());
        assert_eq!(store.record("n").unwrap(), Some(note));
        assert_eq!(store.get(KIND, object, 5).unwrap(), b"bytes");
        let error = store.put(KIND, b"more").unwrap_err();
        assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
        assert!(error.to_string().ends_with("choose another with --store or LEMMA_HOME"), "{error}");
    }
    set(0o755);
}

#[test]
fn garbage_collection_keeps_what_records_need() {
    let (_directory, store) = store();
    let kept = store.put(KIND, b"kept").unwrap();
    let lost = store.put(KIND, b"lost!").unwrap();
    store.put_record("n", &Note { text: String::new(), object: kept }).unwrap();
    fs::write(store.temporary().join("leftover"), b"1234567").unwrap();
    let referenced: Vec<_> =
        store.list().unwrap().into_iter().map(|entry| (entry.digest, entry.referenced)).collect();
    assert!(referenced.contains(&(kept, true)) && referenced.contains(&(lost, false)));
    assert_eq!(store.gc().unwrap(), GcReport { files: 2, bytes: 12, damaged: vec![] });
    assert_eq!(store.list().unwrap().len(), 1);
    assert_eq!(store.get(KIND, kept, 9).unwrap(), b"kept");
    assert_eq!(store.gc().unwrap(), GcReport::default());
}

#[test]
fn garbage_collection_waits_for_writers() {
    let (_directory, store) = store();
    let session = store.session().unwrap();
    let digest = store.put(KIND, b"not referenced yet").unwrap();
    thread::scope(|scope| {
        let collector = scope.spawn(|| store.gc().unwrap());
        thread::sleep(Duration::from_millis(100));
        assert!(!collector.is_finished());
        store.put_record("n", &Note { text: String::new(), object: digest }).unwrap();
        drop(session);
        assert_eq!(collector.join().unwrap(), GcReport::default());
    });
}

#[test]
fn an_unusable_directory_is_named() {
    let (directory, _) = store();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(matches!(&error, StoreError::Io { action: "create directory", .. }));
    assert!(error.to_string().contains("file"));
}

/// What each of the processes of the test below does: in rounds, under one lock, increments a number that is kept as
/// an object named by a record, and collects garbage now and then.
fn work(store: &Store, rounds: u32) {
    for round in 0..rounds {
        let _alone = store.lock("counter").unwrap();
        let count = match store.record::<Note>("counter").unwrap() {
            None => 0,
            Some(note) => {
                let bytes = store.get(KIND, note.object, 64).unwrap();
                let count: u64 = String::from_utf8(bytes).unwrap().parse().unwrap();
                assert_eq!(note.text, count.to_string());
                count
            }
        };
        let text = (count + 1).to_string();
        {
            let _session = store.session().unwrap();
            let object = store.put(KIND, text.as_bytes()).unwrap();
            store.put_record("counter", &Note { text, object }).unwrap();
        }
        if round % 7 == 0 {
            store.gc().unwrap();
        }
    }
}

const CHILD_STORE: &str = "LEMMA_TEST_STORE";
const CHILD_TASK: &str = "LEMMA_TEST_TASK";

fn spawn(root: &Path, task: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::tests::child", "--ignored", "--nocapture"])
        .env(CHILD_STORE, root)
        .env(CHILD_TASK, task)
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the body of the processes that other tests start"]
fn child() {
    let Some(root) = env::var_os(CHILD_STORE) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    match env::var(CHILD_TASK).unwrap().as_str() {
        "count" => work(&store, 25),
        "write" => loop {
            let object = store.put(KIND, &vec![7; 1 << 20]).unwrap();
            store.put_record("big", &Note { text: "big".into(), object }).unwrap();
        },
        other => panic!("unknown task {other}"),
    }
}

#[test]
fn many_processes_and_threads_share_a_store() {
    let (_directory, store) = store();
    let children: Vec<Child> = (0..4).map(|_| spawn(store.root(), "count")).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&store, 25));
        }
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(store.record::<Note>("counter").unwrap().unwrap().text, "150");
    store.gc().unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn a_killed_writer_leaves_nothing_torn_and_no_lock() {
    let (_directory, store) = store();
    for _ in 0..4 {
        let mut child = spawn(store.root(), "write");
        let deadline = Instant::now() + Duration::from_secs(60);
        while store.record::<Note>("big").unwrap().is_none() {
            assert!(Instant::now() < deadline, "the writer never wrote");
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(10));
        child.kill().unwrap();
        child.wait().unwrap();
        let note = store.record::<Note>("big").unwrap().unwrap();
        assert_eq!(note.object, Digest::of(&vec![7; 1 << 20]));
        assert!(store.open_checked(KIND, note.object).is_ok());
        store.gc().unwrap();
        assert_eq!(files(&store.temporary()).len(), 0);
        fs::remove_file(store.records_of(Note::KIND).join("big")).unwrap();
    }
}

#[test]
fn leftovers_go_unless_somebody_writes() {
    let (_directory, store) = store();
    let left = store.temporary().join(".lemma-left");
    fs::write(&left, b"left by a killed process").unwrap();
    let session = store.session().unwrap();
    assert_eq!(store.tidy().unwrap(), None);
    assert!(left.exists());
    drop(session);
    let report = store.tidy().unwrap().unwrap();
    assert_eq!((report.files, report.bytes), (1, 24));
    assert!(!left.exists());
}

#[test]
fn directories_that_were_removed_come_back() {
    let (_directory, store) = store();
    let object = store.put(KIND, b"bytes").unwrap();
    let note = Note { text: "note".into(), object };
    fs::remove_dir_all(store.root()).unwrap();
    assert!(store.list().unwrap().is_empty() && store.all_records::<Note>().unwrap().is_empty());
    store.check_writable().unwrap();
    assert_eq!(store.put(KIND, b"bytes").unwrap(), object);
    store.put_record("note", &note).unwrap();
    assert_eq!(store.record("note").unwrap(), Some(note));
    assert_eq!(store.get(KIND, object, 5).unwrap(), b"bytes");
    fs::remove_dir_all(store.temporary()).unwrap();
    fs::write(store.temporary(), b"no directory").unwrap();
    assert!(store.check_writable().is_err());
}

#[test]
fn directories_in_the_place_of_files_are_damage_and_give_way() {
    let (_directory, store) = store();
    let object = Digest::of(b"bytes");
    let (file, record) = (store.object_path(KIND, object), store.records_of(Note::KIND).join("note"));
    fs::remove_dir_all(store.temporary()).unwrap();
    for path in [&file, &record, &store.root().join("locks/gc")] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("somebodys"), b"bytes").unwrap();
    }
    assert!(store.get(KIND, object, 5).unwrap_err().is_damage());
    assert!(store.record::<Note>("note").unwrap_err().is_damage());
    let note = Note { text: "note".into(), object: store.put(KIND, b"bytes").unwrap() };
    store.put_record("note", &note).unwrap();
    assert_eq!(store.get(KIND, object, 5).unwrap(), b"bytes");
    assert_eq!(store.record("note").unwrap(), Some(note));
    store.gc().unwrap();
    let aside = files(&store.temporary());
    assert!(aside.len() == 3 && aside.iter().all(|path| path.ends_with("somebodys")), "{aside:?}");
}

/// A pipe would be waited for, and a device read, without end.
#[cfg(unix)]
#[test]
fn what_is_no_file_counts_as_damaged() {
    let (_directory, store) = store();
    let digest = store.put(KIND, b"bytes").unwrap();
    let path = store.object_path(KIND, digest);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    for refusal in [store.get(KIND, digest, 100).unwrap_err(), store.open_checked(KIND, digest).unwrap_err()]
    {
        assert!(matches!(refusal, StoreError::NoFile { .. }) && refusal.is_damage(), "{refusal}");
    }
    assert_eq!(store.put(KIND, b"bytes").unwrap(), digest);
    assert_eq!(store.get(KIND, digest, 100).unwrap(), b"bytes");
}
