//! Bytes the service keeps, named by their sha256.
//!
//! A blob is written under a temporary name, flushed, renamed, and its directory flushed; so it is there entirely
//! or not at all, also after a crash. Every read hashes again: bytes that changed on the disk are an error.

mod sweep;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use lemma_prover::regular_file;
use lemma_verifier::digest::Digest;
use tempfile::NamedTempFile;

pub use sweep::{ORPHANS_KEPT, Sweep};

use crate::work::crash_points;

/// Bytes written to find out whether there is room: no less than a proof takes.
const CHECK_BYTES: usize = 64 << 10;

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
}

fn make_directory(directory: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(directory).map_err(BlobError::io("create directory", directory))
}

#[cfg(test)]
mod tests;
