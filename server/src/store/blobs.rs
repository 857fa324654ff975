//! Bytes the service keeps, named by their sha256.
//!
//! A blob is written under a temporary name, flushed, renamed, and its directory flushed; so it is there entirely
//! or not at all, also after a crash. Every read hashes again: bytes that changed on the disk are an error.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lemma_prover::digest::Digest;
use tempfile::NamedTempFile;

use crate::work::{crash_points, regular_file};

/// Bytes written to find out whether there is room: no less than a proof takes.
const CHECK_BYTES: usize = 64 << 10;

/// How long a blob that nothing names is kept aside before it is deleted.
pub const ORPHANS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What [`Blobs::keep_only`] did, in numbers of blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Named by nothing, and put aside.
    pub put_aside: usize,
    /// Put aside earlier and named again.
    pub taken_back: usize,
    /// Put aside too long ago, and deleted.
    pub removed: usize,
}

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKind {
    /// An ONNX file.
    Model,
    /// A proof bundle.
    Bundle,
}

impl BlobKind {
    const ALL: [Self; 2] = [Self::Model, Self::Bundle];

    /// Name of the kind's directory.
    const fn directory(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Bundle => "bundles",
        }
    }

    /// Most bytes of one blob.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Model => 64 << 20,
            Self::Bundle => 64 << 20,
        }
    }
}

/// Why a blob cannot be kept or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The blob is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// Something that is no file is in its place.
    #[error("{} is no regular file; move it away", path.display())]
    NoFile {
        /// Where it is.
        path: PathBuf,
    },
    /// More bytes than the kind may have.
    #[error("{} has {got} bytes, the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes.
        limit: u64,
        /// Bytes found.
        got: u64,
    },
    /// The bytes are not the ones that were kept.
    #[error("{} is damaged: its sha256 is {got}, expected {expected}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest it is named by.
        expected: Digest,
        /// The digest of its bytes.
        got: Digest,
    },
}

impl BlobError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the blob is missing or its bytes are not what they were.
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }

    /// Whether it can go away by itself: the system refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        !self.is_damage()
    }
}

