//! The constraints: what a chip is here.
//!
//! A chip turns columns into gates. Cells are described as data, [`Slot`]s and [`Terms`], from which both the gate
//! expression and, elsewhere, the witness value are made, so the two cannot disagree. Three things put a value into a
//! cell: a declared hint, a copy, or an evaluation identity.

pub mod bank;
pub mod equation;
pub mod linear;
pub mod lookup;
pub mod maximum;
pub mod power;
pub mod product;
pub mod threshold;

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Challenge, Column, ConstraintSystem, Expression, Fixed, Instance, VirtualCells},
    poly::Rotation,
};

use typed_index_collections::TiVec;

use crate::{
    index::{AdviceColumn, FixedColumn},
    integers::integer,
};

/// Largest degree of a gate: the quotient domain is four times the circuit.
pub const MAX_GATE_DEGREE: usize = 5;

/// The library's handles of the columns numbered by [`Columns`](crate::columns::Columns).
#[derive(Clone, Debug)]
pub struct Handles {
    /// By number.
    pub fixed: TiVec<FixedColumn, Column<Fixed>>,
    /// By number.
    pub advice: TiVec<AdviceColumn, Column<Advice>>,
    /// The public inputs.
    pub instance: Column<Instance>,
    /// Lookup challenge, after phase 0.
    pub alpha: Challenge,
    /// Tuple compression, after phase 0.
    pub theta: Challenge,
    /// Channels, after phase 0.
    pub rho: Challenge,
    /// Positions, after phase 0; in circuits that are not flat.
    pub space: Option<Challenge>,
}

/// Queries cells by column number while a gate is being made.
pub(crate) struct Cells<'a, 'm> {
    handles: &'a Handles,
    meta: &'a mut VirtualCells<'m, Fr>,
}

impl Handles {
    /// The column of a number.
    #[expect(
        clippy::indexing_slicing,
        reason = "the numbers are of the shape that the columns were taken for"
    )]
    pub fn fixed(&self, column: FixedColumn) -> Column<Fixed> {
        self.fixed[column]
    }

    /// The column of a number.
    #[expect(
        clippy::indexing_slicing,
        reason = "the numbers are of the shape that the columns were taken for"
    )]
    pub fn advice(&self, column: AdviceColumn) -> Column<Advice> {
        self.advice[column]
    }
}

impl Cells<'_, '_> {
    pub(crate) fn fixed(&mut self, column: FixedColumn) -> Expression<Fr> {
        self.meta.query_fixed(self.handles.fixed(column), Rotation::cur())
    }

    pub(crate) fn advice(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice(column), Rotation::cur())
    }

    pub(crate) fn previous(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice(column), Rotation::prev())
    }

    pub(crate) fn next(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice(column), Rotation::next())
    }

    pub(crate) fn instance(&mut self) -> Expression<Fr> {
        self.meta.query_instance(self.handles.instance, Rotation::cur())
    }

    pub(crate) fn alpha(&self) -> Expression<Fr> {
        self.handles.alpha.expr()
    }

    pub(crate) fn theta(&self) -> Expression<Fr> {
        self.handles.theta.expr()
    }

    pub(crate) fn rho(&self) -> Expression<Fr> {
        self.handles.rho.expr()
    }

    /// # Panics
    /// If the circuit is flat.
    pub(crate) fn space(&self) -> Expression<Fr> {
        let Some(space) = self.handles.space else {
            unreachable!("circuits with positions have the challenge s")
        };
        space.expr()
    }
}

/// Adds the constraint `selector * expression = 0`.
///
/// # Panics
/// If its degree exceeds [`MAX_GATE_DEGREE`]; with the environment variable `MAX_DEGREE` the library would
/// otherwise cap the degree in silence and make keys that verify nothing.
pub(crate) fn gate(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    name: &str,
    selector: FixedColumn,
    expression: impl FnOnce(&mut Cells<'_, '_>) -> Expression<Fr>,
) {
    meta.create_gate(name, |meta| {
        let mut cells = Cells { handles, meta };
        let constraint = cells.fixed(selector) * expression(&mut cells);
        let degree = constraint.degree();
        assert!(degree <= MAX_GATE_DEGREE, "gate '{name}' has degree {degree}, at most {MAX_GATE_DEGREE}");
        vec![(name.to_owned(), constraint)]
    });
}

/// An integer combination of advice cells of one row.
#[derive(Clone, Debug, Default)]
pub struct Terms(pub Vec<(AdviceColumn, i128)>);

impl Terms {
    /// One cell.
    pub fn cell(column: AdviceColumn) -> Self {
        Self(vec![(column, 1)])
    }

    /// `sum_i 2^(bits i) limb_i`.
    pub fn limbs(limbs: &[AdviceColumn], bits: u32) -> Self {
        Self(limbs.iter().zip(0u32..).map(|(&limb, index)| (limb, 1 << index.saturating_mul(bits))).collect())
    }

    /// The sum of both.
    pub fn plus(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Every coefficient times a factor.
    pub fn times(mut self, factor: i128) -> Self {
        self.0.iter_mut().for_each(|(_, coefficient)| *coefficient = coefficient.saturating_mul(factor));
        self
    }

    pub(crate) fn expression(&self, cells: &mut Cells<'_, '_>) -> Expression<Fr> {
        let terms = self.0.iter().map(|&(column, coefficient)| {
            let cell = cells.advice(column);
            if coefficient == 1 { cell } else { cell * integer(coefficient) }
        });
        sum(terms)
    }
}

/// Sum of expressions, 0 for none.
pub(crate) fn sum(expressions: impl Iterator<Item = Expression<Fr>>) -> Expression<Fr> {
    expressions.reduce(|sum, each| sum + each).unwrap_or(Expression::Constant(Fr::ZERO))
}

/// Product of expressions, 1 for none.
pub(crate) fn product(expressions: impl Iterator<Item = Expression<Fr>>) -> Expression<Fr> {
    expressions.reduce(|product, each| product * each).unwrap_or(Expression::Constant(Fr::ONE))
}

/// One lookup per row: `(factor tag, a, b, c)` must be a table entry.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Fixed column of the tag; 0 makes the row look up zeros.
    pub tag: FixedColumn,
    /// Factor of the tag.
    pub factor: i64,
    /// The values.
    pub values: [Terms; 3],
}

impl Slot {
    /// The lookup of one value.
    pub fn one(tag: FixedColumn, factor: i64, value: Terms) -> Self {
        Self { tag, factor, values: [value, Terms::default(), Terms::default()] }
    }
}
