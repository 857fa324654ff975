//! Names, order, inputs and operators of a graph.

use super::{
    assert_refused,
    models::{ModelBuilder, attribute, int8s, int32s, q_gemm, q_linear_mat_mul, qdq_relu, value_info},
};
use crate::import::{
    ContainerError, GraphError, ImportErrorKind, OperatorError,
    proto::{NodeProto, OperatorSetIdProto, TypeProto, attribute_type, data_type},
};

#[test]
fn nodes_may_come_in_any_order() {
    let mut model = qdq_relu();
    let id = model.import().unwrap().id();
    model.graph().node.reverse();
    model.graph().initializer.reverse();
    assert_eq!(model.import().unwrap().id(), id);
}

/// Two layers on one input, in a given order of the file.
fn branches(first: &str, second: &str) -> ModelBuilder {
    let mut model = q_gemm();
    model.graph().node.clear();
    model.graph().output.clear();
    let mut model = model.init(int32s("other_bias", &[2], &[5, 6]));
    for name in [first, second] {
        let bias = if name == "a" { "bias" } else { "other_bias" };
        let inputs = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", bias, "y_scale", "y_zero"];
        model = model.node("com.microsoft:QGemm", &inputs, &[name]);
    }
    model.output("a").output("b")
}

#[test]
fn the_order_of_branches_in_the_file_does_not_matter() {
    assert_eq!(branches("a", "b").import().unwrap().id(), branches("b", "a").import().unwrap().id());
}

#[test]
fn cycles_are_refused_at_a_node_of_the_cycle() {
    let model = q_gemm()
        .node("Identity", &["back"], &["there"])
        .node("Identity", &["there"], &["back"])
        .node("Identity", &["back"], &["behind"]);
    let error = assert_refused!(model, ImportErrorKind::Graph(GraphError::Cycle));
    assert!(["there", "back"].contains(&error.node.unwrap().name.as_str()));
    let own = q_gemm().node("Identity", &["own"], &["own"]);
    assert_refused!(own, ImportErrorKind::Graph(GraphError::Cycle));
}

#[test]
fn every_name_is_defined_once() {
    assert_refused!(q_gemm().init(int8s("w", &[], &[0])), ImportErrorKind::Graph(GraphError::DuplicateName { name }) if name == "w");
    assert_refused!(q_gemm().node("Identity", &["x"], &["y"]), ImportErrorKind::Graph(GraphError::DuplicateName { name }) if name == "y");
    assert_refused!(q_gemm().node("Identity", &["x"], &["x"]), ImportErrorKind::Graph(GraphError::DuplicateName { name }) if name == "x");
    assert_refused!(q_gemm().output("y"), ImportErrorKind::Graph(GraphError::DuplicateName { name }) if name == "y");
    let twice = q_gemm().input("x", data_type::INT8, &[1, 3]);
    assert_refused!(twice, ImportErrorKind::Graph(GraphError::DuplicateName { name }) if name == "x");
}

#[test]
fn names_have_to_exist() {
    let mut missing = q_gemm();
    missing.graph().initializer.retain(|tensor| tensor.name != "bias");
    let error =
        assert_refused!(missing, ImportErrorKind::Graph(GraphError::Undefined { name }) if name == "bias");
    assert_eq!(error.node.unwrap().op, "com.microsoft.QGemm");
    assert_refused!(q_gemm().output("nowhere"), ImportErrorKind::Graph(GraphError::Undefined { name }) if name == "nowhere");
    assert_refused!(q_gemm().output(""), ImportErrorKind::Graph(GraphError::Unnamed { .. }));
    assert_refused!(
        q_gemm().init(int8s("", &[], &[0])),
        ImportErrorKind::Graph(GraphError::Unnamed { what: "an initializer" })
    );
    assert_refused!(
        q_gemm().input("", data_type::INT8, &[1]),
        ImportErrorKind::Graph(GraphError::Unnamed { what: "a graph input" })
    );
    let no_result = q_gemm().with_node("QGemm", |node| node.output[0].clear());
    assert_refused!(no_result, ImportErrorKind::Graph(GraphError::Undefined { name }) if name == "y");
}

#[test]
fn names_at_the_edges_hold_no_control_characters() {
    let mut input = q_gemm().with_node("QGemm", |node| node.input[0] = "x\u{1b}[2J".to_owned());
    input.graph().input[0].name = "x\u{1b}[2J".to_owned();
    let error = assert_refused!(
        input,
        ImportErrorKind::Graph(GraphError::ControlCharacters { what: "the graph input", .. })
    );
    assert!(error.to_string().contains("'x\\u{1b}[2J'"), "{error}");
    let mut output = q_gemm().with_node("QGemm", |node| node.output[0] = "y\n\u{85}".to_owned());
    output.graph().output[0].name = "y\n\u{85}".to_owned();
    let error = assert_refused!(
        output,
        ImportErrorKind::Graph(GraphError::ControlCharacters { what: "the graph output", .. })
    );
    assert!(error.to_string().contains("'y\\n\\u{85}'"), "{error}");
}

