//! Layers between DequantizeLinear and QuantizeLinear, with what is merged into them.

use crate::{
    import::{
        GraphError, ImportErrorKind, OperatorError, QuantizationError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{
                ModelBuilder, floats, int8s, int32s, int64s, q_gemm, q_linear_mat_mul, qdq, qdq_around,
                qdq_relu, uint8s,
            },
        },
    },
    ir::Op,
};

fn clamp(model: &ModelBuilder) -> (i32, i32) {
    let requantize = &model.layers()[0].requantize;
    let range = model.import().unwrap().tensors[1].range;
    assert_eq!(range, (requantize.lo, requantize.hi));
    range
}

#[test]
fn the_qdq_form_is_the_q_operator_form() {
    let q_operator = q_gemm().import().unwrap();
    let mut transposed = qdq().with_node("Gemm", |node| node.name = "layer".to_owned()).replace(int8s(
        "w",
        &[2, 3],
        &[1, 3, -5, -2, 4, 6],
    ));
    transposed.graph().node[3]
        .attribute
        .push(ModelBuilder::new(17).node("", &[], &[]).int("transB", 1).graph().node[0].attribute[0].clone());
    for qdq in [qdq(), transposed] {
        let qdq = qdq.import().unwrap();
        assert_eq!(qdq.id(), q_operator.id());
        assert_eq!(qdq.tensors, q_operator.tensors);
        assert_eq!(qdq.nodes[0].op, q_operator.nodes[0].op);
    }
}

/// MatMul, with or without an Add on either side.
fn mat_mul(add: Option<[&str; 2]>) -> ModelBuilder {
    let mut model = qdq();
    let nodes = &mut model.graph().node;
    nodes.truncate(3);
    let product = if add.is_some() { "product" } else { "r" };
    let model = model.node("MatMul", &["x_float", "w_float"], &[product]);
    let model = match add {
        Some(addends) => model.node("Add", &addends, &["r"]),
        None => model,
    };
    model.node("QuantizeLinear", &["r", "y_scale", "y_zero"], &["y"])
}

#[test]
fn mat_mul_and_add_are_a_layer_with_bias() {
    let q_operator = q_gemm().import().unwrap().id();
    assert_eq!(mat_mul(Some(["product", "bias_float"])).import().unwrap().id(), q_operator);
    assert_eq!(mat_mul(Some(["bias_float", "product"])).import().unwrap().id(), q_operator);
    assert_eq!(mat_mul(None).import().unwrap().id(), q_linear_mat_mul().import().unwrap().id());
}

#[test]
fn gemm_needs_its_bias_before_opset_11() {
    let without_bias = |opset: i64| {
        let mut model = qdq().with_node("Gemm", |node| node.input.truncate(2));
        model.proto.opset_import[0].version = opset;
        model
    };
    assert_eq!(without_bias(11).layers()[0].bias, [0, 0]);
    assert_refused!(
        without_bias(10),
        ImportErrorKind::Operator(OperatorError::InputCount { got: 2, min: 3, max: 3 })
    );
}

#[test]
fn quantizer_parameters_have_rank_zero_or_one() {
    for name in ["x_scale", "w_scale", "y_scale", "bias_scale"] {
        assert_refused!(
            qdq().replace(floats(name, &[1, 1], &[0.5])),
            ImportErrorKind::Operator(OperatorError::Shape { .. })
        );
    }
    for name in ["x_zero", "w_zero", "y_zero"] {
        assert_refused!(
            qdq().replace(int8s(name, &[1, 1], &[0])),
            ImportErrorKind::Operator(OperatorError::Shape { .. })
        );
    }
    let bound = qdq_around(|model| {
        model.init(floats("max", &[1, 1], &[6.0])).node("Clip", &["r0", "", "max"], &["r"])
    });
    assert_refused!(bound, ImportErrorKind::Operator(OperatorError::ElementType { role: "clip bound", .. }));
}

