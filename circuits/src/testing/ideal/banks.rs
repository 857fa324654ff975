//! What the constraints of a circuit with banks should amount to, to first order.
//!
//! - operators: for every exponent of s and group g of every equation, over the lanes in the group,
//!   `sum_i B^i (delta value_i - m_i sum W delta x) = 0`, idle lanes included, which read nothing; for matrix products
//!   `delta (a b) = b delta a + a delta b` in place of `W delta x`;
//! - products of bytes: `delta p = b' delta a' + a' delta b'`;
//! - statement: for every public input `delta instance = sum_j 256^j delta y'_j`; in a row of an input the idle lanes
//!   count as further bytes;
//! - idle lanes of inputs: for every exponent of s, the movements of the idle cells with this exponent sum to 0.
//!
//! Which elements an accumulator reads is taken from the model, rearranged tensors resolved one by one.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{Form, scaled};
use crate::{
    banks::{BankPlan, LaneColumns, Start},
    ir::{Model, TensorId},
    plan::{ProductCells, integer},
    statement::HEADER_INSTANCES,
    testing::{
        bank_spot::{self, BankSpot, multiplier, reads, resolve},
        grid::{Cell, Grid},
        subject::Subject,
    },
};

/// The predicted equations that are none of the lookup argument's.
pub(super) fn forms(subject: &Subject, plan: &BankPlan, grid: &Grid) -> Vec<Form> {
    let mut out = products(plan, grid);
    out.extend(operators(&plan.model, plan, grid));
    out.extend(statement(subject, plan));
    out.extend(idle(plan));
    out
}

/// `delta p = b' delta a' + a' delta b'`, in rows that hold nothing too.
fn products(plan: &BankPlan, grid: &Grid) -> Vec<Form> {
    let lanes = plan.columns.lanes().filter_map(|lane| match &lane.cells {
        LaneColumns::Product(cells) => Some(cells),
        _ => None,
    });
    let form = |cells: &ProductCells, row: usize| {
        let [first, second] = cells.factors.map(|column| Cell::advice(column, row));
        vec![
            (Cell::advice(cells.activation, row), Fr::ONE),
            (first, -grid.value(second)),
            (second, -grid.value(first)),
        ]
    };
    lanes.flat_map(|cells| (0..plan.rows).map(move |row| form(cells, row))).collect()
}

/// `2^(bits * slot)`.
fn power_of_base(bits: u32, slot: usize) -> Fr {
    Fr::from(2).pow_vartime([u64::from(bits) * slot as u64])
}

fn operators(model: &Model, plan: &BankPlan, grid: &Grid) -> Vec<Form> {
    let banks = plan.shape.banks.as_ref().expect("the shape has banks");
    let slots = banks.slots() as usize;
    let mut exponents = BTreeMap::new();
    plan.for_each_power(|bank, row, _, claim| {
        exponents.insert((bank, row), claim);
    });
    // Blocks whose equation is not their own share groups.
    let shared: BTreeMap<usize, Start> = (0..model.nodes.len())
        .filter(|node| !plan.network.maps.iter().any(|map| map.node == *node && map.is_planewise()))
        .flat_map(|node| plan.placement.starts(node, slots))
        .collect();
    let mut groups: BTreeMap<(usize, usize, u64), Form> = BTreeMap::new();
    for (index, block) in plan.placement.blocks.iter().enumerate() {
        let Some(node_index) = block.node else { continue };
        let node = &model.nodes[node_index];
        let planes = &plan.network.homes.home(block.tensor).planes;
        let start = shared.get(&index).copied().unwrap_or_default();
        let equation = if shared.contains_key(&index) { node_index } else { model.nodes.len() + index };
        for (row, &position) in block.rows().zip(block.positions()) {
            let exponent = exponents[&(block.bank, row)];
            for lane in 0..plan.placement.lanes_per_bank.of(block.kind) {
                let group = start.group + lane / slots;
                let form = groups.entry((equation, group, exponent)).or_default();
                let weight = power_of_base(banks.base_bits, start.slot + lane % slots);
                let spot = BankSpot { block: index, lane, row };
                form.extend(scaled(&spot.claim(plan), row, weight));
                let Some(&plane) = block.planes.get(lane) else { continue };
                let scale = multiplier(plan, node_index, planes[plane].channel);
                let activation = |(input, element): (usize, usize)| {
                    let stored = resolve(model, node.inputs[input], element);
                    let spot = stored.and_then(|(tensor, element)| BankSpot::of(plan, tensor, element));
                    spot.map(|spot| spot.activation(plan))
                };
                for (input, element, factor) in
                    reads(plan, node_index, node, planes[plane].elements[position])
                {
                    let factor = -weight * integer(i128::from(factor) * scale);
                    form.extend(activation((input, element)).map(|cell| (cell, factor)));
                }
                for (left, right) in bank_spot::products(node, planes[plane].elements[position]) {
                    let pair = activation((0, left)).zip(activation((1, right)));
                    let (left, right) = pair.expect("factors are stored copies");
                    let factor = -weight * integer(scale);
                    form.extend([(left, factor * grid.value(right)), (right, factor * grid.value(left))]);
                }
            }
        }
    }
    groups.into_values().collect()
}

