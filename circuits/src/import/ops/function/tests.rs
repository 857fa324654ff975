//! Operators of an activation and a constant: what becomes one table, what becomes several, and what is refused.

use crate::import::{
    ImportErrorKind, OperatorError, QuantizationError,
    proto::{TensorProto, data_type},
    tests::{
        assert_refused,
        models::{ModelBuilder, floats, int8s},
    },
};

/// int8 `x` [1, 3, 2] -> DequantizeLinear `f` -> the operator with the constant `c` -> QuantizeLinear -> `y`.
fn beside(op: &str, constant: TensorProto) -> ModelBuilder {
    ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .init(constant)
        .input("x", data_type::INT8, &[1, 3, 2])
        .output("y")
        .node("DequantizeLinear", &["x", "scale", "zero"], &["f"])
        .node(op, &["f", "c"], &["g"])
        .node("QuantizeLinear", &["g", "scale", "zero"], &["y"])
}

fn operators(model: &ModelBuilder) -> Vec<&'static str> {
    let model = model.import().unwrap_or_else(|error| panic!("{error}"));
    model.nodes.iter().map(|node| node.op.name()).collect()
}

#[test]
fn equal_numbers_beside_each_other_share_a_table() {
    for op in ["Sub", "Div", "Max", "Min", "PRelu", "Add", "Mul"] {
        assert_eq!(operators(&beside(op, floats("c", &[], &[3.0]))), ["table"], "{op}");
        assert_eq!(operators(&beside(op, floats("c", &[3, 1], &[3.0; 3]))), ["table"], "{op}");
        let two = beside(op, floats("c", &[3, 1], &[3.0, 3.0, 4.0]));
        assert_eq!(operators(&two), ["rearrange", "table", "rearrange", "table", "rearrange"], "{op}");
    }
}

#[test]
fn a_constant_that_varies_along_two_axes_or_makes_the_result_larger_is_refused() {
    for (dims, count) in [(&[3, 2][..], 6), (&[2, 1], 2), (&[1, 1, 1, 1], 1), (&[2, 1, 1], 2), (&[4], 4)] {
        for op in ["Sub", "Div", "Max", "Min", "PRelu", "Add", "Mul"] {
            let model = beside(op, floats("c", dims, &vec![3.0; count]));
            let error = assert_refused!(model, ImportErrorKind::Operator(OperatorError::VaryingConstant { name, .. }) if name == "c");
            assert!(error.to_string().contains("op_types_to_quantize"), "{error}");
        }
    }
}

#[test]
fn constants_that_are_no_numbers_are_refused() {
    for op in ["Sub", "Mul", "PRelu"] {
        let model = beside(op, floats("c", &[3, 1], &[1.0, f32::NAN, 2.0]));
        assert_refused!(model, ImportErrorKind::Quantization(QuantizationError::NotANumber { .. }));
    }
    assert_refused!(
        beside("PRelu", floats("c", &[], &[f32::INFINITY])),
        ImportErrorKind::Quantization(QuantizationError::NotANumber { role: "slope", .. })
    );
    let bounds = floats("c", &[3, 1], &[f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0]);
    assert_eq!(operators(&beside("Max", bounds)).iter().filter(|name| **name == "table").count(), 1);
}

/// int8 `x` and `z` [1, 3] -> dequantized `f` and `h` -> operators of the caller to `g` -> QuantizeLinear -> `y`.
fn two(operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .input("x", data_type::INT8, &[1, 3])
        .input("z", data_type::INT8, &[1, 3])
        .output("y")
        .node("DequantizeLinear", &["x", "scale", "zero"], &["f"])
        .node("DequantizeLinear", &["z", "scale", "zero"], &["h"]);
    operators(before).node("QuantizeLinear", &["g", "scale", "zero"], &["y"])
}

/// A QuantizeLinear/DequantizeLinear pair.
fn pair(model: ModelBuilder, from: &str, to: &str) -> ModelBuilder {
    let between = format!("{from}_quantized");
    model.node("QuantizeLinear", &[from, "scale", "zero"], &[&between]).node(
        "DequantizeLinear",
        &[&between, "scale", "zero"],
        &[to],
    )
}

#[test]
fn two_tensors_are_refused_with_what_is_accepted_instead() {
    let model = two(|model| model.node("Div", &["f", "h"], &["g"]));
    let error = assert_refused!(model, ImportErrorKind::Operator(OperatorError::Pair { .. }));
    assert!(error.to_string().contains("Reciprocal"), "{error}");
    let difference =
        two(|model| pair(model.node("Neg", &["h"], &["n"]), "n", "m").node("Add", &["f", "m"], &["g"]));
    assert_eq!(operators(&difference), ["table", "add"]);
    let inverse = two(|model| {
        pair(model.node("Exp", &["h"], &["e"]).node("Reciprocal", &["e"], &["n"]), "n", "m").node(
            "Mul",
            &["f", "m"],
            &["g"],
        )
    });
    assert_eq!(operators(&inverse), ["table", "multiply"]);
}
