//! Proving keys: made on first use, read back only by digest, and prepared for the prover that will use them.

use std::{
    fmt,
    io::{self, Write},
};

use halo2_proofs::{SerdeFormat, halo2curves::bn256::G1Affine, plonk::ProvingKey};
use lemma_circuits::{CompiledCircuit, circuit::LemmaCircuit};
use lemma_plonk::{Prover, Settings, Shape, backends::Choice};
use lemma_verifier::{circuit_id::CircuitId, env, proof_system::Domain, setup::Setup, verify::VerifierKey};

use super::{CircuitRecord, Keyring, KeysError, ProverChoice, SetupChoice, lock_name};
use crate::{
    memory::available_memory,
    progress::{Phase, Progress, step},
    proof_system::{self, CircuitProver},
    store::{ObjectKind, StoreError},
};

/// Everything needed to prove inferences of one circuit, in memory.
pub struct ProvingKeys {
    verifier: VerifierKey,
    prover: CircuitProver,
    key_len: u64,
    resident: u64,
}

impl fmt::Debug for ProvingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvingKeys").field("circuit", &self.circuit_id()).finish_non_exhaustive()
    }
}

impl ProvingKeys {
    /// The circuit.
    pub fn circuit_id(&self) -> CircuitId {
        self.verifier.circuit_id()
    }

    /// The key that checks the proofs.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Length of the stored proving key, in bytes.
    pub fn pk_bytes(&self) -> u64 {
        self.key_len
    }

    /// Bytes they keep between proofs, besides what all keys of the setup and size share.
    pub fn resident_bytes(&self) -> u64 {
        self.resident
    }

    /// Whether proofs hide their witness. With KZG they do if the string has a power beyond the `2^k` of the circuit's
    /// rows: from a ceremony's `.ptau` file, or a raw file of a larger size. The library's prover blinds no quotient.
    pub fn hides(&self) -> bool {
        self.prover.hides()
    }

    pub(crate) fn prover(&self) -> &CircuitProver {
        &self.prover
    }
}

/// A key of the library, and its length in the store.
type Stored = (ProvingKey<G1Affine>, u64);

impl Keyring {
    /// Both keys of a compiled circuit.
    ///
    /// # Errors
    /// When the setup is of the other scheme or not there, or the store fails.
    pub fn proving_keys(
        &self,
        circuit: &CompiledCircuit,
        onnx: &[u8],
        setup: SetupChoice,
        progress: &dyn Progress,
    ) -> Result<ProvingKeys, KeysError> {
        env::check()?;
        let setup = self.setup(circuit, setup)?;
        let alone = self.store.lock(&lock_name(circuit, &setup))?;
        let (record, verifier) = self.ensure_verifier(circuit, onnx, &setup, progress)?;
        let (key, key_len) = match self.load_proving_key(&record, &verifier, progress)? {
            Some(loaded) => loaded,
            None => self.make_proving_key(circuit, record, &verifier, &setup, progress)?,
        };
        // What follows concerns this process alone.
        drop(alone);
        let shape = Shape::of_key(Choice::default(), &key);
        let settings = self.settings(&shape, &setup, circuit.k())?;
        let resident = match self.prover {
            ProverChoice::Own => shape.memory(settings).key,
            ProverChoice::Stock => key_len,
        };
        let prover = self.prepare(key, &setup, circuit.k(), settings, progress)?;
        Ok(ProvingKeys { verifier, prover, key_len, resident })
    }

