//! Every reason at once, and none that only follows from another one.

use super::models::{ModelBuilder, floats, int8s, q_gemm, value_info};
use crate::import::{
    ReasonGroup, Refusal, examine, import,
    proto::{TensorProto, data_type},
};

/// float32 `x` [1, 2, 4, 4], and `q` and `d` behind its quantizers.
fn image() -> ModelBuilder {
    ModelBuilder::new(17)
        .scale("scale", 0.3)
        .init(int8s("zero", &[], &[2]))
        .input("x", data_type::FLOAT, &[1, 2, 4, 4])
        .node("QuantizeLinear", &["x", "scale", "zero"], &["q"])
        .node("DequantizeLinear", &["q", "scale", "zero"], &["d"])
}

/// A quantizer pair.
fn pair(model: ModelBuilder, from: &str, to: &str) -> ModelBuilder {
    let integers = format!("{to}_integers");
    model.node("QuantizeLinear", &[from, "scale", "zero"], &[&integers]).node(
        "DequantizeLinear",
        &[&integers, "scale", "zero"],
        &[to],
    )
}

fn refusal(model: &ModelBuilder) -> Refusal {
    let refusal = examine(&model.bytes(), "test.onnx").expect_err("the model was imported");
    let first = import(&model.bytes(), "test.onnx").expect_err("the model was imported");
    assert!(refusal.reasons.contains(&first), "{first} is none of {refusal}");
    refusal
}

/// Group and node of every reason.
fn met(model: &ModelBuilder) -> Vec<(ReasonGroup, String)> {
    let reasons = refusal(model).reasons;
    let node = |node: Option<crate::import::NodeLabel>| node.map(|node| node.name).unwrap_or_default();
    reasons.into_iter().map(|reason| (reason.kind.group(), node(reason.node))).collect()
}

#[test]
fn a_model_without_reasons_is_the_same_model() {
    let model = q_gemm();
    assert_eq!(examine(&model.bytes(), "test.onnx").unwrap(), model.import().unwrap());
}

/// Behind a quantizer whose input was refused the graph is read on, where the shape is known.
#[test]
fn reasons_behind_a_refused_node_are_told() {
    // The average is refused when it is quantized; its shape is known.
    let model = image().node("AveragePool", &["d"], &["a"]).ints("kernel_shape", &[2, 2]);
    let model = pair(model, "a", "b").node("TopK", &["b"], &["t"]);
    // Of what TopK makes nothing is known: the product is left out, and so is the second output.
    let model = model.node("Mul", &["t", "b"], &["m"]);
    let model = pair(model, "m", "n").node("Concat", &["b", "d"], &["wrong"]).int("axis", 1);
    let model = model.node("Gemm", &["b", "d"], &["flat"]).output("n").output("wrong").output("flat");
    let expected = [
        (ReasonGroup::Operator, "t"),
        (ReasonGroup::Uncertain, "b_integers"),
        (ReasonGroup::Form, "flat"),
        (ReasonGroup::Shape, "wrong"),
    ];
    let mut met = met(&model);
    met.sort_by(|(_, left), (_, right)| left.cmp(right));
    let mut expected = expected.map(|(group, node)| (group, node.to_owned()));
    expected.sort_by(|(_, left), (_, right)| left.cmp(right));
    assert_eq!(met, expected, "{}", refusal(&model));
}

#[test]
fn shapes_of_value_info_lead_behind_operators_that_are_not_supported() {
    let model = |declared: Option<&[i64]>| {
        let mut model = pair(image().node("LSTM", &["d"], &["l"]), "l", "m").node("TopK", &["m"], &["t"]);
        if let Some(dims) = declared {
            model.graph().value_info.push(value_info("l", data_type::FLOAT, dims));
        }
        // 3 columns meet 5 rows.
        model
            .init(int8s("w", &[5, 2], &[1; 10]))
            .node("DequantizeLinear", &["w", "scale", "zero"], &["v"])
            .node("MatMul", &["m", "v"], &["product"])
    };
    let read = |model: ModelBuilder| model.output("t").output("product");
    let operators = [(ReasonGroup::Operator, "l".to_owned()), (ReasonGroup::Operator, "t".to_owned())];
    assert_eq!(met(&read(model(None))), operators);
    assert_eq!(met(&read(model(Some(&[1, -1])))), operators);
    let known = met(&read(model(Some(&[0, 3]))));
    assert_eq!(known[..2], operators);
    assert_eq!(known[2..], [(ReasonGroup::Shape, "product".to_owned())]);
}

