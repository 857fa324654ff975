//! The cheapest columns for a network.

use std::collections::HashMap;

use crate::{
    ir::Model,
    plan::{
        BankShape, Cost, MAX_K, MAX_LIMB_BITS, MAX_TABLE_SETS, MIN_K, Packing, Scheme, Shape, distance_bits,
        entry_count, usable_rows,
    },
};

use super::{
    Network,
    equations::{Equation, Sources},
    place::{BankKind, Placement},
    region::Region,
};

/// Planes side by side that are tried.
const WAYS: [u32; 6] = [1, 2, 3, 4, 6, 8];

/// Weight columns per way that are tried.
const WEIGHT_COLUMNS: [u32; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];

/// A shape with what it holds.
pub(super) struct Choice {
    pub(super) shape: Shape,
    pub(super) placement: Placement,
    pub(super) equations: Vec<Equation>,
}

/// Rows banks, powers and equations need.
pub(super) fn rows(network: &Network, placement: &Placement, region: &Region) -> usize {
    let banks = placement.bank_rows.iter().copied().max().unwrap_or(0);
    banks.max(region.end_row()).max(largest_power(network, region) + 1)
}

/// The largest exponent of s anything is multiplied with.
fn largest_power(network: &Network, region: &Region) -> usize {
    let products = region.rows.iter().filter_map(|row| row.power);
    let slices = network.slices.iter().flat_map(|slices| slices.exponents.iter().flatten().copied());
    let homes = network.homes.stored.iter().flatten();
    let claims = homes.flat_map(|home| home.planes.iter().flat_map(|plane| plane.exponents.iter().copied()));
    let largest = products.chain(slices).chain(claims).max().unwrap_or(0);
    usize::try_from(largest).unwrap_or(usize::MAX - 1).max(network.instances)
}

pub(super) fn cheapest(model: &Model, network: &Network, scheme: Scheme) -> Option<Choice> {
    let blocks = Placement::blocks(model, &network.homes, &network.slices, &network.forms);
    let mut best: Option<(Cost, Choice)> = None;
    for k in MIN_K..=MAX_K {
        let capacity = usable_rows(k);
        let Some(placement) = smallest(&blocks, capacity) else { continue };
        let mut equations = HashMap::new();
        for shape in shapes(model, network, &placement, k) {
            for (ways, columns) in WAYS.iter().flat_map(|ways| WEIGHT_COLUMNS.map(|columns| (*ways, columns)))
            {
                let banks = shape.banks.as_ref()?;
                let shape = Shape {
                    weight_columns: columns,
                    banks: Some(BankShape { ways, ..banks.clone() }),
                    ..shape.clone()
                };
                let cost = Cost::of(&shape, scheme);
                let promising = best.as_ref().is_none_or(|(least, _)| cost < *least);
                if shape.validate().is_err() || !promising {
                    continue;
                }
                let slots = banks.slots() as usize;
                let equations = equations
                    .entry((slots, ways))
                    .or_insert_with(|| sources(network, &placement, slots, ways as usize).equations());
                let rows_used: usize = equations.iter().map(|equation| equation.rows(columns as usize)).sum();
                if rows_used + Region::FIRST_ROW + 1 > capacity {
                    continue;
                }
                let region = Region::of(equations, columns as usize);
                if rows(network, &placement, &region) > capacity {
                    continue;
                }
                let choice = Choice { shape, placement: placement.clone(), equations: equations.clone() };
                best = Some((cost, choice));
            }
        }
    }
    best.map(|(_, choice)| choice)
}

fn sources<'a>(network: &'a Network, placement: &'a Placement, slots: usize, ways: usize) -> Sources<'a> {
    Sources {
        maps: &network.maps,
        slices: &network.slices,
        placement,
        instances: network.instances,
        slots,
        ways,
    }
}

/// The placement in the fewest banks.
fn smallest(blocks: &Placement, capacity: usize) -> Option<Placement> {
    let banks = |kind| {
        let (rows, largest) = blocks.demand(kind);
        (largest <= capacity).then(|| rows.div_ceil(capacity))
    };
    let (linear, threshold) = (banks(BankKind::Linear)?.max(1), banks(BankKind::Threshold)?);
    (0..=linear + threshold).find_map(|more| {
        // Blocks do not split over banks, so the lower bounds may be short.
        let threshold = if threshold > 0 { threshold + more } else { 0 };
        blocks.placed(linear + more, threshold, capacity)
    })
}

/// Shapes for a placement, with one way and one weight column.
fn shapes(model: &Model, network: &Network, placement: &Placement, k: u32) -> Vec<Shape> {
    let banks = |kind| {
        let count = match kind {
            BankKind::Linear => placement.linear_banks() * kind.lanes(),
            BankKind::Threshold => placement.bank_rows.len() - placement.linear_banks(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let forms = &network.forms;
    let (linear_lanes, threshold_lanes) = (banks(BankKind::Linear), banks(BankKind::Threshold));
    let distance_bits = distance_bits(forms);
    let plain = |limb_bits: u32| Shape {
        k,
        linear_lanes,
        threshold_lanes,
        shift: forms.shift,
        limb_bits,
        excess_bits: None,
        threshold_limbs: if threshold_lanes > 0 { distance_bits.div_ceil(limb_bits) } else { 0 },
        table_sets: 1,
        weight_columns: 1,
        banks: None,
    };
    let splits = |shape: Shape| {
        let split = |bits| Shape { excess_bits: Some(bits), ..shape.clone() };
        let split = (1..=MAX_LIMB_BITS).map(split).min_by_key(|shape| entry_count(forms, shape));
        [Some(shape.clone()), split]
    };
    let complete = |shape: Shape| {
        let sets = entry_count(forms, &shape).div_ceil(usable_rows(k) as u64);
        let base_bits = model
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, _)| !forms.nodes[*index].channels.is_empty())
            .map(|(index, node)| Packing::of(node, forms, index, &shape).base_bits)
            .max()?;
        let table_sets = u32::try_from(sets).ok().filter(|sets| *sets <= MAX_TABLE_SETS)?;
        let shape = Shape { table_sets, banks: Some(BankShape { base_bits, ways: 1 }), ..shape };
        shape.validate().is_ok().then_some(shape)
    };
    (1..=MAX_LIMB_BITS.min(k)).map(plain).flat_map(splits).flatten().filter_map(complete).collect()
}