#[test]
fn a_node_needs_its_first_output() {
    let model = q_gemm().with_node("QGemm", |node| node.output = vec![String::new(), "y".to_owned()]);
    assert_refused!(model, ImportErrorKind::Operator(OperatorError::OutputCount { index: 0 }));
}

#[test]
fn initializers_listed_as_inputs_are_no_inputs() {
    let model = q_gemm().input("w", data_type::INT8, &[3, 2]).input("bias", data_type::INT32, &[2]);
    assert_eq!(model.import(), q_gemm().import());
}

#[test]
fn what_no_output_depends_on_is_left_out() {
    let model = q_gemm().node("Sin", &["x"], &["unused"]).init(int8s("damaged", &[9], &[0]));
    assert_eq!(model.import(), q_gemm().import());
    let unread = q_gemm().input("extra", data_type::INT8, &[4]).node("Identity", &["extra"], &["unused"]);
    assert_refused!(unread, ImportErrorKind::Graph(GraphError::UnreadInput { input }) if input == "extra");
}

#[test]
fn only_the_batch_of_an_input_may_be_open() {
    let with = |dims: &[i64]| {
        let mut model = q_gemm();
        model.graph().input[0] = value_info("x", data_type::INT8, dims);
        model
    };
    for batch in [0, -1, 1] {
        assert_eq!(with(&[batch, 3]).import(), q_gemm().import());
    }
    for open in [0, -1] {
        assert_refused!(with(&[1, open]), ImportErrorKind::Graph(GraphError::InputDimension { axis: 1, .. }));
    }
    assert_refused!(
        with(&[1; 7]),
        ImportErrorKind::Container(ContainerError::Rank { rank: 7, limit: 6, .. })
    );
    assert_refused!(
        with(&[1, i64::MAX, i64::MAX]),
        ImportErrorKind::Container(ContainerError::TooManyElements { .. })
    );
    assert_refused!(with(&[1, 1 << 27]), ImportErrorKind::Container(ContainerError::TooManyElements { .. }));
}

#[test]
fn an_input_is_a_tensor_of_a_supported_type() {
    let mut model = q_gemm();
    model.graph().input[0] = value_info("x", data_type::INT64, &[1, 3]);
    assert_refused!(model.clone(), ImportErrorKind::Graph(GraphError::InputType { got, .. }) if got == "int64");
    model.graph().input[0].r#type = Some(TypeProto { tensor_type: None });
    assert_refused!(model.clone(), ImportErrorKind::Graph(GraphError::InputType { got, .. }) if got == "not a tensor");
    model.graph().input[0] = value_info("x", data_type::INT8, &[]);
    let tensor =
        model.graph().input[0].r#type.as_mut().and_then(|value_type| value_type.tensor_type.as_mut());
    tensor.unwrap().shape = None;
    assert_refused!(model, ImportErrorKind::Graph(GraphError::InputType { got, .. }) if got.contains("without a shape"));
}

#[test]
fn unsupported_operators_are_refused_with_what_to_do() {
    for (op, hint) in [
        (
            "DynamicQuantizeLinear",
            "operator DynamicQuantizeLinear is not supported: its scales depend on the input; use \
             onnxruntime.quantization.quantize_static",
        ),
        ("com.microsoft:MatMulIntegerToFloat", "quantize_static"),
        ("ConvTranspose", "operator ConvTranspose is not supported: with strides equal to the kernel"),
        ("com.microsoft:MatMulNBits", "quantize_static"),
        ("Bernoulli", "operator Bernoulli is not supported; see `lemma ops`"),
        ("com.microsoft:Gemm", "lemma ops"),
        ("other.domain:QGemm", "other.domain.QGemm"),
    ] {
        let model = q_gemm().node(op, &["y"], &["z"]).output("z");
        let error = assert_refused!(model, ImportErrorKind::Operator(OperatorError::UnsupportedOp { .. }));
        assert!(error.to_string().contains(hint), "{error}");
        assert_eq!(error.node.unwrap().name, "z");
    }
}

#[test]
fn an_unsupported_operator_is_named_before_its_outputs_are_counted() {
    let model = q_gemm().node("DynamicQuantizeLinear", &["y"], &["q", "q_scale", "q_zero"]);
    let model = model.output("q").output("q_scale");
    assert_refused!(model, ImportErrorKind::Operator(OperatorError::UnsupportedOp { .. }));
}

