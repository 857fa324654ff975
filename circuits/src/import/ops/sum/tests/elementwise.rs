//! Sums, products and functions: what is refused, and what needs no node.

use crate::{
    import::{
        ImportErrorKind, OperatorError, QuantizationError,
        error::UncertainAnswer,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, floats, int8s, int64s},
        },
    },
    ir::{Op, Source},
};

/// int8 `a` [1, 3, 2] and `b` [3, 1] -> the operator, every scale 0.5 and zero point 2 -> `y`.
fn pair(op: &str) -> ModelBuilder {
    let by = ["scale", "zero"];
    ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .input("a", data_type::INT8, &[1, 3, 2])
        .input("b", data_type::INT8, &[3, 1])
        .output("y")
        .node(op, &["a", by[0], by[1], "b", by[0], by[1], by[0], by[1]], &["y"])
}

#[test]
fn the_smaller_operand_is_repeated() {
    let model = pair("com.microsoft:QLinearAdd").import().unwrap();
    let names: Vec<&str> = model.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(names, ["rearrange", "add"]);
    let Op::Rearrange(repeated) = &model.nodes[0].op else { panic!("{model:?}") };
    let elements = [0, 0, 1, 1, 2, 2].map(|element| Source::Element { input: 0, element });
    assert_eq!(repeated.sources, elements);
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    for op in ["com.microsoft:QLinearAdd", "com.microsoft:QLinearMul"] {
        for (scale, other) in [(1e30, 1e-9), (1e-40, 1.0), (1e12, 1.0)] {
            let model = pair(op)
                .init(floats("other", &[], &[other]))
                .replace(floats("scale", &[], &[scale]))
                .with_node(&op["com.microsoft:".len()..], |node| node.input[6] = "other".to_owned());
            assert_refused!(model, ImportErrorKind::Quantization(QuantizationError::OperandScale { .. }));
        }
        let mut unsigned = pair(op);
        unsigned.graph().input[1] = crate::import::tests::models::value_info("b", data_type::UINT8, &[3, 1]);
        assert_refused!(unsigned, ImportErrorKind::Operator(OperatorError::ElementType { .. }));
        let mut shape = pair(op);
        shape.graph().input[1] = crate::import::tests::models::value_info("b", data_type::INT8, &[2, 1]);
        assert_refused!(shape, ImportErrorKind::Operator(OperatorError::Shape { role: "right operand", .. }));
    }
}

/// Elu of the negative integers, quantized so that some result is within float32 errors of a tie, or none.
#[test]
fn a_function_whose_last_bits_decide_is_refused_with_the_input() {
    let elu = |scale: f32| {
        between(|model| model.node("Elu", &["f"], &["g"]))
            .init(floats("other", &[], &[scale]))
            .with_node("QuantizeLinear", |node| node.input[1] = "other".to_owned())
    };
    // Input 1 is -0.5: its result is half a step of this scale.
    let tie = 2.0 * 0.393_469_34;
    let error = assert_refused!(
        elu(tie),
        ImportErrorKind::Uncertain(UncertainAnswer::Function { input: 1, low: 1, high: 2 })
    );
    assert!(error.to_string().contains("input integer 1 they decide"), "{error}");
    assert!(elu(tie * 1.001).import().is_ok());
}

/// int8 `x` -> DequantizeLinear -> operators of the caller from `f` to `g` -> QuantizeLinear -> `y`.
fn between(operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .input("x", data_type::INT8, &[1, 4])
        .output("y")
        .node("DequantizeLinear", &["x", "scale", "zero"], &["f"]);
    operators(before).node("QuantizeLinear", &["g", "scale", "zero"], &["y"])
}

#[test]
fn functions_in_a_row_are_one_table() {
    let model = between(|model| {
        model.scale("two", 2.0).node("Neg", &["f"], &["n"]).node("Mul", &["n", "two"], &["g"])
    });
    let model = model.import().unwrap();
    assert_eq!(model.nodes.len(), 1);
    let Op::Table(table) = &model.nodes[0].op else { panic!("{model:?}") };
    // y - 2 = -2 (x - 2)
    assert_eq!([126, 130, 131].map(|index| table.entries[index]), [10, 2, 0]);
    assert_eq!(model.tensors[1].range, (-128, 127));
}

#[test]
fn a_function_that_is_not_a_number_is_refused() {
    let root = between(|model| model.node("Sqrt", &["f"], &["g"]));
    assert_refused!(
        root,
        ImportErrorKind::Quantization(QuantizationError::NotANumber { role: "result of the function", .. })
    );
    let of_absolute = between(|model| model.node("Abs", &["f"], &["a"]).node("Sqrt", &["a"], &["g"]));
    assert_eq!(of_absolute.import().unwrap().nodes.len(), 1);
}

/// int8 `a` [1, 2, 1, 1] and `b` [1, 2, 3, 3] -> QLinearAdd at scales whose two orders round some sums differently.
fn per_channel_first(more: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let model = ModelBuilder::new(17)
        .scale("a_scale", 0.021_875)
        .scale("b_scale", 0.048_314_683)
        .scale("y_scale", 0.031_250_004)
        .init(int8s("zero", &[], &[0]))
        .init(int8s("b_zero", &[], &[127]))
        .init(int8s("y_zero", &[], &[34]))
        .input("a", data_type::INT8, &[1, 2, 1, 1])
        .input("b", data_type::INT8, &[1, 2, 3, 3])
        .output("y");
    let inputs = ["a", "a_scale", "zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"];
    more(model.node("com.microsoft:QLinearAdd", &inputs, &["sum"]))
}

