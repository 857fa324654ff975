//! The constraints: what a chip is here.
//!
//! A chip turns columns into gates and says how its derived columns are computed. Cells are described as
//! data, [`Slot`]s and [`Terms`], from which both the gate expression and the witness value are made, so the
//! two cannot disagree. Three things put a value into a cell, and each advice column knows one of them, its
//! [`Role`]: a declared hint, a copy, or an evaluation identity.

pub(crate) mod bank;
pub(crate) mod equation;
pub(crate) mod hints;
pub(crate) mod linear;
pub(crate) mod lookup;
pub(crate) mod maximum;
pub(crate) mod power;
pub(crate) mod product;
pub(crate) mod threshold;

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Challenge, Column, ConstraintSystem, Expression, Fixed, Instance, VirtualCells},
    poly::Rotation,
};

use typed_index_collections::TiVec;

use crate::{
    columns::{FixedCells, HintCells},
    index::{AdviceColumn, FixedColumn, RowId},
    integers::integer,
};

/// Largest degree of a gate: the quotient domain is four times the circuit.
pub const MAX_GATE_DEGREE: usize = 5;

/// What determines the cells of an advice column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// An activation byte: pinned by its table and the operator equation, or by the public input.
    Activation,
    /// Output minus unclamped quotient.
    Excess,
    /// A limb of the requantization remainder.
    Remainder,
    /// The threshold of a channel's output.
    Threshold,
    /// A limb of the distance from the threshold to the accumulator.
    Distance,
    /// A limb of the distance from the accumulator to the next threshold.
    Complement,
    /// The distance from a maximum to one of its operands.
    OperandDistance,
    /// A factor of a product.
    Factor,
    /// The product of two bytes: pinned by its gate.
    Product,
    /// How often a table entry is looked up.
    Multiplicity,
    /// Sum of up to three inverses of the lookup argument: determined by its gate.
    Helper,
    /// Sum of up to three counted inverses of table entries: determined by its gate.
    TableHelper,
    /// Running sum of the lookup argument: determined by its gate.
    LookupSum,
    /// Running evaluation of a vector of weights: determined by its gate.
    WeightEvaluation,
    /// Operand of a product: a copy.
    Operand,
    /// Running sum of products: determined by its gate.
    ProductSum,
    /// Running evaluation of a slice of a plane: determined by its gate.
    SliceEvaluation,
    /// Running evaluation of what the lanes of a bank claim: determined by its gate.
    ClaimEvaluation,
    /// Running sum of slices: determined by its gate.
    Window,
    /// A power of the challenge s: determined by its gate.
    Power,
    /// A copy of a power, or of a slice evaluation in its place.
    PowerCopy,
}

impl Role {
    /// Whether the prover chooses the value freely and tables and equations must pin it.
    pub fn is_hint(self) -> bool {
        matches!(
            self,
            Self::Activation
                | Self::Excess
                | Self::Remainder
                | Self::Threshold
                | Self::Distance
                | Self::Complement
                | Self::OperandDistance
                | Self::Factor
                | Self::Product
                | Self::Multiplicity
        )
    }
}

/// The library's handles of the columns numbered by [`Columns`](crate::columns::Columns).
#[derive(Clone, Debug)]
pub(crate) struct Handles {
    pub(crate) fixed: TiVec<FixedColumn, Column<Fixed>>,
    pub(crate) advice: TiVec<AdviceColumn, Column<Advice>>,
    pub(crate) instance: Column<Instance>,
    /// Lookup challenge, after phase 0.
    pub(crate) alpha: Challenge,
    /// Tuple compression, after phase 0.
    pub(crate) theta: Challenge,
    /// Channels, after phase 0.
    pub(crate) rho: Challenge,
    /// Positions, after phase 0; in circuits that are not flat.
    pub(crate) space: Option<Challenge>,
}

/// Queries cells by column number while a gate is being made.
pub(crate) struct Cells<'a, 'm> {
    handles: &'a Handles,
    meta: &'a mut VirtualCells<'m, Fr>,
}

impl Cells<'_, '_> {
    pub(crate) fn fixed(&mut self, column: FixedColumn) -> Expression<Fr> {
        self.meta.query_fixed(self.handles.fixed[column], Rotation::cur())
    }

    pub(crate) fn advice(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice[column], Rotation::cur())
    }

    pub(crate) fn previous(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice[column], Rotation::prev())
    }

    pub(crate) fn next(&mut self, column: AdviceColumn) -> Expression<Fr> {
        self.meta.query_advice(self.handles.advice[column], Rotation::next())
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
        self.handles.space.expect("circuits with positions have the challenge s").expr()
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
pub(crate) struct Terms(pub(crate) Vec<(AdviceColumn, i128)>);

impl Terms {
    pub(crate) fn cell(column: AdviceColumn) -> Self {
        Self(vec![(column, 1)])
    }

    /// `sum_i 2^(bits i) limb_i`.
    pub(crate) fn limbs(limbs: &[AdviceColumn], bits: u32) -> Self {
        Self(limbs.iter().zip(0u32..).map(|(&limb, index)| (limb, 1 << (index * bits))).collect())
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn times(mut self, factor: i128) -> Self {
        self.0.iter_mut().for_each(|(_, coefficient)| *coefficient *= factor);
        self
    }

    pub(crate) fn expression(&self, cells: &mut Cells<'_, '_>) -> Expression<Fr> {
        let terms = self.0.iter().map(|&(column, coefficient)| {
            let cell = cells.advice(column);
            if coefficient == 1 { cell } else { cell * integer(coefficient) }
        });
        sum(terms)
    }

    /// The value of the combination in integers, for cells that hold hints.
    #[inline]
    pub(crate) fn value(&self, columns: &HintCells, row: RowId) -> i128 {
        self.0.iter().map(|&(column, coefficient)| i128::from(columns[column][row]) * coefficient).sum()
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

/// `sum_j rho^j w_j` over the columns of `weights` in a row, by Horner's rule.
///
/// Weights are sparse: nothing is multiplied before the first that is not 0.
pub(crate) fn at_rho(weights: &[FixedColumn], fixed: &FixedCells, row: RowId, rho: Fr) -> Fr {
    weights.iter().rev().fold(Fr::ZERO, |sum, &weight| {
        let weight = fixed[weight][row];
        if sum == Fr::ZERO { weight } else { sum * rho + weight }
    })
}

/// One lookup per row: `(factor tag, a, b, c)` must be a table entry.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Fixed column of the tag; 0 makes the row look up zeros.
    pub(crate) tag: FixedColumn,
    /// Factor of the tag.
    pub(crate) factor: i64,
    /// The values.
    pub(crate) values: [Terms; 3],
}

impl Slot {
    pub(crate) fn one(tag: FixedColumn, factor: i64, value: Terms) -> Self {
        Self { tag, factor, values: [value, Terms::default(), Terms::default()] }
    }
}