#[test]
fn only_a_constant_bias_is_added() {
    assert_refused!(
        mat_mul(Some(["x_float", "bias_float"])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "right operand", got, .. }) if got == "int32"
    );
    let error = assert_refused!(
        mat_mul(Some(["product", "x_float"])),
        ImportErrorKind::Operator(OperatorError::ActivationAddition { left, right }) if left == "product" && right == "x_float"
    );
    assert!(error.to_string().contains("pair behind the layer"), "{error}");
    assert!(!error.to_string().contains("quant_pre_process"), "{error}");
    assert_eq!(error.node.unwrap().op, "Add");
    assert_refused!(
        mat_mul(Some(["x_float", "product"])),
        ImportErrorKind::Operator(OperatorError::ActivationAddition { .. })
    );
    let twice = qdq_around(|model| model.node("Add", &["r0", "bias_float"], &["r"]));
    assert_refused!(twice, ImportErrorKind::Operator(OperatorError::Addend { .. }));
    let behind_relu = mat_mul(Some(["clamped", "bias_float"])).node("Relu", &["product"], &["clamped"]);
    assert_refused!(behind_relu, ImportErrorKind::Operator(OperatorError::Addend { .. }));
}

#[test]
fn relu_becomes_the_zero_point_as_lower_bound() {
    assert_eq!(clamp(&qdq()), (-128, 127));
    assert_eq!(clamp(&qdq_relu()), (-7, 127));
    assert_eq!(clamp(&qdq_relu().replace(int8s("y_zero", &[], &[-128]))), (-128, 127));
}

/// Clip with optional bounds.
fn clip(min: Option<f32>, max: Option<f32>) -> ModelBuilder {
    qdq_around(|mut model| {
        let names = [min.map_or("", |_| "min"), max.map_or("", |_| "max")];
        for (name, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                model = model.scale(name, bound);
            }
        }
        model.node("Clip", &["r0", names[0], names[1]], &["r"])
    })
}

#[test]
fn clip_bounds_are_quantized_like_the_values_between_them() {
    // Scale 0.75, zero point -7: 6 is 8 steps, 3.375 is 4.5 steps and rounds to 4, -1.2 rounds to -2 steps.
    assert_eq!(clamp(&clip(Some(0.0), Some(6.0))), (-7, 1));
    assert_eq!(clamp(&clip(Some(-1.2), Some(3.375))), (-9, -3));
    assert_eq!(clamp(&clip(Some(-1.2), None)), (-9, 127));
    assert_eq!(clamp(&clip(None, Some(-3.375))), (-128, -11));
    assert_eq!(clamp(&clip(Some(f32::NEG_INFINITY), Some(f32::INFINITY))), (-128, 127));
    assert_eq!(clamp(&clip(Some(-1e30), Some(1e30))), (-128, 127));
    assert_eq!(clamp(&clip(Some(500.0), Some(600.0))), (127, 127));
    // Of bounds in the wrong order the upper one.
    assert_eq!(clamp(&clip(Some(6.0), Some(0.0))), (-7, -7));
    assert_refused!(
        clip(Some(f32::NAN), None),
        ImportErrorKind::Quantization(QuantizationError::NotANumber { .. })
    );
}

#[test]
fn clip_before_opset_11_has_its_bounds_in_attributes() {
    let mut model =
        qdq_around(|model| model.node("Clip", &["r0"], &["r"]).float("min", 0.0).float("max", 6.0));
    model.proto.opset_import[0].version = 10;
    assert_eq!(clamp(&model), (-7, 1));
    model.proto.opset_import[0].version = 11;
    assert_refused!(model, ImportErrorKind::Operator(OperatorError::UnknownAttribute { .. }));
}

#[test]
fn clamps_compose_in_order() {
    let relu_then_clip = qdq_around(|model| {
        model.node("Relu", &["r0"], &["r1"]).scale("min", -3.0).scale("max", 6.0).node(
            "Clip",
            &["r1", "min", "max"],
            &["r"],
        )
    });
    assert_eq!(clamp(&relu_then_clip), (-7, 1));
    // Everything at least 0 and then at most -3 is -3.
    let disjoint = qdq_around(|model| {
        model.node("Relu", &["r0"], &["r1"]).scale("max", -3.0).node("Clip", &["r1", "", "max"], &["r"])
    });
    assert_eq!(clamp(&disjoint), (-11, -11));
}

/// Quantize, dequantize, an operator, quantize again with the scale and zero point of the names given.
fn pair_then(op: &str, scale: &str, zero: &str) -> ModelBuilder {
    qdq_around(|model| {
        model
            .scale("other_scale", 0.5)
            .init(int8s("other_zero", &[], &[-8]))
            .init(uint8s("unsigned_zero", &[], &[0]))
            .node("QuantizeLinear", &["r0", scale, zero], &["q"])
            .node("DequantizeLinear", &["q", scale, zero], &["dq"])
            .node(op, &["dq"], &["r"])
    })
}

