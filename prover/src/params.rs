//! Commitment parameters: derived, imported, checked, cached.
//!
//! The transparent scheme (IPA) needs parameters that depend on the size alone; the KZG scheme needs powers of a
//! secret nobody may know, from a public ceremony. Both need a second basis per size, which is expensive and
//! therefore kept in the store.

mod group_fft;
mod ipa;
pub(crate) mod kzg;
mod srs_file;

use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, G1Affine, G2Affine},
        serde::SerdeObject,
    },
    poly::{ipa::commitment::ParamsIPA, kzg::commitment::ParamsKZG},
};

pub use kzg::SrsId;
pub use srs_file::SrsFileError;

use crate::{
    digest::Digest,
    progress::{Phase, Progress, step},
    store::{ObjectKind, Record, RecordKind, References, Store, StoreError},
};
use kzg::{G1_LEN, InsecureString, read_points, write_points};

/// The smallest size, as a power of two of rows.
pub const MIN_K: u32 = 4;

/// The largest size: 2^20 rows, 64 MiB of points in each basis.
pub const MAX_K: u32 = 20;

/// Why there are no parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A size outside the limits.
    #[error("the circuit needs 2^{k} rows, expected 2^{} to 2^{}", range.start(), range.end())]
    Size {
        /// Exponent asked for.
        k: u32,
        /// Exponents allowed.
        range: RangeInclusive<u32>,
    },
    /// Derived parameters are not those of this source.
    #[error("the derived parameters of size 2^{k} have sha256 {got}, expected {expected}; this machine computes wrongly")]
    PinnedDigest {
        /// Size exponent.
        k: u32,
        /// The digest in the source.
        expected: Digest,
        /// The digest found.
        got: Digest,
    },
    /// Parameter bytes of another form.
    #[error("the parameters of size 2^{k} are malformed: {reason}")]
    Malformed {
        /// Size exponent.
        k: u32,
        /// What is wrong.
        reason: String,
    },
    /// An import failed.
    #[error("{}: {source}", path.display())]
    SrsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SrsFileError,
    },
    /// KZG without a string.
    #[error(
        "the kzg scheme needs a ceremony file with at least 2^{k} powers; import one with `lemma srs import FILE`, or use \
         the ipa scheme, which needs none"
    )]
    NoSrs {
        /// Size exponent needed.
        k: u32,
    },
    /// More than one ceremony would do.
    #[error("several imported ceremonies would do; name one of {}", join(candidates))]
    AmbiguousSrs {
        /// Their ids.
        candidates: Vec<SrsId>,
    },
    /// The named string is not in the store.
    #[error("ceremony {id} is not in the store; `lemma srs list` shows what is")]
    UnknownSrs {
        /// The id asked for.
        id: SrsId,
    },
    /// The named string is too short.
    #[error("ceremony {id} has 2^{got} powers, expected at least 2^{expected}; import a larger file of it")]
    SrsTooSmall {
        /// The id asked for.
        id: SrsId,
        /// Size exponent needed.
        expected: u32,
        /// Size exponent of the string.
        got: u32,
    },
}

fn join(ids: &[SrsId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where a KZG string comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrsChoice {
    /// An imported ceremony: the named one, else the only one that is large enough.
    Ceremony(Option<SrsId>),
    /// A string drawn on this machine: for benchmarks and tests. Whoever drew it can forge proofs, so every key
    /// and proof made with it says so.
    InsecureLocal,
}

/// A KZG string as keys and records name it.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KzgSetup {
    /// `sH`, uncompressed, coordinates in Montgomery form.
    s_g2: [[u8; 32]; 4],
    /// Drawn on somebody's machine instead of in a ceremony.
    pub insecure: bool,
}

impl KzgSetup {
    fn new(s_g2: &G2Affine, insecure: bool) -> Self {
        let mut bytes = [[0; 32]; 4];
        for (place, coordinate) in bytes.iter_mut().zip(s_g2.to_raw_bytes().chunks_exact(32)) {
            place.copy_from_slice(coordinate);
        }
        Self { s_g2: bytes, insecure }
    }

    /// The secret's image, checked to be in the right group and not trivial.
    ///
    /// # Errors
    /// When the bytes are no such point.
    pub(crate) fn secret_image(&self) -> Result<G2Affine, SrsFileError> {
        let point = G2Affine::from_raw_bytes(self.s_g2.as_flattened())
            .ok_or(SrsFileError::Point { list: "second group", index: 1 })?;
        kzg::check_secret_image(&point)?;
        Ok(point)
    }

    /// The bytes of the secret's image.
    pub(crate) fn secret_image_bytes(&self) -> &[u8] {
        self.s_g2.as_flattened()
    }

    /// Id of the string.
    pub fn srs(&self) -> SrsId {
        SrsId::of_bytes(self.s_g2.as_flattened())
    }
}

impl fmt::Debug for KzgSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KzgSetup").field("srs", &self.srs()).field("insecure", &self.insecure).finish()
    }
}

