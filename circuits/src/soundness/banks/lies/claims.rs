//! Lies about single accumulators.

use super::{Lie, OPERATOR, add_to_claim, outputs, room};
use crate::{
    Role,
    banks::{LaneColumns, Start},
    ir::Op,
    plan::Form,
    soundness::banks::case::{Case, Caught, Told},
    testing::bank_spot::{BankSpot, resolve},
    witness::{Requantized, requantized, write_linear, write_threshold},
};

/// An output of the first operator in the linear form, strictly inside its clamp and with a limb to spare.
fn interior(case: &Case) -> Option<(usize, BankSpot)> {
    let (node, tensor) = case.stored()[0];
    let class = case.plan.forms.clamps.get(case.plan.forms.nodes[node].clamp)?;
    let honest = case.honest();
    outputs(case, 0).into_iter().find(|(element, spot)| {
        let byte = honest.columns[spot.columns(&case.plan).activation()][spot.row];
        let home = case.plan.network.homes.home(tensor);
        let plane = &home.planes[home.spot(*element).0];
        let linear = matches!(case.plan.forms.nodes[node].form(plane.channel), Form::Linear(_));
        linear && class.lo + 1 < byte && byte < class.hi - 1
    })
}

/// An interior output moved by one, the excess or the highest limb of the remainder making up for it.
fn compensated(case: &Case, by: i64, excess: bool) -> Option<Told> {
    let (element, spot) = interior(case)?;
    let (node, tensor) = case.stored()[0];
    let LaneColumns::Linear(cells) = spot.columns(&case.plan) else { return None };
    let widths = case.plan.shape.remainder_widths();
    let witness = case.lying(Some(node), |columns, tensors| {
        columns[cells.activation][spot.row] += by;
        if excess {
            columns[cells.excess[0]][spot.row] += by;
        } else {
            columns[cells.limbs[widths.len() - 1]][spot.row] -= by << widths[widths.len() - 1];
        }
        tensors[tensor.0][element] += i32::try_from(by).expect("a small change");
    });
    let role = if excess { Role::Activation } else { Role::Remainder };
    Some(Told::new(case, witness, Caught::Tables(vec![role])))
}

/// An interior output moved by one, nothing else changed.
fn moved(case: &Case) -> Option<Told> {
    let (element, spot) = interior(case)?;
    let (node, tensor) = case.stored()[0];
    let witness = case.lying(Some(node), |columns, tensors| {
        columns[spot.columns(&case.plan).activation()][spot.row] += 1;
        tensors[tensor.0][element] += 1;
    });
    Some(Told::new(case, witness, OPERATOR))
}

/// A claim one too high at the first position of the image, whose window reaches into the padding.
fn corner(case: &Case) -> Option<Told> {
    let (_, spot) = outputs(case, 0)[0];
    let by = [1, -1].into_iter().find(|by| room(case, spot, *by))?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, spot, by);
    Some(Told::new(case, witness, OPERATOR))
}

/// Where a pair of accumulators lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    Slot,
    Group,
    Position,
    /// Two blocks whose groups, equations or positions differ.
    Block,
    /// Two blocks that share a group of a position.
    SharedGroup,
}

/// What the accumulator of a spot is a slot of: the equation of its own block or that of the operator, group, exponent.
type Group = (Option<usize>, usize, u64);

/// The group of an operator's spot, and its slot in it.
fn place(case: &Case, spot: BankSpot) -> Option<(Group, usize)> {
    let plan = &case.plan;
    let block = &plan.placement.blocks[spot.block];
    let node = block.node?;
    let slots = plan.shape.banks.as_ref()?.slots() as usize;
    let is_own = plan.network.maps.iter().find(|map| map.node == node)?.is_planewise();
    let start = if is_own { Start::default() } else { plan.placement.starts(node, slots)[&spot.block] };
    let home = plan.network.homes.home(block.tensor);
    let position = block.positions()[spot.row - block.first_row];
    let exponent = home.planes[*block.planes.get(spot.lane)?].exponents[position];
    let group = (is_own.then_some(spot.block), start.group + spot.lane / slots, exponent);
    Some((group, start.slot + spot.lane % slots))
}

fn apart(case: &Case, one: BankSpot, other: BankSpot) -> Option<Apart> {
    let ((group, slot), (other_group, other_slot)) = (place(case, one)?, place(case, other)?);
    if one.block != other.block {
        Some(if group == other_group { Apart::SharedGroup } else { Apart::Block })
    } else if one.row != other.row {
        (one.lane == other.lane).then_some(Apart::Position)
    } else if group != other_group {
        (slot == other_slot).then_some(Apart::Group)
    } else {
        Some(Apart::Slot)
    }
}

