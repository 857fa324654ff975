//! Lies about single accumulators.

use lemma_verifier::{columns::LaneColumns, index::GroupId};

use super::{Lie, OPERATOR, add_to_claim, outputs, room};
use crate::{
    expanded::Op,
    forms::Form,
    index::{BlockId, NodeId, SlotId},
    place::Start,
    roles::Role,
    soundness::case::{Case, Caught, Told},
    testing::spot::{Spot, resolve},
    witness::{Requantized, requantized, write_linear, write_threshold},
};

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
type Group = (Option<BlockId>, GroupId, u64);

/// The group of an operator's spot, and its slot in it.
fn place(case: &Case, spot: Spot) -> Option<(Group, SlotId)> {
    let layout = &case.layout;
    let block = &layout.placement.blocks[spot.block];
    let node = block.content.node()?;
    let slots = layout.packings[node].slots;
    let is_own = layout.network.maps.iter().find(|map| map.node == node)?.is_planewise();
    let start = if is_own { Start::default() } else { layout.placement.starts(node, slots)[&spot.block] };
    let (plane, position) = block.at(spot.row, spot.lane)?;
    let exponent = layout.network.homes.home(block.tensor).planes[plane].exponents[position];
    let Start { group, slot } = start.of_member(block.member(spot.row, spot.lane), slots);
    Some(((is_own.then_some(spot.block), group, exponent), slot))
}

fn apart(case: &Case, one: Spot, other: Spot) -> Option<Apart> {
    let ((group, slot), (other_group, other_slot)) = (place(case, one)?, place(case, other)?);
    if one.block != other.block {
        Some(if group == other_group { Apart::SharedGroup } else { Apart::Block })
    } else if group == other_group {
        Some(Apart::Slot)
    } else {
        // Elsewhere in one slot, by position or by group.
        let is_position = group.2 != other_group.2;
        let same_place = slot == other_slot && (!is_position || group.1 == other_group.1);
        same_place.then_some(if is_position { Apart::Position } else { Apart::Group })
    }
}

/// Errors 1 and -1, which every table allows.
fn pair(case: &Case, of: Apart) -> Option<Told> {
    let spots: Vec<Spot> = outputs(case, 0).into_iter().map(|(_, spot)| spot).collect();
    let rising: Vec<Spot> = spots.iter().copied().filter(|spot| room(case, *spot, 1)).take(40).collect();
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
    let base = case.layout.packings[case.stored()[0].0].base_bits;
    let spots: Vec<Spot> = outputs(case, 0).into_iter().map(|(_, spot)| spot).collect();
    let next = |one: Spot| {
        let (group, slot) = place(case, one)?;
        let is_next = |other: &Spot| {
            (other.block == one.block) == in_one_block && place(case, *other) == Some((group, slot + 1))
        };
        let other = spots.iter().copied().find(is_next)?;
        room(case, other, -1).then_some((one, other))
    };
    let (one, other) = spots.iter().copied().find_map(next)?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, one, 1 << base);
    add_to_claim(case, &mut witness, other, -1);
    let caught = match one.columns(&case.layout) {
        LaneColumns::Linear(_) => vec![Role::Remainder],
        LaneColumns::Threshold(_) => vec![Role::Distance, Role::Complement],
        LaneColumns::Maximum(_) | LaneColumns::Product(_) => return None,
    };
    Some(Told::new(case, witness, Caught::Tables(caught)))
}