/// A KZG string in the store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SrsRecord {
    /// The string.
    pub setup: KzgSetup,
    /// It has `2^k` powers.
    pub k: u32,
    /// Name of the imported file, or a note that it was drawn locally.
    pub source: String,
    /// sha256 of the imported file, to compare with what the ceremony publishes; absent for a local string.
    pub source_sha256: Option<Digest>,
    /// sha256 of the stored powers.
    pub powers: Digest,
}

impl SrsRecord {
    /// Id of the string.
    pub fn id(&self) -> SrsId {
        self.setup.srs()
    }
}

impl Record for SrsRecord {
    const KIND: RecordKind = RecordKind::Srs;

    fn references(&self) -> References {
        vec![(ObjectKind::Srs, self.powers)]
    }
}

/// Parameters of one size in the store.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct CachedParameters {
    object: Digest,
}

impl Record for CachedParameters {
    const KIND: RecordKind = RecordKind::Parameters;

    fn references(&self) -> References {
        vec![(ObjectKind::Parameters, self.object)]
    }
}

/// Checks a `.ptau` or halo2-raw file and keeps its powers in the store.
///
/// A string that is already there is replaced only by a longer one.
///
/// # Errors
/// When the file is not a string over the standard generators, or the store fails.
pub fn import_srs(store: &Store, path: &Path) -> Result<SrsRecord, ParamsError> {
    let file = srs_file::read(path).map_err(|source| ParamsError::SrsFile { path: path.to_path_buf(), source })?;
    let setup = KzgSetup::new(&file.powers.s_g2, false);
    let _session = store.session()?;
    let name = setup.srs().to_string();
    let k = file.powers.g1.len().ilog2();
    match store.record::<SrsRecord>(&name)? {
        // A string this machine drew stays insecure, also when it comes back as a file.
        Some(present) if present.k >= k || present.setup.insecure => Ok(present),
        _ => {
            let record = SrsRecord {
                setup,
                k,
                source: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                source_sha256: Some(file.sha256),
                powers: store.put(ObjectKind::Srs, &write_points(&file.powers.g1))?,
            };
            store.put_record(&name, &record)?;
            Ok(record)
        }
    }
}

/// All strings in the store, by id.
///
/// # Errors
/// When the store fails.
pub fn list_srs(store: &Store) -> Result<Vec<SrsRecord>, ParamsError> {
    Ok(store.all_records()?)
}

/// Parameters by scheme and size, from memory, the store, or their derivation.
#[derive(Debug)]
pub struct Parameters {
    store: Store,
    ipa: Mutex<BTreeMap<u32, Arc<ParamsIPA<G1Affine>>>>,
    kzg: Mutex<BTreeMap<(SrsId, u32), Arc<ParamsKZG<Bn256>>>>,
}

/// A panic while holding the lock leaves the map as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_size(k: u32) -> Result<(), ParamsError> {
    let range = MIN_K..=MAX_K;
    if range.contains(&k) { Ok(()) } else { Err(ParamsError::Size { k, range }) }
}

impl Parameters {
    /// Parameters cached in this store.
    pub fn new(store: Store) -> Self {
        Self { store, ipa: Mutex::default(), kzg: Mutex::default() }
    }

    /// Transparent parameters of size `2^k`, for prover and verifier.
    ///
    /// # Errors
    /// When the size is outside the limits or the store fails.
    pub fn ipa(&self, k: u32, progress: &dyn Progress) -> Result<Arc<ParamsIPA<G1Affine>>, ParamsError> {
        check_size(k)?;
        let mut memory = locked(&self.ipa);
        if let Some(params) = memory.get(&k) {
            return Ok(params.clone());
        }
        let params = Arc::new(step(progress, Phase::Parameters, || self.load_or_derive_ipa(k))?);
        memory.insert(k, params.clone());
        Ok(params)
    }

    fn load_or_derive_ipa(&self, k: u32) -> Result<ParamsIPA<G1Affine>, ParamsError> {
        // A size without a pinned digest is derived in every process: a stored file could not be checked.
        let Some(digest) = ipa::pinned(k) else {
            return ipa::read(k, &ipa::generate(k));
        };
        let name = format!("ipa-{k}");
        let _alone = self.store.lock(&format!("params-{name}"))?;
        let stored = self.store.get(ObjectKind::Parameters, digest, ipa::file_len(k));
        let bytes = match stored {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() || error.is_damage() => {
                let bytes = ipa::generate(k);
                ipa::check_pinned(k, &bytes, Some(digest))?;
                self.keep(&name, &bytes)?;
                bytes
            }
            Err(error) => return Err(error.into()),
        };
        ipa::read(k, &bytes)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), ParamsError> {
        let _session = self.store.session()?;
        let object = self.store.put(ObjectKind::Parameters, bytes)?;
        Ok(self.store.put_record(name, &CachedParameters { object })?)
    }