#[test]
fn relu_behind_a_pair_of_the_same_parameters_is_a_clamp() {
    let model = pair_then("Relu", "y_scale", "y_zero");
    assert_eq!(clamp(&model), (-7, 127));
    assert_eq!(model.layers().len(), 1);
    assert_eq!(model.import().unwrap().id(), qdq_relu().import().unwrap().id());
    for (scale, zero) in [("other_scale", "y_zero"), ("y_scale", "other_zero")] {
        for op in ["Relu", "Identity"] {
            let model = pair_then(op, scale, zero).import().unwrap();
            assert_eq!(model.nodes.len(), 2);
            assert!(matches!(model.nodes[1].op, Op::Table(_)));
        }
    }
    assert_eq!(
        pair_then("Identity", "y_scale", "y_zero").import().unwrap().id(),
        qdq().import().unwrap().id()
    );
}

#[test]
fn a_clamp_leaves_other_readers_alone() {
    let model = pair_then("Relu", "y_scale", "y_zero").output("q").import().unwrap();
    assert_eq!(model.nodes.len(), 2);
    let ranges: Vec<_> = model.outputs.iter().map(|output| model.tensor(output.tensor).range).collect();
    assert_eq!(ranges, [(-7, 127), (-128, 127)]);
    assert_eq!(model.outputs[1].name, "q");
}

#[test]
fn a_scale_that_loses_values_between_quantizers_is_a_table() {
    let model = pair_then("Identity", "y_scale", "y_zero")
        .replace(floats("y_scale", &[], &[3e36]))
        .replace(floats("w_scale", &[], &[1e38]))
        .replace(floats("bias_scale", &[], &[0.5e38]));
    let model = model.import().unwrap();
    let Op::Table(table) = &model.nodes[1].op else { panic!("{model:?}") };
    // 3e36 times 114 and more is infinite, which saturates.
    assert_eq!((table.entries[0], table.entries[121], table.entries[255]), (-128, -7, 127));
}

#[test]
fn relu_and_clip_on_integers_are_clamps() {
    let integer = |op: &str, inputs: &[&str], zero: i8| {
        let mut model = q_gemm().replace(int8s("y_zero", &[], &[zero])).init(int8s("lo", &[], &[-3]));
        model = model.init(int8s("hi", &[], &[9])).init(uint8s("wrong", &[], &[9]));
        model.graph().output.clear();
        model.node(op, inputs, &["z"]).output("z")
    };
    assert_eq!(clamp(&integer("Relu", &["y"], 0)), (0, 127));
    assert_eq!(clamp(&integer("Clip", &["y", "lo", "hi"], 5)), (-3, 9));
    assert_eq!(clamp(&integer("Clip", &["y", "hi", "lo"], 5)), (-3, -3));
    assert_refused!(
        integer("Clip", &["y", "wrong"], 5),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "clip bound", .. })
    );
    assert_refused!(
        integer("Relu", &["y"], 1),
        ImportErrorKind::Quantization(QuantizationError::IntegerRelu { zero_point: 1 })
    );
    for (op, inputs, range) in [("Relu", &["x"][..], (0, 127)), ("Clip", &["x", "lo"], (-3, 127))] {
        let model = integer(op, inputs, 0).output("y").import().unwrap();
        let clamped = model.outputs[0].tensor;
        assert!(matches!(model.nodes.iter().find(|node| node.output == clamped).unwrap().op, Op::Table(_)));
        assert_eq!(model.tensor(clamped).range, range);
    }
    for (op, before) in [("Relu", 13), ("Clip", 11)] {
        let mut old = integer(op, &["y"], 0);
        old.proto.opset_import[0].version = before;
        assert_refused!(old, ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. }));
    }
}

