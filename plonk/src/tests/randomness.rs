//! Fresh randomness in everything that has to hide, and the library's order of drawing it.

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{
    accepted::prove_with,
    setups::Setup,
    toy::{Shape, Toy},
};
use crate::{
    hiding::{Polynomial, margins},
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

#[test]
fn every_mask_is_drawn() {
    let setup = Setup::kzg(6);
    let toy = toy(2);
    let key = setup.key(&toy);
    let mut rng = Counting(ChaCha20Rng::seed_from_u64(1), 0);
    super::accepted::prove_from(Scalar, &setup, &key, &toy, true, &mut rng);
    let system = key.get_vk().cs();
    let (advice, blinding) = (system.num_advice_columns(), system.blinding_factors());
    let products = system.permutation().get_columns().len().div_ceil(system.degree() - 2);
    let pieces = system.degree() - 1;
    let elements = advice * (blinding + 1 + 1)
        + products * (blinding + 1)
        // The random polynomial and its blind; pieces of the quotient with one X^n less than pieces, and blinds.
        + 64 + 1 + (pieces - 1) + pieces;
    let per_element = {
        let mut one = Counting(ChaCha20Rng::seed_from_u64(1), 0);
        let _: Fr = Field::random(&mut one);
        one.1
    };
    assert_eq!(rng.1, elements * per_element);
}

#[test]
fn a_proof_tells_less_than_is_random() {
    for shape in super::accepted::shapes() {
        let mut system = halo2_proofs::plonk::ConstraintSystem::default();
        <Toy as halo2_proofs::plonk::Circuit<Fr>>::configure_with_params(&mut system, shape);
        let margins = margins(&system);
        assert!(margins.iter().all(|margin| margin.suffices()), "{margins:?}");
        assert!(margins.iter().any(|margin| matches!(margin.polynomial, Polynomial::Product(_))));
    }
}
