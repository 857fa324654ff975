//! Max and Min of tensors.
//!
//! A quantizer never falls, so the quantized largest number is the largest quantized one; the smallest is the largest in reverse.

use std::rc::Rc;

use crate::{
    import::{
        affine::FloatClamp,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        limits,
        ops::{
            constants,
            function::{
                side::{self, side, values_by},
                with_constant::{Constants, with_constant},
            },
        },
        role::Role,
        spread::{Course, Spread},
        value::{Activation, Extreme, Function, Side, Value, Waiting, WaitingForm},
        views,
    },
    ir::{Elem, Op, Quantization},
};

pub(super) fn max(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    extreme(call, Extreme::Largest, builder)
}

pub(super) fn min(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    extreme(call, Extreme::Smallest, builder)
}

impl Extreme {
    fn of_two(self) -> fn(f32, f32) -> f32 {
        match self {
            Self::Largest => f32::max,
            Self::Smallest => f32::min,
        }
    }
}

fn extreme(call: &Call<'_>, extreme: Extreme, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, limits::NODE_VALUES)?;
    call.node.attributes.reader().finish()?;
    if call.node.inputs.len() == 2 {
        let of = extreme.of_two();
        if let Some(value) = constants::folded(call, of, builder)? {
            return Ok(value);
        }
        let is_number = |index| call.optional(index).map(|value| value.is_some_and(Value::is_constant));
        if (is_number(0)? || is_number(1)?)
            && let Some(value) = with_constant(call, Constants::All, Course::Monotone, of, builder)?
        {
            return Ok(value);
        }
    }
    let role = |index: usize| match (call.node.inputs.len(), index) {
        (2, 0) => Role::LeftOperand,
        (2, _) => Role::RightOperand,
        _ => Role::Input,
    };
    let sides = (0..call.node.inputs.len()).map(|index| side(call, index, role(index), builder));
    let sides: Vec<Side> = sides.collect::<Result<_, _>>()?;
    if let Some(function) = of_one_tensor(&sides, extreme) {
        return Ok(Value::Function(function));
    }
    if !sides.iter().any(|side| matches!(side, Side::View(_))) {
        return Err(OperatorError::InputCount { got: sides.len(), min: 1, max: 2 }.into());
    }
    let shapes: Vec<&[usize]> = sides.iter().map(Side::shape).collect();
    let shape = views::common_shape(&shapes)?;
    let form = WaitingForm::Extreme { sides, extreme };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// The function, if one tensor decides all operands.
fn of_one_tensor(sides: &[Side], extreme: Extreme) -> Option<Function> {
    let activation = sides.iter().find_map(|side| match side {
        Side::View(view) => Some(&view.activation),
        Side::Numbers { .. } => None,
    })?;
    let of = |left: Spread, right: Spread| Spread {
        lo: extreme.of_two()(left.lo, right.lo),
        hi: extreme.of_two()(left.hi, right.hi),
        may_be_nan: left.may_be_nan || right.may_be_nan,
    };
    let mut values: Option<Rc<[Spread]>> = None;
    for side in sides {
        let own = values_by(activation, side)?;
        values = Some(match values {
            None => own,
            Some(before) => before.iter().zip(&*own).map(|(left, right)| of(*left, *right)).collect(),
        });
    }
    let values = values?.iter().map(|value| value.with_both_zeros()).collect();
    Some(Function { activation: activation.clone(), values })
}

/// Every operand quantized by its own table, then compared.
pub(in crate::import) fn quantized(
    (name, shape): (&str, &[usize]),
    (sides, extreme): (&[Side], Extreme),
    to: (Elem, Quantization, FloatClamp),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (elem, ..) = to;
    let reversed = |x: &Activation, builder: &mut Builder| match extreme {
        Extreme::Largest => Ok(x.clone()),
        Extreme::Smallest => builder.table(name, x, elem, (elem.min()..=elem.max()).rev().collect()),
    };
    let mut largest: Option<Activation> = None;
    for side in sides {
        let own = side::quantized(name, side, to, builder)?;
        let own = reversed(&own, builder)?;
        let own = views::broadcast(name, &own, shape, builder)?;
        largest = Some(match largest {
            None => own,
            Some(before) => {
                let [first, second] = [builder.range(&before), builder.range(&own)];
                let range = (first.0.max(second.0), first.1.max(second.1));
                builder.clamping(name, Op::Maximum, &[&before, &own], (elem, shape), range)?
            }
        });
    }
    let largest = largest.ok_or(OperatorError::MissingInput { index: 0, role: Role::Input.text() })?;
    reversed(&largest, builder)
}
