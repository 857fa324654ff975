//! Quantization at the inputs and what follows the outputs.

use super::{
    assert_refused,
    models::{ModelBuilder, floats, int8s, q_gemm, value_info},
};
use crate::{
    import::{GraphError, ImportErrorKind, OperatorError, QuantizationError, proto::data_type},
    ir::{Elem, Quantization, Tail},
};

/// [`q_gemm`] between a float32 input `x_real` and a float32 output `y_real`.
fn float_edges(domain: &str) -> ModelBuilder {
    let mut model = q_gemm();
    model.graph().input[0] = value_info("x_real", data_type::FLOAT, &[0, 3]);
    model.graph().output.clear();
    model
        .node(&format!("{domain}QuantizeLinear"), &["x_real", "x_scale", "x_zero"], &["x"])
        .node(&format!("{domain}DequantizeLinear"), &["y", "y_scale", "y_zero"], &["y_real"])
        .output("y_real")
}

const OUTPUT: Quantization = Quantization { scale: 0.75, zero_point: -7 };

#[test]
fn a_float_model_is_quantized_and_dequantized_outside() {
    for domain in ["", "com.microsoft:"] {
        let model = float_edges(domain).import().unwrap();
        assert_eq!(model.inputs[0].name, "x_real");
        assert_eq!(model.inputs[0].shape, [1, 3]);
        assert_eq!(model.inputs[0].quantize, Some(Quantization { scale: 0.5, zero_point: 3 }));
        assert_eq!(model.outputs[0].name, "y_real");
        assert_eq!(model.outputs[0].tail, [Tail::Dequantize(OUTPUT)]);
        assert_eq!(model.nodes[0].op, q_gemm().import().unwrap().nodes[0].op);
    }
}

#[test]
fn a_missing_zero_point_is_zero_of_uint8() {
    let model = float_edges("").with_node("QuantizeLinear", |node| node.input.truncate(2));
    assert_refused!(model, ImportErrorKind::Operator(OperatorError::ElementType { role: "zero point", .. }));
    let signed = float_edges("").with_node("QuantizeLinear", |node| {
        node.input.truncate(2);
        node.attribute =
            ModelBuilder::new(21).node("", &[], &[]).int("output_dtype", 3).graph().node[0].attribute.clone();
    });
    let signed = signed.import().unwrap();
    assert_eq!(signed.inputs[0].quantize, Some(Quantization { scale: 0.5, zero_point: 0 }));
    assert_eq!(signed.tensors[0].elem, Elem::I8);
    let output = float_edges("").with_node("DequantizeLinear", |node| node.input.truncate(2));
    let expected = Tail::Dequantize(Quantization { scale: 0.75, zero_point: 0 });
    assert_eq!(output.import().unwrap().outputs[0].tail, [expected]);
}

#[test]
fn quantizer_attributes_of_other_forms_are_refused() {
    let with = |op: &str, name: &str, value: i64| {
        float_edges("").with_node(op, |node| {
            node.attribute =
                ModelBuilder::new(21).node("", &[], &[]).int(name, value).graph().node[0].attribute.clone();
        })
    };
    for (op, name, value) in [
        ("QuantizeLinear", "block_size", 4),
        ("QuantizeLinear", "output_dtype", 2),
        ("QuantizeLinear", "precision", 10),
        ("DequantizeLinear", "block_size", 4),
        ("DequantizeLinear", "output_dtype", 10),
    ] {
        assert_refused!(with(op, name, value), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == name);
    }
    let unsupported = float_edges("").with_node("QuantizeLinear", |node| {
        node.input.truncate(2);
        node.attribute =
            ModelBuilder::new(21).node("", &[], &[]).int("output_dtype", 5).graph().node[0].attribute.clone();
    });
    assert_refused!(unsupported, ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "output_dtype");
    for harmless in [with("QuantizeLinear", "saturate", 1), with("QuantizeLinear", "axis", 1)] {
        assert_eq!(harmless.import(), float_edges("").import());
    }
}

#[test]
fn activations_have_one_scale() {
    let per_axis = float_edges("").replace(floats("x_scale", &[3], &[0.5; 3]));
    assert_refused!(per_axis, ImportErrorKind::Operator(OperatorError::Shape { .. }));
    let mismatch = float_edges("").replace(int8s("y_zero", &[1], &[-7]));
    assert_eq!(mismatch.layers(), q_gemm().layers());
}

