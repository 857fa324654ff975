//! Parameters in memory, and how they get there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use halo2_proofs::{
    halo2curves::bn256::{Bn256, G1Affine},
    poly::{ipa::commitment::ParamsIPA, kzg::commitment::ParamsKZG},
};
use lemma_plonk::{Settings, Tables};
use lemma_verifier::{
    group_fft,
    setup::{KzgSetup, SrsId},
    transparent::{self, Transparent},
    verify::{BareKey, VerifierKey, VerifierKeyError},
};

use super::{
    MAX_K, MIN_K, ParamsError, SrsChoice, SrsRecord,
    insecure::InsecureString,
    kept,
    kzg::{Bases, KzgParameters, write_points},
    list_srs, points, tables,
};
use crate::{
    progress::{Phase, Progress, step},
    store::{ObjectKind, Store},
};

/// KZG parameters by string and size.
type BySrs = BTreeMap<(SrsId, u32), KzgParameters>;

/// Tables by string, if they are of one, size, and what of the settings is theirs; there while keys have them.
type TablesBySetup = BTreeMap<(Option<SrsId>, u32, bool, usize), Weak<Tables>>;

/// Parameters by scheme and size, from memory, the store, or their derivation.
#[derive(Debug)]
pub struct Parameters {
    store: Option<Store>,
    /// Whole ones.
    ipa: Mutex<BTreeMap<u32, Transparent>>,
    /// As much of them as verifiers have needed.
    verifier_ipa: Mutex<BTreeMap<u32, Transparent>>,
    kzg: Mutex<BySrs>,
    tables: Mutex<TablesBySetup>,
}

/// A panic while holding the lock leaves the map as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stored_or_derived_ipa(store: &Store, k: u32) -> Result<Transparent, ParamsError> {
    let name = format!("ipa-{k}");
    let _alone = store.lock(&format!("params-{name}"))?;
    if let Some(whole) = stored_ipa(store, k)? {
        return Ok(whole);
    }
    let (derived, file) = Transparent::derive_whole(k)?;
    // Without a pinned digest a stored file could not be checked.
    if transparent::pinned_file(k).is_some() {
        kept::keep_if_writable(store, &name, &file)?;
    }
    Ok(derived)
}

/// The whole ones of a size, if the store has them.
fn stored_ipa(store: &Store, k: u32) -> Result<Option<Transparent>, ParamsError> {
    let Some(digest) = transparent::pinned_file(k) else { return Ok(None) };
    match store.get(ObjectKind::Parameters, digest, transparent::file_len(k)) {
        Err(error) if error.is_not_found() || error.is_damage() => Ok(None),
        stored => Ok(Some(Transparent::read_whole(k, &stored?)?)),
    }
}

/// Those for a verifier, from the store if it has them for as many public inputs: one file a size, which a larger one replaces.
fn stored_or_derived_some(store: &Store, k: u32, public_inputs: usize) -> Result<Transparent, ParamsError> {
    let name = format!("ipa-{k}-some");
    let _alone = store.lock(&format!("params-{name}"))?;
    let kept = kept::object(store, &name, transparent::file_len(k))?;
    if let Some(some) = kept.and_then(|file| Transparent::read_some(k, public_inputs, &file).ok()) {
        return Ok(some);
    }
    let (derived, file) = Transparent::derive_some(k, public_inputs)?;
    if transparent::pinned_file(k).is_some() {
        kept::keep_if_writable(store, &name, &file)?;
    }
    Ok(derived)
}

/// Deriving transparent parameters takes time and memory by the row, also for whoever only verifies: minutes and
/// 300 MiB at this size.
const MAX_IPA_K: u32 = 20;

fn check_size(k: u32, largest: u32) -> Result<(), ParamsError> {
    let range = MIN_K..=largest;
    if range.contains(&k) { Ok(()) } else { Err(ParamsError::Size { k, range }) }
}

impl Parameters {
    /// Parameters cached in this store.
    pub fn new(store: Store) -> Self {
        Self { store: Some(store), ..Self::in_memory() }
    }

    /// Parameters kept in memory only: every process derives transparent ones again, and there are no strings.
    pub fn in_memory() -> Self {
        Self {
            store: None,
            ipa: Mutex::default(),
            verifier_ipa: Mutex::default(),
            kzg: Mutex::default(),
            tables: Mutex::default(),
        }
    }

    fn store(&self) -> Result<&Store, ParamsError> {
        self.store.as_ref().ok_or(ParamsError::NoStore)
    }

    /// Transparent parameters of size `2^k`, for prover and verifier.
    ///
    /// # Errors
    /// When the size is outside the limits or the store fails.
    pub fn ipa(&self, k: u32, progress: &dyn Progress) -> Result<Arc<ParamsIPA<G1Affine>>, ParamsError> {
        check_size(k, MAX_IPA_K)?;
        Ok(self.whole_ipa(k, progress)?.library().clone())
    }

