//! Comparisons of float32 values that integers decide.

use super::{
    connect::{connected, negated},
    fold,
    relation::{Connective, Relation},
};
use crate::{
    import::{
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError, QuantizationError, UncertainAnswer},
        limits,
        ops::function::side::{side, values_by},
        role::Role,
        spread::Spread,
        value::{Activation, Function, Side, Truth, Value},
        views,
    },
    ir::{Add, Elem, Op, Source},
};

pub(super) fn greater(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    compared(call, Relation::Greater, builder)
}

pub(super) fn greater_or_equal(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    compared(call, Relation::GreaterOrEqual, builder)
}

pub(super) fn less(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    compared(call, Relation::Less, builder)
}

pub(super) fn less_or_equal(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    compared(call, Relation::LessOrEqual, builder)
}

pub(super) fn equal(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    compared(call, Relation::Equal, builder)
}

fn compared(call: &Call<'_>, relation: Relation, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(constant) = fold::compared(call, relation, builder)? {
        return Ok(Value::Constant(constant));
    }
    let sides = [side(call, 0, Role::LeftOperand, builder)?, side(call, 1, Role::RightOperand, builder)?];
    let truth = match of_one_tensor(relation, &sides, builder)? {
        Some(truth) => truth,
        None => of_two_tensors(call, relation, &sides, builder)?,
    };
    Ok(Value::Truth(truth))
}

/// The comparison as a predicate of one integer, if one decides it.
fn of_one_tensor(
    relation: Relation,
    [left, right]: &[Side; 2],
    builder: &Builder,
) -> Result<Option<Truth>, ImportErrorKind> {
    for one in [left, right] {
        let Side::View(Function { activation, .. }) = one else { continue };
        let (Some(lefts), Some(rights)) = (values_by(activation, left), values_by(activation, right)) else {
            continue;
        };
        let (lo, hi) = builder.range(activation);
        let holds =
            (activation.elem.min()..).zip(lefts.iter().zip(&*rights)).map(|(input, (left, right))| {
                if input < lo || hi < input {
                    return Ok(false);
                }
                expect_number(*left)?;
                expect_number(*right)?;
                relation.decided(*left, *right).ok_or_else(|| UncertainAnswer::Comparison { input }.into())
            });
        let holds = holds.collect::<Result<_, ImportErrorKind>>()?;
        return Ok(Some(Truth { activation: activation.clone(), holds }));
    }
    Ok(None)
}

fn expect_number(value: Spread) -> Result<(), ImportErrorKind> {
    if value.may_be_nan {
        return Err(QuantizationError::NotANumber { role: "result of the function", value: f32::NAN }.into());
    }
    Ok(())
}

fn of_two_tensors(
    call: &Call<'_>,
    relation: Relation,
    [left, right]: &[Side; 2],
    builder: &mut Builder,
) -> Result<Truth, ImportErrorKind> {
    let name = &call.node.label.name;
    Ok(match relation {
        Relation::Greater => above(call, (left, right), builder)?,
        Relation::Less => above(call, (right, left), builder)?,
        Relation::LessOrEqual => negated(&above(call, (left, right), builder)?),
        Relation::GreaterOrEqual => negated(&above(call, (right, left), builder)?),
        Relation::Equal => {
            let differs = [above(call, (left, right), builder)?, above(call, (right, left), builder)?];
            negated(&connected(name, &differs, Connective::Or, builder)?)
        }
    })
}

/// Where the left operand is greater: `clamp(i - j + c, 0, 1)` with the ranks i and j of both.
fn above(
    call: &Call<'_>,
    (left, right): (&Side, &Side),
    builder: &mut Builder,
) -> Result<Truth, ImportErrorKind> {
    let shape = views::common_shape(&[left.shape(), right.shape()])?;
    limits::sources(&shape)?;
    let numbers = [numbers(left, builder)?, numbers(right, builder)?];
    let Ranks { of_left, of_right, offset } = Ranks::of(&numbers);
    if of_left.iter().chain(&of_right).any(|rank| *rank > 255) {
        let name = call.name(usize::from(matches!(right, Side::Numbers { .. })));
        return Err(OperatorError::ComparedConstants { name }.into());
    }
    let name = &call.node.label.name;
    let reversed = of_right.iter().map(|rank| 255 - rank).collect();
    let ranks = [ranked(name, left, of_left, builder)?, ranked(name, right, reversed, builder)?];
    let [left, right] = ranks;
    let left = views::broadcast(name, &left, &shape, builder)?;
    let right = views::broadcast(name, &right, &shape, builder)?;
    let add = Add { lhs_scale: 1.0, rhs_scale: 1.0, offset: (offset - 255) as f32, lo: 0, hi: 1 };
    let activation = builder.clamping(name, Op::Add(add), &[&left, &right], (Elem::U8, &shape), (0, 1))?;
    Ok(Truth { activation, holds: (0..256).map(|integer| integer > 0).collect() })
}

