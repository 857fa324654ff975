//! The equations as polynomials: read off the region and the fixed columns, coefficient by coefficient, they are the
//! operators' definitions.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use proptest::prelude::*;

use super::{case::Case, random::random_network, widths};
use crate::{
    banks::{BankPlan, Factor, Operand, Region, run},
    plan::{Scheme, Shape, integer},
    reference,
    testing::{
        bank_spot::{BankSpot, multiplier, products, reads, resolve},
        networks::Numbers,
    },
};

/// An activation cell: column, row.
pub(super) type Cell = (usize, usize);

/// One activation cell, or the product of two.
pub(super) type Monomial = (Cell, Option<Cell>);

/// What a power of rho and a power of s are multiplied with: a polynomial in activation cells.
pub(super) type Polynomial = BTreeMap<(usize, u64), BTreeMap<Monomial, Fr>>;

/// Claims of a block in an equation: bank, last row, weights by power of rho, power of s.
pub(super) type Claims = (usize, usize, Vec<Fr>, u64);

/// An equation of the region.
#[derive(Debug, Default)]
pub(super) struct Equation {
    pub(super) slices: Polynomial,
    pub(super) claims: Vec<Claims>,
    /// Public inputs with their weights and power.
    instances: Vec<(usize, Vec<Fr>, u64)>,
}

/// Reads equations off a plan.
pub(super) struct Reader<'a> {
    plan: &'a BankPlan,
    /// Per bank and row the exponents of slices and of claims.
    exponents: BTreeMap<(usize, usize), (u64, u64)>,
}

