//! Scales, zero points and ranges.

use super::ReasonGroup;

/// The quantization is not one that onnxruntime computes alike everywhere.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizationError {
    /// An unusable scale.
    #[error(
        "the scale of the {role} is {scale}; a scale has to be finite and positive: quantize the model again"
    )]
    Scale {
        /// Of what.
        role: &'static str,
        /// The scale.
        scale: f32,
    },
    /// A float constant that is not a number.
    #[error("the {role} is {value}; it has to be a number")]
    NotANumber {
        /// Of what.
        role: &'static str,
        /// The value.
        value: f32,
    },
    /// Clip bounds in the wrong order, in opset 10 or with an infinite one.
    #[error(
        "the smallest value {min} is above the largest {max}, which onnxruntime refuses in opset 10, and answers in more than one \
         way where a bound is infinite; exchange them"
    )]
    ClipBounds {
        /// Lower bound.
        min: f32,
        /// Upper bound.
        max: f32,
    },
    /// A multiplier that float32 cannot hold with full precision.
    #[error(
        "output channel {channel}: the accumulator has scale {accumulator_scale:e} and the requantization multiplier is \
         {multiplier:e}; both have to be positive, finite and not subnormal: quantize the model again with other \
         calibration data"
    )]
    Multiplier {
        /// Output channel.
        channel: usize,
        /// `fl(sx * sw)`.
        accumulator_scale: f32,
        /// `fl(fl(sx * sw) / sy)`.
        multiplier: f32,
    },
    /// Scales that leave float32 or the int32 that onnxruntime converts to.
    #[error(
        "the operands have scales {lhs:e} and {rhs:e} and the output {output:e}; their quotients have to be normal \
         float32 numbers, and results below 2^30: quantize the model again with other calibration data"
    )]
    OperandScale {
        /// Scale of the left operand.
        lhs: f32,
        /// Scale of the right operand.
        rhs: f32,
        /// Scale of the output.
        output: f32,
    },
    /// An average over the whole image whose scales are far apart.
    #[error(
        "the sum over the image times {factor:e}, input scale / (output scale * positions), is the result; onnxruntime takes \
         factors from 2^-32 to below 256: quantize the model again with other calibration data"
    )]
    AverageFactor {
        /// `fl(sx / fl(sy * n))`.
        factor: f32,
    },
    /// A bias that was quantized with another scale than its layer's.
    #[error(
        "channel {channel}: the bias has scale {got}; onnxruntime adds it to the accumulator, so it has to be input \
         scale times weight scale, {expected}: quantize the bias with that scale"
    )]
    BiasScale {
        /// Channel of the bias.
        channel: usize,
        /// Its scale.
        got: f32,
        /// The scale of the accumulator.
        expected: f32,
    },
    /// A bias with a zero point.
    #[error("the bias has zero point {zero_point}; expected 0")]
    BiasZeroPoint {
        /// The zero point.
        zero_point: i32,
    },
    /// A bias in float32.
    #[error(
        "the bias '{name}' is float32; it has to be int32 with scale input scale times weight scale: quantize with \
         extra_options QuantizeBias=True"
    )]
    FloatBias {
        /// The bias.
        name: String,
    },
    /// A Relu on integers whose zero is not the real zero.
    #[error(
        "Relu on integers is max(q, 0), which is the real Relu only for zero point 0; the zero point is {zero_point}: \
         put Relu between DequantizeLinear and QuantizeLinear"
    )]
    IntegerRelu {
        /// Zero point of the tensor.
        zero_point: i32,
    },
}

impl QuantizationError {
    /// What the reason is about.
    pub(super) fn group(&self) -> ReasonGroup {
        match self {
            Self::Scale { .. }
            | Self::NotANumber { .. }
            | Self::ClipBounds { .. }
            | Self::Multiplier { .. }
            | Self::OperandScale { .. }
            | Self::AverageFactor { .. }
            | Self::BiasScale { .. }
            | Self::BiasZeroPoint { .. }
            | Self::IntegerRelu { .. } => ReasonGroup::Number,
            Self::FloatBias { .. } => ReasonGroup::Form,
        }
    }
}
