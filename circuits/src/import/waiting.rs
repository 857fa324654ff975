//! Results that wait for their quantizer: which family quantizes them.

use super::{
    affine::FloatClamp,
    builder::Builder,
    error::ImportErrorKind,
    ops::{
        logic::select,
        matrix,
        moving::concat,
        pooling::{extremes, pool},
        sum::{float_pair, requantize},
    },
    value::{Activation, Waiting, WaitingForm},
};
use crate::ir::{Elem, Quantization};

/// Quantizes a waiting result.
pub(super) fn quantized(
    result: &Waiting,
    elem: Elem,
    to: Quantization,
    clamp: FloatClamp,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let named = (result.name.as_str(), result.shape.as_slice());
    let range = clamp.quantized(to, elem);
    match &result.form {
        WaitingForm::MatMul { factors, sizes } => {
            matrix::quantized(named, (factors, *sizes), (elem, to, range), builder)
        }
        WaitingForm::Pair { operands, pair } => {
            requantize::quantized(named, (operands, *pair), (elem, to, range), builder)
        }
        WaitingForm::Concat { parts, axis } => {
            concat::requantize((&result.name, parts, *axis), elem, to, clamp, builder)
        }
        WaitingForm::Float { operands, pair } => {
            float_pair::requantize(named, (operands, *pair), (elem, to), range, builder)
        }
        WaitingForm::Select { condition, sides } => {
            select::quantized(named, (condition, sides), (elem, to, clamp), builder)
        }
        WaitingForm::Extreme { sides, extreme } => {
            extremes::quantized(named, (sides, *extreme), (elem, to, clamp), builder)
        }
        WaitingForm::Average(average) => pool::average_layer(named, average, (elem, to, clamp), builder),
    }
}