/// A float input that two layers read.
fn two_readers(scale: &str) -> ModelBuilder {
    let inputs = ["x2", "x_scale", "x_zero", "w", "w_scale", "w_zero", "bias", "y_scale", "y_zero"];
    float_edges("")
        .node("QuantizeLinear", &["x_real", scale, "x_zero"], &["x2"])
        .node("com.microsoft:QGemm", &inputs, &["z"])
        .output("z")
}

#[test]
fn an_input_is_quantized_in_one_way() {
    let model = two_readers("x_scale").import().unwrap();
    assert_eq!((model.inputs.len(), model.tensors.len(), model.outputs.len()), (1, 3, 2));
    assert_eq!(model.nodes[0].inputs, model.nodes[1].inputs);
    assert_refused!(two_readers("y_scale"), ImportErrorKind::Graph(GraphError::InputQuantizedTwice { input }) if input == "x_real");
}

#[test]
fn a_float_input_may_be_reshaped_before_its_quantizer() {
    let mut model = float_edges("").with_node("QuantizeLinear", |node| node.input[0] = "flat".to_owned());
    model.graph().input[0] = value_info("x_real", data_type::FLOAT, &[-1, 3, 1]);
    let model = model.node("Flatten", &["x_real"], &["flat"]).import().unwrap();
    assert_eq!(model.inputs[0].shape, [1, 3, 1]);
    assert!(model.inputs[0].quantize.is_some());
}

/// Softmax behind the output's DequantizeLinear.
fn softmax(axis: Option<i64>, opset: i64) -> ModelBuilder {
    let mut model = float_edges("");
    model.graph().output.clear();
    model.proto.opset_import[0].version = opset;
    let model = model.node("Softmax", &["y_real"], &["p"]).output("p");
    if let Some(axis) = axis { model.int("axis", axis) } else { model }
}

#[test]
fn softmax_stays_outside() {
    for (axis, opset) in [(None, 17), (Some(1), 17), (Some(-1), 13), (None, 11), (Some(1), 11)] {
        let model = softmax(axis, opset).import().unwrap();
        assert_eq!(model.outputs[0].tail, [Tail::Dequantize(OUTPUT), Tail::Softmax { len: 2 }]);
    }
    assert_refused!(softmax(Some(0), 17), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "axis");
    assert_refused!(softmax(Some(2), 11), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "axis");
}

/// Operators from `y_real` to `p`, which is the output.
fn ending(nodes: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let mut model = float_edges("");
    model.graph().output.clear();
    nodes(model.scale("minus", -3.0)).output("p")
}

/// What follows the output's integers.
fn tail(model: &ModelBuilder) -> Vec<Tail> {
    model.import().unwrap_or_else(|error| panic!("{error}")).outputs[0].tail.clone()
}

#[test]
fn functions_that_nothing_quantizes_are_tables_outside_the_proof() {
    let table = |model: &ModelBuilder| match tail(model).as_slice() {
        [Tail::Table { elem: Elem::I8, values, operators }] => (values.clone(), operators.join(" ")),
        other => panic!("{other:?}"),
    };
    let (values, names) = table(&ending(|model| model.node("Sigmoid", &["y_real"], &["p"])));
    assert_eq!(names, "DequantizeLinear Sigmoid");
    // Integer -7 stands for 0, -3 for 3.
    assert_eq!((values.len(), values[121]), (256, 0.5));
    assert!((values[125] - 0.952_574).abs() < 1e-6, "{}", values[125]);
    let chain = ending(|model| {
        let model = model.node("Tanh", &["y_real"], &["t"]).node("Mul", &["minus", "t"], &["m"]);
        model.node("Flatten", &["m"], &["f"]).node("Relu", &["f"], &["p"])
    });
    let (values, names) = table(&chain);
    assert_eq!(names, "DequantizeLinear Tanh Mul Flatten Relu");
    assert_eq!((values[0], values[125]), (3.0, 0.0));
    let (values, names) = table(&ending(|model| model.node("Clip", &["y_real", "minus"], &["p"])));
    assert_eq!((values[0], names.as_str()), (-3.0, "DequantizeLinear Clip"));
    let long = ending(|mut model| {
        let mut from = "y_real".to_owned();
        for index in 0..20 {
            let to = if index == 19 { "p".to_owned() } else { format!("t{index}") };
            model = model.node("Tanh", &[&from], &[&to]);
            from = to;
        }
        model
    });
    assert_eq!(table(&long).1, ["Tanh"; 16].join(" "));
}

