//! Exhaustive uniqueness: in small networks, every combination of cells that the lookups of a lane allow is enumerated.
//! No claim has two, every accumulator has one, and its output is the reference's.

mod layers;

use std::collections::{BTreeMap, BTreeSet};

use lemma_verifier::{
    chip::{
        Slot, Terms, linear::linear_cells, maximum::maximum_cells, product::product_cells,
        threshold::threshold_cells,
    },
    columns::LaneColumns,
    index::{AdviceColumn, RowId},
    scheme::Scheme,
    shape::Shape,
};

use super::{case::Case, widths};
use crate::{
    CompiledCircuit, compile_among,
    forms::{Form, tables::Entry},
    ir::{Model, Source},
    layout::Layout,
    testing::{
        networks::{Builder, Scale, Slide},
        subject::hints,
        tables::requantizations,
    },
    witness::tag,
};

/// Combinations beyond which a lane is left to the proof.
const MOST: u64 = 1 << 23;

/// A lookup of a lane in some row, and the entries under its tag by their first value.
struct Lookup {
    values: [Terms; 3],
    entries: BTreeMap<i64, Vec<Entry>>,
}

impl Lookup {
    /// The cell of the first value, if it is one and not a sum.
    fn first_cell(&self) -> Option<AdviceColumn> {
        match self.values[0].0[..] {
            [(cell, 1)] => Some(cell),
            _ => None,
        }
    }
}

/// Calls `visit` with every assignment of cells that all lookups allow.
///
/// Lookups of single cells come first, so that those of sums only check.
fn enumerate(
    lookups: &[Lookup],
    cells: &mut BTreeMap<AdviceColumn, i64>,
    visit: &mut impl FnMut(&BTreeMap<AdviceColumn, i64>),
) {
    let Some((first, others)) = lookups.split_first() else { return visit(cells) };
    let known = first.first_cell().and_then(|cell| cells.get(&cell));
    let range = known.map_or(i64::MIN..=i64::MAX, |value| *value..=*value);
    for entry in first.entries.range(range).flat_map(|(_, entries)| entries) {
        let mut bound = Vec::new();
        let allowed = first.values.iter().zip(&entry[1..]).all(|(terms, value)| match terms.0[..] {
            [(cell, 1)] if !cells.contains_key(&cell) => {
                cells.insert(cell, *value);
                bound.push(cell);
                true
            }
            _ => evaluate(terms, cells) == i128::from(*value),
        });
        if allowed {
            enumerate(others, cells, visit);
        }
        bound.iter().for_each(|cell| {
            cells.remove(cell);
        });
    }
}

fn evaluate(terms: &Terms, cells: &BTreeMap<AdviceColumn, i64>) -> i128 {
    terms.0.iter().map(|(cell, coefficient)| i128::from(cells[cell]) * coefficient).sum()
}

/// The lookups of a lane in a row, those of sums last, and at most how many combinations are searched.
fn lookups(layout: &Layout, slots: Vec<Slot>, row: RowId) -> (Vec<Lookup>, u64) {
    let lookup = |slot: Slot| {
        let tag = tag(layout.fixed(), slot.tag, row) * slot.factor;
        let mut entries: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
        for entry in layout.tables.iter().flatten().filter(|entry| entry[0] == tag) {
            entries.entry(entry[1]).or_default().push(*entry);
        }
        Lookup { values: slot.values, entries }
    };
    let mut lookups: Vec<Lookup> = slots.into_iter().map(lookup).collect();
    lookups.sort_by_key(|lookup| lookup.values.iter().any(|terms| terms.0.len() > 1));
    let mut known = BTreeSet::new();
    let size = lookups.iter().map(|lookup| {
        let sizes = lookup.entries.values().map(|entries| entries.len() as u64);
        let is_known = lookup.first_cell().is_some_and(|cell| !known.insert(cell));
        if is_known { sizes.max().unwrap_or(0) } else { sizes.sum() }
    });
    let size = size.fold(1, u64::saturating_mul);
    (lookups, size)
}

