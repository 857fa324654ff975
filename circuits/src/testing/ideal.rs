//! What the constraints should amount to, to first order: written down from the model, not from the gates.
//!
//! At an honest witness, with `delta` in front of a cell for its movement:
//! - lookups: for every tuple that is looked up, per component, the movements of all cells that look it up sum
//!   to 0; no multiplicity moves;
//! - layers: for every group g of channels, `sum_i B^i (delta value_i - m_i sum_j W_ij delta x_j) = 0`;
//! - statement: for every packed public input, `sum_j 256^j delta value_j = 2^shift delta instance`;
//! - outputs: a statement byte and the activation it repeats move alike.
//!
//! In circuits with banks there is an equation per group and position of a block, see `ideal::banks`.
//!
//! That a group gives one equation and not one per channel is no gap: the channels are apart by size, see
//! `plan::packing`, which no derivative sees.

mod banks;

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use super::{
    grid::{Cell, Grid},
    subject::Subject,
    tangent::Form,
};
use crate::{
    chip::{Terms, lane::LaneChip},
    circuit::{Layout, lanes},
    plan::{Form as Requantization, Plan, Spot, Step, Use, integer},
    statement::{HEADER_INSTANCES, LANES_PER_INSTANCE},
};

/// All predicted equations at a grid of an honest witness.
pub fn forms(subject: &Subject, grid: &Grid) -> Vec<Form> {
    let mut out = lookups(subject.compiled.layout(), grid);
    out.extend(forms_without_lookups(subject, grid));
    out
}

/// The predicted equations that are none of the lookup argument's.
pub fn forms_without_lookups(subject: &Subject, grid: &Grid) -> Vec<Form> {
    let plan = match subject.compiled.layout() {
        Layout::Lanes(plan) => plan,
        Layout::Banks(plan) => return banks::forms(subject, plan, grid),
    };
    let lanes = lanes(&plan.columns, &plan.shape);
    let mut out = layers(subject, &lanes);
    out.extend(statement(plan, &lanes));
    let is_hint = |cell: &Cell| subject.roles[cell.column].is_hint();
    let copies = grid.copies.iter().filter(|pair| pair.iter().all(is_hint));
    out.extend(copies.map(|[from, to]| vec![(*from, Fr::ONE), (*to, -Fr::ONE)]));
    out
}

fn scaled(terms: &Terms, row: usize, factor: Fr) -> Form {
    let cell =
        |(column, coefficient): &(usize, i128)| (Cell::advice(*column, row), integer(*coefficient) * factor);
    terms.0.iter().map(cell).collect()
}

fn lookups(layout: &Layout, grid: &Grid) -> Vec<Form> {
    let mut sums: BTreeMap<Vec<[u8; 32]>, [Form; 3]> = BTreeMap::new();
    for slot in &layout.slots() {
        for row in 0..layout.rows() {
            let tag = layout.fixed()[slot.tag][row] * integer(slot.factor.into());
            let value = |terms: &Terms| -> Fr {
                scaled(terms, row, Fr::ONE).iter().map(|(cell, by)| grid.value(*cell) * by).sum()
            };
            let tuple = [tag].into_iter().chain(slot.values.iter().map(value));
            let entry = sums.entry(tuple.map(|part| part.to_repr()).collect()).or_default();
            for (form, terms) in entry.iter_mut().zip(&slot.values) {
                form.extend(scaled(terms, row, Fr::ONE));
            }
        }
    }
    let tables = layout.lookup_tables();
    let multiplicities = tables.multiplicities.iter();
    let still = multiplicities
        .flat_map(|column| (0..layout.rows()).map(|row| vec![(Cell::advice(*column, row), Fr::ONE)]));
    sums.into_values().flatten().filter(|form| !form.is_empty()).chain(still).collect()
}

fn layers(subject: &Subject, lanes: &[LaneChip]) -> Vec<Form> {
    let plan = subject.compiled.plan();
    let activation = |spot: Spot| Cell::advice(plan.columns.activation(spot.lane), spot.row);
    let mut out = Vec::new();
    for (index, node) in subject.compiled.model().nodes.iter().enumerate() {
        let layer = node.dense();
        let (packing, blocks) = &plan.placement.nodes[index];
        for group in blocks.iter().flat_map(|block| block.channels.chunks(packing.slots)) {
            let mut form = Form::new();
            for (slot, &channel) in group.iter().enumerate() {
                let power = packing.weight(slot);
                let home = plan.placement.homes[node.output.0][channel];
                form.extend(scaled(&lanes[home.lane].value, home.row, power));
                let multiplier = match &plan.forms.nodes[index].channels[channel] {
                    Requantization::Linear(form) => i128::from(form.m),
                    Requantization::Threshold(_)
                    | Requantization::Function(_)
                    | Requantization::Maximum
                    | Requantization::Product => 1,
                };
                for (input, weight) in layer.row(channel).iter().enumerate() {
                    let source = plan.placement.homes[node.inputs[0].0][input];
                    let weight = integer(i128::from(*weight) * multiplier);
                    form.push((activation(source), -power * weight));
                }
            }
            out.push(form);
        }
    }
    out
}

fn statement(plan: &Plan, lanes: &[LaneChip]) -> Vec<Form> {
    let mut out = Vec::new();
    for (row, end) in (HEADER_INSTANCES..).zip(&plan.placement.instances) {
        let scale = integer(1 << plan.shape.shift);
        let mut form = vec![(Cell::instance(row), -scale)];
        let mut power = Fr::ONE;
        let rows = &plan.placement.lanes[end.lane].rows;
        for position in (0..=end.row).rev().take(LANES_PER_INSTANCE) {
            let lane = &lanes[end.lane];
            form.extend(scaled(&lane.value, position, power));
            if let Some((_, terms)) = &lane.gated {
                form.extend(scaled(terms, position, power));
            }
            power *= Fr::from(256);
            let begins = matches!(rows[position].step, Step::Start);
            assert!(matches!(rows[position].content, Use::Byte { .. }), "a chunk holds bytes");
            if begins {
                break;
            }
        }
        out.push(form);
    }
    out
}