/// A directory of blobs. Cheap to clone; its functions block.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// Opens a directory, making it if it is missing, and removes what a crash left half-written.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let blobs = Self { root: root.to_path_buf() };
        let temporary = blobs.temporary();
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(BlobError::io("empty", &temporary))?;
        }
        let directories = BlobKind::ALL.map(|kind| blobs.directory(kind));
        let orphans = BlobKind::ALL.map(|kind| blobs.orphans(kind));
        for directory in directories.iter().chain(&orphans).chain([&temporary]) {
            make_directory(directory)?;
        }
        Ok(blobs)
    }

    fn directory(&self, kind: BlobKind) -> PathBuf {
        self.root.join(kind.directory())
    }

    /// Where blobs that nothing names are put aside.
    fn orphans(&self, kind: BlobKind) -> PathBuf {
        self.root.join("orphans").join(kind.directory())
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where a blob is or would be.
    pub fn path(&self, kind: BlobKind, digest: Digest) -> PathBuf {
        self.directory(kind).join(digest.to_string())
    }

    /// Whether bytes can be kept: it keeps some for a moment.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn check_writable(&self) -> Result<(), BlobError> {
        let mut file = self.new_file()?;
        file.write_all(&[0; CHECK_BYTES])
            .and_then(|()| file.as_file().sync_all())
            .map_err(BlobError::io("write", file.path()))
    }

    /// Keeps bytes, durably when it returns.
    ///
    /// # Errors
    /// When there are too many of them or the system refuses.
    pub fn put(&self, kind: BlobKind, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        let path = self.path(kind, digest);
        let (limit, got) = (kind.limit(), bytes.len() as u64);
        if got > limit {
            return Err(BlobError::TooLarge { path, limit, got });
        }
        let mut file = self.new_file()?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(BlobError::io("write", file.path()))?;
        crash_points::reach("blob-written");
        let directory = self.directory(kind);
        make_directory(&directory)?;
        if path.is_dir() {
            self.put_directory_aside(kind, digest)?;
        }
        file.persist(&path).map_err(|error| BlobError::io("rename", &path)(error.error))?;
        crash_points::reach("blob-renamed");
        File::open(&directory)
            .and_then(|directory| directory.sync_all())
            .map_err(BlobError::io("flush", &directory))?;
        Ok(digest)
    }

    /// A file for bytes on their way. Whoever removed the directory has not taken the service's place to write.
    fn new_file(&self) -> Result<NamedTempFile, BlobError> {
        let temporary = self.temporary();
        make_directory(&temporary)?;
        NamedTempFile::new_in(&temporary).map_err(BlobError::io("create file in", &temporary))
    }

    /// Moves a directory that somebody made in a blob's place to the orphans, for its owner to find.
    fn put_directory_aside(&self, kind: BlobKind, digest: Digest) -> Result<(), BlobError> {
        let (path, orphans) = (self.path(kind, digest), self.orphans(kind));
        make_directory(&orphans)?;
        tempfile::Builder::new()
            .prefix(&format!("{digest}-"))
            .tempdir_in(&orphans)
            .and_then(|place| fs::rename(&path, place.keep()))
            .map_err(BlobError::io("put aside", &path))
    }

    /// The bytes of a blob, its digest checked.
    ///
    /// # Errors
    /// When it is missing or damaged, or the system refuses.
    pub fn get(&self, kind: BlobKind, digest: Digest) -> Result<Vec<u8>, BlobError> {
        let path = self.path(kind, digest);
        let opened = match regular_file::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BlobError::Missing { path }),
            opened => opened.map_err(BlobError::io("open", &path))?,
        };
        let Some(file) = opened else { return Err(BlobError::NoFile { path }) };
        let (limit, got) = (kind.limit(), file.metadata().map_err(BlobError::io("inspect", &path))?.len());
        if got > limit {
            return Err(BlobError::TooLarge { path, limit, got });
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(BlobError::io("read", &path))?;
        match Digest::of(&bytes) {
            same if same == digest => Ok(bytes),
            got => Err(BlobError::Damaged { path, expected: digest, got }),
        }
    }

    /// Forgets a blob; one that is not there is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(&self, kind: BlobKind, digest: Digest) -> Result<(), BlobError> {
        let path = self.path(kind, digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BlobError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Puts aside all blobs of a kind but these, and takes back those of these that were put aside before. For the start
    /// of the service, when nobody else writes: a crash between a blob and the row that names it leaves one. So does an
    /// older database in the place of the right one; that is why nothing is deleted before [`ORPHANS_KEPT`] is over.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn keep_only(
        &self,
        kind: BlobKind,
        kept: &BTreeSet<Digest>,
        now: SystemTime,
    ) -> Result<Sweep, BlobError> {
        let (directory, orphans) = (self.directory(kind), self.orphans(kind));
        let mut sweep = Sweep::default();
        for digest in digests_in(&orphans)? {
            let orphan = orphans.join(digest.to_string());
            if kept.contains(&digest) {
                let path = self.path(kind, digest);
                fs::rename(&orphan, &path).map_err(BlobError::io("take back", &path))?;
                sweep.taken_back += 1;
            } else if age(&orphan, now)?.is_some_and(|age| age > ORPHANS_KEPT) {
                fs::remove_file(&orphan).map_err(BlobError::io("remove", &orphan))?;
                sweep.removed += 1;
            }
        }
        for digest in digests_in(&directory)?.difference(kept) {
            let (path, orphan) = (self.path(kind, *digest), orphans.join(digest.to_string()));
            // The time of the last change tells when it was put aside.
            File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(now))
                .and_then(|()| fs::rename(&path, &orphan))
                .map_err(BlobError::io("put aside", &path))?;
            sweep.put_aside += 1;
        }
        Ok(sweep)
    }
}

/// How long an orphan has been aside, if the system knows such times.
fn age(orphan: &Path, now: SystemTime) -> Result<Option<Duration>, BlobError> {
    let metadata = fs::metadata(orphan).map_err(BlobError::io("inspect", orphan))?;
    Ok(metadata.modified().ok().and_then(|then| now.duration_since(then).ok()))
}

fn make_directory(directory: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(directory).map_err(BlobError::io("create directory", directory))
}

/// The digests that files of a directory are named by; other files, and directories, are nobody's blobs.
fn digests_in(directory: &Path) -> Result<BTreeSet<Digest>, BlobError> {
    let mut digests = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(BlobError::io("list", directory))? {
        let entry = entry.map_err(BlobError::io("list", directory))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let digest = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
        digests.extend(digest.filter(|_| is_file));
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
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
}
