//! Blobs that nothing names.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use lemma_verifier::digest::Digest;

use super::{BlobError, BlobKind, Blobs};

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

impl Blobs {
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
