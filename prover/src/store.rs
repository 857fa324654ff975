//! A directory that keeps models, keys, parameters and records, safe under concurrent processes.
//!
//! ```text
//! objects/<kind>/<sha256>   bytes, named by what they are
//! records/<kind>/<name>     small enveloped records; they refer to objects by digest
//! locks/<name>              advisory locks: `gc`, and one per long computation
//! tmp/                      files being written
//! ```
//!
//! Nothing is ever changed in place: a file is written in `tmp`, flushed to disk, and renamed, so a reader sees
//! all of it or nothing, also after a crash. Objects are hashed again whenever they are read. Writers hold the
//! `gc` lock shared and garbage collection holds it alone.

mod collect;
mod error;
mod record;

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use lemma_verifier::digest::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

pub use collect::{DamagedRecord, Entry, GcReport};
pub use error::StoreError;
pub(crate) use record::{Record, RecordKind, References};

use crate::{atomic_file, regular_file};

/// Environment variable that names the store's directory.
pub const HOME_VARIABLE: &str = "LEMMA_HOME";

/// Bytes written to find out whether there is room.
const CHECK_BYTES: usize = 64 << 10;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// An ONNX file.
    Model,
    /// A `.vk` file.
    VerifyingKey,
    /// A proving key.
    ProvingKey,
    /// Powers of a KZG string.
    Srs,
    /// Commitment parameters of one size.
    Parameters,
}

impl ObjectKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Model, Self::VerifyingKey, Self::ProvingKey, Self::Srs, Self::Parameters];

    /// Name of the kind, also of its directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::VerifyingKey => "vk",
            Self::ProvingKey => "pk",
            Self::Srs => "srs",
            Self::Parameters => "params",
        }
    }
}

/// A store directory. Cheap to clone; all methods may be called from many threads and processes.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// An advisory lock, released when dropped or when the process ends.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct StoreLock {
    /// None in a store that may only be read.
    _file: Option<File>,
}

impl Store {
    /// `LEMMA_HOME` if set and not empty, else `lemma` in the platform's directory for application data.
    ///
    /// # Errors
    /// [`StoreError::NoHome`] when the platform names no such directory.
    pub fn default_root() -> Result<PathBuf, StoreError> {
        let data = directories::ProjectDirs::from("", "", "lemma");
        root_of(env::var_os(HOME_VARIABLE), data.map(|directories| directories.data_dir().to_path_buf()))
    }