    /// The string to use for a circuit of `2^k` rows.
    ///
    /// # Errors
    /// When there is none, more than one, or the named one is too short.
    pub fn choose_srs(&self, choice: SrsChoice, k: u32) -> Result<SrsRecord, ParamsError> {
        check_size(k)?;
        match choice {
            SrsChoice::InsecureLocal => self.insecure_srs(k),
            SrsChoice::Ceremony(Some(id)) => {
                let record = self.srs(id)?;
                if record.k >= k { Ok(record) } else { Err(ParamsError::SrsTooSmall { id, expected: k, got: record.k }) }
            }
            SrsChoice::Ceremony(None) => {
                let mut fit = list_srs(&self.store)?;
                fit.retain(|record| !record.setup.insecure && record.k >= k);
                match <[SrsRecord; 1]>::try_from(fit) {
                    Ok([only]) => Ok(only),
                    Err(none) if none.is_empty() => Err(ParamsError::NoSrs { k }),
                    Err(several) => Err(ParamsError::AmbiguousSrs { candidates: several.iter().map(SrsRecord::id).collect() }),
                }
            }
        }
    }

    fn srs(&self, id: SrsId) -> Result<SrsRecord, ParamsError> {
        self.store.record(&id.to_string())?.ok_or(ParamsError::UnknownSrs { id })
    }

    /// The local string of exactly this size, drawn on first use.
    fn insecure_srs(&self, k: u32) -> Result<SrsRecord, ParamsError> {
        let _alone = self.store.lock(&format!("srs-insecure-{k}"))?;
        if let Some(record) = list_srs(&self.store)?.into_iter().find(|record| record.setup.insecure && record.k == k) {
            return Ok(record);
        }
        let drawn = InsecureString::draw(k);
        let _session = self.store.session()?;
        let record = SrsRecord {
            setup: KzgSetup::new(&drawn.s_g2, true),
            k,
            source: "drawn on this machine, insecure".into(),
            source_sha256: None,
            powers: self.store.put(ObjectKind::Srs, &drawn.g1)?,
        };
        let both = [drawn.g1, drawn.lagrange].concat();
        self.keep(&kzg_name(record.id(), k), &both)?;
        self.store.put_record(&record.id().to_string(), &record)?;
        Ok(record)
    }

    /// Parameters of size `2^k` for the prover, from a string in the store.
    ///
    /// # Errors
    /// When the string is absent or too short, or the store fails.
    pub fn kzg(&self, id: SrsId, k: u32, progress: &dyn Progress) -> Result<Arc<ParamsKZG<Bn256>>, ParamsError> {
        check_size(k)?;
        let mut memory = locked(&self.kzg);
        if let Some(params) = memory.get(&(id, k)) {
            return Ok(params.clone());
        }
        let params = Arc::new(step(progress, Phase::Parameters, || self.load_or_derive_kzg(id, k))?);
        memory.insert((id, k), params.clone());
        Ok(params)
    }

    fn load_or_derive_kzg(&self, id: SrsId, k: u32) -> Result<ParamsKZG<Bn256>, ParamsError> {
        let record = self.srs(id)?;
        if record.k < k {
            return Err(ParamsError::SrsTooSmall { id, expected: k, got: record.k });
        }
        let malformed = |reason: &str| ParamsError::Malformed { k, reason: reason.into() };
        let s_g2 = record.setup.secret_image().map_err(|error| malformed(&error.to_string()))?;
        let name = kzg_name(id, k);
        let _alone = self.store.lock(&format!("params-{name}"))?;
        let points = 1usize << k;
        let cached = match self.store.record::<CachedParameters>(&name)? {
            None => None,
            Some(cached) => {
                match self.store.get(ObjectKind::Parameters, cached.object, 2 * (G1_LEN as u64) << k) {
                    Ok(bytes) => Some(bytes),
                    Err(error) if error.is_not_found() || error.is_damage() => None,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let (g1, lagrange) = match cached {
            Some(bytes) => {
                let mut both = read_points(&bytes).map_err(|index| malformed(&format!("element {index} is no point")))?;
                if both.len() != 2 * points {
                    return Err(malformed("it is of another size"));
                }
                let lagrange = both.split_off(points);
                (both, lagrange)
            }
            None => {
                let bytes = self.store.get(ObjectKind::Srs, record.powers, (G1_LEN as u64) << record.k)?;
                let mut g1 = read_points(&bytes).map_err(|index| malformed(&format!("element {index} is no point")))?;
                drop(bytes);
                g1.truncate(points);
                let lagrange = group_fft::lagrange_basis(g1.iter().map(Into::into).collect(), k);
                self.keep(&name, &[write_points(&g1), write_points(&lagrange)].concat())?;
                (g1, lagrange)
            }
        };
        kzg::prover_params(k, g1, lagrange, &s_g2).ok_or_else(|| malformed("the second group's points are unusable"))
    }
}

fn kzg_name(id: SrsId, k: u32) -> String {
    format!("kzg-{id}-{k}")
}

#[cfg(test)]
mod tests;
