//! Listing the store and removing what nothing refers to.

use std::{
    fs::{self, DirEntry, File},
    io,
    path::{Path, PathBuf},
};

use lemma_verifier::digest::Digest;

use super::{ObjectKind, Store, StoreError};

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

/// A file among the records that cannot be read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedRecord {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What garbage collection removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Number of files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that were damaged records.
    pub damaged: Vec<DamagedRecord>,
}

impl GcReport {
    /// Whether it is gone. A directory somebody filled is left to its owner.
    fn remove(&mut self, path: &Path, bytes: u64) -> Result<bool, StoreError> {
        let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_directory { fs::remove_dir(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            removed => {
                removed.map_err(StoreError::io("delete", path))?;
                self.files += 1;
                self.bytes += if is_directory { 0 } else { bytes };
                Ok(true)
            }
        }
    }
}

impl Store {
    /// All objects, by kind and digest.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, StoreError> {
        let (referenced, _) = self.referenced()?;
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

    /// The files among the records that cannot be read, by kind and name.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn damaged_records(&self) -> Result<Vec<DamagedRecord>, StoreError> {
        Ok(self.referenced()?.1)
    }

    /// Removes damaged records, objects no other record needs and leftovers of interrupted writes; waits for running
    /// writers. What a damaged record named is made again when it is needed.
    ///
    /// # Errors
    /// When a directory cannot be read or a file cannot be deleted.
    pub fn gc(&self) -> Result<GcReport, StoreError> {
        let _alone = self.lock_file("gc", File::lock)?;
        let mut report = GcReport::default();
        for record in self.damaged_records()? {
            let bytes = fs::symlink_metadata(&record.path).map_or(0, |metadata| metadata.len());
            if report.remove(&record.path, bytes)? {
                report.damaged.push(record);
            }
        }
        for entry in self.list()?.into_iter().filter(|entry| !entry.referenced) {
            report.remove(&self.object_path(entry.kind, entry.digest), entry.bytes)?;
        }
        self.remove_leftovers(&mut report)?;
        Ok(report)
    }

    /// Removes leftovers of interrupted writes, unless somebody is writing now; `None` then. For programs whose writers
    /// may have been killed: whoever writes holds the lock that this would need, so nothing is taken from under anyone.
    ///
    /// # Errors
    /// When a directory cannot be read or a file cannot be deleted.
    pub fn tidy(&self) -> Result<Option<GcReport>, StoreError> {
        let Some(_alone) = self.try_lock_file("gc")? else { return Ok(None) };
        let mut report = GcReport::default();
        self.remove_leftovers(&mut report)?;
        Ok(Some(report))
    }

    fn remove_leftovers(&self, report: &mut GcReport) -> Result<(), StoreError> {
        for file in files(&self.temporary())? {
            report.remove(&file.path(), length(&file)?)?;
        }
        Ok(())
    }
}

/// What is in a directory; nothing if somebody removed it.
pub(super) fn files(directory: &Path) -> Result<Vec<DirEntry>, StoreError> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect).map_err(StoreError::io("list", directory)),
    }
}

fn length(file: &DirEntry) -> Result<u64, StoreError> {
    file.metadata().map(|metadata| metadata.len()).map_err(StoreError::io("inspect", &file.path()))
}
