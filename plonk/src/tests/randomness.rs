//! Fresh randomness in everything that has to hide, and the library's order of drawing it.

use ff::Field;
use halo2_proofs::{
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::{Group, GroupEncoding},
    },
    plonk::ConstraintSystem,
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{
    accepted::prove_with,
    setups::Setup,
    toy::{Shape, Toy},
};
use crate::{
    Points,
    hiding::{Polynomial, margins},
    prove::random,
    scalar::Scalar,
};

fn toy(phases: usize) -> Toy {
    Toy { shape: Shape { degree: 5, phases, copied: 7, weights: 2 }, seed: Some(3) }
}

#[test]
fn two_proofs_of_one_statement_share_no_word() {
    for setup in [Setup::kzg(6), Setup::ipa(6)] {
        let toy = toy(2);
        let key = setup.key(&toy);
        let [first, second] = [1, 2].map(|seed| prove_with(Scalar, &setup, &key, &toy, true, seed));
        let words: Vec<&[u8]> = first.chunks_exact(32).collect();
        assert!(second.chunks_exact(32).all(|word| !words.contains(&word)));
        assert_eq!(first, prove_with(Scalar, &setup, &key, &toy, true, 1), "a seed decides everything");
    }
}

#[test]
fn everything_up_to_the_last_product_is_the_librarys() {
    for setup in [Setup::kzg(6), Setup::ipa(6)] {
        for phases in [1, 2] {
            let toy = toy(phases);
            let key = setup.key(&toy);
            let stock = setup.stock(&key, toy.clone(), &toy.public(), 5);
            let own = prove_with(Scalar, &setup, &key, &toy, true, 5);
            let system = key.get_vk().cs();
            let products = system.permutation().get_columns().len().div_ceil(system.degree() - 2);
            assert!(products > 1);
            let prefix = 32 * (system.num_advice_columns() + products);
            assert_eq!(own[..prefix], stock[..prefix], "{phases} phases");
            // The random polynomial follows, which the library draws from elsewhere.
            assert_ne!(own[prefix..], stock[prefix..]);
        }
    }
}

/// Counts what is drawn.
struct Counting(ChaCha20Rng, usize);

impl RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        self.1 += 4;
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.1 += 8;
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.1 += bytes.len();
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

fn per_element() -> usize {
    let mut one = Counting(ChaCha20Rng::seed_from_u64(1), 0);
    let _: Fr = Field::random(&mut one);
    one.1
}

/// Elements drawn before the blinds of the quotient.
fn before_the_quotient(system: &ConstraintSystem<Fr>) -> usize {
    let (advice, blinding) = (system.num_advice_columns(), system.blinding_factors());
    let products = system.permutation().get_columns().len().div_ceil(system.degree() - 2);
    // The random polynomial and its blind come last.
    advice * (blinding + 1 + 1) + products * (blinding + 1) + 64 + 1
}

#[test]
fn every_mask_is_drawn() {
    for setup in [Setup::kzg(6), Setup::ipa(6)] {
        let toy = toy(2);
        let key = setup.key(&toy);
        let mut rng = Counting(ChaCha20Rng::seed_from_u64(1), 0);
        super::accepted::prove_from(Scalar, &setup, &key, &toy, true, &mut rng);
        let system = key.get_vk().cs();
        let pieces = system.degree() - 1;
        let rest = match setup {
            // One X^n less than pieces, and blinds that count for nothing.
            Setup::Kzg { .. } => pieces - 1 + pieces,
            // Blinds; that of the joined quotient; the masking polynomial and its blind; left and right, six rounds.
            Setup::Ipa { .. } => pieces + 1 + 64 + 1 + 2 * 6,
        };
        assert_eq!(rng.1, (before_the_quotient(system) + rest) * per_element());
    }
}

/// Says the same as another generator but for the bytes of one element.
struct Altered {
    rng: ChaCha20Rng,
    /// Bytes until the element, and of it.
    before: usize,
    of: usize,
}

impl RngCore for Altered {
    fn next_u32(&mut self) -> u32 {
        unreachable!("elements take words of 64 bits")
    }

    fn next_u64(&mut self) -> u64 {
        let word = self.rng.next_u64();
        if self.before > 0 {
            self.before -= 8;
            word
        } else if self.of > 0 {
            self.of -= 8;
            word ^ 1
        } else {
            word
        }
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// With another `b_j`, the commitments to the pieces j and j + 1 move by a multiple of `[s^n] G` and of G; every other
/// word before the next challenge stays.
#[test]
fn every_blind_of_the_quotient_moves_two_pieces() {
    let setup = Setup::kzg(6);
    let Points::Kzg { powers, .. } = setup.points() else { unreachable!("made for KZG") };
    let toy = toy(2);
    let key = setup.key(&toy);
    let system = key.get_vk().cs();
    let products = system.permutation().get_columns().len().div_ceil(system.degree() - 2);
    let first = system.num_advice_columns() + products + 1;
    let pieces = system.degree() - 1;
    let prove = |before: usize, of: usize| {
        let before = before * per_element();
        let mut rng = Altered { rng: ChaCha20Rng::seed_from_u64(5), before, of };
        super::accepted::prove_from(Scalar, &setup, &key, &toy, true, &mut rng)
    };
    let point = |proof: &[u8], word: usize| {
        let mut repr = <G1Affine as GroupEncoding>::Repr::default();
        repr.as_mut().copy_from_slice(&proof[32 * word..32 * word + 32]);
        G1::from(G1Affine::from_bytes(&repr).unwrap())
    };
    let drawn = |before: usize, of: usize| {
        let mut rng = Altered { rng: ChaCha20Rng::seed_from_u64(5), before: before * per_element(), of };
        random(&mut rng, before + 1)[before]
    };
    let plain = prove(usize::MAX / 128, 0);
    for j in 0..pieces - 1 {
        let at = before_the_quotient(system) + j;
        let altered = prove(at, per_element());
        assert!(setup.accepts(&key, &toy.public(), &altered));
        let difference = drawn(at, per_element()) - drawn(at, 0);
        assert_ne!(difference, Fr::ZERO);
        for word in 0..first + pieces {
            let moved = point(&altered, word) - point(&plain, word);
            let expected = match word.checked_sub(first) {
                Some(piece) if piece == j => powers[64] * difference,
                Some(piece) if piece == j + 1 => -(powers[0] * difference),
                _ => G1::identity(),
            };
            assert_eq!(moved, expected, "blind {j}, word {word}");
        }
    }
}

#[test]
fn a_proof_tells_less_than_is_random() {
    for shape in super::accepted::shapes() {
        let mut system = ConstraintSystem::default();
        <Toy as halo2_proofs::plonk::Circuit<Fr>>::configure_with_params(&mut system, shape);
        let margins = margins(&system);
        assert!(margins.iter().all(|margin| margin.suffices()), "{margins:?}");
        assert!(margins.iter().any(|margin| matches!(margin.polynomial, Polynomial::Product(_))));
    }
}
