//! Proofs of small networks, as `lemma prove` makes them, in both schemes: the library's verifier accepts them and nothing
//! beside them.

use lemma_circuits::{CompiledCircuit, compile, import::import};
use lemma_prover::{
    keys::{Keyring, SetupChoice},
    params::SrsChoice,
    progress::Silent,
    prove::prove,
    store::Store,
};
use lemma_tests::Fixture;
use lemma_verifier::{
    artifact::ProofBundle,
    statement::Context,
    verify::{Expect, verify},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SETUPS: [SetupChoice; 2] = [SetupChoice::Transparent, SetupChoice::Kzg(SrsChoice::InsecureLocal)];

/// Largest circuits that are proven here, as the binary logarithm of rows.
const SMALL: u32 = 9;

/// Of the folders with hundreds of networks, one in so many is proven.
const SAMPLE: usize = 8;

/// Bytes of a proof that are changed, one at a time.
const CHANGES: usize = 12;

/// The same random integers every time, over the whole range of every input.
fn random_inputs(circuit: &CompiledCircuit, random: &mut ChaCha8Rng) -> Vec<Vec<i32>> {
    let model = circuit.model();
    let mut integers = |input: &lemma_circuits::ir::Input| {
        let tensor = model.tensor(input.tensor);
        (0..tensor.len).map(|_| random.gen_range(tensor.range.0..=tensor.range.1)).collect()
    };
    model.inputs.iter().map(&mut integers).collect()
}

fn check(keyring: &Keyring, fixture: &Fixture, setup: SetupChoice, random: &mut ChaCha8Rng) -> bool {
    let model = import(&fixture.model, &fixture.path).expect("fixtures are imported");
    let circuit = compile(model, setup.scheme()).expect("fixtures are compiled");
    if circuit.k() > SMALL {
        return false;
    }
    let keys = keyring.proving_keys(&circuit, &fixture.model, setup, &Silent).expect("keys are made");
    assert!(keys.hides(), "{}", fixture.path);
    let inputs = random_inputs(&circuit, random);
    let proven = prove(&keys, &circuit, &inputs, Context::default(), &Silent);
    let proven = proven.unwrap_or_else(|error| panic!("{}: {error}", fixture.path));
    let expect =
        Expect { circuit: keys.circuit_id(), context: Some(Context::default()), allow_insecure_srs: true };
    let statement = verify(&proven.bundle, keys.verifier(), &expect).expect("the proof is accepted");
    assert_eq!((&statement.inputs, &statement), (&inputs, &proven.statement), "{}", fixture.path);
    let bundle = ProofBundle::decode(&proven.bundle).expect("the bundle is one");
    for _ in 0..CHANGES {
        let mut changed = bundle.clone();
        let position = random.gen_range(0..changed.proof.len());
        changed.proof[position] ^= 1 << random.gen_range(0..8);
        let verdict = verify(&changed.encode().expect("is encoded"), keys.verifier(), &expect);
        assert!(verdict.is_err(), "{}: byte {position} of the proof", fixture.path);
    }
    true
}

#[test]
fn small_networks_are_proven_in_both_schemes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let keyring = Keyring::new(Store::open(directory.path()).expect("the store opens"));
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let numerous = |fixture: &Fixture| fixture.path.starts_with("operators/");
    let (many, few): (Vec<_>, Vec<_>) = Fixture::all().partition(numerous);
    let mut proven = 0;
    for fixture in few.iter().chain(many.iter().step_by(SAMPLE)) {
        for setup in SETUPS {
            proven += usize::from(check(&keyring, fixture, setup, &mut random));
        }
    }
    assert!(proven > 100, "only {proven} proofs");
}
