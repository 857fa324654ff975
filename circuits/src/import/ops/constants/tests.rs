//! Constants, and the small operators on them.

use crate::import::{
    ImportErrorKind, OperatorError, TensorError,
    proto::{AttributeProto, attribute_type, data_type},
    tests::{
        assert_refused,
        models::{ModelBuilder, ROWS, attribute, floats, int8s, int32s, int64s, q_gemm, uint8s, value_info},
    },
};

/// [`q_gemm`] whose input passes through a Reshape to the value `to`, which the caller defines.
fn reshaped_to(define: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let mut model = q_gemm().with_node("QGemm", |node| node.input[0] = "flat".to_owned());
    model.graph().input[0] = value_info("x", data_type::INT8, &[0, 3, 1]);
    define(model).node("Reshape", &["x", "to"], &["flat"])
}

#[test]
fn the_shape_arithmetic_of_exporters_folds() {
    // x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat.
    let view = reshaped_to(|model| {
        model
            .node("Shape", &["x"], &["dims"])
            .init(int64s("zero", &[], &[0]))
            .node("Gather", &["dims", "zero"], &["batch"])
            .init(int64s("axes", &[1], &[0]))
            .node("Unsqueeze", &["batch", "axes"], &["batch_list"])
            .node("Constant", &[], &["rest"])
            .ints("value_ints", &[-1])
            .node("Concat", &["batch_list", "rest"], &["to"])
            .int("axis", 0)
    });
    assert_eq!(view.layers(), q_gemm().layers());
    let slice = reshaped_to(|model| model.node("Shape", &["x"], &["to"]).int("start", -3).int("end", 2));
    assert_eq!(slice.layers(), q_gemm().layers());
}

#[test]
fn gather_and_concat_are_for_lists() {
    let gather = |indices: &[i64], axis: i64| {
        let length = i64::try_from(indices.len()).unwrap();
        reshaped_to(|model| {
            model
                .init(int64s("list", &[3], &[3, 1, 7]))
                .init(int64s("indices", &[length], indices))
                .node("Gather", &["list", "indices"], &["to"])
                .int("axis", axis)
        })
    };
    assert_eq!(gather(&[1, -3], 0).layers(), q_gemm().layers());
    assert_refused!(gather(&[1, 3], 0), ImportErrorKind::Operator(OperatorError::Shape { role: "data", .. }));
    assert_refused!(gather(&[1, 0], 1), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    let matrix = reshaped_to(|model| {
        model.init(int64s("list", &[2, 2], &[7, 7, 1, 3])).init(int64s("index", &[], &[-1])).node(
            "Gather",
            &["list", "index"],
            &["to"],
        )
    });
    assert_eq!(matrix.layers(), q_gemm().layers());
    let concat =
        reshaped_to(|model| model.init(int64s("a", &[1], &[1])).node("Concat", &["a", "a"], &["to"]));
    assert_refused!(
        concat.clone(),
        ImportErrorKind::Operator(OperatorError::MissingAttribute { attribute: "axis" })
    );
    assert_refused!(
        concat.with_node("Concat", |node| node
            .attribute
            .push(AttributeProto { i: 1, ..attribute("axis", attribute_type::INT) })),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
}

#[test]
fn every_constant_form_is_read() {
    let scale = |define: fn(ModelBuilder) -> ModelBuilder| {
        let mut model = q_gemm();
        model.graph().initializer.retain(|tensor| tensor.name != "x_scale");
        define(model.node("Constant", &[], &["x_scale"]))
    };
    let tensor = |model: ModelBuilder| {
        let t = Some(Box::new(floats("", &[], &[0.5])));
        model.attribute(AttributeProto { t, ..attribute("value", attribute_type::TENSOR) })
    };
    let list = |model: ModelBuilder| {
        model.attribute(AttributeProto {
            floats: vec![0.5],
            ..attribute("value_floats", attribute_type::FLOATS)
        })
    };
    for form in [tensor, list, |model: ModelBuilder| model.float("value_float", 0.5)] {
        assert_eq!(scale(form).import(), q_gemm().import());
    }
    assert_refused!(
        scale(|model| model.int("value_int", 1)),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "zero point" | "scale", .. })
    );
    assert_refused!(
        scale(|model| model),
        ImportErrorKind::Operator(OperatorError::MissingAttribute { attribute: "value" })
    );
    assert_refused!(
        scale(|model| model.float("value_float", 0.5).int("value_int", 1)),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "value"
    );
    let text = |model: ModelBuilder| model.attribute(attribute("value_string", 3));
    assert_refused!(scale(text), ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "value_string");
    let missing = |model: ModelBuilder| model.attribute(attribute("value", attribute_type::TENSOR));
    assert_refused!(scale(missing), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
}

/// [`q_gemm`] whose weights are `w`, computed by the caller from `source`.
fn weights_from(source: crate::import::proto::TensorProto, op: &str) -> ModelBuilder {
    let mut model = q_gemm();
    model.graph().initializer.retain(|tensor| tensor.name != "w");
    model.init(source).node(op, &["source"], &["w"])
}

#[test]
fn constants_are_transposed() {
    let transposed = int8s("source", &[2, 3], &[1, 3, -5, -2, 4, 6]);
    assert_eq!(weights_from(transposed.clone(), "Transpose").layers()[0].weights, ROWS);
    assert_eq!(weights_from(transposed, "Transpose").ints("perm", &[1, 0]).layers()[0].weights, ROWS);
}

#[test]
fn constants_are_cast_when_their_values_fit() {
    let to_int8 = |source| weights_from(source, "Cast").int("to", data_type::INT8.into());
    let values = [1, -2, 3, 4, -5, 6];
    let float = |scale: f32| floats("source", &[3, 2], &values.map(|value| value as f32 * scale));
    for source in
        [int32s("source", &[3, 2], &values), int64s("source", &[3, 2], &values.map(i64::from)), float(1.1)]
    {
        assert_eq!(to_int8(source).layers()[0].weights, ROWS);
    }
    assert_refused!(
        to_int8(int32s("source", &[3, 2], &[0, 0, 0, 0, 0, 200])),
        ImportErrorKind::Tensor(TensorError::ElementRange { value: 200, element: "int8", .. })
    );
    for value in [f32::NAN, 3e9, f32::NEG_INFINITY] {
        assert_refused!(
            to_int8(floats("source", &[3, 2], &[value; 6])),
            ImportErrorKind::Tensor(TensorError::ElementRange { element: "int32", .. })
        );
    }
    let text = weights_from(uint8s("source", &[3, 2], &[0; 6]), "Cast").int("to", 8);
    assert_refused!(text, ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "to");
    let nothing = weights_from(uint8s("source", &[3, 2], &[0; 6]), "Cast");
    assert_refused!(nothing, ImportErrorKind::Operator(OperatorError::MissingAttribute { attribute: "to" }));
}
