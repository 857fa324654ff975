//! What messages tell to do about values that are not quantized, operators, types and batches.

use super::models::{ModelBuilder, floats, int8s, q_gemm, value_info};
use crate::import::proto::{TensorProto, data_type};

/// The message of a model that is refused.
fn message(model: &ModelBuilder) -> String {
    model.import().expect_err("the model was imported").to_string()
}

/// float32 `x` [1, 2, 4, 4], and `q` and `d` behind its quantizers.
fn image() -> ModelBuilder {
    ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[2]))
        .init(floats("number", &[], &[255.0]))
        .input("x", data_type::FLOAT, &[1, 2, 4, 4])
        .node("QuantizeLinear", &["x", "scale", "zero"], &["q"])
        .node("DequantizeLinear", &["q", "scale", "zero"], &["d"])
}

#[test]
fn preprocessing_in_front_of_the_first_quantizer() {
    for (op, remedy) in [
        ("Div", "write it as Mul by the reciprocal"),
        ("Sub", "write it as Add of the negative constant"),
        ("Mul", "in QDQ format and with this operator in op_types_to_quantize if that is given"),
        ("Add", "in QDQ format and with this operator in op_types_to_quantize if that is given"),
        ("Max", "added to the default list in op_types_to_quantize, which replaces that list"),
    ] {
        let text = message(&in_front(|model| model.node(op, &["x", "number"], &["s"])));
        assert!(text.contains("before the model, whose input then starts at its QuantizeLinear"), "{text}");
        assert!(text.contains(remedy), "{text}");
    }
}

/// float32 `x` [1, 2, 4, 4] through what makes `s` of it, then a quantizer.
fn in_front(nodes: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let model = ModelBuilder::new(17).scale("number", 255.0).init(int8s("zero", &[], &[2])).input(
        "x",
        data_type::FLOAT,
        &[1, 2, 4, 4],
    );
    nodes(model).node("QuantizeLinear", &["s", "number", "zero"], &["y"]).output("y")
}

/// quantize_static leaves these float32 behind a graph input although they are in its default list.
#[test]
fn operators_that_pass_quantizers_on_in_front_of_the_first_one() {
    let pool = message(&in_front(|m| m.node("MaxPool", &["x"], &["s"]).ints("kernel_shape", &[2, 2])));
    let resized = in_front(|m| {
        let scales = floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
        m.init(scales).node("Resize", &["x", "", "scales"], &["s"])
    });
    for text in [pool, message(&resized)] {
        assert!(
            text.contains("in QDQ format with extra_options={\"ForceQuantizeNoInputCheck\": True}"),
            "{text}"
        );
        assert!(!text.contains("op_types_to_quantize"), "{text}");
    }
    for op in ["Relu", "Clip"] {
        let text = message(&in_front(|m| m.node(op, &["x"], &["s"])));
        assert!(text.contains("float32 behind a graph input, whatever its options"), "{text}");
    }
}

#[test]
fn layers_that_the_quantizer_passed_over() {
    let weights = || floats("w", &[2, 2, 1, 1], &[0.5; 4]);
    let first = message(&in_front(|m| m.init(weights()).node("Conv", &["x", "w"], &["s"])));
    let later = image().init(weights()).node("Conv", &["d", "w"], &["c"]);
    let later = message(&later.node("QuantizeLinear", &["c", "scale", "zero"], &["y"]).output("y"));
    assert!(later.contains("the weights 'w' is a float32 constant"), "{later}");
    let factors = image().init(floats("w", &[1, 1, 4, 4], &[0.5; 16])).node("MatMul", &["d", "w"], &["c"]);
    let factors = message(&factors.node("QuantizeLinear", &["c", "scale", "zero"], &["y"]).output("y"));
    for text in [first, later, factors] {
        assert!(text.contains("this layer is not quantized") && text.contains("nodes_to_exclude"), "{text}");
    }
}

#[test]
fn a_product_and_a_sum_of_activations_that_were_merged() {
    let model = ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[0]))
        .init(int8s("integers", &[2, 2], &[1; 4]))
        .input("x", data_type::FLOAT, &[1, 2])
        .node("QuantizeLinear", &["x", "scale", "zero"], &["q"])
        .node("DequantizeLinear", &["q", "scale", "zero"], &["d"])
        .node("DequantizeLinear", &["integers", "scale", "zero"], &["w"])
        .node("Gemm", &["d", "w", "d"], &["s"])
        .node("QuantizeLinear", &["s", "scale", "zero"], &["y"])
        .output("y");
    assert!(message(&model).contains("skip_optimization=True"), "{}", message(&model));
}

#[test]
fn attributes_and_shapes_of_other_operators() {
    let linear = image().init(floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]));
    let linear = linear.node("Resize", &["d", "", "scales"], &["y"]).text("mode", "linear").output("y");
    assert!(
        message(&linear).contains("expected nearest, since the others interpolate"),
        "{}",
        message(&linear)
    );
    let softmax = image().node("Softmax", &["d"], &["y"]).int("axis", 1).output("y");
    assert!(message(&softmax).contains("put a Transpose in front"), "{}", message(&softmax));
    let cast = image().node("Cast", &["q"], &["y"]).int("to", 1).output("y");
    assert!(message(&cast).contains("DequantizeLinear with scale 1 and zero point 0"), "{}", message(&cast));
    let volume = image().init(int8s("integers", &[2, 2, 1, 1, 1], &[1; 4]));
    let volume = volume.node("DequantizeLinear", &["integers", "scale", "zero"], &["w"]);
    let volume = volume.node("Conv", &["d", "w"], &["y"]).output("y");
    assert!(message(&volume).contains("volumes are not supported"), "{}", message(&volume));
    let mut pooled = image().node("GlobalAveragePool", &["d"], &["y"]).output("y");
    pooled.graph().input[0] = value_info("x", data_type::FLOAT, &[1, 2, 4, 4, 4]);
    assert!(message(&pooled).contains("volumes are not supported"), "{}", message(&pooled));
}

