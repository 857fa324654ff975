//! The equations as polynomials: read off the region and the fixed columns, coefficient by coefficient, they are the
//! operators' definitions.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    index::{AdviceColumn, BankId, FixedColumn, GroupId, Lane, LaneId, RowId},
    integers::integer,
    interface::LANES_PER_INSTANCE,
    scheme::Scheme,
    shape::Shape,
};
use proptest::prelude::*;
use typed_index_collections::{TiSlice, TiVec};

use super::{
    case::Case,
    control,
    random::{random_layers, random_network},
    widths,
};
use crate::{
    equations::{Factor, Operand, Region},
    forms::Packing,
    index::{Member, NodeId, SlotId},
    ir::Model,
    layout::{Budget, ForcedShape, Layout},
    place::{Block, Content, Start},
    reference,
    testing::{
        networks::Numbers,
        spot::{Spot, multiplier, products, reads, resolve},
    },
    witness::run,
};

/// An activation cell: column, row.
pub(super) type Cell = (AdviceColumn, RowId);

/// One activation cell, or the product of two.
pub(super) type Monomial = (Cell, Option<Cell>);

/// What a power of rho and a power of s are multiplied with: a polynomial in activation cells.
pub(super) type Polynomial = BTreeMap<(GroupId, u64), BTreeMap<Monomial, Fr>>;

/// Claims of a block in an equation: bank, last row, weights by power of rho, power of s.
pub(super) type Claims = (BankId, RowId, TiVec<GroupId, Fr>, u64);

/// An equation of the region.
#[derive(Debug, Default)]
pub(super) struct Equation {
    pub(super) slices: Polynomial,
    pub(super) claims: Vec<Claims>,
    /// Public inputs with their weights and power.
    instances: Vec<(usize, TiVec<GroupId, Fr>, u64)>,
}

/// Reads equations off a layout.
pub(super) struct Reader<'a> {
    layout: &'a Layout,
    /// Per bank and row the exponents of slices and of claims.
    exponents: BTreeMap<(BankId, RowId), (u64, u64)>,
}

