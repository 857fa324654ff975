//! Parameters kept in the store, by name.

use lemma_verifier::{digest::Digest, setup::SrsId};

use super::{
    ParamsError,
    kzg::{Bases, G1_LEN},
};
use crate::store::{ObjectKind, Record, RecordKind, References, Store, StoreError};

/// Parameters of one size in the store.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct CachedParameters {
    pub(super) object: Digest,
}

impl Record for CachedParameters {
    const KIND: RecordKind = RecordKind::Parameters;

    fn references(&self) -> References {
        vec![(ObjectKind::Parameters, self.object)]
    }
}

/// `None` instead of an error about damage.
pub(super) fn undamaged<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.is_damage() => Ok(None),
        read => read.map(Some),
    }
}

/// Keeps parameters under a name.
pub(super) fn keep(store: &Store, name: &str, bytes: &[u8]) -> Result<(), ParamsError> {
    let _session = store.session()?;
    let object = store.put(ObjectKind::Parameters, bytes)?;
    Ok(store.put_record(name, &CachedParameters { object })?)
}

/// The same where the store takes files: who may not write, or has no room, derives them again next time.
pub(super) fn keep_if_writable(store: &Store, name: &str, bytes: &[u8]) -> Result<(), ParamsError> {
    match keep(store, name, bytes) {
        Err(ParamsError::Store(StoreError::NotWritable { .. } | StoreError::Io { .. })) => Ok(()),
        kept => kept,
    }
}

/// What is kept under a name; `None` when it is not there, too long or damaged.
pub(super) fn object(store: &Store, name: &str, longest: u64) -> Result<Option<Vec<u8>>, ParamsError> {
    let Some(cached) = undamaged(store.record::<CachedParameters>(name))?.flatten() else { return Ok(None) };
    match store.get(ObjectKind::Parameters, cached.object, longest) {
        Err(error) if error.is_not_found() || error.is_damage() => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// Both bases of size `2^k` from the store; `None` when they are not there or damaged.
pub(super) fn bases(store: &Store, name: &str, k: u32) -> Result<Option<Bases>, ParamsError> {
    // Those of another size count as not there.
    let bytes = object(store, name, G1_LEN as u64 * ((2 << k) + 1))?;
    Ok(bytes.and_then(|bytes| Bases::read(k, &bytes).ok()))
}

/// Name of the parameters of a string.
pub(super) fn kzg_name(id: SrsId, k: u32) -> String {
    format!("kzg-{id}-{k}")
}