    /// Opens a store, making its directories if they are missing.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a directory cannot be made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_path_buf() };
        for kind in ObjectKind::ALL {
            store.make_directory(&store.objects(kind))?;
        }
        for kind in RecordKind::ALL {
            store.make_directory(&store.records_of(kind))?;
        }
        store.make_directory(&store.root.join("locks"))?;
        store.make_directory(&store.temporary())?;
        Ok(store)
    }

    /// Opens a store that is there, to read it: nothing is made.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is none in this directory.
    pub fn existing(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_path_buf() };
        let is_there = ["objects", "records"].iter().any(|part| root.join(part).is_dir());
        if is_there { Ok(store) } else { Err(StoreError::Absent { root: store.root }) }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn make_directory(&self, path: &Path) -> Result<(), StoreError> {
        fs::create_dir_all(path).map_err(self.unwritable("create directory", path))
    }

    fn objects(&self, kind: ObjectKind) -> PathBuf {
        self.root.join("objects").join(kind.as_str())
    }

    fn records_of(&self, kind: RecordKind) -> PathBuf {
        self.root.join("records").join(kind.as_str())
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where an object is or would be.
    pub(crate) fn object_path(&self, kind: ObjectKind, digest: Digest) -> PathBuf {
        self.objects(kind).join(digest.to_string())
    }

    /// Waits for the exclusive lock of a long computation, so that two processes do not both do it. In a store that
    /// may not be written nobody computes anything to keep, and reading needs no lock.
    pub(crate) fn lock(&self, name: &str) -> Result<StoreLock, StoreError> {
        match self.lock_file(name, File::lock) {
            Err(StoreError::NotWritable { .. }) => Ok(StoreLock { _file: None }),
            locked => locked,
        }
    }

    /// Held while objects and the records that refer to them are written.
    pub(crate) fn session(&self) -> Result<StoreLock, StoreError> {
        self.lock_file("gc", File::lock_shared)
    }

    fn lock_file(&self, name: &str, lock: fn(&File) -> io::Result<()>) -> Result<StoreLock, StoreError> {
        let (file, path) = self.open_lock(name)?;
        lock(&file).map_err(StoreError::io("lock", &path))?;
        Ok(StoreLock { _file: Some(file) })
    }

    /// The exclusive lock, if nobody has it.
    fn try_lock_file(&self, name: &str) -> Result<Option<StoreLock>, StoreError> {
        let (file, path) = self.open_lock(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StoreLock { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
        }
    }

    fn open_lock(&self, name: &str) -> Result<(File, PathBuf), StoreError> {
        let directory = self.root.join("locks");
        self.make_directory(&directory)?;
        let path = directory.join(name);
        if path.is_dir() {
            self.put_directory_aside(&path)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(self.unwritable("open", &path))?;
        Ok((file, path))
    }

    /// An adapter for `map_err` where something is to be written.
    fn unwritable(&self, action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let (root, path) = (self.root.clone(), path.to_path_buf());
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::NotWritable { root, source }
            }
            _ => StoreError::Io { action, path, source },
        }
    }

    /// Writes a file under its final name, durably and all at once.
    fn publish(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        file.as_file().sync_all().map_err(StoreError::io("flush", path))?;
        let directory = path.parent().unwrap_or(&self.root);
        self.make_directory(directory)?;
        if path.is_dir() {
            self.put_directory_aside(path)?;
        }
        file.persist(path).map_err(|error| self.unwritable("rename", path)(error.error))?;
        // A rename is durable once its directory is.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(StoreError::io("flush", directory))
    }

    /// Moves a directory that somebody made in a file's place to the temporary files. Collecting garbage removes it if it
    /// is empty and leaves it to its owner if it is not.
    fn put_directory_aside(&self, path: &Path) -> Result<(), StoreError> {
        self.make_directory(&self.temporary())?;
        tempfile::Builder::new()
            .prefix("directory-")
            .tempdir_in(self.temporary())
            .and_then(|place| fs::rename(path, place.keep()))
            .map_err(self.unwritable("put aside", path))
    }

    /// Whether the store takes files: it writes one for a moment. While garbage is collected, which may take long, it only
    /// looks whether there is a lock to take.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        let (lock, path) = self.open_lock("gc")?;
        match lock.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path)(error)),
        }
        let mut file = self.new_file()?;
        let written = file.write_all(&[0; CHECK_BYTES]).and_then(|()| file.as_file().sync_all());
        written.map_err(StoreError::io("write", file.path()))
    }

    /// Directories may have been removed since the store was opened; they are made again where they are needed.
    fn new_file(&self) -> Result<NamedTempFile, StoreError> {
        let directory = self.temporary();
        self.make_directory(&directory)?;
        atomic_file::create_in(&directory).map_err(self.unwritable("create file in", &directory))
    }

    /// Keeps bytes under their digest.
    pub(crate) fn put(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Digest, StoreError> {
        self.put_with(kind, |out| out.write_all(bytes)).map(|(digest, _)| digest)
    }

    /// Keeps what `write` writes, hashing on the way; the digest and the length in bytes.
    pub(crate) fn put_with(
        &self,
        kind: ObjectKind,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(Digest, u64), StoreError> {
        let _session = self.session()?;
        let mut file = self.new_file()?;
        let path = file.path().to_path_buf();
        let mut hashing = HashingWriter { out: file.as_file_mut(), hash: Sha256::new(), length: 0 };
        let mut out = BufWriter::with_capacity(1 << 20, &mut hashing);
        write(&mut out).and_then(|()| out.flush()).map_err(StoreError::io("write", &path))?;
        drop(out);
        let (digest, length) = (Digest(hashing.hash.finalize().into()), hashing.length);
        self.publish(file, &self.object_path(kind, digest))?;
        Ok((digest, length))
    }

    /// The bytes of an object of at most `limit` bytes, its digest checked.
    pub(crate) fn get(&self, kind: ObjectKind, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(kind, digest);
        let file = open_file(&path)?;
        let got = file.metadata().map_err(StoreError::io("inspect", &path))?.len();
        if got > limit {
            return Err(StoreError::TooLarge { path, limit, got });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(got).unwrap_or_default());
        file.take(limit).read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
        match Digest::of(&bytes) {
            same if same == digest => Ok(bytes),
            got => Err(StoreError::Damaged { path, expected: digest, got }),
        }
    }

    /// Length of an object in bytes, unchecked.
    pub(crate) fn object_len(&self, kind: ObjectKind, digest: Digest) -> Result<u64, StoreError> {
        let path = self.object_path(kind, digest);
        Ok(fs::metadata(&path).map_err(StoreError::io("inspect", &path))?.len())
    }

    /// An object as a stream from its beginning and its length, after its digest has been checked in a first
    /// pass: for objects too large to hold twice.
    pub(crate) fn open_checked(
        &self,
        kind: ObjectKind,
        digest: Digest,
    ) -> Result<(BufReader<File>, u64), StoreError> {
        let path = self.object_path(kind, digest);
        let mut file = open_file(&path)?;
        let mut hash = Sha256::new();
        let length = io::copy(&mut file, &mut hash).map_err(StoreError::io("read", &path))?;
        let got = Digest(hash.finalize().into());
        if got != digest {
            return Err(StoreError::Damaged { path, expected: digest, got });
        }
        file.rewind().map_err(StoreError::io("read", &path))?;
        Ok((BufReader::with_capacity(1 << 20, file), length))
    }
}

/// Opens a file to be read. What is no file, such as a pipe, would be waited for without end.
fn open_file(path: &Path) -> Result<File, StoreError> {
    let opened = regular_file::open(path).map_err(StoreError::io("open", path))?;
    opened.ok_or_else(|| StoreError::NoFile { path: path.to_path_buf() })
}

fn root_of(variable: Option<OsString>, data: Option<PathBuf>) -> Result<PathBuf, StoreError> {
    variable.filter(|home| !home.is_empty()).map(PathBuf::from).or(data).ok_or(StoreError::NoHome)
}

struct HashingWriter<W> {
    out: W,
    hash: Sha256,
    length: u64,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
