//! Lies through the real prover: a proof of each is made, and the verifier rejects it, under both schemes.

use std::collections::BTreeMap;

use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::{
        VerificationStrategy,
        commitment::{CommitmentScheme, ParamsProver, Prover, Verifier},
        ipa::{
            commitment::{IPACommitmentScheme, ParamsIPA},
            multiopen::{ProverIPA, VerifierIPA},
            strategy::SingleStrategy as SingleIpa,
        },
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy as SingleKzg,
        },
    },
    transcript::{Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{case::Case, lies};
use crate::{circuit::LemmaCircuit, roles::Role};

/// Whether a proof of this circuit and statement verifies.
trait Scheme {
    fn new(k: u32) -> Self;
    fn key(&self, circuit: &LemmaCircuit) -> ProvingKey<G1Affine>;
    fn accepts(&self, key: &ProvingKey<G1Affine>, circuit: LemmaCircuit, public: &[Fr]) -> bool;
}

struct Kzg(ParamsKZG<Bn256>);
struct Ipa(ParamsIPA<G1Affine>);

fn prove<'params, S, P>(
    params: &'params S::ParamsProver,
    key: &ProvingKey<G1Affine>,
    circuit: LemmaCircuit,
    public: &[Fr],
) -> Vec<u8>
where
    S: CommitmentScheme<Scalar = Fr, Curve = G1Affine>,
    S::ParamsProver: Sync,
    P: Prover<'params, S>,
{
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
    let rng = ChaCha20Rng::seed_from_u64(3);
    create_proof::<S, P, _, _, _, _>(params, key, &[circuit], &[&[public]], rng, &mut transcript)
        .expect("a proof of a lie is made like any other");
    transcript.finalize()
}

fn verify<'params, S, V, T>(
    params: &'params S::ParamsVerifier,
    key: &ProvingKey<G1Affine>,
    strategy: T,
    public: &[Fr],
    proof: &[u8],
) -> bool
where
    S: CommitmentScheme<Scalar = Fr, Curve = G1Affine>,
    V: Verifier<'params, S>,
    T: VerificationStrategy<'params, S, V>,
{
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
    verify_proof::<S, V, _, _, _>(params, key.get_vk(), strategy, &[&[public]], &mut transcript).is_ok()
}

impl Scheme for Kzg {
    fn new(k: u32) -> Self {
        Self(ParamsKZG::setup(k, ChaCha20Rng::seed_from_u64(1)))
    }

    fn key(&self, circuit: &LemmaCircuit) -> ProvingKey<G1Affine> {
        keygen_pk(&self.0, keygen_vk(&self.0, circuit).unwrap(), circuit).unwrap()
    }

    fn accepts(&self, key: &ProvingKey<G1Affine>, circuit: LemmaCircuit, public: &[Fr]) -> bool {
        type Commitments = KZGCommitmentScheme<Bn256>;
        let proof = prove::<Commitments, ProverSHPLONK<'_, Bn256>>(&self.0, key, circuit, public);
        let strategy = SingleKzg::new(&self.0);
        verify::<Commitments, VerifierSHPLONK<'_, Bn256>, _>(&self.0, key, strategy, public, &proof)
    }
}

impl Scheme for Ipa {
    fn new(k: u32) -> Self {
        Self(ParamsIPA::new(k))
    }

    fn key(&self, circuit: &LemmaCircuit) -> ProvingKey<G1Affine> {
        keygen_pk(&self.0, keygen_vk(&self.0, circuit).unwrap(), circuit).unwrap()
    }

    fn accepts(&self, key: &ProvingKey<G1Affine>, circuit: LemmaCircuit, public: &[Fr]) -> bool {
        type Commitments = IPACommitmentScheme<G1Affine>;
        let proof = prove::<Commitments, ProverIPA<'_, G1Affine>>(&self.0, key, circuit, public);
        let strategy = SingleIpa::new(&self.0);
        verify::<Commitments, VerifierIPA<'_, G1Affine>, _>(&self.0, key, strategy, public, &proof)
    }
}

/// Proves the truth and the lies of a case that `keep` lets through, by their role, how many lies about it were told
/// before, and what they are; returns how many.
fn reject<S: Scheme>(case: &Case, keep: impl Fn(Role, usize, &str) -> bool) -> usize {
    let scheme = S::new(case.compiled.k());
    let key = scheme.key(&case.compiled.circuit());
    let honest = case.honest();
    let public = case.public(&case.input, &honest.outputs);
    let circuit = LemmaCircuit::with_witness(case.layout.clone(), honest);
    assert!(scheme.accepts(&key, circuit, &public), "{}: the truth is rejected", case.name);
    let mut told_lies: BTreeMap<Role, usize> = BTreeMap::new();
    for lie in lies::all() {
        let before = told_lies.entry(lie.role).or_default();
        if !keep(lie.role, *before, lie.what) {
            continue;
        }
        let Some(told) = (lie.tell)(case) else { continue };
        *before += 1;
        let public = told.public.clone();
        assert!(!scheme.accepts(&key, told.circuit(case), &public), "{}: accepted: {}", case.name, lie.what);
    }
    let count = told_lies.values().sum();
    println!("{}: {count} lies", case.name);
    count
}

const CHOSEN: [&str; 8] = [
    "errors that cancel between blocks of a group",
    "every output of a plane in its neighbor's place",
    "two channels in each other's place",
    "an idle lane of an input holds part of another byte",
    "an idle lane claims one more, a channel one less",
    "quotient minus one, remainder plus 2^shift",
    "a sum with its operands' scales exchanged",
    "two positions exchanged with their powers of s",
];

#[test]
fn kzg_rejects_a_lie_about_every_role_and_the_chosen_ones_of_all() {
    for case in Case::all() {
        let told = reject::<Kzg>(&case, |_, before, what| before == 0 || CHOSEN.contains(&what));
        assert!(told > 2, "{}: {told} lies", case.name);
    }
}

#[test]
fn ipa_rejects_a_lie_of_every_form_and_the_chosen_ones() {
    let of_form = |role| matches!(role, Role::Activation | Role::Remainder | Role::Distance);
    for case in Case::all().iter().filter(|case| case.layout.columns.positions.is_none()) {
        assert!(reject::<Ipa>(case, |role, before, _| before == 0 && of_form(role)) > 1, "{}", case.name);
    }
    for case in Case::all().iter().filter(|case| ["padded", "residual"].contains(&case.name)) {
        let told = reject::<Ipa>(case, |_, _, what| CHOSEN.contains(&what));
        assert!(told > 2, "{}: {told} lies", case.name);
    }
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn kzg_rejects_every_lie_of_every_case() {
    let told: usize = Case::all().iter().map(|case| reject::<Kzg>(case, |_, _, _| true)).sum();
    assert!(told > 500, "{told} lies");
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn ipa_rejects_every_lie_of_every_case() {
    let told: usize = Case::all().iter().map(|case| reject::<Ipa>(case, |_, _, _| true)).sum();
    assert!(told > 500, "{told} lies");
}
