//! ConvInteger and MatMulInteger with the float32 operators behind them, and sums over axes: thresholds, and refusals.

use crate::{
    import::{
        GraphError, ImportErrorKind, OperatorError,
        error::UncertainAnswer,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, floats, int8s, int32s, int64s, uint8s},
        },
    },
    ir::{ChannelSteps, FullyConnected, Op},
};

/// int8 `x` [1, 3] -> MatMulInteger -> int32 `acc` -> operators of the caller to `f` -> QuantizeLinear -> int8 `y`.
fn mat_mul(operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let before = ModelBuilder::new(17)
        .input("x", data_type::INT8, &[1, 3])
        .init(int8s("x_zero", &[], &[3]))
        .init(int8s("w", &[3, 2], &[1, -2, 3, 4, -5, 6]))
        .init(int8s("w_zero", &[2], &[1, 0]))
        .scale("y_scale", 0.5)
        .init(int8s("y_zero", &[], &[4]))
        .scale("m", 0.0625)
        .init(floats("b", &[2], &[0.3, -0.7]))
        .node("MatMulInteger", &["x", "w", "x_zero", "w_zero"], &["acc"])
        .output("y");
    operators(before).node("QuantizeLinear", &["f", "y_scale", "y_zero"], &["y"])
}

fn cast(model: ModelBuilder, to: &str) -> ModelBuilder {
    model.node("Cast", &["acc"], &[to]).int("to", i64::from(data_type::FLOAT))
}

fn layer(model: &ModelBuilder) -> FullyConnected {
    let [layer] = &model.layers()[..] else { panic!("one layer") };
    layer.clone()
}

/// Every output of a layer that a float32 formula gives, over the reachable accumulators.
#[track_caller]
fn assert_steps(layer: &FullyConnected, output: impl Fn(usize, f32) -> f32) {
    assert!(matches!(layer.requantize.channels, ChannelSteps::Thresholds(_)));
    let ranges = layer.accumulator_ranges((-128, 127));
    for (channel, (function, range)) in layer.requantize.functions().iter().zip(ranges).enumerate() {
        for acc in range.lo..=range.hi {
            let expected = (output(channel, acc as f32) / 0.5).round_ties_even() as i32 + 4;
            assert_eq!(function.output(acc), expected.clamp(-128, 127), "channel {channel}, {acc}");
        }
    }
}

#[test]
fn scales_and_biases_become_thresholds() {
    let model =
        mat_mul(|model| cast(model, "r").node("Mul", &["m", "r"], &["s"]).node("Add", &["s", "b"], &["f"]));
    let layer = layer(&model);
    assert_eq!((layer.input_zero_point, &layer.weights), (3, &vec![0, 2, -6, -2, 4, 6]));
    assert_steps(&layer, |channel, acc| acc * 0.0625 + [0.3, -0.7][channel]);
}

#[test]
fn integers_clamps_and_quotients_become_thresholds() {
    let model = mat_mul(|model| {
        let model = model.init(int32s("c", &[1, 2], &[50, -60])).node("Add", &["c", "acc"], &["acc2"]);
        let model = model.node("Cast", &["acc2"], &["r"]).int("to", i64::from(data_type::FLOAT));
        model.scale("d", 12.7).node("Div", &["r", "d"], &["s"]).node("Relu", &["s"], &["t"]).node(
            "Sub",
            &["t", "b"],
            &["f"],
        )
    });
    let layer = layer(&model);
    assert_eq!(layer.bias, [50, -60]);
    assert_steps(&layer, |channel, acc| (acc / 12.7).max(0.0) - [0.3, -0.7][channel]);
}

#[test]
fn a_product_of_two_scales_is_folded() {
    let folded = mat_mul(|model| {
        let model = model.scale("n", 0.3).node("Mul", &["m", "n"], &["mn"]);
        cast(model, "r").node("Mul", &["r", "mn"], &["f"])
    });
    assert_steps(&layer(&folded), |_, acc| acc * (0.0625 * 0.3));
}

