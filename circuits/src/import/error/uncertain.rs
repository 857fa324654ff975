//! Where onnxruntime's answer depends on how it was compiled, or on its graph optimizations.

/// What the answer depends on, and integers that show it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UncertainAnswer {
    /// A float32 sum whose rounding errors reach over a threshold of its quantizer.
    #[error(
        "onnxruntime adds float32 values in '{operator}', and where the integers add up to {sum} the rounding errors decide \
         whether the result is {output} or the integer below, with the input scale {scale} and the output scale \
         {output_scale}: {}",
        sum_remedy(*scale, *output_scale, *is_pool, *other_output_scale)
    )]
    Sum {
        /// The node that adds.
        operator: String,
        /// Scale of the integers.
        scale: f32,
        /// Scale of the result.
        output_scale: f32,
        /// Sum of the integers, zero points subtracted.
        sum: i64,
        /// The larger of both results.
        output: i32,
        /// Whether it averages windows of an image.
        is_pool: bool,
        /// An output scale close by with which every sum decides its result, if one was found.
        other_output_scale: Option<f32>,
    },
    /// A function whose float32 error reaches over a threshold of its quantizer.
    #[error(
        "the last bits of this float32 function depend on how onnxruntime was compiled, and for the input integer {input} \
         they decide whether the result is {low} or {high}: change the output scale slightly, or use Relu, LeakyRelu, \
         HardSwish, Sigmoid, Tanh or Gelu, which are exact"
    )]
    Function {
        /// The input.
        input: i32,
        /// The smallest result.
        low: i32,
        /// The largest result.
        high: i32,
    },
    /// A comparison of a function whose float32 error reaches over what it is compared with.
    #[error(
        "the last bits of this float32 function depend on how onnxruntime was compiled, and for the input integer {input} they may \
         decide the comparison: put a QuantizeLinear/DequantizeLinear pair in front of it"
    )]
    Comparison {
        /// The input.
        input: i32,
    },
    /// A sum that onnxruntime rounds in an order that its graph optimizations decide.
    #[error(
        "onnxruntime adds the operands in an order that depends on how it lays their axes out, and of the integers {inputs:?} one \
         order makes {} and the other {}: put the operand that has the shape of the result first, or change a scale slightly",
        outputs[0], outputs[1]
    )]
    Order {
        /// Integers of the left and right operand.
        inputs: [i32; 2],
        /// Their sum in either order.
        outputs: [i32; 2],
    },
    /// Two pairs of quantizers in a row.
    #[error(
        "it quantizes again, with another scale or zero point, what '{first}' has quantized and nothing has changed since, and \
         onnxruntime makes one pair with a third scale of the two; remove one of the two pairs. Where quant_pre_process has made Gemm \
         and Reshape of MatMul and Add, its skip_optimization=True leaves them as they are, and QOperator format \
         (quant_format=QuantFormat.QOperator) writes one pair"
    )]
    Pairs {
        /// The first quantizer.
        first: String,
    },
    /// A quantizer behind Clip whose steps are smaller than what onnxruntime takes bounds to be equal by.
    #[error(
        "behind a Clip a scale is above {smallest}, got {scale}: onnxruntime may leave the Clip out otherwise; remove it, or \
         multiply the values by a larger factor"
    )]
    Clip {
        /// The scale.
        scale: f32,
        /// The smallest that is not accepted.
        smallest: f32,
    },
}

/// What makes a float32 sum one that the integers decide, the easiest first.
fn sum_remedy(scale: f32, output_scale: f32, is_pool: bool, other: Option<f32>) -> String {
    let mut remedies = Vec::new();
    let such_as = other.map(|other| format!(", such as {other}")).unwrap_or_default();
    if is_pool && scale == output_scale {
        remedies.push(format!(
            "quantize_static gives both one scale in QDQ format, which makes ties of averages: in QOperator format \
             (quant_format=QuantFormat.QOperator) the average has its own{such_as}, and then most are certain"
        ));
    } else if other.is_some() {
        remedies.push(format!("another output scale{such_as}, decides every result"));
    }
    remedies.push(format!(
        "or give the tensor that is averaged, of scale {scale}, one that is a power of two, such as {}, for which the sum is exact \
         (TensorQuantOverrides of quantize_static, for output scales too: docs/operators.md shows how)",
        power_of_two(scale)
    ));
    remedies.push(
        "or write the average as a depthwise Conv with equal weights, or one over the whole image as GlobalAveragePool"
            .to_owned(),
    );
    remedies.join("; ")
}

/// The smallest power of two that is no smaller than a scale: none of its values saturates more.
fn power_of_two(scale: f32) -> f32 {
    scale.log2().ceil().exp2()
}