#[test]
fn quantizers_that_read_one_float_result() {
    let model = image()
        .node("Add", &["d", "d"], &["s"])
        .node("QuantizeLinear", &["s", "scale", "zero"], &["y"])
        .node("QuantizeLinear", &["s", "scale", "zero"], &["z"]);
    let text = message(&model.output("y").output("z"));
    assert!(text.contains("DedicatedQDQPair=False"), "{text}");
}

#[test]
fn floats_between_two_operators_and_at_the_end() {
    let between = image()
        .node("AveragePool", &["d"], &["a"])
        .ints("kernel_shape", &[2, 2])
        .node("MaxPool", &["a"], &["m"])
        .ints("kernel_shape", &[2, 2])
        .node("QuantizeLinear", &["m", "scale", "zero"], &["y"])
        .output("y");
    let text = message(&between);
    assert!(text.contains("put a QuantizeLinear/DequantizeLinear pair between the two"), "{text}");
    assert!(text.contains("in QDQ format if op_types_to_quantize"), "{text}");
    // Mean and deviation along the channels behind a product that is not quantized.
    let product = image().init(floats("factors", &[2, 1, 1], &[0.5, 2.0])).node("Mul", &["d", "d"], &["p"]);
    let divided = product.node("Div", &["p", "factors"], &["v"]);
    let divided = divided.node("QuantizeLinear", &["v", "scale", "zero"], &["y"]).output("y");
    assert!(message(&divided).contains("write Sub and Div of constants as Add"), "{}", message(&divided));
    let relu = image().node("Relu", &["d"], &["r"]).node("GlobalAveragePool", &["r"], &["y"]).output("y");
    assert!(
        message(&relu).contains("in QOperator format only with ActivationSymmetric=False"),
        "{}",
        message(&relu)
    );
    let text = message(&image().node("Add", &["d", "d"], &["y"]).output("y"));
    assert!(text.contains("put QuantizeLinear and DequantizeLinear behind it"), "{text}");
    assert!(text.contains("or leave the operator out"), "{text}");
    let text = message(&image().node("GlobalMaxPool", &["q"], &["y"]).output("y"));
    assert!(text.contains("put a DequantizeLinear between the two"), "{text}");
}

#[test]
fn operators_without_a_circuit() {
    for (op, remedy) in [
        ("LayerNormalization", "BatchNormalization"),
        ("TopK", "ArgMax"),
        ("LSTM", "unroll"),
        ("GRU", "Conv over time"),
        ("LpNormalization", "apply it to the proven output"),
        ("ReduceL2", "apply it to the proven output"),
        ("ConvTranspose", "1x1 Conv and DepthToSpace"),
        ("GridSample", "constant indices"),
        ("ArgMin", "then ArgMax"),
        ("Xor", "And, Or and Not"),
        ("com.microsoft:Attention", "MatMul and Transpose"),
    ] {
        let text = message(&image().node(op, &["d"], &["y"]).output("y"));
        assert!(text.contains("is not supported: ") && text.contains(remedy), "{text}");
    }
    // Nothing is gained by quantizing a model that has such an operator.
    let float =
        ModelBuilder::new(17).input("x", data_type::FLOAT, &[1, 3]).node("LSTM", &["x"], &["y"]).output("y");
    assert!(message(&float).contains("unroll"), "{}", message(&float));
}

#[test]
fn types_and_batches() {
    for (code, remedy) in [(5, "QInt8"), (22, "QInt8"), (10, "export the model in float32"), (11, "float32")]
    {
        let model = q_gemm().replace(TensorProto { data_type: code, ..int8s("w", &[2, 3], &[0; 6]) });
        assert!(message(&model).contains(remedy), "{}", message(&model));
    }
    for (code, remedy) in [(7, "look the values up outside the model"), (10, "float32 before quantizing")] {
        let mut model = q_gemm();
        model.graph().input[0] = value_info("x", code, &[0, 3]);
        assert!(message(&model).contains(remedy), "{}", message(&model));
    }
    let mut several = image().node("MaxPool", &["q"], &["y"]).ints("kernel_shape", &[2, 2]).output("y");
    several.graph().input[0] = value_info("x", data_type::FLOAT, &[4, 2, 4, 4]);
    assert!(message(&several).contains("make a proof for each"), "{}", message(&several));
}

#[test]
fn nodes_without_a_name_are_named_by_their_output() {
    let unnamed = image().node("Elu", &["d"], &["e"]).node("TopK", &["e"], &["largest"]).output("largest");
    let text = message(&unnamed);
    assert!(text.contains("the TopK node without a name whose output is 'largest': "), "{text}");
    let named = unnamed.with_node("TopK", |node| node.name = "best".to_owned());
    assert!(message(&named).contains("node 'best' (TopK): "), "{}", message(&named));
}
