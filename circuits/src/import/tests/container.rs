//! The file itself: its caps, its tensors, its text.

use super::{
    assert_refused,
    models::{ModelBuilder, attribute, floats, int8s, int64s, q_gemm},
};
use crate::import::{
    ContainerError, GraphError, ImportError, ImportErrorKind, TensorError, import, limits,
    proto::{ModelProto, TensorProto, data_type},
};

#[test]
fn an_empty_file_has_no_graph() {
    assert_eq!(
        *import(&[], "test.onnx").unwrap_err().kind,
        ImportErrorKind::Container(ContainerError::NoGraph)
    );
    assert_refused!(
        ModelBuilder { proto: ModelProto::default() },
        ImportErrorKind::Container(ContainerError::NoGraph)
    );
    assert_refused!(ModelBuilder::new(17), ImportErrorKind::Graph(GraphError::NoOutput));
}

#[test]
fn the_file_size_is_capped() {
    let bytes = vec![0; limits::FILE_BYTES + 1];
    let error = import(&bytes, "big.onnx").unwrap_err();
    assert_eq!(
        *error.kind,
        ImportErrorKind::Container(ContainerError::FileSize {
            bytes: bytes.len(),
            limit: limits::FILE_BYTES
        })
    );
}

#[test]
fn what_is_no_protobuf_is_refused() {
    for bytes in [
        &b"PK\x03\x04 a zip archive"[..],
        b"{\"json\": 1}",
        &[0x3a, 0xff],
        &[0xff; 32],
        &[0x3b],
        &[0x42, 2, 8],
    ] {
        let error = import(bytes, "test.onnx").unwrap_err();
        assert!(
            matches!(*error.kind, ImportErrorKind::Container(ContainerError::Malformed { .. })),
            "{error}"
        );
    }
    // A domain that is not UTF-8 passes the count and fails in the decoder.
    let error = import(&[0x42, 3, 0x0a, 1, 0xff], "test.onnx").unwrap_err();
    assert!(matches!(*error.kind, ImportErrorKind::Container(ContainerError::Malformed { .. })), "{error}");
}

#[test]
fn local_functions_are_refused() {
    let mut model = q_gemm();
    model.proto.functions = vec![Vec::new(), Vec::new()];
    assert_refused!(model, ImportErrorKind::Container(ContainerError::LocalFunctions { count: 2 }));
}

/// A model with one list of the file made longer than its cap.
fn oversized(change: impl FnOnce(&mut ModelBuilder)) -> ModelBuilder {
    let mut model = q_gemm();
    change(&mut model);
    model
}