#[test]
fn inputs_initializers_and_nodes_that_are_refused_hide_nothing() {
    let mut model = image().init(TensorProto { data_type: 10, ..floats("half", &[1], &[1.0]) });
    model.graph().input.push(value_info("ids", data_type::INT64, &[1, 8]));
    model.graph().input.push(value_info("long", data_type::FLOAT, &[1, 0]));
    let model = model
        .node("Gather", &["d", "ids"], &["g"])
        .node("Mul", &["d", "half"], &["m"])
        .node("Relu", &["long"], &["r"])
        .node("If", &["d"], &["i"])
        .attribute(super::models::attribute("then_branch", crate::import::proto::attribute_type::GRAPH));
    let model =
        model.node("TopK", &["d"], &["t"]).output("g").output("m").output("r").output("i").output("t");
    let groups: Vec<ReasonGroup> = met(&model).into_iter().map(|(group, _)| group).collect();
    let expected = [
        ReasonGroup::Edge,
        ReasonGroup::Edge,
        ReasonGroup::File,
        ReasonGroup::Operator,
        ReasonGroup::Operator,
    ];
    assert_eq!(groups, expected, "{}", refusal(&model));
}

#[test]
fn reasons_are_grouped_with_their_nodes_and_may_be_cut() {
    let mut model = image();
    for index in 0..5 {
        let name = format!("t{index}");
        model = model.node("TopK", &["d"], &[&name]).output(&name);
    }
    let model = model.node("Softmax", &["d"], &["s"]).int("axis", 1).output("s");
    let told = refusal(&model);
    let text = told.to_string();
    assert!(
        text.starts_with("test.onnx: 6 reasons\noperators that are not supported:\n  - operator TopK"),
        "{text}"
    );
    assert_eq!(text.matches("operator TopK is not supported").count(), 1, "{text}");
    assert!(text.contains("output is 't4'") && text.contains("attributes and operands:\n  - "), "{text}");
    let cut = told.listed(Some(2));
    assert!(!cut.contains("'t2'") && cut.contains("'t1' and 3 more\n"), "{cut}");
    // One reason is what it was.
    let single = image().node("TopK", &["d"], &["t"]).output("t");
    assert_eq!(refusal(&single).to_string(), single.import().unwrap_err().to_string());
}

#[test]
fn names_of_a_file_do_not_steer_a_terminal_and_reasons_are_limited() {
    let mut model = image();
    for index in 0..1_200 {
        let name = format!("t\u{1b}{index}");
        model = model.node("TopK", &["d"], &[&name]).output("d");
        model.graph().output.clear();
    }
    let count = model.graph().node.len();
    let mut outputs: Vec<String> = Vec::new();
    for node in &model.graph().node[count - 1_200..] {
        outputs.push(node.output[0].clone());
    }
    // Values in the middle have names of all kinds, outputs do not.
    for (index, from) in outputs.iter().enumerate() {
        model = model.node("Identity", &[from], &[&format!("o{index}")]).output(&format!("o{index}"));
    }
    let refusal = examine(&model.bytes(), "te\u{7}st.onnx").unwrap_err();
    assert_eq!(refusal.reasons.len(), 1_001);
    assert!(!refusal.to_string().contains(['\u{1b}', '\u{7}']));
}

/// A limit is passed by everything behind it.
#[test]
fn a_limit_is_told_once() {
    let mut model = ModelBuilder::new(17)
        .scale("scale", 0.3)
        .init(int8s("zero", &[], &[2]))
        .init(super::models::int64s("repeats", &[2], &[1, 1 << 21]))
        .input("x", data_type::INT8, &[1, 2]);
    for index in 0..3 {
        let name = format!("t{index}");
        model = model.node("Tile", &["x", "repeats"], &[&name]).output(&name);
    }
    assert_eq!(met(&model), [(ReasonGroup::Limit, "t0".to_owned())]);
}