/// Errors 1 and -1, which every table allows.
fn pair(case: &Case, of: Apart) -> Option<Told> {
    let spots: Vec<BankSpot> = outputs(case, 0).into_iter().map(|(_, spot)| spot).collect();
    let rising: Vec<BankSpot> = spots.iter().copied().filter(|spot| room(case, *spot, 1)).take(40).collect();
    let pairs = rising.iter().flat_map(|one| spots.iter().map(move |other| (*one, *other)));
    let (one, other) = pairs
        .filter(|(one, other)| one != other && apart(case, *one, *other) == Some(of))
        .take(60)
        .find(|(_, other)| room(case, *other, -1))?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, one, 1);
    add_to_claim(case, &mut witness, other, -1);
    Some(Told::new(case, witness, OPERATOR))
}

/// Errors `B` and `-1` in neighboring slots, of one block or of two, cancel in the equation; only the tables see them.
fn cancelling(case: &Case, in_one_block: bool) -> Option<Told> {
    let base = case.plan.shape.banks.as_ref()?.base_bits;
    let spots: Vec<BankSpot> = outputs(case, 0).into_iter().map(|(_, spot)| spot).collect();
    let next = |one: BankSpot| {
        let (group, slot) = place(case, one)?;
        let is_next = |other: &BankSpot| {
            (other.block == one.block) == in_one_block && place(case, *other) == Some((group, slot + 1))
        };
        let other = spots.iter().copied().find(is_next)?;
        room(case, other, -1).then_some((one, other))
    };
    let (one, other) = spots.iter().copied().find_map(next)?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, one, 1 << base);
    add_to_claim(case, &mut witness, other, -1);
    let caught = match one.columns(&case.plan) {
        LaneColumns::Linear(_) => vec![Role::Remainder],
        LaneColumns::Threshold(_) => vec![Role::Distance, Role::Complement],
        LaneColumns::Maximum(_) | LaneColumns::Product(_) => return None,
    };
    Some(Told::new(case, witness, Caught::Tables(caught)))
}

/// A threshold output one step up: its interval and the distances of the interval's first accumulator, or those of the
/// true one.
fn next_step(case: &Case, truthful: bool) -> Option<Told> {
    let (node, tensor) = case.stored()[0];
    let home = case.plan.network.homes.home(tensor);
    for (element, spot) in outputs(case, 0) {
        let channel = home.planes[home.spot(element).0].channel;
        let Form::Threshold(class) = case.plan.forms.nodes[node].form(channel) else { continue };
        let LaneColumns::Threshold(cells) = spot.columns(&case.plan) else { return None };
        let honest = case.honest();
        let (byte, start) =
            (honest.columns[cells.activation][spot.row], honest.columns[cells.threshold][spot.row]);
        let bits = case.plan.shape.limb_bits;
        let digits = |limbs: &[usize]| -> i64 {
            (0..).zip(limbs).map(|(index, limb)| honest.columns[*limb][spot.row] << (index * bits)).sum()
        };
        let intervals = case.plan.forms.steps[*class].intervals();
        let Some(next) = intervals.iter().find(|step| step.byte == byte + 1) else { continue };
        let distance = if truthful { start + digits(&cells.distance) - next.start } else { 0 };
        let complement = next.width - distance;
        if complement >> (bits * case.plan.shape.threshold_limbs) > 0 {
            continue;
        }
        let witness = case.lying(Some(node), |columns, tensors| {
            columns[cells.activation][spot.row] = next.byte;
            columns[cells.threshold][spot.row] = next.start;
            for (index, (low, high)) in (0..).zip(cells.distance.iter().zip(&cells.complement)) {
                columns[*low][spot.row] = if index == 0 { distance } else { 0 };
                columns[*high][spot.row] = (complement >> (index * bits)) & ((1 << bits) - 1);
            }
            tensors[tensor.0][element] += 1;
        });
        let caught = if truthful { Caught::Tables(vec![Role::Distance]) } else { OPERATOR };
        return Some(Told::new(case, witness, caught));
    }
    None
}

