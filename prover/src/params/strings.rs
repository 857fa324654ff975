//! KZG strings in the store.

use std::path::Path;

use halo2_proofs::halo2curves::bn256::G1Affine;
use lemma_verifier::{
    digest::Digest,
    setup::{KzgSetup, SrsId},
};

use super::{
    ParamsError,
    kzg::{G1_LEN, parse_points, write_points},
    srs_file,
};
use crate::store::{ObjectKind, Record, RecordKind, References, Store};

/// A KZG string in the store.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SrsRecord {
    /// The string.
    pub setup: KzgSetup,
    /// It has `2^k` powers, or more, but not twice as many.
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

    /// The largest size whose proofs hide their witness: `k` where the string has a power more than `2^k`, else one
    /// less.
    pub fn hiding_k(&self, store: &Store) -> u32 {
        if self.count(store) > 1 << self.k { self.k } else { self.k.saturating_sub(1) }
    }

    /// Powers in the store, by the length of their file; none when it is missing.
    fn count(&self, store: &Store) -> usize {
        let length = store.object_len(ObjectKind::Srs, self.powers).unwrap_or(0);
        usize::try_from(length).map_or(0, |length| length / G1_LEN)
    }

    /// Powers that a prover of size `2^k` has use for and the store has: one more than `2^k`, if it is there.
    pub(super) fn usable(&self, store: &Store, k: u32) -> usize {
        self.count(store).min((1 << k) + 1)
    }

    /// The first powers, `[s^i] G`, for parameters of size `2^k`.
    pub(super) fn first_powers(&self, store: &Store, k: u32) -> Result<Vec<G1Affine>, ParamsError> {
        let longest = (G1_LEN as u64) * ((1 << self.k) + 1);
        let bytes = store.get(ObjectKind::Srs, self.powers, longest)?;
        let wanted = G1_LEN * ((1 << k) + 1);
        parse_points(k, &bytes[..bytes.len().min(wanted)], &[1 << k, (1 << k) + 1])
    }
}

impl Record for SrsRecord {
    const KIND: RecordKind = RecordKind::Srs;

    fn references(&self) -> References {
        vec![(ObjectKind::Srs, self.powers)]
    }
}

/// Checks a `.ptau` or halo2-raw file and keeps its powers in the store.
///
/// A string that is already there is replaced only by a longer one.
///
/// # Errors
/// When the file is not a string over the standard generators, or the store fails.
pub fn import_srs(store: &Store, path: &Path) -> Result<SrsRecord, ParamsError> {
    let file =
        srs_file::read(path).map_err(|source| ParamsError::SrsFile { path: path.to_path_buf(), source })?;
    let setup = KzgSetup::new(&file.powers.s_g2, false);
    let _session = store.session()?;
    let name = setup.srs().to_string();
    let powers = &file.powers.g1;
    match store.record::<SrsRecord>(&name)? {
        // A string this machine drew stays insecure, also when it comes back as a file.
        Some(present) if present.setup.insecure || present.count(store) >= powers.len() => Ok(present),
        _ => {
            let record = SrsRecord {
                setup,
                k: powers.len().ilog2(),
                source: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                source_sha256: Some(file.sha256),
                powers: store.put(ObjectKind::Srs, &write_points(powers))?,
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