/// Where onnxruntime may put the channels last, either operand may come first: a sum that shows it is refused.
#[test]
fn a_sum_whose_order_is_open_is_refused_where_it_matters() {
    let alone = per_channel_first(|model| model.node("Identity", &["sum"], &["y"]));
    assert!(alone.import().is_ok());
    let pooled = |model: ModelBuilder| model.node("MaxPool", &["sum"], &["y"]).ints("kernel_shape", &[2, 2]);
    let error =
        assert_refused!(per_channel_first(pooled), ImportErrorKind::Uncertain(UncertainAnswer::Order { .. }));
    assert!(error.to_string().contains("put the operand that has the shape of the result first"), "{error}");
    let swapped = per_channel_first(pooled).with_node("QLinearAdd", |node| {
        let names = ["b", "b_scale", "b_zero", "a", "a_scale", "zero", "y_scale", "y_zero"];
        node.input = names.map(str::to_owned).to_vec();
    });
    assert!(swapped.import().is_ok());
    // Sums of multiples of one power of two are exact in any order.
    let exact = ["a_scale", "b_scale"]
        .iter()
        .fold(per_channel_first(pooled), |model, scale| model.replace(floats(scale, &[], &[0.5])));
    assert!(exact.import().is_ok());
}

/// int8 `x` -> Dequantize, Tanh, Quantize (0.01), Dequantize -> operators of the caller from `f` to `g` -> Quantize (0.02),
/// Dequantize, Tanh, Quantize -> `y`.
fn quantized_twice(second: &str, between: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = ModelBuilder::new(17)
        .scale("first", 0.01)
        .scale("other", 0.02)
        .init(int8s("zero", &[], &[0]))
        .input("x", data_type::INT8, &[1, 4])
        .output("y")
        .node("DequantizeLinear", &["x", "first", "zero"], &["a"])
        .node("Tanh", &["a"], &["b"])
        .node("QuantizeLinear", &["b", "first", "zero"], &["c"])
        .node("DequantizeLinear", &["c", "first", "zero"], &["f"]);
    between(before)
        .node("QuantizeLinear", &["g", second, "zero"], &["d"])
        .node("DequantizeLinear", &["d", second, "zero"], &["e"])
        .node("Tanh", &["e"], &["h"])
        .node("QuantizeLinear", &["h", "first", "zero"], &["y"])
}

#[test]
fn two_quantizer_pairs_in_a_row_have_one_scale() {
    let nothing = |model: ModelBuilder| model.node("Identity", &["f"], &["g"]);
    assert!(quantized_twice("first", nothing).import().is_ok());
    let error = assert_refused!(
        quantized_twice("other", nothing),
        ImportErrorKind::Uncertain(UncertainAnswer::Pairs { .. })
    );
    for cure in
        ["remove one of the two pairs", "skip_optimization=True", "quant_format=QuantFormat.QOperator"]
    {
        assert!(error.to_string().contains(cure), "{error}");
    }
    let one = |model: ModelBuilder| model.scale("one", 1.0).node("Mul", &["one", "f"], &["g"]);
    let zero =
        |model: ModelBuilder| model.init(floats("none", &[], &[0.0])).node("Sub", &["f", "none"], &["g"]);
    let expanded = |model: ModelBuilder| {
        model.init(int64s("shape", &[2], &[1, 4])).node("Expand", &["f", "shape"], &["g"])
    };
    let turned =
        |model: ModelBuilder| model.node("Transpose", &["f"], &["t"]).node("Transpose", &["t"], &["g"]);
    let reshaped = |model: ModelBuilder| {
        model.init(int64s("shape", &[2], &[2, 2])).node("Reshape", &["f", "shape"], &["g"])
    };
    assert!(quantized_twice("first", reshaped).import().is_ok());
    for between in [one, zero, expanded, turned, reshaped] {
        assert_refused!(
            quantized_twice("other", between),
            ImportErrorKind::Uncertain(UncertainAnswer::Pairs { .. })
        );
    }
    let two = |model: ModelBuilder| model.scale("two", 2.0).node("Mul", &["f", "two"], &["g"]);
    assert!(quantized_twice("other", two).import().is_ok());
    assert!(quantized_twice("other", |model| model.node("Relu", &["f"], &["g"])).import().is_ok());
}

#[test]
fn a_clip_that_onnxruntime_could_leave_out_is_refused() {
    let clip = |scale: f32| {
        between(|model| model.scale("top", 100.0 * scale).node("Clip", &["f", "", "top"], &["g"]))
            .init(floats("other", &[], &[scale]))
            .with_node("QuantizeLinear", |node| node.input[1] = "other".to_owned())
    };
    assert!(clip(1e-6).import().is_ok());
    assert_refused!(clip(1.1e-7), ImportErrorKind::Uncertain(UncertainAnswer::Clip { .. }));
}
