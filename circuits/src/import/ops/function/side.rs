//! Operands that are quantized each by itself: functions of an activation, and constant numbers.

use std::rc::Rc;

use super::{unary, with_constant::view};
use crate::{
    import::{
        affine::{self, FloatClamp},
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, QuantizationError},
        role::Role,
        spread::Spread,
        value::{Activation, Side},
        views::broadcast_shape,
    },
    ir::{Elem, Quantization, Source},
};

/// Reads an operand.
pub(in crate::import) fn side(
    call: &Call<'_>,
    index: usize,
    role: Role,
    builder: &mut Builder,
) -> Result<Side, ImportErrorKind> {
    let value = call.input(index, role)?;
    if let Some(view) = view(value) {
        builder.budget.spend(view.values.len(), size_of::<Spread>())?;
        return Ok(Side::View(view.into_owned()));
    }
    let Some(numbers) = value.numbers() else {
        return Err(call.wrong_form(index, role, value, "a dequantized activation or a constant"));
    };
    if let Some(&value) = numbers.iter().find(|number| number.is_nan()) {
        return Err(QuantizationError::NotANumber { role: "constant operand", value }.into());
    }
    builder.budget.spend(numbers.len(), size_of::<f32>())?;
    Ok(Side::Numbers { numbers: numbers.into(), shape: value.shape().to_vec() })
}

/// The values of an operand by the integers of an activation that alone decides them.
pub(in crate::import) fn values_by(activation: &Activation, side: &Side) -> Option<Rc<[Spread]>> {
    match side {
        Side::View(view) => {
            let is_same =
                view.activation.tensor == activation.tensor && view.activation.shape == activation.shape;
            is_same.then(|| view.values.clone())
        }
        Side::Numbers { numbers, shape } => {
            let &[number] = &**numbers else { return None };
            let keeps = broadcast_shape(&activation.shape, shape)? == activation.shape;
            keeps.then(|| vec![Spread::exact(number); 256].into())
        }
    }
}

/// The operand in the integers of a quantizer behind a clamp.
pub(in crate::import) fn quantized(
    name: &str,
    side: &Side,
    (elem, by, clamp): (Elem, Quantization, FloatClamp),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    match side {
        Side::View(view) => unary::quantize(name, &view.clamped(clamp), elem, by, builder),
        Side::Numbers { numbers, shape } => {
            let integer = |number: &f32| Source::Constant(affine::quantize(clamp.apply(*number), by, elem));
            builder.rearrange(name, &[], (elem, shape.clone()), numbers.iter().map(integer))
        }
    }
}
