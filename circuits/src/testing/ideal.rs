//! What the constraints should amount to, to first order: written down from the model, not from the gates.
//!
//! At an honest witness, with `delta` in front of a cell for its movement:
//! - lookups: for every tuple that is looked up, per component, the movements of all cells that look it up sum
//!   to 0; no multiplicity moves;
//! - operators: for every exponent of s and group g of every equation, over the channels in the group,
//!   `sum_i B^i (delta value_i - m_i sum W delta x) = 0`, idle lanes included, which read nothing; for matrix products
//!   `delta (a b) = b delta a + a delta b` in place of `W delta x`;
//! - products of bytes: `delta p = b' delta a' + a' delta b'`;
//! - statement: for every public input `delta instance = sum_j 256^j delta y'_j`; in a row of an input the idle lanes
//!   count as further bytes, in flat circuits what its rows claim counts, and a copied output moves with its home;
//! - idle lanes of inputs: no idle cell moves.
//!
//! Which elements an accumulator reads is taken from the model, rearranged tensors resolved one by one.
//!
//! That a group gives one equation and not one per channel is no gap: the channels are apart by size, see
//! `forms::packing`, which no derivative sees.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use lemma_verifier::{
    chip::Terms,
    columns::{LaneColumns, ProductCells},
    index::{AdviceColumn, GroupId, Lane, RowId, first},
    integers::integer,
    interface::HEADER_INSTANCES,
};

use super::{
    grid::{Cell, Grid},
    spot::{self, Spot, multiplier, reads, resolve},
    subject::Subject,
    tangent::Form,
};
use crate::{
    expanded::Expanded,
    index::{BlockId, NodeId},
    ir::TensorId,
    layout::Layout,
    place::{Block, Content, Start},
    witness::LookupTables,
};

/// All predicted equations at a grid of an honest witness.
pub fn forms(subject: &Subject, grid: &Grid) -> Vec<Form> {
    let mut out = lookups(subject.compiled.layout(), grid);
    out.extend(forms_without_lookups(subject, grid));
    out
}

/// The predicted equations that are none of the lookup argument's.
pub fn forms_without_lookups(subject: &Subject, grid: &Grid) -> Vec<Form> {
    let layout = subject.compiled.layout();
    let mut out = products(layout, grid);
    out.extend(operators(layout, grid));
    out.extend(statement(subject, layout));
    out.extend(idle(layout));
    let is_hint = |cell: &Cell| subject.roles[cell.column].is_hint();
    let copies = grid.copies.iter().filter(|pair| pair.iter().all(is_hint));
    out.extend(copies.map(|[from, to]| vec![(*from, Fr::ONE), (*to, -Fr::ONE)]));
    out
}

fn scaled(terms: &Terms, row: RowId, factor: Fr) -> Form {
    let cell = |(column, coefficient): &(AdviceColumn, i128)| {
        (Cell::of(*column, row), integer(*coefficient) * factor)
    };
    terms.0.iter().map(cell).collect()
}

