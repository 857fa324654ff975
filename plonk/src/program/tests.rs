//! Programs against a slow evaluation of every expression.

use std::collections::HashMap;

use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, Circuit, ConstraintSystem},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{Challenges, Column, Program, run::Compiled};
use crate::{
    arithmetic::{Backend, lanes},
    backends::on_all_backends,
    fft::Fft,
    key::largest_rotation,
    tests::toy::{Shape, Toy},
};

/// A constraint system with random values in every column.
struct Case {
    system: ConstraintSystem<Fr>,
    challenges: Challenges,
    columns: HashMap<Column, Vec<Fr>>,
}

const ROWS: usize = 1 << 9;

impl Case {
    fn new(shape: Shape) -> Self {
        let mut system = ConstraintSystem::default();
        Toy::configure_with_params(&mut system, shape);
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let mut random = || Fr::random(&mut rng);
        let circuit = (0..system.num_challenges()).map(|_| random()).collect();
        let challenges = Challenges { circuit, beta: random(), gamma: random(), y: random() };
        let permuted = system.permutation().get_columns().len();
        let products = permuted.div_ceil(super::constraints::columns_per_product(&system));
        let names = (0..system.num_fixed_columns())
            .map(Column::Fixed)
            .chain((0..system.num_advice_columns()).map(Column::Advice))
            .chain((0..system.num_instance_columns()).map(Column::Instance))
            .chain((0..products).map(Column::Product))
            .chain((0..permuted).map(Column::Sigma))
            .chain([Column::First, Column::Last, Column::Usable, Column::Point]);
        let columns = names.map(|name| (name, (0..ROWS).map(|_| random()).collect())).collect();
        Self { system, challenges, columns }
    }

    fn at(&self, column: Column, row: usize, rotation: i32) -> Fr {
        self.columns[&column][(row as i32 + rotation).rem_euclid(ROWS as i32) as usize]
    }

    /// The verifier's formula, term by term.
    fn slow(&self, row: usize) -> Fr {
        let system = &self.system;
        let gates = system.gates().iter().flat_map(|gate| gate.polynomials()).map(|polynomial| {
            polynomial.evaluate(
                &|constant| constant,
                &|_| unreachable!("no selectors"),
                &|query| self.at(Column::Fixed(query.column_index()), row, query.rotation().0),
                &|query| self.at(Column::Advice(query.column_index()), row, query.rotation().0),
                &|query| self.at(Column::Instance(query.column_index()), row, query.rotation().0),
                &|challenge| self.challenges.circuit[challenge.index()],
                &|a| -a,
                &|a, b| a + b,
                &|a, b| a * b,
                &|a, factor| a * factor,
            )
        });
        let y = self.challenges.y;
        gates.chain(self.permutation(row)).fold(Fr::ZERO, |sum, constraint| sum * y + constraint)
    }

    fn permutation(&self, row: usize) -> Vec<Fr> {
        let columns = self.system.permutation().get_columns();
        let per_product = self.system.degree() - 2;
        let end = -(self.system.blinding_factors() as i32 + 1);
        let products = columns.len().div_ceil(per_product);
        let here = |column| self.at(column, row, 0);
        let z = |i, rotation| self.at(Column::Product(i), row, rotation);
        let (beta, gamma) = (self.challenges.beta, self.challenges.gamma);
        let mut constraints = vec![
            here(Column::First) * (Fr::ONE - z(0, 0)),
            here(Column::Last) * (z(products - 1, 0).square() - z(products - 1, 0)),
        ];
        constraints.extend((1..products).map(|i| here(Column::First) * (z(i, 0) - z(i - 1, end))));
        for (i, set) in columns.chunks(per_product).enumerate() {
            let (mut left, mut right) = (z(i, 1), z(i, 0));
            for (j, column) in set.iter().enumerate() {
                let index = i * per_product + j;
                let value = here(match column.column_type() {
                    Any::Advice(_) => Column::Advice(column.index()),
                    Any::Fixed => Column::Fixed(column.index()),
                    Any::Instance => Column::Instance(column.index()),
                });
                left *= value + beta * here(Column::Sigma(index)) + gamma;
                let delta = Fr::DELTA.pow_vartime([index as u64]);
                right *= value + beta * delta * here(Column::Point) + gamma;
            }
            constraints.push(here(Column::Usable) * (left - right));
        }
        constraints
    }

