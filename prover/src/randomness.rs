//! Randomness of proofs: one generator per proof, never used for two.
//!
//! A proof hides its witness behind blinds that nobody can guess; two proofs of different witnesses with the same blinds
//! tell what the witnesses differ in. So the generator is *hedged*: its seed is a hash of randomness from the operating
//! system and of all that makes this proof another one than any before.
//!
//! | hashed | what it is for |
//! |---|---|
//! | 32 bytes from the operating system | nobody else can compute the seed |
//! | a counter of this process | two proofs of one process differ, whatever the system says |
//! | the statement and the inputs | proofs of different witnesses differ, also in processes that were copied, or get the same bytes |
//!
//! While the operating system is sound, so is the seed, whatever else is hashed. If it repeats itself, as on machines
//! restored from a snapshot or that lack entropy after a start, no blind serves two witnesses; what remains is that
//! whoever knows its bytes can guess at inputs. Secret inputs enter the hash and nothing else. The seed leaves this module only as
//! the generator, which has no form that could be shown or stored.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{CryptoRng, Error, RngCore, rngs::OsRng};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use sha2::{Digest, Sha256};

/// Tells this use of the hash apart from all others.
const DOMAIN: &[u8] = b"lemma-proof-randomness-v1";

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness, without which a proof would not hide its input: {0}")]
pub struct RandomnessError(#[from] Error);

/// The generator of one proof. Neither `Clone` nor `Debug`: a copy would repeat its stream, a text would show it.
pub(crate) struct ProofRandomness(ChaCha20Rng);

impl ProofRandomness {
    /// A generator for the proof of this statement, encoded, with these inputs.
    pub(crate) fn draw(statement: &[u8], inputs: &[Vec<i32>]) -> Result<Self, RandomnessError> {
        Self::draw_from(&mut OsRng, statement, inputs)
    }

    fn draw_from(
        system: &mut dyn RngCore,
        statement: &[u8],
        inputs: &[Vec<i32>],
    ) -> Result<Self, RandomnessError> {
        static PROOFS: AtomicU64 = AtomicU64::new(0);
        let mut entropy = [0; 32];
        system.try_fill_bytes(&mut entropy)?;
        let count = PROOFS.fetch_add(1, Ordering::Relaxed);
        Ok(Self(ChaCha20Rng::from_seed(seed(&entropy, count, statement, inputs))))
    }
}

/// Every part has a fixed length or its length in front, so different parts are different text.
fn seed(entropy: &[u8; 32], count: u64, statement: &[u8], inputs: &[Vec<i32>]) -> [u8; 32] {
    let length = |length: usize| (length as u64).to_le_bytes();
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update(entropy);
    hash.update(count.to_le_bytes());
    hash.update(length(statement.len()));
    hash.update(statement);
    hash.update(length(inputs.len()));
    for input in inputs {
        hash.update(length(input.len()));
        input.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    hash.finalize().into()
}

impl RngCore for ProofRandomness {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.try_fill_bytes(bytes)
    }
}

impl CryptoRng for ProofRandomness {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// An operating system that always says the same, or nothing.
    struct Broken {
        silent: bool,
    }

    impl RngCore for Broken {
        fn next_u32(&mut self) -> u32 {
            7
        }

        fn next_u64(&mut self) -> u64 {
            7
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            bytes.fill(7);
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            self.fill_bytes(bytes);
            if self.silent { Err(Error::new("no entropy")) } else { Ok(()) }
        }
    }

    #[test]
    fn every_part_of_the_seed_changes_it() {
        let (entropy, statement, inputs) = ([7; 32], b"statement", vec![vec![1, 2], vec![3]]);
        let seeds = [
            seed(&entropy, 0, statement, &inputs),
            seed(&[8; 32], 0, statement, &inputs),
            seed(&entropy, 1, statement, &inputs),
            seed(&entropy, 0, b"statemen", &inputs),
            seed(&entropy, 0, statement, &[vec![1, 2], vec![4]]),
            // The same numbers, cut otherwise.
            seed(&entropy, 0, statement, &[vec![1], vec![2, 3]]),
            seed(&entropy, 0, statement, &[vec![1, 2, 3]]),
        ];
        assert_eq!(seeds.iter().collect::<HashSet<_>>().len(), seeds.len());
        assert_eq!(seed(&entropy, 0, statement, &inputs), seeds[0]);
    }

    #[test]
    fn a_system_that_repeats_itself_repeats_no_stream() {
        let stream = |inputs: &[Vec<i32>]| {
            let mut random =
                ProofRandomness::draw_from(&mut Broken { silent: false }, b"statement", inputs).unwrap();
            let mut bytes = [0; 64];
            random.fill_bytes(&mut bytes);
            bytes
        };
        // Of another witness, and of the same one again.
        let streams = [stream(&[vec![1]]), stream(&[vec![2]]), stream(&[vec![1]])];
        assert_eq!(HashSet::from(streams).len(), 3);
    }

    #[test]
    fn a_silent_system_is_an_error() {
        let refused = ProofRandomness::draw_from(&mut Broken { silent: true }, b"", &[]);
        assert!(refused.is_err_and(|error| error.to_string().contains("no randomness")));
    }
}