#[test]
fn weights_per_channel_run_along_the_output_axis() {
    let per_channel = |axis: i64| {
        let mut model = qdq()
            .replace(floats("w_scale", &[2], &[0.25, 0.5]))
            .replace(int8s("w_zero", &[2], &[0, 1]))
            .replace(floats("bias_scale", &[2], &[0.125, 0.25]));
        let attribute = ModelBuilder::new(17).node("", &[], &[]).int("axis", axis);
        model.graph().node[1].attribute = attribute.clone().graph().node[0].attribute.clone();
        model.graph().node[2].attribute = attribute.int("axis", 0).graph().node[0].attribute[1..].to_vec();
        model
    };
    let layer = &per_channel(1).layers()[0];
    assert_eq!(layer.requantize.multipliers(), [0.125_f32 / 0.75, 0.25_f32 / 0.75]);
    assert_eq!(layer.weights, [1, 3, -5, -3, 3, 5]);
    assert_eq!(per_channel(-1).import(), per_channel(1).import());
    assert_refused!(per_channel(2), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "axis");
    assert_refused!(
        per_channel(0),
        ImportErrorKind::Operator(OperatorError::Shape { role: "scale or zero point of a constant", .. })
    );
    let mut along_inputs =
        qdq().replace(floats("w_scale", &[3], &[1.0; 3])).replace(int8s("w_zero", &[3], &[0; 3]));
    along_inputs.graph().node[1].attribute =
        ModelBuilder::new(17).node("", &[], &[]).int("axis", 0).graph().node[0].attribute.clone();
    assert_refused!(
        along_inputs,
        ImportErrorKind::Operator(OperatorError::Shape { role: "weight scale", .. })
    );
}

#[test]
fn the_bias_has_the_scale_of_the_accumulator() {
    let one_up = f32::from_bits(0.125_f32.to_bits() + 1);
    assert_eq!(qdq().replace(floats("bias_scale", &[], &[one_up])).import(), qdq().import());
    assert_refused!(
        qdq().replace(floats("bias_scale", &[], &[0.12501])),
        ImportErrorKind::Quantization(QuantizationError::BiasScale { channel: 0, expected: 0.125, .. })
    );
    let mut with_zero_point = qdq().init(int32s("bias_zero", &[], &[4]));
    with_zero_point.graph().node[2].input.push("bias_zero".to_owned());
    assert_refused!(
        with_zero_point,
        ImportErrorKind::Quantization(QuantizationError::BiasZeroPoint { zero_point: 4 })
    );
    let float = qdq().init(floats("float_bias", &[2], &[1.0, 2.0]));
    assert_refused!(
        float.with_node("Gemm", |node| node.input[2] = "float_bias".to_owned()),
        ImportErrorKind::Quantization(QuantizationError::FloatBias { name }) if name == "float_bias"
    );
    let narrow = qdq().replace(int8s("bias", &[2], &[1, 2]));
    assert_refused!(narrow, ImportErrorKind::Operator(OperatorError::ElementType { role: "bias", .. }));
}

#[test]
fn float_weights_are_quantized_by_the_file() {
    let values = [1.0, -2.0, 3.0, 4.0, -5.0, 6.0].map(|weight: f32| weight * 0.25 + 0.01);
    let model = qdq().init(floats("w_source", &[3, 2], &values));
    let folded = |mut model: ModelBuilder| {
        model.graph().initializer.retain(|tensor| tensor.name != "w");
        model.node("QuantizeLinear", &["w_source", "w_scale", "w_zero"], &["w"])
    };
    assert_eq!(folded(model).import().unwrap().id(), qdq().import().unwrap().id());
    let infinite = qdq().init(floats("w_source", &[3, 2], &[f32::INFINITY; 6]));
    assert_refused!(folded(infinite), ImportErrorKind::Quantization(QuantizationError::NotANumber { .. }));
}

#[test]
fn float_weights_or_activations_are_refused() {
    let float_weights = qdq().init(floats("w_source", &[3, 2], &[0.0; 6]));
    assert_refused!(
        float_weights.with_node("Gemm", |node| node.input[1] = "w_source".to_owned()),
        ImportErrorKind::Operator(OperatorError::InputForm { role: "weights", .. })
    );
    let float_input = qdq().input("f", data_type::FLOAT, &[1, 3]);
    let error = assert_refused!(
        float_input.with_node("Gemm", |node| node.input[0] = "f".to_owned()),
        ImportErrorKind::Operator(OperatorError::InputForm { role: "input", .. })
    );
    assert!(error.to_string().contains("quantize_static"), "{error}");
    let unquantized_relu =
        pair_then("Relu", "y_scale", "y_zero").node("Gemm", &["r", "w_float", "bias_float"], &["second"]);
    assert_refused!(
        unquantized_relu.output("second"),
        ImportErrorKind::Operator(OperatorError::InputForm { role: "input", .. })
    );
}