    fn fast<B: Backend>(&self, backend: B) -> Vec<Fr> {
        let program = Program::new(&self.system, &self.challenges);
        let fft = Fft::new(backend, ROWS.ilog2(), 2, largest_rotation(&self.system));
        let columns = program.columns();
        let packed: Vec<_> = columns.iter().map(|column| self.padded(&fft, &program, *column)).collect();
        let slices: Vec<_> = packed.iter().map(|column| &column[..]).collect();
        let compiled = Compiled::<B>::new(&program, |column| columns.binary_search(&column).unwrap());
        let mut out = vec![crate::arithmetic::zero::<B>(); ROWS / lanes::<B>()];
        compiled.run(backend, &slices, fft.padding(), 0, &mut out);
        fft.unpack(&out)
    }

    /// A column's values as if they were those on a coset.
    fn padded<B: Backend>(
        &self,
        fft: &Fft<B>,
        program: &Program,
        column: Column,
    ) -> Vec<crate::arithmetic::Pack<B>> {
        let values: Vec<Fr> = match column {
            Column::Combined(i) => {
                let terms = &program.combinations.list[i].terms;
                let sum = |row| terms.iter().map(|(column, weight)| self.at(*column, row, 0) * weight).sum();
                (0..ROWS).map(sum).collect()
            }
            column => self.columns[&column].clone(),
        };
        let rotated = |rotation: i32| -> Vec<Fr> {
            (0..ROWS).map(|row| values[(row as i32 + rotation).rem_euclid(ROWS as i32) as usize]).collect()
        };
        let (padding, packs) = (fft.padding(), fft.packs());
        let before = fft.pack(&rotated(-(padding as i32)));
        let after = fft.pack(&rotated(padding as i32));
        let mut out = before[..padding].to_vec();
        out.extend(fft.pack(&values));
        out.extend_from_slice(&after[packs - padding..]);
        out
    }
}

#[test]
fn programs_compute_what_expressions_say() {
    for degree in 3..=9 {
        for phases in 1..=3 {
            let case = Case::new(Shape { degree, phases, copied: 5, weights: 4 });
            let slow: Vec<Fr> = (0..ROWS).map(|row| case.slow(row)).collect();
            on_all_backends!(|backend| assert_eq!(
                case.fast(backend),
                slow,
                "degree {degree}, phases {phases}"
            ));
        }
    }
}

#[test]
fn columns_of_one_weighted_sum_are_combined() {
    let case = Case::new(Shape { degree: 4, phases: 2, copied: 3, weights: 4 });
    let program = Program::new(&case.system, &case.challenges);
    let [combination] = &program.combinations.list[..] else { panic!("{:?}", program.combinations) };
    assert_eq!(combination.terms.len(), 4);
    assert_eq!(combination.terms[0].1, Fr::ONE);
    let rho = case.challenges.circuit[0];
    let [first, second] = [0, 1].map(|term| match combination.terms[term] {
        (Column::Fixed(index), weight) => (index as u64, weight),
        (other, _) => panic!("{other:?} is no fixed column"),
    });
    // sum_j rho^j w_j, divided by the weight of its first term
    assert_eq!(second.1 * rho.pow_vartime([first.0]), first.1 * rho.pow_vartime([second.0]));
    assert!(program.columns().contains(&Column::Combined(0)));
    for (column, _) in &combination.terms {
        assert!(!program.columns().contains(column), "{column:?}");
        assert!(program.combinations.contains(*column));
    }
}