/// A sum whose operands have each other's scale.
fn swapped_operands(case: &Case) -> Option<Told> {
    let nodes = &case.plan.forms.nodes;
    let (node, tensor) = case.stored().into_iter().find(|(node, _)| nodes[*node].addends.len() == 2)?;
    let (plan, model) = (&case.plan, case.model());
    let [lhs, rhs] = nodes[node].addends[..] else { return None };
    let is_sum = matches!(case.model().nodes[node].op, Op::Add(_));
    if !is_sum || lhs == rhs {
        return None;
    }
    let [a, b] = [0, 1].map(|input| model.nodes[node].inputs[input]);
    let witness = case.lying(Some(node), |columns, tensors| {
        for element in 0..tensors[tensor.0].len() {
            let [a, b] = [a, b].map(|input| {
                let (tensor, element) = resolve(model, input, element).expect("operands are stored");
                i64::from(tensors[tensor.0][element])
            });
            let sum = a * rhs + b * lhs;
            let elem = model.tensor(tensor).elem;
            let value = requantized(&plan.forms, &nodes[node], 0, plan.shape.shift, elem.min(), sum);
            let spot = case.spot(tensor, element);
            match (spot.columns(plan), value) {
                (LaneColumns::Linear(cells), Requantized::Linear { byte, excess, remainder }) => {
                    write_linear(columns, cells, &plan.shape, spot.row, [byte, excess, remainder]);
                }
                (LaneColumns::Threshold(cells), Requantized::Threshold { step, distance }) => {
                    write_threshold(columns, cells, &plan.shape, spot.row, step, distance);
                }
                _ => unreachable!("a sum is in a lane of its form"),
            }
            let byte = value.byte();
            tensors[tensor.0][element] = elem.min() + i32::try_from(byte).expect("a byte");
        }
    });
    Some(Told::new(case, witness, OPERATOR))
}

/// The first operator of this form, and one of its outputs that is more than 0.
fn of_form(case: &Case, form: &Form) -> Option<(usize, crate::ir::TensorId, usize, BankSpot)> {
    let nodes = &case.plan.forms.nodes;
    let (node, tensor) = case.stored().into_iter().find(|(node, _)| nodes[*node].form(0) == form)?;
    let honest = case.honest();
    let elements = 0..case.model().tensor(tensor).len;
    let mut spots = elements.map(|element| (element, case.spot(tensor, element)));
    let byte = |spot: &BankSpot| honest.columns[spot.columns(&case.plan).activation()][spot.row];
    let (element, spot) = spots.find(|(_, spot)| byte(spot) > 0)?;
    Some((node, tensor, element, spot))
}

fn wrong_product(case: &Case) -> Option<Told> {
    let (node, tensor, element, spot) = of_form(case, &Form::Product)?;
    let witness = case.lying(Some(node), |columns, tensors| {
        columns[spot.columns(&case.plan).activation()][spot.row] += 1;
        tensors[tensor.0][element] += 1;
    });
    Some(Told::new(case, witness, Caught::By(&["product"])))
}

/// Another maximum, its distances to the operands changed with it.
fn wrong_maximum(case: &Case, by: i64) -> Option<Told> {
    let (node, tensor, element, spot) = of_form(case, &Form::Maximum)?;
    let witness = case.lying(Some(node), |columns, tensors| {
        let LaneColumns::Maximum(cells) = spot.columns(&case.plan) else { return };
        for column in [cells.activation, cells.distances[0], cells.distances[1]] {
            columns[column][spot.row] += by;
        }
        tensors[tensor.0][element] += i32::try_from(by).expect("a small change");
    });
    Some(Told::new(case, witness, Caught::Tables(vec![Role::OperandDistance])))
}

pub(super) const LIES: &[Lie] = &[
    Lie { what: "an output moved by one", tell: moved },
    Lie { what: "an output moved up, the excess with it", tell: |case| compensated(case, 1, true) },
    Lie { what: "an output moved down, the excess with it", tell: |case| compensated(case, -1, true) },
    Lie { what: "quotient plus one, remainder minus 2^shift", tell: |case| compensated(case, 1, false) },
    Lie { what: "quotient minus one, remainder plus 2^shift", tell: |case| compensated(case, -1, false) },
    Lie { what: "an accumulator at the border off by one", tell: corner },
    Lie { what: "errors 1 and -1 in two slots of a group", tell: |case| pair(case, Apart::Slot) },
    Lie { what: "errors 1 and -1 in one slot of two groups", tell: |case| pair(case, Apart::Group) },
    Lie { what: "errors 1 and -1 at two positions", tell: |case| pair(case, Apart::Position) },
    Lie { what: "errors 1 and -1 in two blocks", tell: |case| pair(case, Apart::Block) },
    Lie { what: "errors 1 and -1 in two blocks of one group", tell: |case| pair(case, Apart::SharedGroup) },
    Lie { what: "errors that cancel between slots", tell: |case| cancelling(case, true) },
    Lie { what: "errors that cancel between blocks of a group", tell: |case| cancelling(case, false) },
    Lie { what: "a threshold output one step up", tell: |case| next_step(case, false) },
    Lie { what: "a step that does not hold its accumulator", tell: |case| next_step(case, true) },
    Lie { what: "a sum with its operands' scales exchanged", tell: swapped_operands },
    Lie { what: "a product that is none", tell: wrong_product },
    Lie { what: "less than the maximum", tell: |case| wrong_maximum(case, -1) },
    Lie { what: "more than the maximum", tell: |case| wrong_maximum(case, 1) },
];
