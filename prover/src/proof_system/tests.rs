use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed, Instance, SecondPhase,
        TableColumn,
    },
    poly::{EvaluationDomain, Rotation},
};
use lemma_plonk::watch::Unwatched;
use lemma_verifier::{
    proof_system::{Domain, Refusal, check, domain, proof_len},
    scheme::Scheme,
};
use rand::rngs::OsRng;

use super::*;
use crate::{
    fixture,
    params::{Parameters, SrsChoice},
    progress::Silent,
};

const K: u32 = 6;

/// A circuit with everything that lengthens a proof: two phases, library lookups, rotations both ways, several
/// permutation products, a public input.
#[derive(Clone, Copy, Debug, Default)]
struct Everything {
    value: Option<Fr>,
}

#[derive(Clone, Debug)]
struct Config {
    advice: Vec<Column<Advice>>,
    late: Column<Advice>,
    fixed: Column<Fixed>,
    instance: Column<Instance>,
    table: TableColumn,
    challenge: Challenge,
}

const ROWS: usize = 20;

impl Circuit<Fr> for Everything {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self::default()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        meta.set_minimum_degree(5);
        let advice: Vec<_> = (0..7).map(|_| meta.advice_column()).collect();
        let challenge = meta.challenge_usable_after(halo2_proofs::plonk::FirstPhase);
        let late = meta.advice_column_in(SecondPhase);
        let (fixed, instance) = (meta.fixed_column(), meta.instance_column());
        let table = meta.lookup_table_column();
        advice.iter().for_each(|column| meta.enable_equality(*column));
        meta.create_gate("late = challenge * first, beside neighbors", |meta| {
            let on = meta.query_fixed(fixed, Rotation::cur());
            let first = meta.query_advice(advice[0], Rotation::cur());
            let before = meta.query_advice(advice[0], Rotation::prev());
            let after = meta.query_advice(advice[1], Rotation::next());
            let late = meta.query_advice(late, Rotation::cur());
            let zero = meta.query_instance(instance, Rotation::cur()) - first.clone();
            vec![on.clone() * (late - challenge.expr() * first), on.clone() * (before - after), on * zero]
        });
        for column in &advice[2..4] {
            meta.lookup("in the table", |meta| vec![(meta.query_advice(*column, Rotation::cur()), table)]);
        }
        Config { advice, late, fixed, instance, table, challenge }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_table(
            || "table",
            |mut table| {
                (0..ROWS).try_for_each(|row| {
                    table.assign_cell(|| "row", config.table, row, || Value::known(Fr::from(row as u64)))
                })
            },
        )?;
        let value = self.value.map_or(Value::unknown(), Value::known);
        let challenge = layouter.get_challenge(config.challenge);
        layouter.assign_region(
            || "all",
            |mut region| {
                region.assign_fixed(config.fixed, 1, Fr::ONE);
                let cells: Vec<_> = config
                    .advice
                    .iter()
                    .map(|column| {
                        let cells = (0..5).map(|row| region.assign_advice(*column, row, value).cell());
                        cells.last().expect("five rows")
                    })
                    .collect();
                cells.windows(2).for_each(|pair| region.constrain_equal(pair[0], pair[1]));
                // The library takes no unknown value, and knows the challenge in the second pass only.
                let mut late = Value::unknown();
                challenge.map(|challenge| late = value.map(|value| value * challenge));
                late.map(|late| region.assign_advice(config.late, 1, Value::known(late)));
                Ok(())
            },
        )?;
        let _ = config.instance;
        Ok(())
    }
}

fn commitments() -> [(Scheme, Commitment); 2] {
    let (_directory, store) = fixture::store();
    let parameters = Parameters::new(store);
    let id = parameters.choose_srs(SrsChoice::InsecureLocal, K).unwrap().id();
    [
        (Scheme::Ipa, Commitment::Ipa(parameters.ipa(K, &Silent).unwrap())),
        (Scheme::Kzg, Commitment::Kzg(parameters.kzg(id, K, &Silent).unwrap())),
    ]
}

#[test]
fn proofs_have_the_computed_length_and_no_other() {
    for (scheme, commitment) in commitments() {
        let key = verifying_key(&commitment, &Everything::default()).unwrap();
        let expected = proof_len(key.cs(), K, scheme);
        assert_eq!(key.cs().permutation().get_columns().len().div_ceil(3), 3);
        let proving = proving_key(&commitment, key.clone(), &Everything::default()).unwrap();
        // The only prover that knows the library's lookups.
        let prover = CircuitProver::Stock { key: Box::new(proving), params: commitment.clone() };
        let prove = |value, inputs: &[Fr]| {
            prover.prove(Everything { value: Some(value) }, inputs, &mut OsRng, &Unwatched)
        };
        let value = Fr::from(7);
        let inputs = [Fr::ZERO, value];
        let proof = prove(value, &inputs).unwrap();
        assert_eq!(proof.len(), expected, "{scheme:?}");
        assert_eq!(check(&commitment, &key, &inputs, &proof), Ok(()));
        assert_eq!(check(&commitment, &key, &[Fr::ZERO, Fr::ONE], &proof), Err(Refusal::Equations));
        for end in (0..expected).step_by(32) {
            assert_eq!(
                check(&commitment, &key, &inputs, &proof[..end]),
                Err(Refusal::Encoding { offset: end })
            );
        }
        // More public inputs than rows.
        assert_eq!(check(&commitment, &key, &[Fr::ZERO; 65], &proof), Err(Refusal::Equations));
        // A false witness has no proof.
        let false_proof = prove(Fr::ONE, &inputs).unwrap();
        assert_eq!(check(&commitment, &key, &inputs, &false_proof), Err(Refusal::Equations));
    }
}

#[test]
fn the_verifier_s_domain_is_the_library_s() {
    for k in [1, 5, 10] {
        for degree in [3, 4, 5, 9] {
            let library = domain(Domain::Prover, degree, k);
            let ours = domain(Domain::Verifier, degree, k);
            assert_eq!(format!("{:?}", ours.pinned()), format!("{:?}", library.pinned()));
            let numbers = |d: &EvaluationDomain<Fr>| (d.n, d.k, d.extended_k, d.quotient_poly_degree);
            assert_eq!(numbers(&ours), numbers(&library));
            let constants = |d: &EvaluationDomain<Fr>| {
                [
                    d.omega,
                    d.omega_inv,
                    d.extended_omega,
                    d.extended_omega_inv,
                    d.g_coset,
                    d.g_coset_inv,
                    d.ifft_divisor,
                    d.extended_ifft_divisor,
                    d.barycentric_weight,
                ]
            };
            assert_eq!(constants(&ours), constants(&library), "k = {k}, degree {degree}");
        }
    }
}