/// Per claim that the cells of a lane can make in a row, the activations they make it with; `None` if they are too many.
fn claims(layout: &Layout, lane: &LaneColumns, row: RowId) -> Option<BTreeMap<i128, Vec<i64>>> {
    let (slots, claim) = match lane {
        LaneColumns::Linear(cells) => linear_cells(cells, &layout.shape),
        LaneColumns::Threshold(cells) => threshold_cells(cells, &layout.shape),
        LaneColumns::Maximum(cells) => maximum_cells(cells),
        LaneColumns::Product(cells) => product_cells(cells),
    };
    let (lookups, size) = lookups(layout, slots, row);
    let mut out: BTreeMap<i128, Vec<i64>> = BTreeMap::new();
    (size <= MOST).then(|| {
        enumerate(&lookups, &mut BTreeMap::new(), &mut |cells| {
            let activation = match lane {
                // No lookup, but the gate: activation minus the product of the factors is 0.
                LaneColumns::Product(lane) => cells[&lane.factors[0]] * cells[&lane.factors[1]],
                _ => cells[&lane.activation()],
            };
            let is_hint = |cell: &AdviceColumn| hints(lane).contains(cell);
            assert!(cells.keys().all(is_hint), "lookups read the cells of their lane");
            out.entry(evaluate(&claim, cells)).or_default().push(activation);
        });
        out
    })
}

/// Checks the lanes of every operator that are small enough; returns the kinds of forms among them.
fn check(name: &str, compiled: &CompiledCircuit) -> BTreeSet<&'static str> {
    let layout = compiled.layout();
    let mut kinds = BTreeSet::new();
    let mut done = BTreeSet::new();
    for block in &layout.placement.blocks {
        let Some(node) = block.content.node() else { continue };
        let home = layout.network.homes.home(block.tensor);
        let lanes = &layout.columns.banks[block.bank].lanes;
        let cells = block
            .rows()
            .flat_map(|row| lanes.iter_enumerated().map(move |(lane, columns)| (row, lane, columns)));
        for (row, lane, columns) in cells {
            let Some((plane, _)) = block.at(row, lane) else { continue };
            let channel = home.planes[plane].channel;
            if !done.insert((node, channel)) {
                continue;
            }
            let Some(claims) = claims(layout, &columns.cells, row) else { continue };
            assert!(claims.values().all(|outputs| outputs.len() == 1), "{name}: a claim has two encodings");
            for (acc, output) in requantizations(compiled.layout(), node, channel) {
                let claim = widths::truth(layout, node, channel, acc);
                assert_eq!(claims.get(&claim), Some(&vec![output]), "{name}: accumulator {acc}");
            }
            kinds.insert(match layout.forms.nodes[node].form(channel) {
                Form::Linear(_) if layout.shape.excess_bits.is_some() => "linear, split",
                Form::Linear(_) => "linear",
                Form::Threshold(_) => "thresholds",
                Form::Function(_) => "function",
                Form::Maximum => "maximum",
                Form::Product => "product",
            });
        }
    }
    kinds
}

/// A function of one byte per output: weights of 1 or -1.
fn one_weight(multiplier: f32, clamp: (i32, i32)) -> Model {
    let mut network = Builder::new(1, 1, 1, [1, 2]);
    let scale = Scale { multipliers: vec![multiplier], zero_point: -5, clamp };
    network.convolution(1, 1, Slide::POINTWISE, &scale);
    network.finish()
}

fn tied_sum() -> Model {
    let mut network = Builder::new(2, 1, 1, [1, 2]);
    let input = network.last();
    network.rearrange(1, [1, 2], |element| Source::Element { input: 0, element: 1 - element });
    network.add_scaled(input, [0.25, 0.5], 1.0, (-100, 100));
    network.finish()
}

#[test]
fn every_claim_of_a_small_lane_has_one_encoding() {
    let compile = |model: &Model, admitted: &dyn Fn(&Shape) -> bool| {
        // The planner does not offer every width.
        compile_among(model.clone(), Scheme::Kzg, admitted).ok()
    };
    let models = [
        ("saturating", one_weight(0.37, (-20, 11))),
        ("whole type", one_weight(0.37, (-128, 127))),
        ("steep", one_weight(1.7, (0, 6))),
        ("tied", one_weight(0.062_5, (-128, 127))),
        ("tied sum", tied_sum()),
    ];
    let mut kinds = BTreeSet::new();
    for (name, model) in &models {
        let mut enumerated = 0;
        for (split, limbs) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
            let compiled = compile(model, &|shape| {
                let few = shape.shift == 0 || shape.remainder_limbs() == limbs;
                let distances = shape.threshold_lanes == 0 || shape.threshold_limbs == limbs;
                shape.excess_bits.is_some() == split && few && distances
            });
            let found = compiled.map(|compiled| check(name, &compiled)).unwrap_or_default();
            enumerated += usize::from(!found.is_empty());
            kinds.extend(found);
        }
        println!("{name}: {enumerated} shapes");
        assert!(enumerated > 0, "{name}: no lane is small");
    }
    for case in Case::all().iter().filter(|case| ["bytes", "tied sum"].contains(&case.name)) {
        kinds.extend(check(case.name, &case.compiled));
    }
    let all = ["function", "linear", "linear, split", "maximum", "product", "thresholds"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}