/// Integers that a Relu leaves out do not count.
#[test]
fn a_function_at_the_end_is_finite_for_what_its_input_can_have() {
    let log = || ending(|model| model.node("Log", &["y_real"], &["p"]));
    let error = assert_refused!(
        log(),
        ImportErrorKind::Quantization(QuantizationError::NotANumber { role: "result of the function", .. })
    );
    assert!(error.to_string().contains("has to be a number"), "{error}");
    let exp = ending(|model| {
        model.scale("large", 30.0).node("Mul", &["y_real", "large"], &["m"]).node("Exp", &["m"], &["p"])
    });
    assert_refused!(
        exp,
        ImportErrorKind::Quantization(QuantizationError::NotANumber { value: f32::INFINITY, .. })
    );
    let least = |model: ModelBuilder| {
        model
            .scale("least", 0.75)
            .node("Clip", &["y_real", "least"], &["c"])
            .node("QuantizeLinear", &["c", "y_scale", "y_zero"], &["q"])
            .node("DequantizeLinear", &["q", "y_scale", "y_zero"], &["r"])
    };
    let positive = tail(&ending(|model| least(model).node("Log", &["r"], &["p"])));
    let [Tail::Table { values, .. }] = positive.as_slice() else { panic!("{positive:?}") };
    assert!(values[..122].iter().all(|value| (value - 0.75_f32.ln()).abs() < 1e-6), "{values:?}");
}

#[test]
fn softmax_and_log_softmax_stand_behind_functions() {
    for op in ["Softmax", "LogSoftmax"] {
        let last = if op == "Softmax" { Tail::Softmax { len: 2 } } else { Tail::LogSoftmax { len: 2 } };
        let plain = ending(|model| model.node(op, &["y_real"], &["p"]));
        assert_eq!(tail(&plain), [Tail::Dequantize(OUTPUT), last.clone()]);
        let scaled = ending(|model| model.node("Mul", &["minus", "y_real"], &["m"]).node(op, &["m"], &["p"]));
        let scaled = tail(&scaled);
        let [Tail::Table { operators, .. }, behind] = scaled.as_slice() else { panic!("{scaled:?}") };
        assert_eq!((operators.join(" "), behind), ("DequantizeLinear Mul".to_owned(), &last));
        let clamped = tail(&ending(|model| model.node("Relu", &["y_real"], &["r"]).node(op, &["r"], &["p"])));
        assert!(matches!(clamped.as_slice(), [Tail::Table { .. }, _]), "{clamped:?}");
        let layer =
            ending(|model| model.node("Gemm", &["y_real", "y_real"], &["g"]).node(op, &["g"], &["p"]));
        assert_refused!(layer, ImportErrorKind::Operator(OperatorError::InputForm { .. }));
    }
    let inside = ending(|model| model.node("LogSoftmax", &["y_real"], &["l"]).node("Exp", &["l"], &["p"]));
    assert_refused!(inside, ImportErrorKind::Operator(OperatorError::SoftmaxInside { .. }));
}

/// As onnx.version_converter and quantize_static write it: Softmax, Reshape, each with quantizers of its own.
#[test]
fn a_quantized_softmax_is_reshaped_between_equal_quantizers() {
    let reshaped = |second: &str| {
        ending(|model| {
            model
                .scale("other", 0.5)
                .node("Flatten", &["y_real"], &["f"])
                .node("Softmax", &["f"], &["s"])
                .node("QuantizeLinear", &["s", "y_scale", "y_zero"], &["q"])
                .node("DequantizeLinear", &["q", "y_scale", "y_zero"], &["d"])
                .init(super::models::int64s("shape", &[3], &[1, 2, 1]))
                .node("Reshape", &["d", "shape"], &["r"])
                .node("QuantizeLinear", &["r", second, "y_zero"], &["p"])
        })
    };
    let model = reshaped("y_scale").import().unwrap();
    assert_eq!(model.outputs[0].shape, [1, 2, 1]);
    let expected = Tail::QuantizedSoftmax { from: OUTPUT, len: 2, to: OUTPUT, elem: Elem::I8 };
    assert_eq!(model.outputs[0].tail, [expected]);
    assert_refused!(reshaped("other"), ImportErrorKind::Operator(OperatorError::SoftmaxInside { .. }));
}

