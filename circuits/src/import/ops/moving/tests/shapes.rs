//! Operators that change shapes, on the way into a layer.

use crate::{
    import::{
        ContainerError, ImportErrorKind, OperatorError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, int8s, int64s, q_gemm, qdq, qdq_around},
        },
    },
    ir::{Op, Rearrange, Source},
};

/// int8 `x` of a shape -> operators of the caller from `x` to `flat` -> QGemm over 6 inputs.
fn into_gemm(dims: &[i64], between: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    let model = q_gemm().replace(int8s("w", &[6, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    let mut model = model.with_node("QGemm", |node| node.input[0] = "flat".to_owned());
    model.graph().input.clear();
    between(model.input("x", data_type::INT8, dims))
}

fn reshape(dims: &[i64], to: &[i64]) -> ModelBuilder {
    let length = i64::try_from(to.len()).unwrap();
    into_gemm(dims, |model| model.init(int64s("to", &[length], to)).node("Reshape", &["x", "to"], &["flat"]))
}

#[test]
fn reshape_copies_and_infers_dimensions() {
    let expected = into_gemm(&[1, 6], |model| model.node("Identity", &["x"], &["flat"])).layers();
    for (dims, to) in [
        (&[0, 2, 3][..], &[0, -1][..]),
        (&[1, 2, 3], &[1, 6]),
        (&[1, 6], &[0, 0]),
        (&[2, 3], &[1, -1]),
        (&[6], &[-1, 6]),
    ] {
        assert_eq!(reshape(dims, to).layers(), expected, "{dims:?} to {to:?}");
    }
    for (dims, to) in [
        (&[1, 6][..], &[1, 5][..]),
        (&[1, 6], &[-1, -1]),
        (&[1, 6], &[-1, 4]),
        (&[1, 6], &[1, -6]),
        (&[1, 6], &[1, 6, 0]),
        (&[1, 6], &[i64::MAX, i64::MAX, i64::MAX]),
    ] {
        assert_refused!(reshape(dims, to), ImportErrorKind::Operator(OperatorError::Reshape { .. }));
    }
    assert_refused!(
        reshape(&[1, 6], &[1; 7]),
        ImportErrorKind::Container(ContainerError::Rank { rank: 7, limit: 6, .. })
    );
    let mut zero_is_zero = reshape(&[1, 6], &[0, 0]).int("allowzero", 1);
    assert_refused!(zero_is_zero.clone(), ImportErrorKind::Operator(OperatorError::Reshape { .. }));
    zero_is_zero.proto.opset_import[0].version = 13;
    assert_refused!(zero_is_zero, ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "allowzero");
}

#[test]
fn reshape_needs_a_constant_list() {
    let variable = into_gemm(&[1, 6], |model| model.node("Reshape", &["x", "x"], &["flat"]));
    assert_refused!(variable, ImportErrorKind::Operator(OperatorError::NotConstant { role: "shape", .. }));
    let bytes = into_gemm(&[1, 6], |model| {
        model.init(int8s("to", &[2], &[1, 6])).node("Reshape", &["x", "to"], &["flat"])
    });
    assert_refused!(bytes, ImportErrorKind::Operator(OperatorError::ElementType { role: "shape", .. }));
    let scalar = into_gemm(&[1, 6], |model| {
        model.init(int64s("to", &[], &[6])).node("Reshape", &["x", "to"], &["flat"])
    });
    assert_refused!(scalar, ImportErrorKind::Operator(OperatorError::Shape { role: "shape", .. }));
}

#[test]
fn flatten_splits_at_its_axis() {
    let flatten = |dims: &[i64], axis: Option<i64>| {
        into_gemm(dims, |model| {
            let model = model.node("Flatten", &["x"], &["flat"]);
            if let Some(axis) = axis { model.int("axis", axis) } else { model }
        })
    };
    for (dims, axis) in [(&[1, 2, 3][..], None), (&[2, 3], Some(0)), (&[1, 6], Some(-1)), (&[6], Some(0))] {
        assert_eq!(flatten(dims, axis).layers().len(), 1);
    }
    assert_refused!(flatten(&[1, 6], Some(2)), ImportErrorKind::Operator(OperatorError::Shape { .. }));
    assert_refused!(
        flatten(&[1, 6], Some(3)),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
    assert_refused!(
        flatten(&[1, 6], Some(i64::MIN)),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
    let mut from_the_end = flatten(&[1, 6], Some(-1));
    from_the_end.proto.opset_import[0].version = 10;
    assert_refused!(from_the_end, ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "axis");
}

#[test]
fn squeeze_and_unsqueeze_take_axes_by_input_or_attribute() {
    let by_input = |op: &str, dims: &[i64], axes: &[i64]| {
        let length = i64::try_from(axes.len()).unwrap();
        into_gemm(dims, |model| {
            model.init(int64s("axes", &[length], axes)).node(op, &["x", "axes"], &["flat"])
        })
    };
    let by_attribute = |op: &str, dims: &[i64], axes: &[i64]| {
        let mut model = into_gemm(dims, |model| model.node(op, &["x"], &["flat"]).ints("axes", axes));
        model.proto.opset_import[0].version = 11;
        model
    };
    for form in [by_input, by_attribute] {
        assert_eq!(form("Squeeze", &[1, 1, 6, 1], &[0, -1]).layers().len(), 1);
        assert_eq!(form("Unsqueeze", &[6], &[0]).layers().len(), 1);
        assert_eq!(form("Unsqueeze", &[6], &[-2]).layers().len(), 1);
        assert_refused!(
            form("Squeeze", &[1, 6], &[1]),
            ImportErrorKind::Operator(OperatorError::Reshape { .. })
        );
        assert_refused!(
            form("Squeeze", &[1, 1, 6], &[0, 0]),
            ImportErrorKind::Operator(OperatorError::Reshape { .. })
        );
        assert_refused!(
            form("Unsqueeze", &[6], &[2]),
            ImportErrorKind::Operator(OperatorError::Reshape { .. })
        );
        assert_refused!(
            form("Unsqueeze", &[6], &[0, 1, 2, 3, 4, 5]),
            ImportErrorKind::Container(ContainerError::Rank { .. })
        );
    }
    let all = into_gemm(&[1, 1, 6], |model| model.node("Squeeze", &["x"], &["line"])).node(
        "Flatten",
        &["line"],
        &["flat"],
    );
    assert_eq!(all.int("axis", 0).layers().len(), 1);
    let scalar_axis = |op: &str, dims: &[i64]| {
        into_gemm(dims, |model| model.init(int64s("axis", &[], &[0])).node(op, &["x", "axis"], &["flat"]))
    };
    assert_eq!(scalar_axis("Unsqueeze", &[6]).layers().len(), 1);
    assert_refused!(
        scalar_axis("Squeeze", &[1, 1, 6]),
        ImportErrorKind::Operator(OperatorError::Shape { role: "axes", .. })
    );
    let no_axes = into_gemm(&[6], |model| model.node("Unsqueeze", &["x"], &["flat"]));
    assert_refused!(
        no_axes,
        ImportErrorKind::Operator(OperatorError::MissingAttribute { attribute: "axes" })
    );
}

#[test]
fn squeeze_without_axes_removes_every_dimension_of_size_one() {
    let squeezed_shape = |squeeze: fn(ModelBuilder) -> ModelBuilder, opset: i64| {
        let mut model = q_gemm();
        model.graph().output.clear();
        model.proto.opset_import[0].version = opset;
        let model = squeeze(model.init(int64s("none", &[0], &[]))).output("line");
        model.import().unwrap_or_else(|error| panic!("{error}")).outputs[0].shape.clone()
    };
    assert_eq!(squeezed_shape(|model| model.node("Squeeze", &["y"], &["line"]), 17), [2]);
    assert_eq!(squeezed_shape(|model| model.node("Squeeze", &["y", "none"], &["line"]), 17), [2]);
    assert_eq!(squeezed_shape(|model| model.node("Squeeze", &["y"], &["line"]).ints("axes", &[]), 11), [2]);
    assert_eq!(squeezed_shape(|model| model.node("Unsqueeze", &["y", "none"], &["line"]), 17), [1, 2]);
    assert_eq!(
        squeezed_shape(|model| model.node("Unsqueeze", &["y"], &["line"]).ints("axes", &[]), 11),
        [1, 2]
    );
}

#[test]
fn transpose_moves_elements_unless_all_other_dimensions_are_one() {
    let transpose = |dims: &[i64], perm: &[i64]| {
        into_gemm(dims, |model| model.node("Transpose", &["x"], &["moved"]).ints("perm", perm)).node(
            "Flatten",
            &["moved"],
            &["flat"],
        )
    };
    assert_eq!(transpose(&[1, 2, 1, 3], &[2, 0, 1, 3]).int("axis", 0).layers().len(), 1);
    let moved = transpose(&[1, 2, 3], &[0, 2, 1]).import().unwrap();
    let sources = [0, 3, 1, 4, 2, 5].map(|element| Source::Element { input: 0, element });
    assert_eq!(moved.nodes[0].op, Op::Rearrange(Rearrange { sources: sources.to_vec() }));
    assert_eq!(moved.nodes.len(), 2);
    for perm in [&[0, 1][..], &[0, 0, 1], &[0, 1, 3], &[0, 1, -1]] {
        assert_refused!(
            transpose(&[1, 2, 3], perm),
            ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
        );
    }
}

#[test]
fn identity_and_cast_change_nothing() {
    let expected = into_gemm(&[1, 6], |model| model.node("Identity", &["x"], &["flat"])).import().unwrap();
    let cast =
        |to: i32| into_gemm(&[1, 6], |model| model.node("Cast", &["x"], &["flat"]).int("to", to.into()));
    assert_eq!(cast(data_type::INT8).import().unwrap(), expected);
    assert_refused!(cast(data_type::FLOAT), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "to");
}

#[test]
fn dropout_changes_no_float_and_takes_no_integer() {
    let dropout = |training: Option<u8>| {
        qdq_around(|model| match training {
            None => model.node("Dropout", &["r0"], &["r", "mask"]).int("seed", 3),
            Some(flag) => {
                let mut mode = int8s("mode", &[], &[flag.cast_signed()]);
                mode.data_type = data_type::BOOL;
                model.init(mode).node("Dropout", &["r0", "", "mode"], &["r"])
            }
        })
    };
    assert_eq!(dropout(None).import().unwrap(), qdq().import().unwrap());
    assert_eq!(dropout(Some(0)).import().unwrap(), qdq().import().unwrap());
    assert_refused!(
        dropout(Some(1)),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "training mode", .. })
    );
    assert_refused!(
        dropout(None).output("mask"),
        ImportErrorKind::Operator(OperatorError::OutputCount { index: 1 })
    );
    let integers = into_gemm(&[1, 6], |model| model.node("Dropout", &["x"], &["flat"]));
    assert_refused!(integers, ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. }));
}
