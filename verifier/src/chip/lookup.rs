//! Lookups by logarithmic derivatives.
//!
//! With `f = tag + theta a + theta^2 b + theta^3 c`, the multiset of looked-up tuples is contained in the
//! table exactly when `sum 1/(alpha + f_lookup) = sum count/(alpha + f_table)` as rational functions of alpha.
//!
//! | columns | phase | content |
//! |---|---|---|
//! | `count_i` | 0 | how often the entry in this row of table set i is looked up |
//! | `h` | 1 | `sum_i 1/(alpha + f_i)` over up to three slots, a column for every three |
//! | `counted` | 1 | `sum_i count_i/(alpha + f_i)` over up to three table sets, a column for every three; only where there are more than three sets |
//! | `S` | 1 | running sum |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | lookup helper | `rows (h prod_i (alpha + f_i) - sum_i prod_{j != i} (alpha + f_j)) = 0` | 5 | h is the sum of inverses |
//! | table helper | `rows (counted prod_i (alpha + f_i) - sum_i count_i prod_{j != i} (alpha + f_j)) = 0` | 5 | it is the sum of counted inverses |
//! | lookup sum | `rows ((S_next - S - sum h) prod_i (alpha + f_i) + sum_i count_i prod_{j != i} (alpha + f_j)) = 0`, i and j table sets | up to 5 | S collects lookups minus entries; with table helpers `rows (S_next - S - sum h + sum counted) = 0`, of degree 2 |
//! | lookup sum boundary | `boundary S = 0` | 2 | S starts and ends at 0 |
//!
//! # Soundness
//! All three share the fixed column `rows`, so every helper that enters the sum is bound by a helper gate, and
//! every slot of every used row is looked up: a slot with tag 0 can only hold zeros. Every f has degree 1, the
//! tag is a fixed column times a constant. Tuples, entries and multiplicities are committed in phase 0,
//! before alpha and theta.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{ConstraintSystem, Expression},
};

use super::{Cells, Handles, Slot, gate, product, sum};
use crate::{
    columns::LookupColumns,
    index::{AdviceColumn, FixedColumn},
    integers::natural,
};

/// Slots or table sets per helper column: the most a gate of degree 5 holds.
pub const GROUP: usize = 3;

/// Adds the gates for `slots` to the columns that are numbered for the argument.
///
/// # Panics
/// If they are numbered for another number of slots.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    columns: &LookupColumns,
    slots: &[Slot],
) {
    let groups: Vec<&[Slot]> = slots.chunks(GROUP).collect();
    assert_eq!(groups.len(), columns.helpers.len(), "one helper column per group of lookups");
    for (group, &helper) in groups.iter().zip(&columns.helpers) {
        gate(meta, handles, "lookup helper", columns.rows, |cells| {
            let poles: Vec<_> = group.iter().map(|slot| slot_pole(cells, slot)).collect();
            cells.advice(helper) * product(poles.iter().cloned()) - derivative(&poles)
        });
    }
    let sets: Vec<(&[Vec<FixedColumn>], &[AdviceColumn])> =
        columns.tables.chunks(GROUP).zip(columns.multiplicities.chunks(GROUP)).collect();
    for (&(tables, multiplicities), &helper) in sets.iter().zip(&columns.table_helpers) {
        gate(meta, handles, "table helper", columns.rows, |cells| {
            let (poles, counted) = counted(cells, tables, multiplicities);
            cells.advice(helper) * poles - counted
        });
    }
    gate(meta, handles, "lookup sum", columns.rows, |cells| {
        let helpers = sum(columns.helpers.iter().map(|&helper| cells.advice(helper)));
        let step = cells.next(columns.sum) - cells.advice(columns.sum) - helpers;
        if columns.table_helpers.is_empty() {
            let (poles, counted) = counted(cells, &columns.tables, &columns.multiplicities);
            step * poles + counted
        } else {
            step + sum(columns.table_helpers.iter().map(|&helper| cells.advice(helper)))
        }
    });
    gate(meta, handles, "lookup sum boundary", columns.boundary, |cells| cells.advice(columns.sum));
}

/// `alpha + f` of a slot.
fn slot_pole(cells: &mut Cells<'_, '_>, slot: &Slot) -> Expression<Fr> {
    let tag = cells.fixed(slot.tag);
    let tag = if slot.factor == 1 { tag } else { tag * natural(slot.factor.unsigned_abs()) };
    let values: Vec<_> = slot.values.iter().filter(|terms| !terms.0.is_empty()).collect();
    let values = values.into_iter().map(|terms| terms.expression(cells)).collect();
    pole(cells, tag, values)
}

/// `alpha + f` of a table set.
fn table_pole(cells: &mut Cells<'_, '_>, table: &[FixedColumn]) -> Expression<Fr> {
    let mut columns = table.iter().map(|&column| cells.fixed(column)).collect::<Vec<_>>();
    let tag = columns.remove(0);
    pole(cells, tag, columns)
}

/// `prod_i (alpha + f_i)` and `sum_i count_i prod_{j != i} (alpha + f_j)` over table sets.
fn counted(
    cells: &mut Cells<'_, '_>,
    tables: &[Vec<FixedColumn>],
    multiplicities: &[AdviceColumn],
) -> (Expression<Fr>, Expression<Fr>) {
    let poles: Vec<_> = tables.iter().map(|table| table_pole(cells, table)).collect();
    let counted = multiplicities.iter().enumerate().map(|(set, &column)| {
        let others = poles.iter().enumerate().filter(|(other, _)| *other != set);
        cells.advice(column) * product(others.map(|(_, pole)| pole.clone()))
    });
    let counted = sum(counted);
    (product(poles.into_iter()), counted)
}

/// `alpha + tag + theta v_0 + theta^2 v_1 + ...`.
fn pole(cells: &Cells<'_, '_>, tag: Expression<Fr>, values: Vec<Expression<Fr>>) -> Expression<Fr> {
    let compressed = values.into_iter().rev().reduce(|sum, value| sum * cells.theta() + value);
    let compressed = compressed.unwrap_or(Expression::Constant(Fr::ZERO));
    cells.alpha() + tag + compressed * cells.theta()
}

/// `sum_i prod_{j != i} pole_j`.
fn derivative(poles: &[Expression<Fr>]) -> Expression<Fr> {
    sum((0..poles.len()).map(|index| {
        let others = poles.iter().enumerate().filter(|(other, _)| *other != index);
        product(others.map(|(_, pole)| pole.clone()))
    }))
}