/// Where the elements of the ports are in the public inputs: tensor, element, row of the instance, byte.
fn packed(subject: &Subject, model: &Model) -> Vec<(TensorId, usize, usize, usize)> {
    let interface = subject.compiled.interface();
    let tensors = model.inputs.iter().map(|input| input.tensor);
    let tensors = tensors.chain(model.outputs.iter().map(|output| output.tensor));
    let mut first = HEADER_INSTANCES;
    let mut out = Vec::new();
    for (tensor, port) in tensors.zip(interface.ports()) {
        let bytes = usize::from(port.bytes_per_instance);
        let place = |element: usize| (tensor, element, first + element / bytes, element % bytes);
        out.extend((0..port.len()).map(place));
        first += port.instances();
    }
    out
}

fn statement(subject: &Subject, plan: &BankPlan) -> Vec<Form> {
    let model = &plan.model;
    let inputs: usize = model.inputs.iter().map(|input| model.tensor(input.tensor).len).sum();
    let mut forms: BTreeMap<usize, Form> = BTreeMap::new();
    for (index, (tensor, element, instance, byte)) in packed(subject, model).into_iter().enumerate() {
        let form = forms.entry(instance).or_insert_with(|| vec![(Cell::instance(instance), -Fr::ONE)]);
        let stored = resolve(model, tensor, element);
        let spot = stored.and_then(|(tensor, element)| BankSpot::of(plan, tensor, element));
        let spot = spot.expect("ports hold no constants");
        form.push((spot.activation(plan), power_of_base(8, byte)));
        let block = &plan.placement.blocks[spot.block];
        let is_last = index < inputs && spot.lane + 1 == block.planes.len();
        for lane in (spot.lane + 1..plan.placement.lanes_per_bank.of(block.kind)).filter(|_| is_last) {
            let idle = BankSpot { lane, ..spot };
            form.push((idle.activation(plan), power_of_base(8, byte + lane - spot.lane)));
        }
    }
    forms.into_values().collect()
}

fn idle(plan: &BankPlan) -> Vec<Form> {
    let mut exponents = BTreeMap::new();
    plan.for_each_power(|bank, row, slice, _| {
        exponents.insert((bank, row), slice);
    });
    let mut forms: BTreeMap<u64, Form> = BTreeMap::new();
    for (index, block) in plan.placement.blocks.iter().enumerate().filter(|(_, block)| block.node.is_none()) {
        for row in block.rows() {
            let form = forms.entry(exponents[&(block.bank, row)]).or_default();
            for lane in block.planes.len()..plan.placement.lanes_per_bank.of(block.kind) {
                form.push((BankSpot { block: index, lane, row }.activation(plan), Fr::ONE));
            }
        }
    }
    forms.into_values().filter(|form| !form.is_empty()).collect()
}
