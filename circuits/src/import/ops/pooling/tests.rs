//! MaxPool, ReduceMax and GlobalMaxPool behind functions, and Pad behind them.

use crate::import::{
    ImportErrorKind, OperatorError, QuantizationError,
    proto::data_type,
    tests::{
        assert_refused,
        models::{ModelBuilder, floats, int8s, int64s, uint8s},
        pairs::{self, expected, outputs},
    },
};

/// int8 `x` [1, 1, 4, 4] -> DequantizeLinear -> operators of the caller from `f` to `g` -> QuantizeLinear -> `y`.
fn image(opset: i64, operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = ModelBuilder::new(opset)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .input("x", data_type::INT8, &[1, 1, 4, 4])
        .output("y")
        .node("DequantizeLinear", &["x", "scale", "zero"], &["f"]);
    operators(before).node("QuantizeLinear", &["g", "scale", "zero"], &["y"])
}

fn operators(model: &ModelBuilder) -> Vec<&'static str> {
    let model = model.import().unwrap_or_else(|error| panic!("{error}"));
    model.nodes.iter().map(|node| node.op.name()).collect()
}

#[test]
fn the_largest_value_of_a_rising_function_is_that_of_the_largest_integer() {
    let pool = |op: &str| {
        image(20, |model| {
            model.node(op, &["f"], &["h"]).node("MaxPool", &["h"], &["g"]).ints("kernel_shape", &[2, 2])
        })
    };
    assert_eq!(operators(&pool("HardSigmoid")), ["max pool", "table"]);
    assert_eq!(operators(&pool("Relu")), ["max pool", "table"]);
    assert_eq!(operators(&pool("Neg")), ["table", "max pool", "table"]);
    assert_eq!(operators(&pool("HardSwish")), ["table", "max pool", "table"]);
    let error =
        assert_refused!(pool("Sqrt"), ImportErrorKind::Quantization(QuantizationError::NotANumber { .. }));
    assert!(error.to_string().contains("result of the function"), "{error}");
}

#[test]
fn axes_to_reduce_are_an_attribute_before_opset_18_and_an_input_since() {
    let by_attribute =
        |opset| image(opset, |model| model.node("ReduceMax", &["f"], &["g"]).ints("axes", &[-1]));
    assert_eq!(by_attribute(17).import().unwrap().outputs[0].shape, [1, 1, 4, 1]);
    assert_refused!(by_attribute(18), ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "axes");
    let nothing = image(18, |model| {
        model.node("ReduceMax", &["f"], &["h"]).int("noop_with_empty_axes", 1).node("Relu", &["h"], &["g"])
    });
    assert_eq!(operators(&nothing), ["table"]);
    let outside = image(17, |model| model.node("ReduceMax", &["f"], &["g"]).ints("axes", &[4]));
    assert_refused!(outside, ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "axes");
}

#[test]
fn integers_are_reduced_only_where_onnx_knows_it() {
    let reduced = |op: &str, opset| {
        ModelBuilder::new(opset).input("x", data_type::INT8, &[1, 2, 3]).output("y").node(op, &["x"], &["y"])
    };
    assert_eq!(reduced("ReduceMax", 12).import().unwrap().outputs[0].shape, [1, 1, 1]);
    assert_refused!(
        reduced("ReduceMax", 11),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. })
    );
    assert_refused!(
        reduced("GlobalMaxPool", 17),
        ImportErrorKind::Operator(OperatorError::InputForm { role: "input", .. })
    );
}

/// Pad by one column, with a constant that is dequantized or a float.
fn padded(function: &str, constant: &str) -> ModelBuilder {
    image(17, |model| {
        model
            .init(int64s("pads", &[8], &[0, 0, 0, 1, 0, 0, 0, 0]))
            .init(floats("odd", &[], &[0.3]))
            .init(uint8s("integer", &[], &[9]))
            .init(uint8s("integer_zero", &[], &[10]))
            .node("DequantizeLinear", &["integer", "scale", "integer_zero"], &["dequantized"])
            .node(function, &["f"], &["h"])
            .node("Pad", &["h", "pads", constant], &["g"])
    })
}

#[test]
fn pad_takes_a_constant_that_the_values_before_it_take() {
    use crate::ir::{Op, Source};

    let fill = |model: ModelBuilder| {
        let model = model.import().unwrap_or_else(|error| panic!("{error}"));
        model.nodes.iter().find_map(|node| match &node.op {
            Op::Rearrange(copy) => copy.sources.first().copied(),
            _ => None,
        })
    };
    // 2 - 0.5 / 0.5
    assert_eq!(fill(padded("Identity", "dequantized")), Some(Source::Constant(1)));
    assert_eq!(fill(padded("Neg", "dequantized")), Some(Source::Constant(3)));
    for (function, constant) in [("Identity", "odd"), ("Neg", "odd"), ("Abs", "dequantized")] {
        let error = assert_refused!(
            padded(function, constant),
            ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "constant value"
        );
        assert!(error.to_string().contains("in front of Pad"), "{error}");
    }
    assert_refused!(
        padded("Neg", "f"),
        ImportErrorKind::Operator(OperatorError::NotConstant { role: "constant value", .. })
    );
}

#[test]
fn the_largest_and_the_smallest_of_tensors_are_those_of_float32_for_every_pair() {
    for scales in [[0.030_113, 0.050_471, 0.040_629], [0.5, 0.25, 0.5]] {
        for (op, of) in [("Max", f32::max as fn(f32, f32) -> f32), ("Min", f32::min)] {
            let two_of = pairs::two(scales, |model| model.node(op, &["f", "h"], &["g"]));
            assert_eq!(outputs(&two_of.import().unwrap()), expected(scales, of), "{op}");
            let three = pairs::two(scales, |model| {
                let model = model.scale("number", 0.7).node("Neg", &["h"], &["n"]);
                model.node(op, &["f", "number", "n"], &["r"]).node("Relu", &["r"], &["g"])
            });
            let of_three = |a, b: f32| of(of(a, 0.7), -b).max(0.0);
            assert_eq!(outputs(&three.import().unwrap()), expected(scales, of_three), "{op}");
        }
    }
}