/// What a window holds.
#[derive(Clone, Debug, Default)]
struct Window {
    cells: BTreeMap<Cell, (u64, Fr)>,
    claims: Vec<(BankId, RowId)>,
    instances: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        let mut exponents = BTreeMap::new();
        layout.for_each_power(|bank, row, slice, claim| {
            assert_eq!(exponents.insert((bank, row), (slice, claim)), None, "a row has one power");
        });
        Self { layout, exponents }
    }

    /// The exponents of slices and of claims in a row of a bank, 0 in flat banks.
    fn exponents(&self, bank: BankId, row: RowId) -> (u64, u64) {
        match self.layout.columns.banks[bank].powers() {
            Some(_) => self.exponents[&(bank, row)],
            None => (0, 0),
        }
    }

    /// The bank of a lane counted over all banks, and its activation column.
    fn lane(&self, lane: LaneId) -> (BankId, AdviceColumn) {
        let banks = self.layout.columns.banks.iter_enumerated();
        let mut lanes = banks.flat_map(|(bank, columns)| columns.lanes.iter().map(move |lane| (bank, lane)));
        let (bank, lane) = lanes.nth(usize::from(lane)).expect("the lane exists");
        (bank, lane.cells.activation())
    }

    /// Adds an operand to a window; slices are the rows the evaluation runs over.
    fn add(&self, window: &mut Window, operand: Operand, sign: Fr, row: RowId) {
        match operand {
            Operand::Slice { lane, row: end } => {
                let (bank, column) = self.lane(lane);
                let powers = self.layout.columns.banks[bank].powers();
                let mut at = end;
                loop {
                    let (exponent, _) = self.exponents(bank, at);
                    window.cells.entry((column, at)).or_insert((exponent, Fr::ZERO)).1 += sign;
                    if powers.is_none_or(|powers| self.layout.fixed()[powers.keep_slice][at] == Fr::ZERO) {
                        break;
                    }
                    at = at - 1;
                }
            }
            Operand::Claims { bank, row } => window.claims.push((bank, row)),
            Operand::Instance => window.instances.push(row - Region::row(0)),
            // A way without a contribution: its weights are checked to be 0.
            Operand::First => {}
        }
    }

    /// All equations, in order.
    pub(super) fn equations(&self) -> Vec<Equation> {
        let (layout, columns) = (self.layout, &self.layout.columns);
        let ways = columns.ways.len();
        let mut out = Vec::new();
        let mut equation = Equation::default();
        let mut windows = vec![Window::default(); ways];
        let mut weights: Vec<TiVec<GroupId, Fr>> = vec![TiVec::new(); ways];
        for (row, content) in layout.region.iter() {
            if layout.fixed()[columns.zero][row] == Fr::ONE {
                out.push(std::mem::take(&mut equation));
            }
            for (way, of) in columns.ways.iter().enumerate() {
                let at = |column: FixedColumn| layout.fixed()[column][row];
                // Without positions a window is the operand of its row.
                let [keep, sign] = match &columns.positions {
                    Some(positions) => [positions.keep_window, positions.sign].map(at),
                    None => [Fr::ZERO, at(columns.end)],
                };
                if keep == Fr::ZERO {
                    windows[way] = Window::default();
                }
                if sign != Fr::ZERO {
                    self.add(&mut windows[way], content.operands[way], sign, row);
                }
                let mut evaluation: TiVec<GroupId, Fr> =
                    of.weights.iter().map(|column| layout.fixed()[*column][row]).collect();
                if layout.fixed()[columns.keep_weight][row] == Fr::ONE {
                    evaluation.extend(weights[way].iter());
                }
                weights[way] = evaluation;
                let is_end = layout.fixed()[columns.end][row] == Fr::ONE;
                assert_eq!(is_end, content.factor.is_some());
                match content.factor {
                    Some(Factor::Power(power)) => equation.product(&windows[way], &weights[way], power),
                    Some(Factor::Slice { lane, row }) => {
                        let mut factor = Window::default();
                        self.add(&mut factor, Operand::Slice { lane, row }, Fr::ONE, row);
                        equation.square(&windows[way], &weights[way], &factor);
                    }
                    None => {}
                }
            }
        }
        out.push(equation);
        out
    }
}

impl Equation {
    fn product(&mut self, window: &Window, weights: &TiSlice<GroupId, Fr>, power: u64) {
        if weights.iter().all(|weight| *weight == Fr::ZERO) {
            return;
        }
        for (cell, (exponent, sign)) in &window.cells {
            for (group, weight) in weights.iter_enumerated() {
                let form = self.slices.entry((group, power + exponent)).or_default();
                *form.entry((*cell, None)).or_default() += *weight * sign;
            }
        }
        self.claims.extend(window.claims.iter().map(|(bank, row)| (*bank, *row, weights.to_vec(), power)));
        self.instances.extend(window.instances.iter().map(|index| (*index, weights.to_vec(), power)));
    }

    /// A window of slices times a slice.
    fn square(&mut self, window: &Window, weights: &TiSlice<GroupId, Fr>, factor: &Window) {
        if weights.iter().all(|weight| *weight == Fr::ZERO) {
            return;
        }
        assert!(
            window.claims.is_empty() && window.instances.is_empty(),
            "only slices are multiplied by slices"
        );
        for (cell, (exponent, sign)) in &window.cells {
            for (other, (more, factor)) in &factor.cells {
                for (group, weight) in weights.iter_enumerated() {
                    let form = self.slices.entry((group, exponent + more)).or_default();
                    let monomial = (*cell.min(other), Some(*cell.max(other)));
                    *form.entry(monomial).or_default() += *weight * sign * factor;
                }
            }
        }
    }
}

/// Without coefficients that are 0.
fn cleaned(polynomial: Polynomial) -> Polynomial {
    let form = |(monomial, mut form): ((GroupId, u64), BTreeMap<Monomial, Fr>)| {
        form.retain(|_, coefficient| *coefficient != Fr::ZERO);
        (!form.is_empty()).then_some((monomial, form))
    };
    polynomial.into_iter().filter_map(form).collect()
}

