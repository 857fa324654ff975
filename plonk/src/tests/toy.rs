//! A circuit with everything that a prover has to know about, in any degree and number of phases.

use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        SecondPhase, ThirdPhase,
    },
    poly::Rotation,
};

/// What the circuit looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// 3 to 9.
    pub(crate) degree: usize,
    /// 1 to 3.
    pub(crate) phases: usize,
    /// Columns that are linked by copies; the permutation has as many products as they need.
    pub(crate) copied: usize,
    /// Fixed columns that occur in a weighted sum only.
    pub(crate) weights: usize,
}

/// A satisfied circuit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toy {
    pub(crate) shape: Shape,
    /// None without a witness.
    pub(crate) seed: Option<u64>,
}

/// Rows that are used.
pub(crate) const ROWS: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    on: Column<Fixed>,
    /// Everything on a row of its own.
    step: Column<Fixed>,
    copied: Vec<Column<Advice>>,
    power: Column<Advice>,
    /// All zero, but read.
    idle: Column<Advice>,
    weights: Vec<Column<Fixed>>,
    /// What a phase computes with the challenge before it.
    later: Vec<(Challenge, Column<Advice>)>,
}

impl Toy {
    pub(crate) fn public(&self) -> Vec<Fr> {
        self.seed.map_or_else(Vec::new, |seed| (0..ROWS).map(|row| value(seed, row)).collect())
    }

    fn value(&self, row: usize) -> Value<Fr> {
        self.seed.map_or_else(Value::unknown, |seed| Value::known(value(seed, row)))
    }
}

pub(crate) fn value(seed: u64, row: usize) -> Fr {
    // Some repeat, one is -1.
    match row {
        0 => -Fr::ONE,
        1 | 2 => Fr::from(seed),
        _ => Fr::from(seed + row as u64).square().square().square() + Fr::from(row as u64),
    }
}

pub(crate) fn weight(column: usize, row: usize) -> Fr {
    Fr::from((7 * column + 3 * row) as u64)
}

impl Circuit<Fr> for Toy {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn without_witnesses(&self) -> Self {
        Self { shape: self.shape, seed: None }
    }

    fn params(&self) -> Shape {
        self.shape
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> Config {
        unreachable!("the circuit has parameters")
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Config {
        // The library takes 5 for the degree of everything above unless told otherwise.
        meta.set_minimum_degree(shape.degree);
        let (on, step) = (meta.fixed_column(), meta.fixed_column());
        let copied: Vec<Column<Advice>> = (0..shape.copied).map(|_| meta.advice_column()).collect();
        let (power, idle) = (meta.advice_column(), meta.advice_column());
        let weights: Vec<Column<Fixed>> = (0..shape.weights).map(|_| meta.fixed_column()).collect();
        let instance = meta.instance_column();
        let mut later = Vec::new();
        if shape.phases > 1 {
            later.push((meta.challenge_usable_after(FirstPhase), meta.advice_column_in(SecondPhase)));
        }
        if shape.phases > 2 {
            later.push((meta.challenge_usable_after(SecondPhase), meta.advice_column_in(ThirdPhase)));
        }
        copied.iter().for_each(|column| meta.enable_equality(*column));
        meta.enable_equality(on);
        meta.enable_equality(instance);

        meta.create_gate("power = first^(degree - 1)", |meta| {
            let on = meta.query_fixed(on, Rotation::cur());
            let first = meta.query_advice(copied[0], Rotation::cur());
            let power = meta.query_advice(power, Rotation::cur());
            let product = (1..shape.degree - 1).fold(first.clone(), |product, _| product * first.clone());
            let idle = meta.query_advice(idle, Rotation::next()) + meta.query_advice(idle, Rotation::prev());
            vec![on.clone() * (power - product), on * idle]
        });
        meta.create_gate("public", |meta| {
            let on = meta.query_fixed(on, Rotation::cur());
            let first = meta.query_advice(copied[0], Rotation::cur());
            vec![on * (meta.query_instance(instance, Rotation::cur()) - first)]
        });
        for (place, (challenge, column)) in later.iter().enumerate() {
            meta.create_gate("running sum of a phase", |meta| {
                let step = meta.query_fixed(step, Rotation::cur());
                let before = meta.query_advice(*column, Rotation::prev());
                let here = meta.query_advice(*column, Rotation::cur());
                let term = match place {
                    0 => meta.query_advice(copied[0], Rotation::cur()),
                    _ => meta.query_advice(later[0].1, Rotation::cur()),
                };
                let rho = challenge.expr();
                // The weights are one column, whatever the challenge.
                let weighted = weights.iter().rev().fold(Expression::Constant(Fr::ZERO), |sum, weight| {
                    sum * rho.clone() + meta.query_fixed(*weight, Rotation::cur())
                });
                let weighted = if place == 0 { weighted } else { Expression::Constant(Fr::ZERO) };
                vec![step * (here - before * rho.clone() - term * rho - weighted)]
            });
        }
        Config { on, step, copied, power, idle, weights, later }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let challenges: Vec<Value<Fr>> =
            config.later.iter().map(|(challenge, _)| layouter.get_challenge(*challenge)).collect();
        layouter.assign_region(
            || "all",
            |mut region| {
                (0..ROWS).for_each(|row| self.row(&config, &mut region, row));
                self.later(&config, &challenges, &mut region);
                Ok(())
            },
        )
    }
}

impl Toy {
    fn row(&self, config: &Config, region: &mut Region<'_, Fr>, row: usize) {
        // The region begins at row 0; the row before it is a blinding row, so idle columns are read from row 1 on.
        let on = if row == 0 || row == ROWS - 1 { Fr::ZERO } else { Fr::ONE };
        region.assign_fixed(config.on, row, on);
        region.assign_fixed(config.step, row, if row == 0 { Fr::ZERO } else { Fr::ONE });
        let cells: Vec<_> = config
            .copied
            .iter()
            .map(|column| region.assign_advice(*column, row, self.value(row)).cell())
            .collect();
        cells.windows(2).for_each(|pair| region.constrain_equal(pair[0], pair[1]));
        let power = self.value(row).map(|value| value.pow_vartime([self.shape.degree as u64 - 1]));
        region.assign_advice(config.power, row, power);
        region.assign_advice(config.idle, row, Value::known(Fr::ZERO));
        for (index, column) in config.weights.iter().enumerate() {
            region.assign_fixed(*column, row, weight(index, row));
        }
    }

    /// Running sums; the library takes no unknown values, so a phase is left out until its challenge is known.
    fn later(&self, config: &Config, challenges: &[Value<Fr>], region: &mut Region<'_, Fr>) {
        let mut terms: Vec<Value<Fr>> = (0..ROWS).map(|row| self.value(row)).collect();
        for (place, ((_, column), challenge)) in config.later.iter().zip(challenges).enumerate() {
            let mut sum = Value::known(Fr::ZERO);
            for (row, term) in terms.iter_mut().enumerate() {
                if row > 0 {
                    sum = sum.zip(*term).zip(*challenge).map(|((sum, term), rho)| {
                        let weighted = match place {
                            0 => (0..config.weights.len())
                                .rev()
                                .fold(Fr::ZERO, |sum, column| sum * rho + weight(column, row)),
                            _ => Fr::ZERO,
                        };
                        sum * rho + term * rho + weighted
                    });
                }
                *term = sum;
                sum.map(|sum| region.assign_advice(*column, row, Value::known(sum)));
            }
        }
    }
}