    /// What is short of memory goes without what makes it fast; tables that another circuit has already made take none.
    /// Where nobody said how much it may take it is about what the proof library takes.
    fn settings(&self, shape: &Shape, setup: &Setup, k: u32) -> Result<Settings, KeysError> {
        let needs = |settings: Settings| {
            let memory = shape.memory(settings);
            let has_tables = self.parameters.has_tables(setup.srs(), k, settings);
            memory.peak() - if has_tables { memory.tables } else { 0 }
        };
        let available = available_memory().unwrap_or(u64::MAX);
        let room =
            self.memory.unwrap_or(shape.without_lanes().memory(Settings::BALANCED).peak()).min(available);
        let settings = Settings::fastest(|settings| needs(settings) <= room);
        let least = needs(settings);
        match (self.prover, self.memory) {
            (ProverChoice::Own, Some(allowed)) if least > allowed => {
                Err(KeysError::Memory { least, allowed })
            }
            _ => Ok(settings),
        }
    }

    /// Hands the key to the prover. Our own copies what it needs.
    fn prepare(
        &self,
        key: ProvingKey<G1Affine>,
        setup: &Setup,
        k: u32,
        settings: Settings,
        progress: &dyn Progress,
    ) -> Result<CircuitProver, KeysError> {
        match self.prover {
            ProverChoice::Own => {
                let tables = self.parameters.tables(setup.srs(), k, settings, progress)?;
                let prover = step(progress, Phase::PrepareKey, || Prover::new(&tables, key, settings))?;
                Ok(CircuitProver::Own { prover: Box::new(prover), _tables: tables })
            }
            ProverChoice::Stock => {
                let params = self.commitment(setup, k, progress)?;
                Ok(CircuitProver::Stock { key: Box::new(key), params })
            }
        }
    }

    /// The stored proving key; `None` when there is none or its bytes are not what they were.
    fn load_proving_key(
        &self,
        record: &CircuitRecord,
        verifier: &VerifierKey,
        progress: &dyn Progress,
    ) -> Result<Option<Stored>, KeysError> {
        let Some(digest) = record.pk else { return Ok(None) };
        step(progress, Phase::LoadKeys, || {
            // The library's reader panics on bytes it did not write, hence never before the digest is right.
            let (mut file, length) = match self.store.open_checked(ObjectKind::ProvingKey, digest) {
                Ok(found) => found,
                Err(error) if error.is_not_found() || error.is_damage() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let path = self.store.object_path(ObjectKind::ProvingKey, digest);
            let key = ProvingKey::read::<_, LemmaCircuit>(
                &mut file,
                SerdeFormat::RawBytes,
                verifier.shape().clone(),
            )
            .map_err(StoreError::io("read", &path))?;
            let same = key.get_vk().transcript_repr() == verifier.library_key().transcript_repr();
            Ok(same.then_some((key, length)))
        })
    }

    fn make_proving_key(
        &self,
        circuit: &CompiledCircuit,
        record: CircuitRecord,
        verifier: &VerifierKey,
        setup: &Setup,
        progress: &dyn Progress,
    ) -> Result<Stored, KeysError> {
        let commitment = self.commitment(setup, circuit.k(), progress)?;
        let key = step(progress, Phase::ProvingKey, || -> Result<_, KeysError> {
            let verifying = verifier.file().library_key(Domain::Prover)?;
            proof_system::proving_key(&commitment, verifying, &circuit.circuit()).map_err(KeysError::Library)
        })?;
        let _session = self.store.session()?;
        let (digest, length) = self.store.put_with(ObjectKind::ProvingKey, |out| {
            let mut out = Patient { out, failed: None };
            key.write(&mut out, SerdeFormat::RawBytes)?;
            out.failed.map_or(Ok(()), Err)
        })?;
        self.store.put_record(&record.circuit.to_string(), &CircuitRecord { pk: Some(digest), ..record })?;
        Ok((key, length))
    }
}

/// Takes bytes after it has failed as well: the library panics when writing does.
struct Patient<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let mut room = [0u8; 3];
        let mut patient = Patient { out: &mut room[..], failed: None };
        for _ in 0..3 {
            patient.write_all(&[1, 2]).unwrap();
        }
        assert_eq!(patient.failed.map(|error| error.kind()), Some(io::ErrorKind::WriteZero));
        assert_eq!(room, [1, 2, 1]);
    }
}