/// The numbers that an operand has, by integer or by element; those that it never has are `None`.
fn numbers(side: &Side, builder: &Builder) -> Result<Vec<Option<f32>>, ImportErrorKind> {
    let Function { activation, values } = match side {
        Side::Numbers { numbers, .. } => return Ok(numbers.iter().copied().map(Some).collect()),
        Side::View(view) => view,
    };
    let (lo, hi) = builder.range(activation);
    let number = |(input, value): (i32, &Spread)| {
        if input < lo || hi < input {
            return Ok(None);
        }
        expect_number(*value)?;
        if value.lo == value.hi {
            Ok(Some(value.lo))
        } else {
            Err(UncertainAnswer::Comparison { input }.into())
        }
    };
    (activation.elem.min()..).zip(&**values).map(number).collect()
}

/// The operand's ranks as a tensor.
fn ranked(
    name: &str,
    side: &Side,
    ranks: Vec<i32>,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    match side {
        Side::View(view) => builder.table(name, &view.activation, Elem::U8, ranks),
        Side::Numbers { shape, .. } => {
            builder.rearrange(name, &[], (Elem::U8, shape.clone()), ranks.into_iter().map(Source::Constant))
        }
    }
}

/// Ranks such that a left number is greater than a right one exactly where `left rank - right rank + offset` is positive.
///
/// Of all numbers in order, of equal ones the left first, those beside each other of one operand have one rank. Runs of the two
/// operands alternate, so the order of runs i and j is that of i and j, or of i + 1 and j where the first run is a right one. So
/// neither has more ranks than it has different numbers, or the other and one.
struct Ranks {
    of_left: Vec<i32>,
    of_right: Vec<i32>,
    offset: i32,
}

impl Ranks {
    fn of([left, right]: &[Vec<Option<f32>>; 2]) -> Self {
        let listed = |numbers: &[Option<f32>], side: usize| -> Vec<(f32, usize, usize)> {
            let present = numbers.iter().enumerate().filter_map(|(index, number)| Some((index, (*number)?)));
            present.map(|(index, number)| (number, side, index)).collect()
        };
        let mut order = [listed(left, 0), listed(right, 1)].concat();
        // Zeros of both signs are equal, and none is NaN.
        order.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal).then(a.1.cmp(&b.1)));
        let mut ranks = [vec![0; left.len()], vec![0; right.len()]];
        let mut runs = [0_i32; 2];
        let mut last = None;
        for &(_, side, index) in &order {
            if last != Some(side) {
                runs[side] += 1;
                last = Some(side);
            }
            ranks[side][index] = runs[side] - 1;
        }
        let offset = i32::from(order.first().is_some_and(|(_, side, _)| *side == 1));
        let [of_left, of_right] = ranks;
        Self { of_left, of_right, offset }
    }
}

#[cfg(test)]
mod unit {
    use proptest::prelude::*;

    use super::Ranks;

    proptest! {
        #[test]
        fn ranks_compare_as_numbers_do(
            left in prop::collection::vec(-9_i8..9, 1..40),
            right in prop::collection::vec(-9_i8..9, 1..40),
        ) {
            let numbers = |list: &[i8]| list.iter().map(|&n| Some(f32::from(n) / 3.0)).collect::<Vec<_>>();
            let ranks = Ranks::of(&[numbers(&left), numbers(&right)]);
            for (a, i) in left.iter().zip(&ranks.of_left) {
                for (b, j) in right.iter().zip(&ranks.of_right) {
                    prop_assert_eq!(a > b, i - j + ranks.offset > 0);
                }
            }
        }
    }

    /// The most ranks that two bytes can need.
    #[test]
    fn of_256_numbers_each_there_are_256_ranks() {
        for first in [0.25, 0.75] {
            let left: Vec<Option<f32>> = (0_u16..256).map(|n| Some(f32::from(n) + first)).collect();
            let right: Vec<Option<f32>> = (0_u16..256).map(|n| Some(f32::from(n) + 0.5)).collect();
            let ranks = Ranks::of(&[left, right]);
            assert_eq!(ranks.of_left.iter().chain(&ranks.of_right).max(), Some(&255));
        }
    }
}
