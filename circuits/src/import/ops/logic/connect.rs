//! And, Or and Not.

use super::{fold, relation::Connective};
use crate::{
    import::{
        builder::Builder,
        call::Call,
        constant::Data,
        error::ImportErrorKind,
        role::Role,
        value::{Activation, Truth, Value},
        views,
    },
    ir::{Add, Elem, Op, Source},
};

pub(super) fn and(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    connective(call, Connective::And, builder)
}

pub(super) fn or(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    connective(call, Connective::Or, builder)
}

fn connective(
    call: &Call<'_>,
    connective: Connective,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(constant) = fold::connected(call, connective, builder)? {
        return Ok(Value::Constant(constant));
    }
    let sides = [truth(call, 0, Role::LeftOperand, builder)?, truth(call, 1, Role::RightOperand, builder)?];
    connected(&call.node.label.name, &sides, connective, builder).map(Value::Truth)
}

pub(super) fn not(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    match call.input(0, Role::Input)? {
        Value::Truth(truth) => Ok(Value::Truth(negated(truth))),
        Value::Constant(constant) => fold::negated(constant).map(Value::Constant),
        other => Err(call.wrong_form(0, Role::Input, other, "the result of a comparison")),
    }
}

/// A bool operand; a constant is one of a tensor of its bits.
fn truth(call: &Call<'_>, index: usize, role: Role, builder: &mut Builder) -> Result<Truth, ImportErrorKind> {
    let value = call.input(index, role)?;
    match value {
        Value::Truth(truth) => Ok(truth.clone()),
        Value::Constant(constant) => {
            let Data::Bool(bits) = &*constant.data else {
                return Err(call.wrong_form(
                    index,
                    role,
                    value,
                    "the result of a comparison or a bool constant",
                ));
            };
            let sources = bits.iter().map(|bit| Source::Constant(i32::from(*bit)));
            let shape = (Elem::U8, constant.shape.clone());
            let activation = builder.rearrange(&call.node.label.name, &[], shape, sources)?;
            Ok(Truth { activation, holds: (0..256).map(|integer| integer > 0).collect() })
        }
        other => Err(call.wrong_form(index, role, other, "the result of a comparison or a bool constant")),
    }
}

pub(super) fn negated(truth: &Truth) -> Truth {
    Truth { activation: truth.activation.clone(), holds: truth.holds.iter().map(|holds| !holds).collect() }
}

/// The truth as a tensor of two integers of the type, the first where it holds.
pub(super) fn stored(
    name: &str,
    truth: &Truth,
    (elem, [yes, no]): (Elem, [i32; 2]),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let entries = truth.holds.iter().map(|holds| if *holds { yes } else { no }).collect();
    builder.table(name, &truth.activation, elem, entries)
}

/// Two truths of one tensor are one of it; of two tensors `clamp(a + b - 1, 0, 1)` for And, and `clamp(a + b, 0, 1)` for Or.
pub(super) fn connected(
    name: &str,
    [left, right]: &[Truth; 2],
    connective: Connective,
    builder: &mut Builder,
) -> Result<Truth, ImportErrorKind> {
    let (first, second) = (&left.activation, &right.activation);
    if first.tensor == second.tensor && first.shape == second.shape {
        let holds = left.holds.iter().zip(&*right.holds).map(|(left, right)| connective.of(*left, *right));
        return Ok(Truth { activation: first.clone(), holds: holds.collect() });
    }
    let shape = views::common_shape(&[&first.shape, &second.shape])?;
    let mut bits = |truth: &Truth| {
        let bits = stored(name, truth, (Elem::U8, [1, 0]), builder)?;
        views::broadcast(name, &bits, &shape, builder)
    };
    let inputs = [bits(left)?, bits(right)?];
    let offset = if connective == Connective::And { -1.0 } else { 0.0 };
    let add = Op::Add(Add { lhs_scale: 1.0, rhs_scale: 1.0, offset, lo: 0, hi: 1 });
    let [left, right] = &inputs;
    let activation = builder.clamping(name, add, &[left, right], (Elem::U8, &shape), (0, 1))?;
    Ok(Truth { activation, holds: (0..256).map(|integer| integer > 0).collect() })
}