/// What a window holds.
#[derive(Clone, Debug, Default)]
struct Window {
    cells: BTreeMap<Cell, (u64, Fr)>,
    claims: Vec<(usize, usize)>,
    instances: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a BankPlan) -> Self {
        let mut exponents = BTreeMap::new();
        plan.for_each_power(|bank, row, slice, claim| {
            assert_eq!(exponents.insert((bank, row), (slice, claim)), None, "a row has one power");
        });
        Self { plan, exponents }
    }

    /// The bank of a lane counted over all banks, and its activation column.
    fn lane(&self, lane: usize) -> (usize, usize) {
        let banks = self.plan.columns.banks.iter().enumerate();
        let mut lanes = banks.flat_map(|(bank, columns)| columns.lanes.iter().map(move |lane| (bank, lane)));
        let (bank, lane) = lanes.nth(lane).expect("the lane exists");
        (bank, lane.cells.activation())
    }

    /// Adds an operand to a window; slices are the rows the evaluation runs over.
    fn add(&self, window: &mut Window, operand: Operand, sign: Fr, row: usize) {
        match operand {
            Operand::Slice { lane, row: end } => {
                let (bank, column) = self.lane(lane);
                let keep = &self.plan.fixed[self.plan.columns.banks[bank].keep_slice];
                let mut at = end;
                loop {
                    let (exponent, _) = self.exponents[&(bank, at)];
                    window.cells.entry((column, at)).or_insert((exponent, Fr::ZERO)).1 += sign;
                    if keep[at] == Fr::ZERO {
                        break;
                    }
                    at -= 1;
                }
            }
            Operand::Claims { bank, row } => window.claims.push((bank, row)),
            Operand::Instance => window.instances.push(row - Region::FIRST_ROW),
            // A way without a contribution: its weights are checked to be 0.
            Operand::First => {}
        }
    }

    /// All equations, in order.
    pub(super) fn equations(&self) -> Vec<Equation> {
        let (plan, columns) = (self.plan, &self.plan.columns);
        let ways = columns.ways.len();
        let mut out = Vec::new();
        let mut equation = Equation::default();
        let mut windows = vec![Window::default(); ways];
        let mut weights: Vec<Vec<Fr>> = vec![Vec::new(); ways];
        for (index, content) in plan.region.rows.iter().enumerate() {
            let row = Region::FIRST_ROW + index;
            if plan.fixed[columns.zero][row] == Fr::ONE {
                out.push(std::mem::take(&mut equation));
            }
            for (way, of) in columns.ways.iter().enumerate() {
                if plan.fixed[columns.keep_window][row] == Fr::ZERO {
                    windows[way] = Window::default();
                }
                let sign = plan.fixed[columns.sign][row];
                if sign != Fr::ZERO {
                    self.add(&mut windows[way], content.operands[way], sign, row);
                }
                let mut evaluation: Vec<Fr> =
                    of.weights.iter().map(|column| plan.fixed[*column][row]).collect();
                if plan.fixed[columns.keep_weight][row] == Fr::ONE {
                    evaluation.extend(weights[way].iter());
                }
                weights[way] = evaluation;
                let is_end = plan.fixed[columns.end][row] == Fr::ONE;
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
    fn product(&mut self, window: &Window, weights: &[Fr], power: u64) {
        if weights.iter().all(|weight| *weight == Fr::ZERO) {
            return;
        }
        for (cell, (exponent, sign)) in &window.cells {
            for (group, weight) in weights.iter().enumerate() {
                let form = self.slices.entry((group, power + exponent)).or_default();
                *form.entry((*cell, None)).or_default() += *weight * sign;
            }
        }
        self.claims.extend(window.claims.iter().map(|(bank, row)| (*bank, *row, weights.to_vec(), power)));
        self.instances.extend(window.instances.iter().map(|index| (*index, weights.to_vec(), power)));
    }

    /// A window of slices times a slice.
    fn square(&mut self, window: &Window, weights: &[Fr], factor: &Window) {
        if weights.iter().all(|weight| *weight == Fr::ZERO) {
            return;
        }
        assert!(
            window.claims.is_empty() && window.instances.is_empty(),
            "only slices are multiplied by slices"
        );
        for (cell, (exponent, sign)) in &window.cells {
            for (other, (more, factor)) in &factor.cells {
                for (group, weight) in weights.iter().enumerate() {
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
    let form = |(monomial, mut form): ((usize, u64), BTreeMap<Monomial, Fr>)| {
        form.retain(|_, coefficient| *coefficient != Fr::ZERO);
        (!form.is_empty()).then_some((monomial, form))
    };
    polynomial.into_iter().filter_map(form).collect()
}

/// The group whose claims have minus the weight of a slot, all others 0, and the slot.
fn start(weights: &[Fr], base_bits: u32, slots: usize) -> (usize, usize) {
    let groups: Vec<usize> = (0..weights.len()).filter(|group| weights[*group] != Fr::ZERO).collect();
    assert_eq!(groups.len(), 1, "claims enter one group");
    let slot = (0..slots).find(|slot| weights[groups[0]] == -power_of_base(base_bits, *slot));
    (groups[0], slot.expect("claims have minus the weight of a slot"))
}

/// `B^slot`.
fn power_of_base(base_bits: u32, slot: usize) -> Fr {
    Fr::from(2).pow_vartime([u64::from(base_bits) * slot as u64])
}

/// Checks every operator's equations against its definition; returns how many coefficients there are.
fn check_operators(plan: &BankPlan) -> usize {
    let reader = Reader::new(plan);
    let banks = plan.shape.banks.as_ref().expect("the plan has banks");
    let slots = banks.slots() as usize;
    let mut seen = BTreeSet::new();
    let mut coefficients = 0;
    for equation in reader.equations().into_iter().skip(1) {
        let mut expected = Polynomial::new();
        let mut groups = BTreeSet::new();
        let mut owners: BTreeMap<usize, usize> = BTreeMap::new();
        for (bank, end, weights, offset) in &equation.claims {
            let mut blocks = plan.placement.blocks.iter();
            let index = blocks.position(|block| (block.bank, block.end()) == (*bank, *end));
            let index = index.expect("claims of a block");
            assert!(seen.insert(index), "a block is claimed once");
            let block = &plan.placement.blocks[index];
            let node_index = block.node.expect("inputs are claimed in the statement's equation");
            let node = &plan.model.nodes[node_index];
            let home = plan.network.homes.home(block.tensor);
            let lanes = plan.placement.lanes_per_bank.of(block.kind);
            let (first, offset_slot) = start(weights, banks.base_bits, slots);
            assert!(
                lanes + offset_slot <= slots || offset_slot == 0,
                "a block beside others is within a group"
            );
            let mut places = (0..lanes).map(|lane| (first + lane / slots, offset_slot + lane % slots));
            assert!(places.all(|place| groups.insert(place)), "slots are distinct");
            for group in first..first + lanes.div_ceil(slots) {
                let owner = *owners.entry(group).or_insert(node_index);
                assert_eq!(owner, node_index, "a group has claims of one operator");
            }
            let mut exponents = BTreeSet::new();
            for (row, position) in block.rows().zip(block.positions()) {
                let (_, exponent) = reader.exponents[&(block.bank, row)];
                assert!(exponents.insert(exponent), "positions of a block have distinct exponents");
                for (lane, plane) in block.planes.iter().enumerate() {
                    let plane = &home.planes[*plane];
                    let power = power_of_base(banks.base_bits, offset_slot + lane % slots);
                    let scale = multiplier(plan, node_index, plane.channel);
                    let form = expected.entry((first + lane / slots, offset + exponent)).or_default();
                    for (input, element, weight) in reads(plan, node_index, node, plane.elements[*position]) {
                        let stored = resolve(&plan.model, node.inputs[input], element);
                        let spot = stored.and_then(|(tensor, element)| BankSpot::of(plan, tensor, element));
                        let Some(spot) = spot else { continue };
                        let cell = spot.activation(plan);
                        let factor = integer(i128::from(weight) * scale) * power;
                        *form.entry(((cell.column, cell.row), None)).or_default() += factor;
                    }
                    for pair in products(node, plane.elements[*position]) {
                        let cell = |side: usize, element: usize| {
                            let (tensor, element) = resolve(&plan.model, node.inputs[side], element)?;
                            let cell = BankSpot::of(plan, tensor, element)?.activation(plan);
                            Some((cell.column, cell.row))
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
    let of_nodes = plan.placement.blocks.iter().filter(|block| block.node.is_some()).count();
    assert_eq!(seen.len(), of_nodes, "every block is claimed");
    coefficients
}

/// Checks the statement's equation: instances minus inputs minus output bytes, and the idle lanes.
fn check_statement(plan: &BankPlan) {
    let reader = Reader::new(plan);
    let equation = reader.equations().into_iter().next().expect("the statement comes first");
    let scale = Fr::from(1 << plan.shape.shift);
    let offset = equation.instances[0].2;
    let instances: Vec<(usize, u64)> = equation
        .instances
        .iter()
        .map(|(index, weights, power)| {
            assert_eq!(cleaned_weights(weights), [(0, Fr::ONE)]);
            (*index, power - offset)
        })
        .collect();
    assert_eq!(instances, (0..plan.network.instances).map(|index| (index, index as u64)).collect::<Vec<_>>());
    let inputs: BTreeSet<(usize, usize)> =
        equation.claims.iter().map(|claims| (claims.0, claims.1)).collect();
    assert!(equation.claims.iter().all(|claims| start(&claims.2, 0, 1) == (0, 0) && claims.3 == offset));
    let blocks: Vec<_> = plan.placement.blocks.iter().filter(|block| block.node.is_none()).collect();
    assert_eq!(inputs, blocks.iter().map(|block| (block.bank, block.end())).collect());
    let mut expected = Polynomial::new();
    plan.for_each_output(|instance, byte, column, row| {
        let form = expected.entry((0, offset + instance as u64)).or_default();
        *form.entry(((column, row), None)).or_default() -= scale * Fr::from(256).pow_vartime([byte as u64]);
    });
    for block in blocks {
        let lanes = &plan.columns.banks[block.bank].lanes;
        for (row, lane) in
            block.rows().flat_map(|row| (block.planes.len()..lanes.len()).map(move |lane| (row, lane)))
        {
            let (exponent, _) = reader.exponents[&(block.bank, row)];
            let form = expected.entry((1, exponent)).or_default();
            *form.entry(((lanes[lane].cells.activation(), row), None)).or_default() += Fr::ONE;
        }
    }
    assert_eq!(cleaned(equation.slices), cleaned(expected));
}

fn cleaned_weights(weights: &[Fr]) -> Vec<(usize, Fr)> {
    weights.iter().copied().enumerate().filter(|(_, weight)| *weight != Fr::ZERO).collect()
}

/// Checks all equations and widths of a plan; returns how many coefficients there are.
pub(super) fn check(plan: &BankPlan) -> usize {
    check_statement(plan);
    widths::audit(plan);
    check_operators(plan)
}

#[test]
fn the_equations_of_the_cases_are_the_operators() {
    for case in Case::all() {
        let coefficients = check(&case.plan);
        println!("{}: {coefficients} coefficients", case.name);
        assert!(coefficients > 10, "{}: {coefficients} coefficients", case.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_equations_of_random_networks_are_the_operators(
        seed: u64, lanes in prop::sample::select(vec![1_u32, 2, 3, 8]), ways in 1_u32..4, thresholds in 0_u32..3,
    ) {
        let model = random_network(seed);
        let admitted = |shape: &Shape| {
            let banks = shape.banks.as_ref().expect("the network has banks");
            (banks.lanes, banks.ways) == (lanes, ways)
                && (shape.threshold_lanes == 0 || banks.threshold_lanes == 1 << thresholds)
        };
        let plan = BankPlan::among(&model, Scheme::Kzg, admitted)
            .or_else(|_| BankPlan::of(&model, Scheme::Kzg)).unwrap();
        check(&plan);
        let mut numbers = Numbers::new(seed ^ 1);
        let input: Vec<i32> = (0..model.tensor(model.inputs[0].tensor).len).map(|_| numbers.int8()).collect();
        let expected = reference::run(&model, std::slice::from_ref(&input)).unwrap();
        let witness = run(&plan, &[input], &mut |_, _, _| {}).unwrap();
        prop_assert_eq!(expected.outputs(), witness.outputs.iter().collect::<Vec<_>>());
    }
}