#[test]
fn every_count_is_capped() {
    let cases = [
        ("nodes", oversized(|model| model.graph().node = vec![Default::default(); limits::NODES + 1])),
        (
            "initializers",
            oversized(|model| model.graph().initializer = vec![Default::default(); limits::TENSORS + 1]),
        ),
        (
            "graph inputs",
            oversized(|model| model.graph().input = vec![Default::default(); limits::GRAPH_VALUES + 1]),
        ),
        (
            "node inputs",
            oversized(|model| model.graph().node[0].input = vec![String::new(); limits::NODE_VALUES + 1]),
        ),
        (
            "attributes",
            oversized(|model| {
                model.graph().node[0].attribute = vec![Default::default(); limits::ATTRIBUTES + 1];
            }),
        ),
        (
            "opset imports",
            oversized(|model| {
                model.proto.opset_import = vec![Default::default(); limits::OPSET_IMPORTS + 1];
            }),
        ),
        (
            "dimensions",
            oversized(|model| model.graph().initializer[0].dims = vec![1; limits::DIMENSIONS + 1]),
        ),
        (
            "int64 elements",
            oversized(|model| {
                model.graph().initializer[0].int64_data = vec![1; limits::INT64_ELEMENTS + 1];
            }),
        ),
        (
            "subgraphs",
            oversized(|model| model.proto.functions = vec![Vec::new(); limits::OPAQUE_ENTRIES + 1]),
        ),
    ];
    for (expected, model) in cases {
        let error = assert_refused!(model, ImportErrorKind::Container(ContainerError::TooMany { count, limit, .. }) if count > limit);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn unpacked_lists_count_too() {
    // `dims` one varint at a time: field 1, wire type 0.
    let tensor: Vec<u8> = [0x08, 0x01].repeat(limits::DIMENSIONS + 1);
    let message = |field: u8, content: &[u8]| {
        let mut bytes = vec![field << 3 | 2];
        prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
        bytes.extend(content);
        bytes
    };
    let error = import(&message(7, &message(5, &tensor)), "test.onnx").unwrap_err();
    assert!(
        matches!(*error.kind, ImportErrorKind::Container(ContainerError::TooMany { what: "dimensions", .. })),
        "{error}"
    );
}

fn with_weights(change: impl FnOnce(&mut TensorProto)) -> ModelBuilder {
    let mut tensor = int8s("w", &[3, 2], &[0; 6]);
    change(&mut tensor);
    q_gemm().replace(tensor)
}

#[test]
fn tensor_data_has_to_fill_the_shape() {
    for dims in [&[3, 3][..], &[3, 1], &[]] {
        assert_refused!(
            with_weights(|tensor| tensor.dims = dims.to_vec()),
            ImportErrorKind::Tensor(TensorError::DataLength { unit: "bytes", got: 6, .. })
        );
    }
    assert_refused!(
        with_weights(|tensor| tensor.raw_data = None),
        ImportErrorKind::Tensor(TensorError::DataLength { unit: "elements", expected: 6, got: 0, .. })
    );
    assert_refused!(
        q_gemm().replace(TensorProto { raw_data: Some(vec![0; 7]), ..floats("x_scale", &[], &[]) }),
        ImportErrorKind::Tensor(TensorError::DataLength { expected: 4, got: 7, .. })
    );
    assert_refused!(
        with_weights(|tensor| tensor.int32_data = vec![0; 6]),
        ImportErrorKind::Tensor(TensorError::AmbiguousData { tensor }) if tensor == "w"
    );
}

#[test]
fn tensor_shapes_are_bounded_before_any_data_is_read() {
    assert_refused!(
        with_weights(|tensor| tensor.dims = vec![-3, 2]),
        ImportErrorKind::Tensor(TensorError::Dimension { dim: -3, .. })
    );
    assert_refused!(
        with_weights(|tensor| tensor.dims = vec![i64::MAX, i64::MAX, 4]),
        ImportErrorKind::Container(ContainerError::TooManyElements { .. })
    );
    assert_refused!(
        with_weights(|tensor| tensor.dims = vec![i64::MAX, i64::MAX, 0]),
        ImportErrorKind::Container(ContainerError::EmptyTensor { .. })
    );
    assert_refused!(
        with_weights(|tensor| tensor.dims = vec![1; 7]),
        ImportErrorKind::Container(ContainerError::Rank { rank: 7, .. })
    );
    assert_refused!(
        q_gemm().replace(int8s("w", &[0], &[])),
        ImportErrorKind::Container(ContainerError::EmptyTensor { .. })
    );
}

#[test]
fn element_types_are_named() {
    for raw in [true, false] {
        assert_refused!(
            with_weights(|tensor| {
                tensor.data_type = 10;
                if !raw {
                    tensor.raw_data = None;
                }
            }),
            ImportErrorKind::Tensor(TensorError::Type { got, .. }) if got == "float16"
        );
    }
    let names: Vec<String> = (-1..30).map(data_type::name).collect();
    assert!(names.iter().all(|name| !name.is_empty()));
}

#[test]
fn external_data_is_refused() {
    for model in [
        with_weights(|tensor| tensor.data_location = 1),
        with_weights(|tensor| tensor.external_data = vec![Vec::new()]),
    ] {
        let error = assert_refused!(model, ImportErrorKind::Tensor(TensorError::ExternalData { tensor }) if tensor == "w");
        assert!(error.to_string().contains("save_as_external_data=False"), "{error}");
    }
}

/// The scales and biases of outputs are not shared.
#[test]
fn channels_of_shared_weights_are_expanded_within_the_budget() {
    let size = 1_usize << 20;
    let columns = i64::try_from(size).unwrap();
    let mut model = q_gemm().replace(int8s("w", &[1, columns], &vec![1; size]));
    model = model.replace(super::models::int32s("bias", &[], &[0]));
    model.graph().input[0] = super::models::value_info("x", data_type::INT8, &[1, 1]);
    let inputs = model.graph().node[0].input.clone();
    for index in 0..4 {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let name = format!("z{index}");
        model = model.node("com.microsoft:QGemm", &inputs, &[&name]).output(&name);
    }
    assert_refused!(model, ImportErrorKind::Container(ContainerError::Budget { limit }) if *limit > 16 << 20);
}

#[test]
fn weights_that_many_layers_share_count_once_up_to_a_limit() {
    let size = 1_i64 << 20;
    let model = |layers: usize| {
        let mut model = q_gemm().replace(int8s("w", &[size, 1], &vec![1; 1 << 20]));
        model = model.replace(super::models::int32s("bias", &[], &[0]));
        model.graph().node[0].attribute.clear();
        model.graph().input[0] = super::models::value_info("x", data_type::INT8, &[1, size]);
        let inputs = model.graph().node[0].input.clone();
        for index in 0..layers {
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let name = format!("z{index}");
            model = model.node("com.microsoft:QGemm", &inputs, &[&name]).output(&name);
        }
        model
    };
    assert!(model(16).import().is_ok());
    let error =
        assert_refused!(model(17), ImportErrorKind::Container(ContainerError::RepeatedWeights { .. }));
    assert!(error.to_string().contains("unroll fewer steps"), "{error}");
}

#[test]
fn concatenation_does_not_grow_without_bound() {
    let mut model = q_gemm().init(int64s("l0", &[2], &[1, 3]));
    for index in 0..60 {
        let (from, to) = (format!("l{index}"), format!("l{}", index + 1));
        model = model.node("Concat", &[&from, &from], &[&to]).int("axis", 0);
    }
    model = model.node("Reshape", &["x", "l60"], &["flat"]);
    model = model.with_node("QGemm", |node| node.input[0] = "flat".to_owned());
    assert_refused!(model, ImportErrorKind::Container(ContainerError::Budget { .. }));
}

#[test]
fn messages_quote_names_without_control_characters_and_in_bounded_length() {
    let long = "\u{1b}[31m".repeat(100_000);
    let error = q_gemm().attribute(attribute(&long, 2)).import().unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}"), "{text}");
    assert_eq!(text.chars().count(), ImportError::TEXT_LIMIT);
}