/// The group whose claims have minus the weight of a slot, all others 0, and the slot.
fn start(weights: &TiSlice<GroupId, Fr>, packing: Packing) -> Start {
    let [(group, weight)] = cleaned_weights(weights)[..] else { panic!("claims enter one group") };
    let slot = (0..packing.slots).map(SlotId::from).find(|slot| weight == -packing.weight(*slot));
    Start { group, slot: slot.expect("claims have minus the weight of a slot") }
}

/// Checks every operator's equations against its definition; returns how many coefficients there are.
fn check_operators(layout: &Layout) -> usize {
    let reader = Reader::new(layout);
    let mut seen = BTreeSet::new();
    let mut coefficients = 0;
    let of_statement = usize::from(layout.columns.positions.is_some());
    for equation in reader.equations().into_iter().skip(of_statement) {
        let mut expected = Polynomial::new();
        let mut groups = BTreeSet::new();
        let mut owners: BTreeMap<GroupId, NodeId> = BTreeMap::new();
        for (bank, end, weights, offset) in &equation.claims {
            let blocks = &layout.placement.blocks;
            let index = blocks.position(|block| (block.bank, block.end()) == (*bank, *end));
            let index = index.expect("claims of a block");
            assert!(seen.insert(index), "a block is claimed once");
            let block = &blocks[index];
            let Content::Node(id) = block.content else {
                panic!("inputs are claimed in the statement's equation")
            };
            let node = &layout.expanded.nodes[id];
            let home = layout.network.homes.home(block.tensor);
            let lanes = &layout.columns.banks[block.bank].lanes;
            let packing = layout.packings[id];
            let first = start(weights, packing);
            let members: BTreeSet<Member> =
                block.rows().flat_map(|row| lanes.keys().map(move |lane| block.member(row, lane))).collect();
            assert!(
                members.len() + usize::from(first.slot) <= packing.slots || first.slot == SlotId::default(),
                "a block beside others is within a group"
            );
            for member in members {
                let Start { group, slot } = first.of_member(member, packing.slots);
                assert!(slot <= packing.last_slot() && groups.insert((group, slot)), "slots are distinct");
                let owner = *owners.entry(group).or_insert(id);
                assert_eq!(owner, id, "a group has claims of one operator");
            }
            let mut exponents = BTreeSet::new();
            for row in block.rows() {
                let (_, exponent) = reader.exponents(block.bank, row);
                assert!(
                    exponents.insert((block.member(row, Lane::default()), exponent)),
                    "rows of a block are told apart"
                );
                for (lane, (plane, position)) in
                    lanes.keys().filter_map(|lane| Some((lane, block.at(row, lane)?)))
                {
                    let plane = &home.planes[plane];
                    let Start { group, slot } = first.of_member(block.member(row, lane), packing.slots);
                    let power = packing.weight(slot);
                    let scale = multiplier(layout, id, plane.channel);
                    let form = expected.entry((group, offset + exponent)).or_default();
                    let element = plane.elements[position];
                    for (input, element, weight) in reads(layout, id, node, element) {
                        let stored = resolve(&layout.expanded, node.inputs[input], element);
                        let spot = stored.and_then(|(tensor, element)| Spot::of(layout, tensor, element));
                        let Some(spot) = spot else { continue };
                        let cell = spot.cell(layout);
                        let factor = integer(i128::from(weight) * scale) * power;
                        *form.entry((cell, None)).or_default() += factor;
                    }
                    for pair in products(node, element) {
                        let cell = |side: usize, element: usize| {
                            let (tensor, element) = resolve(&layout.expanded, node.inputs[side], element)?;
                            Some(Spot::of(layout, tensor, element)?.cell(layout))
                        };
                        let pair = (cell(0, pair.0).zip(cell(1, pair.1))).expect("factors are stored copies");
                        let monomial = (pair.0.min(pair.1), Some(pair.0.max(pair.1)));
                        *form.entry(monomial).or_default() += integer(scale) * power;
                    }
                }
            }
        }
        let (found, expected) = (cleaned(equation.slices), cleaned(expected));
        assert_eq!(found, expected);
        coefficients += found.values().map(BTreeMap::len).sum::<usize>();
    }
    let of_nodes = layout.placement.blocks.iter().filter(|block| block.content.node().is_some()).count();
    assert_eq!(seen.len(), of_nodes, "every block is claimed");
    coefficients
}