fn lookups(layout: &Layout, grid: &Grid) -> Vec<Form> {
    let mut sums: BTreeMap<Vec<[u8; 32]>, [Form; 3]> = BTreeMap::new();
    for slot in &layout.slots() {
        for row in first(layout.rows()) {
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
    let tables = LookupTables::of(layout);
    let multiplicities = tables.multiplicities.iter();
    let still = multiplicities
        .flat_map(|column| first(layout.rows()).map(|row: RowId| vec![(Cell::of(*column, row), Fr::ONE)]));
    sums.into_values().flatten().filter(|form| !form.is_empty()).chain(still).collect()
}

/// `delta p = b' delta a' + a' delta b'`, in rows that hold nothing too.
fn products(layout: &Layout, grid: &Grid) -> Vec<Form> {
    let lanes = layout.columns.lanes().filter_map(|lane| match &lane.cells {
        LaneColumns::Product(cells) => Some(cells),
        _ => None,
    });
    let form = |cells: &ProductCells, row: RowId| {
        let [first, second] = cells.factors.map(|column| Cell::of(column, row));
        vec![
            (Cell::of(cells.activation, row), Fr::ONE),
            (first, -grid.value(second)),
            (second, -grid.value(first)),
        ]
    };
    lanes.flat_map(|cells| first(layout.rows).map(move |row| form(cells, row))).collect()
}

/// `2^(bits * slot)`.
fn power_of_base(bits: u32, slot: usize) -> Fr {
    Fr::from(2).pow_vartime([u64::from(bits) * slot as u64])
}

/// The equation a block is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Equation {
    /// That of its operator.
    Shared(NodeId),
    /// One of its own.
    Own(BlockId),
}

fn operators(layout: &Layout, grid: &Grid) -> Vec<Form> {
    let expanded = &layout.expanded;
    // Blocks whose equation is not their own share groups.
    let shared: BTreeMap<BlockId, Start> = expanded
        .nodes
        .keys()
        .filter(|node| !layout.network.maps.iter().any(|map| map.node == *node && map.is_planewise()))
        .flat_map(|node| layout.placement.starts(node, layout.packings[node].slots))
        .collect();
    let mut groups: BTreeMap<(Equation, GroupId, u64), Form> = BTreeMap::new();
    for (index, block) in layout.placement.blocks.iter_enumerated() {
        let Content::Node(id) = block.content else { continue };
        let (node, packing) = (&expanded.nodes[id], layout.packings[id]);
        let planes = &layout.network.homes.home(block.tensor).planes;
        let start = shared.get(&index).copied().unwrap_or_default();
        let equation = if shared.contains_key(&index) { Equation::Shared(id) } else { Equation::Own(index) };
        for row in block.rows() {
            let first =
                block.at(row, Lane::default()).map(|(plane, position)| planes[plane].exponents[position]);
            for lane in layout.columns.banks[block.bank].lanes.keys() {
                let Start { group, slot } = start.of_member(block.member(row, lane), packing.slots);
                let form = groups.entry((equation, group, first.unwrap_or_default())).or_default();
                let weight = packing.weight(slot);
                let spot = Spot { block: index, lane, row };
                form.extend(scaled(&spot.claim(layout), row, weight));
                let Some((plane, position)) = block.at(row, lane) else { continue };
                let scale = multiplier(layout, id, planes[plane].channel);
                let activation = |(input, element): (usize, usize)| {
                    let stored = resolve(expanded, node.inputs[input], element);
                    let spot = stored.and_then(|(tensor, element)| Spot::of(layout, tensor, element));
                    spot.map(|spot| spot.activation(layout))
                };
                for (input, element, factor) in reads(layout, id, node, planes[plane].elements[position]) {
                    let factor = -weight * integer(i128::from(factor) * scale);
                    form.extend(activation((input, element)).map(|cell| (cell, factor)));
                }
                for (left, right) in spot::products(node, planes[plane].elements[position]) {
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
fn packed(subject: &Subject, expanded: &Expanded) -> Vec<(TensorId, usize, usize, usize)> {
    let interface = subject.compiled.interface();
    let tensors = expanded.inputs.iter().chain(&expanded.outputs).copied();
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

fn statement(subject: &Subject, layout: &Layout) -> Vec<Form> {
    if layout.columns.positions.is_none() {
        return packed_blocks(layout);
    }
    let expanded = &layout.expanded;
    let inputs: usize = expanded.inputs.iter().map(|input| expanded.tensor(*input).len).sum();
    let mut forms: BTreeMap<usize, Form> = BTreeMap::new();
    for (index, (tensor, element, instance, byte)) in packed(subject, expanded).into_iter().enumerate() {
        let form = forms.entry(instance).or_insert_with(|| vec![(Cell::instance(instance), -Fr::ONE)]);
        let stored = resolve(expanded, tensor, element);
        let spot = stored.and_then(|(tensor, element)| Spot::of(layout, tensor, element));
        let spot = spot.expect("ports hold no constants");
        form.push((spot.activation(layout), power_of_base(8, byte)));
        let block = &layout.placement.blocks[spot.block];
        let is_last = index < inputs && usize::from(spot.lane) + 1 == block.planes.len();
        for lane in block.idle_lanes(layout.placement.lanes_per_bank.of(block.kind)).filter(|_| is_last) {
            let idle = Spot { lane, ..spot };
            form.push((idle.activation(layout), power_of_base(8, byte + (lane - spot.lane))));
        }
    }
    forms.into_values().collect()
}

/// The public inputs of a flat circuit: each is what the rows of one block claim, and of thresholds their bytes besides.
fn packed_blocks(layout: &Layout) -> Vec<Form> {
    let blocks = layout.placement.blocks.iter_enumerated();
    let packed = blocks.filter(|(_, block)| !matches!(block.content, Content::Node(_)));
    let form = |(instance, (id, block)): (usize, (BlockId, &Block))| {
        let mut form = vec![(Cell::instance(instance), -integer(1 << layout.shape.shift))];
        for row in block.rows() {
            let spot = Spot { block: id, lane: Lane::default(), row };
            let weight = power_of_base(8, usize::from(block.member(row, Lane::default())));
            form.extend(scaled(&spot.claim(layout), row, weight));
            if let LaneColumns::Threshold(_) = spot.columns(layout) {
                form.push((spot.activation(layout), weight * integer(1 << layout.shape.shift)));
            }
        }
        form
    };
    (HEADER_INSTANCES..).zip(packed).map(form).collect()
}

fn idle(layout: &Layout) -> Vec<Form> {
    let blocks = layout.placement.blocks.iter_enumerated();
    let inputs = blocks.filter(|(_, block)| block.content == Content::Input);
    let cells = inputs.flat_map(|(id, block)| {
        let lanes = block.idle_lanes(layout.placement.lanes_per_bank.of(block.kind));
        lanes.flat_map(move |lane| block.rows().map(move |row| Spot { block: id, lane, row }))
    });
    cells.map(|spot| vec![(spot.activation(layout), Fr::ONE)]).collect()
}
