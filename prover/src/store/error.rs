//! What can go wrong in the store.

use std::{
    io,
    path::{Path, PathBuf},
};

use lemma_verifier::{digest::Digest, envelope::EnvelopeError};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The platform has no directory for application data.
    #[error("no directory for application data is known; set LEMMA_HOME or pass --store")]
    NoHome,
    /// No store is in the directory.
    #[error(
        "there is no store in {}; `lemma compile MODEL` makes one, and --store or LEMMA_HOME names another directory",
        root.display()
    )]
    Absent {
        /// The directory.
        root: PathBuf,
    },
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
    /// Something has to be written into a store that may only be read.
    #[error("the store {} is not writable ({source}); choose another with --store or LEMMA_HOME", root.display())]
    NotWritable {
        /// The store's directory.
        root: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A file is longer than anything the store writes there.
    #[error("{} has {got} bytes, more than the limit of {limit}; delete it and run the command again", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes.
        limit: u64,
        /// Bytes found.
        got: u64,
    },
    /// Something else than a file, such as a directory or a pipe, is in a file's place.
    #[error("{} is no file; delete it and run the command again", path.display())]
    NoFile {
        /// What is in the file's place.
        path: PathBuf,
    },
    /// An object's bytes are not the ones its name promises.
    #[error(
        "{} is damaged: its sha256 is {got}, expected {expected}; delete it and run the command again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest it is named by.
        expected: Digest,
        /// The digest of its bytes.
        got: Digest,
    },
    /// A record is not in its envelope.
    #[error("{} is damaged: {source}; delete it and run the command again", path.display())]
    RecordEnvelope {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: EnvelopeError,
    },
    /// A record's body has another form, as an older or newer version may write.
    #[error("{} was written by another version of Lemma; delete it and run the command again", path.display())]
    RecordBody {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    /// An adapter for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the error says that a file does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the error says that a file's bytes are not what they should be.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::NoFile { .. }
            | Self::Damaged { .. }
            | Self::TooLarge { .. }
            | Self::RecordEnvelope { .. }
            | Self::RecordBody { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::IsADirectory,
            Self::NoHome | Self::Absent { .. } | Self::NotWritable { .. } => false,
        }
    }
}