#[test]
fn a_quantized_softmax_stays_outside_in_both_forms() {
    let mut qdq = softmax(None, 17).node("QuantizeLinear", &["p", "y_scale", "y_zero"], &["q"]).output("q");
    qdq.graph().output.retain(|output| output.name == "q");
    let expected = Tail::QuantizedSoftmax { from: OUTPUT, len: 2, to: OUTPUT, elem: Elem::I8 };
    assert_eq!(qdq.import().unwrap().outputs[0].tail, std::slice::from_ref(&expected));
    let float = qdq.clone().node("DequantizeLinear", &["q", "y_scale", "y_zero"], &["f"]).output("f");
    assert_eq!(float.import().unwrap().outputs[1].tail, [expected.clone(), Tail::Dequantize(OUTPUT)]);
    let q_operator = q_gemm()
        .node("com.microsoft:QLinearSoftmax", &["y", "y_scale", "y_zero", "y_scale", "y_zero"], &["q"])
        .int("opset", 17)
        .output("q");
    assert_eq!(q_operator.import().unwrap().outputs[1].tail, [expected]);
}

#[test]
fn softmax_inside_the_model_is_refused() {
    let quantized =
        || softmax(None, 17).node("QuantizeLinear", &["p", "y_scale", "y_zero"], &["again"]).output("again");
    assert_refused!(quantized(), ImportErrorKind::Operator(OperatorError::FloatFanOut { name, uses: 2 }) if name == "p");
    let mut read = softmax(None, 17).node("QuantizeLinear", &["p", "y_scale", "y_zero"], &["again"]).node(
        "Relu",
        &["again"],
        &["inside"],
    );
    read.graph().output.clear();
    let error = assert_refused!(
        read.output("inside"),
        ImportErrorKind::Operator(OperatorError::SoftmaxInside { .. })
    );
    assert!(error.to_string().contains("nodes_to_exclude=["), "{error}");
    let twice = softmax(None, 17).node("Softmax", &["p"], &["again"]).output("again");
    assert_refused!(twice, ImportErrorKind::Operator(OperatorError::SoftmaxInside { .. }));
}

#[test]
fn outputs_have_to_be_integers_or_their_float_view() {
    for (name, op) in [("x_real", "Identity"), ("w", "Identity")] {
        let model = float_edges("").node(op, &[name], &["out"]).output("out");
        assert_refused!(model, ImportErrorKind::Graph(GraphError::OutputForm { output, .. }) if output == "out");
    }
    assert_refused!(q_gemm().output("x"), ImportErrorKind::Graph(GraphError::OutputForm { output, .. }) if output == "x");
    let integers = float_edges("").output("y").output("x").import().unwrap();
    assert_eq!(integers.outputs.iter().map(|output| output.tail.len()).collect::<Vec<_>>(), [1, 0, 0]);
}

/// [`q_gemm`] with an Identity in the middle, of which the file says that it is of this type and shape.
fn declared(name: &str, code: i32, dims: &[i64]) -> ModelBuilder {
    let mut model = q_gemm().node("Identity", &["y"], &["between"]).node("Identity", &["between"], &["z"]);
    model.graph().output.clear();
    let info = value_info(name, code, dims);
    if name == "z" {
        model.graph().output.push(info);
        return model;
    }
    model.graph().value_info.push(info);
    model.output("z")
}

#[test]
fn declared_types_have_to_be_those_of_the_values_and_shapes_need_not() {
    for name in ["between", "z", "y"] {
        assert!(declared(name, data_type::INT8, &[7, 7, 7]).import().is_ok());
        assert!(declared(name, 0, &[1, 2]).import().is_ok());
        for code in [data_type::UINT8, data_type::FLOAT] {
            let error = assert_refused!(
                declared(name, code, &[1, 2]),
                ImportErrorKind::Graph(GraphError::DeclaredType { name: got, .. }) if got == name
            );
            assert!(error.to_string().contains("the node makes it int8"), "{error}");
        }
    }
    assert!(declared("nobody", data_type::FLOAT, &[1]).import().is_ok());
}