#[test]
fn a_float_result_feeds_one_quantizer() {
    let error = assert_refused!(
        qdq_relu().node("QuantizeLinear", &["r0", "y_scale", "y_zero"], &["z"]).output("z"),
        ImportErrorKind::Operator(OperatorError::FloatFanOut { uses: 2, .. })
    );
    assert!(error.to_string().contains("'r0'"), "{error}");
    let mut unquantized = qdq_relu();
    unquantized.graph().output[0].name = "r".to_owned();
    assert_refused!(unquantized, ImportErrorKind::Graph(GraphError::OutputForm { .. }));
}

#[test]
fn gemm_attributes_change_the_arithmetic_and_are_refused() {
    let with = |set: fn(ModelBuilder) -> ModelBuilder| {
        let attributes = set(ModelBuilder::new(17).node("", &[], &[])).graph().node[0].attribute.clone();
        qdq().with_node("Gemm", |node| node.attribute = attributes)
    };
    assert_eq!(
        with(|node| node.float("alpha", 1.0).float("beta", 1.0).int("transA", 0)).import(),
        qdq().import()
    );
    for changed in [
        with(|node| node.float("alpha", -2.0)),
        with(|node| node.int("transA", 2)),
        with(|node| node.int("alpha", 1)),
    ] {
        assert_refused!(changed, ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    }
    // onnxruntime leaves it in float32 where there is a bias: one function if nothing is rounded.
    for (name, value) in [("alpha", 2.0), ("beta", 2.0), ("beta", 0.5)] {
        let attributes =
            ModelBuilder::new(17).node("", &[], &[]).float(name, value).graph().node[0].attribute.clone();
        let exact = qdq().with_node("Gemm", |node| node.attribute = attributes);
        assert!(exact.import().is_ok(), "{name} {value}");
        let rounded = exact.replace(floats("x_scale", &[], &[0.3]));
        let error = assert_refused!(
            rounded,
            ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == name
        );
        assert!(error.to_string().contains("before quantizing"), "{error}");
    }
    assert_refused!(
        with(|node| node.int("transA", 1)),
        ImportErrorKind::Operator(OperatorError::Shape { .. })
    );
    // Without a bias beta has no meaning, and alpha multiplies.
    let alone = with(|node| node.float("alpha", 2.0).float("beta", 0.5));
    let alone = alone.with_node("Gemm", |node| node.input.truncate(2)).layers();
    let plain = qdq().with_node("Gemm", |node| node.input.truncate(2)).layers();
    let doubled: Vec<f32> = plain[0].requantize.multipliers().iter().map(|factor| 2.0 * factor).collect();
    assert_eq!(alone[0].requantize.multipliers(), doubled);
}

#[test]
fn gemm_takes_its_input_transposed() {
    let mut model = qdq().with_node("Gemm", |node| node.attribute.clear());
    let columns = ModelBuilder::new(17).node("", &[], &[]).int("transA", 1).graph().node[0].attribute.clone();
    model = model.with_node("Gemm", |node| node.attribute = columns);
    model.graph().input[0] =
        crate::import::tests::models::value_info("x", crate::import::proto::data_type::INT8, &[3, 1]);
    assert_eq!(model.import().unwrap().outputs[0].shape, [1, 2]);
    assert_eq!(model.layers(), qdq().with_node("Gemm", |node| node.attribute.clear()).layers());
}

#[test]
fn shapes_pass_between_equal_quantizers_and_not_before_one() {
    let reshape = |from: &str, to: &str, model: ModelBuilder| {
        model.init(int64s("shape", &[1], &[-1])).node("Reshape", &[from, "shape"], &[to])
    };
    let behind = qdq_around(|model| {
        let model = model.node("QuantizeLinear", &["r0", "y_scale", "y_zero"], &["q"]).node(
            "DequantizeLinear",
            &["q", "y_scale", "y_zero"],
            &["dq"],
        );
        reshape("dq", "r", model)
    });
    assert_eq!(behind.import().unwrap().outputs[0].shape, [2]);
    let before = qdq_around(|model| reshape("r0", "r", model));
    assert_refused!(before, ImportErrorKind::Operator(OperatorError::InputForm { .. }));
}
