//! Affine quantization parameters and the two conversions, as onnxruntime computes them.

use super::{
    budget::Budget,
    constant::{Constant, Data},
    error::{ImportErrorKind, OperatorError, QuantizationError},
    proto::data_type,
};
use crate::ir::{Elem, Quantization};

/// `sat(rne(fl(x / scale)) + zero_point)`, division and rounding in float32.
///
/// Monotone in `x`, so it commutes with clamping: `quantize(min(max(x, lo), hi))` is `quantize(x)` clamped to
/// `quantize(lo)..=quantize(hi)`.
pub(super) fn quantize(x: f32, by: Quantization, elem: Elem) -> i32 {
    // Beyond 512 the sum saturates for every zero point, and within it the conversion is exact.
    let rounded = (x / by.scale).round_ties_even().clamp(-512.0, 512.0) as i32;
    (rounded + by.zero_point).clamp(elem.min(), elem.max())
}

/// `fl(float32(q - zero_point) * scale)`.
pub(super) fn dequantize(q: i32, by: Quantization) -> f32 {
    (q - by.zero_point) as f32 * by.scale
}

/// Whether quantizing a dequantized value gives it back, for every value of the type.
pub(super) fn round_trips(by: Quantization, elem: Elem) -> bool {
    (elem.min()..=elem.max()).all(|q| quantize(dequantize(q, by), by, elem) == q)
}

/// Bounds `lo <= hi` on a float value, from Relu and Clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FloatClamp {
    lo: f32,
    hi: f32,
}

impl FloatClamp {
    pub(super) const NONE: Self = Self { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// `min(max(x, lo), hi)`: of bounds in the wrong order, `hi`.
    pub(super) fn new(lo: f32, hi: f32) -> Result<Self, ImportErrorKind> {
        match [lo, hi].into_iter().find(|bound| bound.is_nan()) {
            Some(value) => Err(QuantizationError::NotANumber { role: "clip bound", value }.into()),
            None => Ok(Self { lo: lo.min(hi), hi }),
        }
    }

    /// The clamped value; what is not a number stays.
    pub(super) fn apply(self, value: f32) -> f32 {
        value.clamp(self.lo, self.hi)
    }

    /// This clamp followed by another one.
    pub(super) fn then(self, next: Self) -> Self {
        Self { lo: self.lo.clamp(next.lo, next.hi), hi: self.hi.clamp(next.lo, next.hi) }
    }

    /// The integers of the clamp behind a quantizer.
    pub(super) fn quantized(self, by: Quantization, elem: Elem) -> (i32, i32) {
        (quantize(self.lo, by, elem), quantize(self.hi, by, elem))
    }
}

/// Beyond it onnxruntime's conversion of a float result to int32 would wrap.
pub(super) const MAX_RESULT: f32 = (1 << 30) as f32;

/// Scales and zero points of a tensor, one for all or one per slice along an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AxisQuantization {
    /// Finite and positive, at least one.
    pub(super) scales: Vec<f32>,
    /// One, or as many as scales.
    pub(super) zero_points: Vec<i32>,
    /// The axis that the lists run along, absent when both have one element.
    pub(super) axis: Option<usize>,
}

impl AxisQuantization {
    /// The parameters of one slice.
    pub(super) fn slice(&self, index: usize) -> Option<Quantization> {
        Some(Quantization {
            scale: *one_or_indexed(&self.scales, index)?,
            zero_point: *one_or_indexed(&self.zero_points, index)?,
        })
    }

    /// The parameters of the element at a flat index of a tensor of this shape.
    pub(super) fn of_element(&self, shape: &[usize], index: usize) -> Option<Quantization> {
        let Some(axis) = self.axis else { return self.slice(0) };
        let size = *shape.get(axis)?;
        let inner: usize = shape.iter().skip(axis + 1).product();
        self.slice((index / inner.max(1)) % size.max(1))
    }
}

/// The only element, or the one at the index.
pub(super) fn one_or_indexed<T>(list: &[T], index: usize) -> Option<&T> {
    if let [only] = list { Some(only) } else { list.get(index) }
}

/// The scales of a float32 constant of any shape, every one finite and positive.
pub(super) fn scales(
    constant: &Constant,
    role: &'static str,
    budget: &mut Budget,
) -> Result<Vec<f32>, ImportErrorKind> {
    let Data::Float(scales) = &*constant.data else { return Err(scale_type(constant)) };
    budget.spend(scales.len(), size_of::<f32>())?;
    scales.iter().try_for_each(|&scale| check_scale(scale, role))?;
    Ok(scales.clone())
}

/// The zero points of an integer constant of any shape.
pub(super) fn zero_points(constant: &Constant, budget: &mut Budget) -> Result<Vec<i32>, ImportErrorKind> {
    let data = &constant.data;
    budget.spend(data.len(), size_of::<i32>())?;
    (0..data.len()).map(|index| data.integer(index)).collect::<Option<_>>().ok_or_else(|| {
        OperatorError::ElementType {
            role: "zero point",
            got: constant.type_name(),
            expected: "int8, uint8 or int32".to_owned(),
        }
        .into()
    })
}

/// The scale and zero point of an activation, constants of one element, and the type that the zero point gives it.
pub(super) fn activation(
    scale: &Constant,
    zero_point: &Constant,
    role: &'static str,
) -> Result<(Elem, Quantization), ImportErrorKind> {
    for constant in [scale, zero_point] {
        if !constant.is_single() {
            return Err(OperatorError::Shape {
                role,
                got: constant.shape.clone(),
                expected: "one scale and one zero point for the whole tensor, of shape [] or [1]".to_owned(),
            }
            .into());
        }
    }
    let Some(value) = scale.float_scalar() else { return Err(scale_type(scale)) };
    check_scale(value, role)?;
    match (zero_point.data.elem(), zero_point.data.integer(0)) {
        (Some(elem), Some(zero_point)) => Ok((elem, Quantization { scale: value, zero_point })),
        _ => Err(OperatorError::ElementType {
            role: "zero point",
            got: zero_point.type_name(),
            expected: "int8 or uint8".to_owned(),
        }
        .into()),
    }
}

fn check_scale(scale: f32, role: &'static str) -> Result<(), ImportErrorKind> {
    if scale.is_finite() && scale > 0.0 {
        return Ok(());
    }
    Err(QuantizationError::Scale { role, scale }.into())
}

fn scale_type(scale: &Constant) -> ImportErrorKind {
    OperatorError::ElementType {
        role: "scale",
        got: scale.type_name(),
        expected: data_type::name(data_type::FLOAT),
    }
    .into()
}
