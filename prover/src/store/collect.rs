//! Listing the store and removing what nothing refers to.

use std::{
    fs::{self, DirEntry, File},
    path::Path,
};

use super::{ObjectKind, Store, StoreError};
use crate::digest::Digest;

/// An object in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: ObjectKind,
    /// sha256 of its bytes, also its name.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// Whether a record needs it; the others go with [`Store::gc`].
    pub referenced: bool,
}

/// What garbage collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Number of files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl GcReport {
    fn remove(&mut self, path: &Path, bytes: u64) -> Result<(), StoreError> {
        fs::remove_file(path).map_err(StoreError::io("delete", path))?;
        self.files += 1;
        self.bytes += bytes;
        Ok(())
    }
}

impl Store {
    /// All objects, by kind and digest.
    ///
    /// # Errors
    /// When a directory or a record cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, StoreError> {
        let referenced = self.referenced()?;
        let mut entries = Vec::new();
        for kind in ObjectKind::ALL {
            for file in files(&self.objects(kind))? {
                // A file that is not named by a digest is not of the store.
                let Ok(digest) = file.file_name().to_string_lossy().parse() else { continue };
                let referenced = referenced.binary_search(&(kind, digest)).is_ok();
                entries.push(Entry { kind, digest, bytes: length(&file)?, referenced });
            }
        }
        entries.sort_by_key(|entry| (entry.kind, entry.digest));
        Ok(entries)
    }

    /// Removes objects no record needs and leftovers of interrupted writes; waits for running writers.
    ///
    /// # Errors
    /// When a record cannot be read (then nothing is removed) or a file cannot be deleted.
    pub fn gc(&self) -> Result<GcReport, StoreError> {
        let _alone = self.lock_file("gc", File::lock)?;
        let mut report = GcReport::default();
        for entry in self.list()?.into_iter().filter(|entry| !entry.referenced) {
            report.remove(&self.object_path(entry.kind, entry.digest), entry.bytes)?;
        }
        for file in files(&self.temporary())? {
            report.remove(&file.path(), length(&file)?)?;
        }
        Ok(report)
    }
}

fn files(directory: &Path) -> Result<Vec<DirEntry>, StoreError> {
    fs::read_dir(directory).and_then(Iterator::collect).map_err(StoreError::io("list", directory))
}

fn length(file: &DirEntry) -> Result<u64, StoreError> {
    file.metadata().map(|metadata| metadata.len()).map_err(StoreError::io("inspect", &file.path()))
}
