//! Models of two tensors that meet in every pair of integers.

use super::models::{ModelBuilder, int8s};
use crate::{import::proto::data_type, ir::Model, reference};

/// int8 `x` [1, 256] and `z` [256, 1], dequantized to `f` and `h` with these scales -> operators of the caller to `g` ->
/// QuantizeLinear -> `y`: every pair of integers.
pub(in crate::import) fn two(
    scales: [f32; 3],
    operators: impl FnOnce(ModelBuilder) -> ModelBuilder,
) -> ModelBuilder {
    let before = ModelBuilder::new(17)
        .scale("first", scales[0])
        .scale("second", scales[1])
        .scale("third", scales[2])
        .init(int8s("three", &[], &[3]))
        .init(int8s("minus", &[], &[-20]))
        .input("x", data_type::INT8, &[1, 256])
        .input("z", data_type::INT8, &[256, 1])
        .output("y")
        .node("DequantizeLinear", &["x", "first", "three"], &["f"])
        .node("DequantizeLinear", &["z", "second", "minus"], &["h"]);
    operators(before).node("QuantizeLinear", &["g", "third", "three"], &["y"])
}

pub(in crate::import) fn outputs(model: &Model) -> Vec<i32> {
    let all: Vec<i32> = (-128..128).collect();
    let trace = reference::run(model, &[all.clone(), all]).unwrap();
    trace.outputs()[0].to_vec()
}

/// `quantize(operator(dequantize(a), dequantize(b)))` for all pairs, rows by b.
pub(in crate::import) fn expected(scales: [f32; 3], operator: impl Fn(f32, f32) -> f32) -> Vec<i32> {
    let pairs = (-128_i16..128).flat_map(|b| (-128_i16..128).map(move |a| (a, b)));
    let result = |(a, b)| {
        let value = operator(f32::from(a - 3) * scales[0], f32::from(b + 20) * scales[1]);
        ((value / scales[2]).round_ties_even() as i32 + 3).clamp(-128, 127)
    };
    pairs.map(result).collect()
}
