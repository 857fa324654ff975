//! What happens outside the circuit: float32 inputs to integers, proven integers to float32 outputs.
//!
//! A statement carries integers. A model with float32 inputs starts with QuantizeLinear, and many end with
//! DequantizeLinear and Softmax; these are reproduced here bit for bit, so that what is printed beside a
//! proof is what onnxruntime answers.
//!
//! # Sources of the formulas
//! - QuantizeLinear: `sat(rne(fl(x / s)) + zero_point)` with a true division; the other reading, a product
//!   with the reciprocal, differs. Infinities saturate. Measured against onnxruntime 1.31.1.
//! - DequantizeLinear: `fl(float32(q - zero_point) * s)`. Measured against onnxruntime 1.31.1.
//! - Softmax: see [`softmax`].
//! - LogSoftmax: see [`log_softmax`].
//! - QLinearSoftmax: see [`quantized_softmax`].
//! - Other functions at the end of a model are a table of float32 numbers, one for each integer, which the importer computes and
//!   the model holds: of Sigmoid, Tanh, Exp, Erf, Gelu and arithmetic they are onnxruntime's, the sign of zero aside; of the functions that
//!   depend on how it was compiled they are within a few units in the last place.

mod quantized_softmax;
mod softmax;

pub use quantized_softmax::quantized_softmax;
pub use softmax::{SoftmaxKernel, log_softmax, softmax};

use crate::ir::{Elem, Quantization, Tail};

/// Why values cannot pass between float32 and the integers of a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// A float32 input holds something that is no number.
    #[error("element {index} is not a number (NaN); replace it, a quantizer has no integer for it")]
    NotANumber {
        /// Position in the flattened input.
        index: usize,
    },
    /// A trailing table has no entry for an integer.
    #[error("the table of the function behind an output has no value for the integer {integer}")]
    NoEntry {
        /// The integer.
        integer: i32,
    },
    /// A trailing Softmax normalizes groups that the output does not divide into.
    #[error("an output of {elements} elements cannot be split into softmax groups of {len}")]
    SoftmaxLength {
        /// Length of the normalized dimension.
        len: usize,
        /// Elements of the output.
        elements: usize,
    },
}

/// QuantizeLinear of a float32 input: `sat(rne(fl(x / scale)) + zero_point)`.
///
/// # Errors
/// [`EdgeError::NotANumber`] for a NaN. Infinities saturate.
pub fn quantize_input(values: &[f32], quantization: Quantization, elem: Elem) -> Result<Vec<i32>, EdgeError> {
    values
        .iter()
        .enumerate()
        .map(|(index, value)| match value.is_nan() {
            true => Err(EdgeError::NotANumber { index }),
            false => Ok(quantize(*value, quantization, elem)),
        })
        .collect()
}

fn quantize(value: f32, Quantization { scale, zero_point }: Quantization, elem: Elem) -> i32 {
    // The cast saturates beyond int32, far outside every element type.
    let rounded = (value / scale).round_ties_even() as i32;
    rounded.saturating_add(zero_point).clamp(elem.min(), elem.max())
}

/// The float32 values of a model output: its proven integers after the trailing operators, in order.
///
/// Without any operator, as indices, and behind a quantized Softmax, they are integers, which float32 holds exactly. `kernel` is the
/// arithmetic of a trailing Softmax.
///
/// # Errors
/// [`EdgeError::SoftmaxLength`] when a Softmax does not fit the number of elements, [`EdgeError::NoEntry`] when a table does
/// not fit the integers.
pub fn apply_tail(integers: &[i32], tail: &[Tail], kernel: SoftmaxKernel) -> Result<Vec<f32>, EdgeError> {
    let mut values: Vec<f32> = integers.iter().map(|&integer| integer as f32).collect();
    for operator in tail {
        match operator {
            Tail::Dequantize(Quantization { scale, zero_point }) => {
                // The difference of two 8-bit integers is exact.
                values.iter_mut().for_each(|value| *value = (*value - *zero_point as f32) * scale);
            }
            Tail::Table { elem, values: table, .. } => {
                let entry = |value: &f32| {
                    let integer = *value as i32;
                    let index = usize::try_from(integer - elem.min()).ok();
                    let entry = index.and_then(|index| table.get(index)).copied();
                    entry.ok_or(EdgeError::NoEntry { integer })
                };
                values = values.iter().map(entry).collect::<Result<_, _>>()?;
            }
            Tail::Index => {}
            Tail::Softmax { len } => {
                expect_rows(*len, values.len())?;
                values.chunks_exact_mut(*len).for_each(|row| softmax(row, kernel));
            }
            Tail::LogSoftmax { len } => {
                expect_rows(*len, values.len())?;
                values.chunks_exact_mut(*len).for_each(|row| log_softmax(row, kernel));
            }
            Tail::QuantizedSoftmax { from, len, to, elem } => {
                expect_rows(*len, values.len())?;
                let integers: Vec<i32> = values.iter().map(|value| *value as i32).collect();
                let rows = integers
                    .chunks_exact(*len)
                    .flat_map(|row| quantized_softmax(row, from.scale, *to, *elem));
                values = rows.map(|integer| integer as f32).collect();
            }
        }
    }
    Ok(values)
}

fn expect_rows(len: usize, elements: usize) -> Result<(), EdgeError> {
    if len > 0 && elements.is_multiple_of(len) {
        return Ok(());
    }
    Err(EdgeError::SoftmaxLength { len, elements })
}

#[cfg(test)]
mod tests;
