//! What messages tell to do about values that are not quantized, operators, types and batches.

use super::super::proto::{TensorProto, data_type};
use super::models::{ModelBuilder, floats, int8s, q_gemm, value_info};

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
    for op in ["Div", "Sub", "Mul", "Add"] {
        let model = ModelBuilder::new(17)
            .scale("number", 255.0)
            .init(int8s("zero", &[], &[2]))
            .input("x", data_type::FLOAT, &[1, 3])
            .node(op, &["x", "number"], &["s"])
            .node("QuantizeLinear", &["s", "number", "zero"], &["y"])
            .output("y");
        let text = message(&model);
        assert!(text.contains("outside the model, whose input then starts at its QuantizeLinear"), "{text}");
        assert!(text.contains("op_types_to_quantize"), "{text}");
    }
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
    assert!(text.contains("op_types_to_quantize names both operators"), "{text}");
    for op in ["Elu", "Relu", "Sigmoid"] {
        let text = message(&image().node(op, &["d"], &["y"]).output("y"));
        assert!(text.contains("put QuantizeLinear and DequantizeLinear behind it"), "{text}");
        assert!(text.contains("or leave the operator out"), "{text}");
    }
    let text = message(&image().node("GlobalMaxPool", &["q"], &["y"]).output("y"));
    assert!(text.contains("put a DequantizeLinear between the two"), "{text}");
}

#[test]
fn operators_without_a_circuit() {
    for (op, remedy) in [
        ("BatchNormalization", "quant_pre_process"),
        ("LayerNormalization", "BatchNormalization"),
        ("TopK", "ArgMax"),
        ("LSTM", "unroll"),
        ("GRU", "Conv over time"),
        ("ReduceMin", "Neg, ReduceMax and Neg"),
        ("ArgMin", "then ArgMax"),
        ("Where", "Clip, Max, Min and Mul"),
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
