//! Deliberately broken circuits: the harness must notice each.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::Expression,
};

use super::{
    elimination::derive,
    grid::{Cell, Grid},
    subject::Subject,
    system::{Constraint, System},
};
use crate::{
    chip::{Slot, Terms},
    circuit::lanes,
    plan::integer,
    witness::Witness,
};

/// The system in which no lookup reads this advice column: its slots look up 0 in its place.
#[must_use]
pub fn without_lookup_of(system: &System, column: usize) -> System {
    let mut out = system.clone();
    for constraint in &mut out.constraints {
        if constraint.name == "lookup helper" {
            *constraint = Constraint::new(&constraint.name, with_zero(&constraint.expression, column));
        }
    }
    out
}

/// The expression with 0 in place of an advice column.
fn with_zero(expression: &Expression<Fr>, column: usize) -> Expression<Fr> {
    expression.evaluate(
        &Expression::Constant,
        &Expression::Selector,
        &Expression::Fixed,
        &|query| {
            if query.column_index() == column {
                Expression::Constant(Fr::ZERO)
            } else {
                Expression::Advice(query)
            }
        },
        &Expression::Instance,
        &Expression::Challenge,
        &|a| -a,
        &|a, b| a + b,
        &|a, b| a * b,
        &|a, scalar| a * scalar,
    )
}

/// The grid of an honest inference of [`without_lookup_of`]: multiplicities count the remaining lookups, and
/// the derived cells follow from the constraints.
///
/// # Panics
/// If the inputs are not integers of the model's inputs.
pub fn grid_without_lookup_of(
    subject: &Subject,
    system: &System,
    column: usize,
    inputs: &[Vec<i32>],
    draw: u64,
) -> Grid {
    let plan = subject.compiled.plan();
    let without =
        |terms: &Terms| Terms(terms.0.iter().filter(|(each, _)| *each != column).copied().collect());
    let slots: Vec<Slot> = lanes(&plan.columns, &plan.shape)
        .into_iter()
        .flat_map(|lane| lane.slots)
        .map(|slot| Slot { values: [0, 1, 2].map(|index| without(&slot.values[index])), ..slot })
        .collect();
    let mut witness = Witness::new(subject.compiled.model(), plan, inputs).expect("inputs of the model");
    witness.count_lookups(plan, &slots);
    let mut grid = subject.grid(inputs, draw);
    for &multiplicity in &plan.columns.multiplicities {
        for (row, value) in witness.columns[multiplicity].iter().enumerate() {
            grid.set(Cell::advice(multiplicity, row), integer((*value).into()));
        }
    }
    derive(system, &mut grid, |cell| subject.is_derived(cell));
    grid
}