    fn whole_ipa(&self, k: u32, progress: &dyn Progress) -> Result<Transparent, ParamsError> {
        let mut memory = locked(&self.ipa);
        if let Some(whole) = memory.get(&k) {
            return Ok(whole.clone());
        }
        let whole = step(progress, Phase::Parameters, || match &self.store {
            Some(store) => stored_or_derived_ipa(store, k),
            None => Ok(Transparent::derive_whole(k)?.0),
        })?;
        memory.insert(k, whole.clone());
        Ok(whole)
    }

    /// Adds the parameters that a verifying key needs.
    ///
    /// # Errors
    /// When the transparent parameters cannot be had, or the KZG string's point is unusable.
    pub fn complete<E>(&self, key: BareKey, progress: &dyn Progress) -> Result<VerifierKey, E>
    where
        E: From<VerifierKeyError> + From<ParamsError>,
    {
        key.with_parameters(|k, public_inputs| Ok(self.verifier_ipa(k, public_inputs, progress)?))
    }

    /// Transparent parameters for a verifier of so many public inputs: those of the prover where they are at hand, else what takes a
    /// fraction of the time to derive. Whoever asks for more than there are replaces them, so that a size has one copy.
    fn verifier_ipa(
        &self,
        k: u32,
        public_inputs: usize,
        progress: &dyn Progress,
    ) -> Result<Transparent, ParamsError> {
        check_size(k, MAX_IPA_K)?;
        if let Some(whole) = locked(&self.ipa).get(&k) {
            return Ok(whole.clone());
        }
        let mut memory = locked(&self.verifier_ipa);
        if let Some(some) = memory.get(&k).filter(|some| some.are_for(k, public_inputs)) {
            return Ok(some.clone());
        }
        let some = step(progress, Phase::Parameters, || self.load_or_derive_some(k, public_inputs))?;
        memory.insert(k, some.clone());
        Ok(some)
    }

    fn load_or_derive_some(&self, k: u32, public_inputs: usize) -> Result<Transparent, ParamsError> {
        // Keys of one size that need a little more and a little less share theirs.
        let public_inputs = public_inputs.next_power_of_two().min(1 << k);
        let Some(store) = &self.store else { return Ok(Transparent::derive(k, public_inputs)?) };
        match stored_ipa(store, k)? {
            Some(whole) => Ok(whole),
            None => stored_or_derived_some(store, k, public_inputs),
        }
    }

    /// Tables of the parameters of size `2^k`, of a string or the transparent ones, for the prover. They take seconds
    /// and tens of megabytes, so all circuits of a setup and size share one copy.
    ///
    /// # Errors
    /// Those of the parameters.
    pub(crate) fn tables(
        &self,
        srs: Option<SrsId>,
        k: u32,
        settings: Settings,
        progress: &dyn Progress,
    ) -> Result<Arc<Tables>, ParamsError> {
        let mut memory = locked(&self.tables);
        let key = (srs, k, settings.prefix_table, settings.stride);
        if let Some(tables) = memory.get(&key).and_then(Weak::upgrade) {
            return Ok(tables);
        }
        let store = self.store.as_ref();
        let tables = match srs {
            None => {
                let params = self.ipa(k, progress)?;
                step(progress, Phase::Tables, || {
                    let name = format!("ipa-{k}");
                    points::with_ipa(&params, |points| tables::load_or_make(store, &name, points, settings))
                })?
            }
            Some(id) => {
                let params = self.kzg_parameters(id, k, progress)?;
                step(progress, Phase::Tables, || {
                    let name = kept::kzg_name(id, k);
                    points::with_kzg(&params, |points| tables::load_or_make(store, &name, points, settings))
                })?
            }
        };
        let tables = Arc::new(tables);
        memory.insert(key, Arc::downgrade(&tables));
        Ok(tables)
    }

    /// Whether tables of these settings are in memory.
    pub(crate) fn has_tables(&self, srs: Option<SrsId>, k: u32, settings: Settings) -> bool {
        let key = (srs, k, settings.prefix_table, settings.stride);
        locked(&self.tables).get(&key).is_some_and(|tables| tables.strong_count() > 0)
    }

    /// The string to use for a circuit of `2^k` rows.
    ///
    /// # Errors
    /// When there is none, more than one, or the named one is too short.
    pub fn choose_srs(&self, choice: SrsChoice, k: u32) -> Result<SrsRecord, ParamsError> {
        check_size(k, MAX_K)?;
        match choice {
            SrsChoice::InsecureLocal => self.insecure_srs(k),
            SrsChoice::Ceremony(Some(id)) => {
                let record = self.srs(id)?;
                if record.k >= k {
                    Ok(record)
                } else {
                    Err(ParamsError::SrsTooSmall { id, expected: k, got: record.k })
                }
            }
            SrsChoice::Ceremony(None) => {
                let mut fit = list_srs(self.store()?)?;
                fit.retain(|record| !record.setup.insecure && record.k >= k);
                match <[SrsRecord; 1]>::try_from(fit) {
                    Ok([only]) => Ok(only),
                    Err(none) if none.is_empty() => Err(ParamsError::NoSrs { k }),
                    Err(several) => Err(ParamsError::AmbiguousSrs {
                        candidates: several.iter().map(SrsRecord::id).collect(),
                    }),
                }
            }
        }
    }

