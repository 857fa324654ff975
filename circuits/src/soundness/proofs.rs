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

use super::{
    case::Case,
    lies::{self, Told},
};
use crate::{Role, circuit::LemmaCircuit};

/// Whether a proof of this circuit and statement verifies.
pub(super) trait Scheme {
    fn new(k: u32) -> Self;
    fn key(&self, circuit: &LemmaCircuit) -> ProvingKey<G1Affine>;
    fn accepts(&self, key: &ProvingKey<G1Affine>, circuit: LemmaCircuit, public: &[Fr]) -> bool;
}

pub(super) struct Kzg(ParamsKZG<Bn256>);
pub(super) struct Ipa(ParamsIPA<G1Affine>);

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

/// Proves the truth and the lies that `keep` lets through by their role and how many lies about it were told before.
fn reject<S: Scheme>(case: &Case, keep: fn(Role, usize) -> bool) {
    let scheme = S::new(case.plan.shape.k);
    let key = scheme.key(&LemmaCircuit::new(case.plan.clone()));
    let honest = case.honest();
    let public = case.public(&case.input, &honest.outputs);
    let circuit = LemmaCircuit::with_witness(case.plan.clone(), honest);
    assert!(scheme.accepts(&key, circuit, &public), "{}: the truth is rejected", case.name);
    let mut told: BTreeMap<Role, usize> = BTreeMap::new();
    for lie in lies::all().into_iter().rev() {
        let before = told.entry(lie.role).or_default();
        if !keep(lie.role, *before) {
            continue;
        }
        let Some(Told { witness, overrides, public, .. }) = (lie.tell)(case) else { continue };
        *before += 1;
        let circuit = LemmaCircuit::with_witness(case.plan.clone(), witness).with_overrides(overrides);
        assert!(!scheme.accepts(&key, circuit, &public), "{}: accepted: {}", case.name, lie.what);
    }
    let told: usize = told.values().sum();
    println!("{}: {told} lies", case.name);
    assert!(told > 0);
}

#[test]
fn kzg_rejects_a_lie_about_every_role() {
    Case::all().iter().for_each(|case| reject::<Kzg>(case, |_, before| before == 0));
}

#[test]
fn ipa_rejects_a_lie_of_every_form() {
    Case::all().iter().for_each(|case| {
        reject::<Ipa>(case, |role, before| {
            before == 0 && matches!(role, Role::Activation | Role::Remainder | Role::Distance)
        });
    });
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn kzg_rejects_every_lie() {
    Case::all().iter().for_each(|case| reject::<Kzg>(case, |_, _| true));
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn ipa_rejects_every_lie() {
    Case::all().iter().for_each(|case| reject::<Ipa>(case, |_, _| true));
}