#[test]
fn what_is_not_monotone_or_not_per_channel_is_refused() {
    let after = |op: &str, inputs: [&str; 2]| {
        mat_mul(|model| {
            cast(model.scale("minus", -1.0).init(floats("three", &[3], &[1.0; 3])), "r").node(
                op,
                &inputs,
                &["f"],
            )
        })
    };
    assert!(after("Mul", ["r", "m"]).import().is_ok());
    assert_refused!(after("Mul", ["r", "minus"]), ImportErrorKind::Operator(OperatorError::SumFactor { .. }));
    assert_refused!(after("Sub", ["m", "r"]), ImportErrorKind::Operator(OperatorError::SumOperand { .. }));
    assert_refused!(after("Div", ["m", "r"]), ImportErrorKind::Operator(OperatorError::SumOperand { .. }));
    assert_refused!(after("Mul", ["r", "three"]), ImportErrorKind::Operator(OperatorError::Shape { .. }));
    assert_refused!(after("Mul", ["r", "r"]), ImportErrorKind::Operator(OperatorError::NotConstant { .. }));
    assert_refused!(
        mat_mul(|model| model.node("Mul", &["acc", "m"], &["f"])),
        ImportErrorKind::Operator(OperatorError::SumOperand { .. })
    );
    assert_refused!(
        mat_mul(|model| model.node("Identity", &["acc"], &["f"])),
        ImportErrorKind::Operator(OperatorError::InputForm { .. })
    );
    let many = mat_mul(|mut model| {
        model = cast(model, "r0");
        for index in 0..17 {
            model = model.node("Mul", &[&format!("r{index}"), "m"], &[&format!("r{}", index + 1)]);
        }
        model.node("Identity", &["r17"], &["f"])
    });
    assert_refused!(many, ImportErrorKind::Operator(OperatorError::ArithmeticSteps { limit: 16 }));
}

#[test]
fn accumulators_and_float_results_are_no_outputs() {
    for name in ["acc", "f"] {
        let model = mat_mul(|model| cast(model, "r").node("Mul", &["r", "m"], &["f"])).output(name);
        assert_refused!(model, ImportErrorKind::Graph(GraphError::OutputForm { .. }));
    }
}

#[test]
fn zero_points_have_the_types_and_shapes_of_onnxruntime() {
    let model = || mat_mul(|model| cast(model, "r").node("Mul", &["r", "m"], &["f"]));
    assert_refused!(
        model().replace(uint8s("x_zero", &[], &[3])),
        ImportErrorKind::Operator(OperatorError::ElementType { .. })
    );
    assert_refused!(
        model().replace(uint8s("w_zero", &[], &[3])),
        ImportErrorKind::Operator(OperatorError::ElementType { .. })
    );
    assert_refused!(
        model().replace(int8s("x_zero", &[2], &[3, 3])),
        ImportErrorKind::Operator(OperatorError::ElementType { .. })
    );
    assert_refused!(
        model().replace(int8s("w_zero", &[3], &[3; 3])),
        ImportErrorKind::Operator(OperatorError::Shape { .. })
    );
    assert_refused!(
        model().replace(int8s("w_zero", &[2, 1], &[3; 2])),
        ImportErrorKind::Operator(OperatorError::Shape { .. })
    );
    assert!(model().replace(int8s("w_zero", &[1, 2], &[3; 2])).import().is_ok());
}

/// int8 `x` [1, 3, 4] -> ReduceMean between quantizers with this input scale -> `y`.
fn mean(scale: f32, axes: &[i64]) -> ModelBuilder {
    ModelBuilder::new(18)
        .input("x", data_type::INT8, &[1, 3, 4])
        .scale("x_scale", scale)
        .init(int8s("zero", &[], &[1]))
        .scale("y_scale", 0.1)
        .init(int64s("axes", &[i64::try_from(axes.len()).unwrap()], axes))
        .node("DequantizeLinear", &["x", "x_scale", "zero"], &["f"])
        .node("ReduceMean", &["f", "axes"], &["m"])
        .node("QuantizeLinear", &["m", "y_scale", "zero"], &["y"])
        .output("y")
}

#[test]
fn a_mean_is_exact_or_refused() {
    let model = mean(0.25, &[-1]).import().unwrap();
    assert_eq!(model.outputs[0].shape, [1, 3, 1]);
    let Op::Convolution(layer) = &model.nodes[0].op else { panic!("{model:?}") };
    assert_eq!((layer.groups, layer.window.taps(), layer.input_zero_point), (3, 4, 1));
    let error = assert_refused!(mean(0.1, &[-1]), ImportErrorKind::Uncertain(UncertainAnswer::Sum { .. }));
    assert!(error.to_string().contains("of scale 0.1, one that is a power of two, such as 0.125"), "{error}");
    assert_refused!(mean(0.25, &[3]), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    let model = mean(0.25, &[1]).import().unwrap();
    let Op::Convolution(layer) = &model.nodes[0].op else { panic!("{model:?}") };
    assert_eq!((layer.channels_in, layer.channels_out, layer.window.output), (3, 1, [4, 1]));
}