    fn srs(&self, id: SrsId) -> Result<SrsRecord, ParamsError> {
        let record: SrsRecord =
            self.store()?.record(&id.to_string())?.ok_or(ParamsError::UnknownSrs { id })?;
        match record.id() {
            same if same == id => Ok(record),
            got => Err(ParamsError::WrongSrs { expected: id, got }),
        }
    }

    /// The local string of exactly this size, drawn on first use.
    fn insecure_srs(&self, k: u32) -> Result<SrsRecord, ParamsError> {
        let store = self.store()?;
        let _alone = store.lock(&format!("srs-insecure-{k}"))?;
        let present = list_srs(store)?.into_iter().find(|record| record.setup.insecure && record.k == k);
        if let Some(record) = present {
            return Ok(record);
        }
        let drawn = InsecureString::draw(k);
        let _session = store.session()?;
        let record = SrsRecord {
            setup: KzgSetup::new(&drawn.s_g2, true),
            k,
            source: "drawn on this machine, insecure".into(),
            source_sha256: None,
            powers: store.put(ObjectKind::Srs, &write_points(&drawn.bases.powers))?,
        };
        kept::keep(store, &kept::kzg_name(record.id(), k), &drawn.bases.write())?;
        store.put_record(&record.id().to_string(), &record)?;
        Ok(record)
    }

    /// Parameters of size `2^k` for the library, from a string in the store.
    ///
    /// # Errors
    /// When the string is absent or too short, or the store fails.
    pub fn kzg(
        &self,
        id: SrsId,
        k: u32,
        progress: &dyn Progress,
    ) -> Result<Arc<ParamsKZG<Bn256>>, ParamsError> {
        Ok(self.kzg_parameters(id, k, progress)?.library)
    }

    /// The same with the power that hides, where the string has it.
    pub(super) fn kzg_parameters(
        &self,
        id: SrsId,
        k: u32,
        progress: &dyn Progress,
    ) -> Result<KzgParameters, ParamsError> {
        check_size(k, MAX_K)?;
        let mut memory = locked(&self.kzg);
        if let Some(params) = memory.get(&(id, k)) {
            return Ok(params.clone());
        }
        let params = step(progress, Phase::Parameters, || self.load_or_derive_kzg(id, k))?;
        memory.insert((id, k), params.clone());
        Ok(params)
    }

    fn load_or_derive_kzg(&self, id: SrsId, k: u32) -> Result<KzgParameters, ParamsError> {
        let (store, record) = (self.store()?, self.srs(id)?);
        if record.k < k {
            return Err(ParamsError::SrsTooSmall { id, expected: k, got: record.k });
        }
        let s_g2 = record.setup.secret_image().map_err(|_| ParamsError::unusable_second_group(k))?;
        let name = kept::kzg_name(id, k);
        let _alone = store.lock(&format!("params-{name}"))?;
        let cached = kept::bases(store, &name, k)?.filter(|bases| bases.are_of(&s_g2));
        let bases = match cached {
            Some(bases) if bases.powers.len() >= record.usable(store, k) => bases,
            cached => {
                let bases = complete(cached, record.first_powers(store, k), k)?;
                if !bases.are_of(&s_g2) {
                    return Err(ParamsError::WrongPowers { id });
                }
                kept::keep_if_writable(store, &name, &bases.write())?;
                bases
            }
        };
        bases.parameters(k, &s_g2).ok_or_else(|| ParamsError::unusable_second_group(k))
    }
}

/// Both bases of the powers of a string. What is cached by an earlier version, or of a shorter string, lacks nothing but
/// the power that hides, and is used without it when the string is damaged.
fn complete(
    cached: Option<Bases>,
    powers: Result<Vec<G1Affine>, ParamsError>,
    k: u32,
) -> Result<Bases, ParamsError> {
    match (cached, powers) {
        (Some(cached), Ok(powers)) => Ok(Bases { powers, ..cached }),
        (Some(cached), Err(ParamsError::Store(error))) if error.is_damage() => Ok(cached),
        (None, Ok(powers)) => {
            let rows = powers[..1 << k].iter().map(Into::into).collect();
            Ok(Bases { lagrange: group_fft::lagrange_basis(rows, k, usize::MAX), powers })
        }
        (_, Err(error)) => Err(error),
    }
}