/// Checks that the operands of the statement's rows are the evaluations of its bytes, block by block, and that nothing
/// multiplies them.
fn check_packed_statement(layout: &Layout) {
    let bytes = layout.placement.blocks.iter().filter(|block| block.content.node().is_none());
    let claims = bytes.map(|block| Operand::Claims { bank: block.bank, row: block.end() });
    let rows = layout.region.iter().take(layout.network.instances);
    let operands = rows.map(|(row, content)| {
        let columns = [layout.columns.end, layout.columns.keep_weight].into_iter();
        let mut columns = columns.chain(layout.columns.ways.iter().flat_map(|way| way.weights.clone()));
        assert!(columns.all(|column| layout.fixed()[column][row] == Fr::ZERO), "{row:?}");
        content.operands[0]
    });
    assert_eq!(operands.collect::<Vec<_>>(), claims.collect::<Vec<_>>());
}

/// Checks the statement's equation: instances minus inputs minus output bytes, and the idle lanes.
fn check_statement(layout: &Layout) {
    let reader = Reader::new(layout);
    let equation = reader.equations().into_iter().next().expect("the statement comes first");
    let scale = Fr::from(1 << layout.shape.shift);
    let offset = equation.instances[0].2;
    let instances: Vec<(usize, u64)> = equation
        .instances
        .iter()
        .map(|(index, weights, power)| {
            assert_eq!(cleaned_weights(weights), [(GroupId::default(), Fr::ONE)]);
            (*index, power - offset)
        })
        .collect();
    assert_eq!(
        instances,
        (0..layout.network.instances).map(|index| (index, index as u64)).collect::<Vec<_>>()
    );
    let inputs: BTreeSet<(BankId, RowId)> =
        equation.claims.iter().map(|claims| (claims.0, claims.1)).collect();
    let of_bytes = Packing { base_bits: 0, slots: 1 };
    let is_whole = |claims: &Claims| start(&claims.2, of_bytes) == Start::default() && claims.3 == offset;
    assert!(equation.claims.iter().all(is_whole));
    let blocks: Vec<_> =
        layout.placement.blocks.iter().filter(|block| block.content.node().is_none()).collect();
    assert_eq!(inputs, blocks.iter().map(|block| (block.bank, block.end())).collect());
    let mut expected = Polynomial::new();
    layout.for_each_output(|instance, byte, column, row| {
        let form = expected.entry((GroupId::default(), offset + instance as u64)).or_default();
        *form.entry(((column, row), None)).or_default() -= scale * Fr::from(256).pow_vartime([byte as u64]);
    });
    let idle = idle_lanes(layout, &blocks);
    if let Some((bank, lane, row)) = idle.first() {
        let (exponent, _) = reader.exponents(*bank, *row);
        let cell = layout.columns.banks[*bank].lanes[*lane].cells.activation();
        expected.entry((GroupId::from(1), exponent)).or_default().insert(((cell, *row), None), Fr::ONE);
    }
    assert_eq!(cleaned(equation.slices), cleaned(expected));
}

/// Bank, lane and row of the idle cells of inputs, whose evaluations are all copies of the first.
fn idle_lanes(layout: &Layout, inputs: &[&Block]) -> Vec<(BankId, Lane, RowId)> {
    let cells = inputs.iter().flat_map(|block| {
        let lanes = layout.columns.banks[block.bank].lanes.keys().skip(block.planes.len());
        lanes.flat_map(move |lane| block.rows().map(move |row| (block.bank, lane, row)))
    });
    let cells: Vec<_> = cells.collect();
    let evaluation = |(bank, lane, row): &(BankId, Lane, RowId)| {
        (layout.columns.banks[*bank].lanes[*lane].evaluation.expect("a lane with positions"), *row)
    };
    let Some(first) = cells.first().map(evaluation) else { return cells };
    let mut copies = BTreeSet::new();
    layout.for_each_copy(|from, to| {
        if from == first {
            copies.insert(to);
        }
    });
    assert!(cells.iter().skip(1).all(|cell| copies.contains(&evaluation(cell))), "an idle lane is free");
    cells
}