/// A sum whose operands have each other's scale.
fn swapped_operands(case: &Case) -> Option<Told> {
    let nodes = &case.layout.forms.nodes;
    let (node, tensor) = case.stored().into_iter().find(|(node, _)| nodes[*node].addends.len() == 2)?;
    let (layout, expanded) = (&case.layout, case.expanded());
    let [lhs, rhs] = nodes[node].addends[..] else { return None };
    let is_sum = matches!(case.expanded().nodes[node].op, Op::Add(_));
    if !is_sum || lhs == rhs {
        return None;
    }
    let [a, b] = [0, 1].map(|input| expanded.nodes[node].inputs[input]);
    let witness = case.lying(Some(node), |columns, tensors| {
        for element in 0..tensors[tensor.0].len() {
            let [a, b] = [a, b].map(|input| {
                let (tensor, element) = resolve(expanded, input, element).expect("operands are stored");
                i64::from(tensors[tensor.0][element])
            });
            let sum = a * rhs + b * lhs;
            let elem = expanded.tensor(tensor).elem;
            let value = requantized(&layout.forms, &nodes[node], 0, layout.shape.shift, elem.min(), sum);
            let spot = case.spot(tensor, element);
            match (spot.columns(layout), value) {
                (LaneColumns::Linear(cells), Requantized::Linear { byte, excess, remainder }) => {
                    write_linear(columns, cells, &layout.shape, spot.row, [byte, excess, remainder]);
                }
                (LaneColumns::Threshold(cells), Requantized::Threshold { step, distance }) => {
                    write_threshold(columns, cells, &layout.shape, spot.row, step, distance);
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
fn of_form(case: &Case, form: &Form) -> Option<(NodeId, crate::ir::TensorId, usize, Spot)> {
    let nodes = &case.layout.forms.nodes;
    let (node, tensor) = case.stored().into_iter().find(|(node, _)| nodes[*node].form(0) == form)?;
    let honest = case.honest();
    let elements = 0..case.expanded().tensor(tensor).len;
    let mut spots = elements.map(|element| (element, case.spot(tensor, element)));
    let byte = |spot: &Spot| honest.columns[spot.columns(&case.layout).activation()][spot.row];
    let (element, spot) = spots.find(|(_, spot)| byte(spot) > 0)?;
    Some((node, tensor, element, spot))
}

fn wrong_product(case: &Case) -> Option<Told> {
    let (node, tensor, element, spot) = of_form(case, &Form::Product)?;
    let witness = case.lying(Some(node), |columns, tensors| {
        columns[spot.columns(&case.layout).activation()][spot.row] += 1;
        tensors[tensor.0][element] += 1;
    });
    Some(Told::new(case, witness, Caught::By(&["product"])))
}

/// The product of another byte with the second factor.
fn wrong_factor(case: &Case) -> Option<Told> {
    let (node, tensor, element, spot) = of_form(case, &Form::Product)?;
    let LaneColumns::Product(cells) = spot.columns(&case.layout) else { return None };
    let honest = case.honest();
    let [first, second] = cells.factors.map(|column| honest.columns[column][spot.row]);
    let by = if first == 255 { -1 } else { 1 };
    let witness = case.lying(Some(node), |columns, tensors| {
        columns[cells.factors[0]][spot.row] += by;
        columns[cells.activation][spot.row] += by * second;
        tensors[tensor.0][element] += i32::try_from(by * second).expect("a byte");
    });
    Some(Told::new(case, witness, OPERATOR))
}

/// Another maximum, its distances to the operands changed with it.
fn wrong_maximum(case: &Case, by: i64) -> Option<Told> {
    let (node, tensor, element, spot) = of_form(case, &Form::Maximum)?;
    let witness = case.lying(Some(node), |columns, tensors| {
        let LaneColumns::Maximum(cells) = spot.columns(&case.layout) else { return };
        for column in [cells.activation, cells.distances[0], cells.distances[1]] {
            columns[column][spot.row] += by;
        }
        tensors[tensor.0][element] += i32::try_from(by).expect("a small change");
    });
    Some(Told::new(case, witness, Caught::Tables(vec![Role::OperandDistance])))
}

pub(super) const LIES: &[Lie] = &[
    Lie { role: Role::Activation, what: "an accumulator at the border off by one", tell: corner },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 in two slots of a group",
        tell: |case| pair(case, Apart::Slot),
    },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 in one slot of two groups",
        tell: |case| pair(case, Apart::Group),
    },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 at two positions",
        tell: |case| pair(case, Apart::Position),
    },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 in two blocks",
        tell: |case| pair(case, Apart::Block),
    },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 in two blocks of one group",
        tell: |case| pair(case, Apart::SharedGroup),
    },
    Lie {
        role: Role::Activation,
        what: "errors that cancel between slots",
        tell: |case| cancelling(case, true),
    },
    Lie {
        role: Role::Activation,
        what: "errors that cancel between blocks of a group",
        tell: |case| cancelling(case, false),
    },
    Lie { role: Role::Activation, what: "a sum with its operands' scales exchanged", tell: swapped_operands },
    Lie { role: Role::Product, what: "a product that is none", tell: wrong_product },
    Lie { role: Role::Factor, what: "the product of another byte", tell: wrong_factor },
    Lie { role: Role::OperandDistance, what: "less than the maximum", tell: |case| wrong_maximum(case, -1) },
    Lie { role: Role::OperandDistance, what: "more than the maximum", tell: |case| wrong_maximum(case, 1) },
];
