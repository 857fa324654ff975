//! The stock verifier accepts, and nothing else.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::plonk::ProvingKey;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    setups::Setup,
    toy::{Shape, Toy},
};
use crate::{
    arithmetic::Backend, backends::on_all_backends, bases::Bases, key::Key, msm::Windows, prove::prove,
    scalar::Scalar, watch::Unwatched,
};

fn prove_with<B: Backend>(
    backend: B,
    setup: &Setup,
    key: &ProvingKey<G1Affine>,
    toy: &Toy,
    keep: bool,
    seed: u64,
) -> Vec<u8> {
    let bases = Bases::new(backend, &setup.points(), Windows::for_bases(1 << 6), keep);
    let key = Key::new(backend, key, keep);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    prove(&key, &bases, toy, &[&toy.public()], &mut rng, &Unwatched).unwrap()
}

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for degree in 3..=9 {
        for phases in 1..=3 {
            shapes.push(Shape {
                degree,
                phases,
                copied: 1 + degree % 4 + phases,
                weights: phases + degree % 3,
            });
        }
    }
    shapes
}

#[test]
fn every_degree_and_phase_is_accepted() {
    for k in [4, 6] {
        for setup in [Setup::kzg(k), Setup::ipa(k)] {
            for shape in shapes() {
                let toy = Toy { shape, seed: Some(7) };
                let key = setup.key(&toy);
                let proof = prove_with(Scalar, &setup, &key, &toy, shape.degree % 2 == 0, 3);
                assert!(setup.accepts(&key, &toy.public(), &proof), "{shape:?}, k {k}");
                let mut other = toy.public();
                other[1] += Fr::one();
                assert!(!setup.accepts(&key, &other, &proof));
                if shape.phases < 3 {
                    // The library's prover panics after the third phase.
                    let stock = setup.stock(&key, toy.clone(), &toy.public(), 3);
                    assert_eq!(stock.len(), proof.len());
                    assert!(setup.accepts(&key, &toy.public(), &stock));
                }
            }
        }
    }
}

#[test]
fn backends_write_the_same_bytes() {
    let k = 9;
    for setup in [Setup::kzg(k), Setup::ipa(k)] {
        let toy = Toy { shape: Shape { degree: 5, phases: 2, copied: 5, weights: 3 }, seed: Some(9) };
        let key = setup.key(&toy);
        let want = prove_with(Scalar, &setup, &key, &toy, true, 5);
        assert!(setup.accepts(&key, &toy.public(), &want));
        on_all_backends!(|backend| for keep in [true, false] {
            assert_eq!(prove_with(backend, &setup, &key, &toy, keep, 5), want);
        });
    }
}