fn cleaned_weights(weights: &TiSlice<GroupId, Fr>) -> Vec<(GroupId, Fr)> {
    let weights = weights.iter_enumerated().map(|(group, weight)| (group, *weight));
    weights.filter(|(_, weight)| *weight != Fr::ZERO).collect()
}

/// Checks all equations and widths of a layout; returns how many coefficients there are.
pub(super) fn check(layout: &Layout) -> usize {
    match layout.columns.positions {
        Some(_) => check_statement(layout),
        None => check_packed_statement(layout),
    }
    widths::audit(layout);
    check_operators(layout)
}

#[test]
fn the_equations_of_the_cases_are_the_operators() {
    for case in Case::all() {
        let coefficients = check(&case.layout);
        println!("{}: {coefficients} coefficients", case.name);
        assert!(coefficients > 10, "{}: {coefficients} coefficients", case.name);
    }
}

/// The layout with about twice the lanes, of half the rows, and as many weight columns: layers in more blocks.
fn in_short_lanes(layout: &Layout, model: &Model, weight_columns: u32) -> Option<Layout> {
    let shape = &layout.shape;
    let longest = layout.placement.bank_rows.iter().max()?;
    let forced = ForcedShape {
        k: shape.k + 1,
        lane_rows: LANES_PER_INSTANCE.max(longest / 2),
        linear_lanes: 2 * shape.linear_lanes + 1,
        threshold_lanes: 2 * shape.threshold_lanes,
        limb_bits: shape.limb_bits,
        excess_bits: shape.excess_bits,
        table_sets: shape.table_sets,
        weight_columns,
    };
    Layout::with_forced_shape(model, Scheme::Kzg, &forced).ok()
}

/// Checks the equations and control columns of a layout and an inference of it.
fn check_inference(layout: &Layout, model: &Model, seed: u64) {
    check(layout);
    control::check(layout, model);
    let mut numbers = Numbers::new(seed);
    let input: Vec<i32> = (0..model.tensor(model.inputs[0].tensor).len).map(|_| numbers.int8()).collect();
    let expected = reference::run(model, std::slice::from_ref(&input)).unwrap();
    let witness = run(layout, &[input], &mut |_, _, _| {});
    assert_eq!(expected.outputs(), witness.outputs.iter().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_equations_of_random_networks_are_the_operators(
        seed: u64, lanes in prop::sample::select(vec![1_u32, 2, 3, 8]), ways in 1_u32..4, thresholds in 0_u32..3,
    ) {
        let model = random_network(seed);
        let admitted = |shape: &Shape| {
            let Some(banks) = &shape.banks else { return false };
            (banks.lanes, banks.ways) == (lanes, ways)
                && (shape.threshold_lanes == 0 || banks.threshold_lanes == 1 << thresholds)
        };
        let layout = Layout::among(&model, Scheme::Kzg, &Budget::default(), admitted)
            .or_else(|_| Layout::of(&model, Scheme::Kzg, &Budget::default())).unwrap();
        check_inference(&layout, &model, seed ^ 1);
    }

    #[test]
    fn the_equations_of_random_flat_networks_are_the_operators(seed: u64, weight_columns in 1_u32..5) {
        let model = random_layers(seed);
        let layout = Layout::of(&model, Scheme::Kzg, &Budget::default()).unwrap();
        check_inference(&layout, &model, seed ^ 1);
        if layout.columns.positions.is_none()
            && let Some(layout) = in_short_lanes(&layout, &model, weight_columns)
        {
            check_inference(&layout, &model, seed ^ 2);
        }
    }
}