#[test]
fn the_operator_table_names_each_operator_once() {
    let mut names: Vec<_> = crate::import::supported().iter().map(|entry| (entry.domain, entry.op)).collect();
    names.sort_unstable();
    assert!(names.array_windows().all(|[a, b]| a != b));
    assert!(names.contains(&("com.microsoft", "QGemm")));
}

#[test]
fn attributes_are_known_and_given_once() {
    let error = assert_refused!(
        q_linear_mat_mul().int("axis", 1),
        ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "axis"
    );
    assert!(
        error.to_string().contains("the QLinearMatMul node without a name whose output is 'y'"),
        "{error}"
    );
    assert_refused!(
        q_gemm().int("transB", 0).int("transB", 0),
        ImportErrorKind::Operator(OperatorError::DuplicateAttribute { attribute }) if attribute == "transB"
    );
    assert_refused!(
        q_gemm().attribute(attribute("transB", 99)),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "transB"
    );
}

#[test]
fn subgraphs_are_refused() {
    let mut holder = attribute("body", attribute_type::GRAPH);
    assert_refused!(q_gemm().attribute(holder.clone()), ImportErrorKind::Operator(OperatorError::Subgraph { attribute }) if attribute == "body");
    // A type that hides the graph does not help.
    holder.r#type = attribute_type::INT;
    holder.g = Some(Vec::new());
    assert_refused!(
        q_gemm().attribute(holder.clone()),
        ImportErrorKind::Operator(OperatorError::Subgraph { .. })
    );
    holder.g = None;
    holder.graphs = vec![Vec::new()];
    assert_refused!(q_gemm().attribute(holder), ImportErrorKind::Operator(OperatorError::Subgraph { .. }));
}

#[test]
fn models_without_quantized_operators_are_refused() {
    let float =
        ModelBuilder::new(17).input("x", data_type::FLOAT, &[1, 3]).node("Relu", &["x"], &["y"]).output("y");
    let error = assert_refused!(float, ImportErrorKind::Graph(GraphError::NothingQuantized));
    for cause in ["op_types_to_quantize", "nodes_to_exclude", "{\"ForceQuantizeNoInputCheck\": True}"] {
        assert!(error.to_string().contains(cause), "{error}");
    }
    assert!(error.to_string().contains("quantize_static"), "{error}");
    let only_quantized = ModelBuilder::new(17)
        .input("x", data_type::FLOAT, &[1, 3])
        .scale("s", 1.0)
        .init(int8s("z", &[], &[0]))
        .node("QuantizeLinear", &["x", "s", "z"], &["y"])
        .output("y");
    assert_refused!(only_quantized, ImportErrorKind::Graph(GraphError::NothingComputed));
}

#[test]
fn opsets_of_known_domains_are_in_range() {
    let with = |index: usize, version: i64| {
        let mut model = q_linear_mat_mul();
        model.proto.opset_import[index].version = version;
        model
    };
    for version in [10, 13, 21, 26] {
        assert_eq!(with(0, version).import(), q_linear_mat_mul().import());
    }
    for version in [9, 27, i64::MIN, 0] {
        assert_refused!(
            with(0, version),
            ImportErrorKind::Container(ContainerError::Opset { min: 10, max: 26, .. })
        );
    }
    assert_refused!(with(1, 77), ImportErrorKind::Container(ContainerError::Opset { domain, version: 77, min: 1, max: 1 }) if domain == "com.microsoft");
    let mut other = q_linear_mat_mul();
    other.proto.opset_import[1] = OperatorSetIdProto { domain: "ai.onnx.ml".to_owned(), version: 77 };
    assert_eq!(other.import(), q_linear_mat_mul().import());
    let mut missing = q_gemm();
    missing.proto.opset_import.truncate(1);
    assert_refused!(missing, ImportErrorKind::Container(ContainerError::MissingOpset { domain }) if domain == "com.microsoft");
    let mut twice = q_gemm();
    twice.proto.opset_import[1] = OperatorSetIdProto { domain: "ai.onnx".to_owned(), version: 13 };
    assert_refused!(
        twice,
        ImportErrorKind::Container(ContainerError::ConflictingOpset { first: 17, second: 13, .. })
    );
}

#[test]
fn long_chains_need_no_stack() {
    let mut model = q_gemm().with_node("QGemm", |node| node.input[0] = "v9999".to_owned());
    for index in 0..10_000 {
        let input = if index == 0 { "x".to_owned() } else { format!("v{}", index - 1) };
        model.graph().node.push(NodeProto {
            op_type: "Identity".to_owned(),
            input: vec![input],
            output: vec![format!("v{index}")],
            ..NodeProto::default()
        });
    }
    model.graph().node.reverse();
    assert_eq!(model.layers(), q_gemm().layers());
}
