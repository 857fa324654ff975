//! Operators that move elements: copies of copies, and caps.

use crate::{
    import::{
        ContainerError, ImportErrorKind, OperatorError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, floats, int8s, int64s},
        },
    },
    ir::{Op, Source},
};

/// int8 `x` of these dimensions -> operators of the caller -> `y`.
fn moved(dims: &[i64], operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    operators(ModelBuilder::new(17).input("x", data_type::INT8, dims)).output("y")
}

#[test]
fn a_copy_of_a_copy_reads_the_original() {
    let model = moved(&[1, 2, 3], |model| {
        model
            .init(int64s("one", &[1], &[1]))
            .init(int64s("three", &[1], &[3]))
            .init(int64s("pads", &[6], &[0, 0, 0, 0, 0, 1]))
            .init(int8s("fill", &[], &[9]))
            .node("Transpose", &["x"], &["t"])
            .node("Slice", &["t", "one", "three"], &["s"])
            .node("Pad", &["s", "pads", "fill"], &["y"])
    });
    let model = model.import().unwrap();
    assert_eq!(model.nodes.len(), 1);
    let Op::Rearrange(copy) = &model.nodes[0].op else { panic!("{model:?}") };
    let element = |element| Source::Element { input: 0, element };
    let fill = Source::Constant(9);
    assert_eq!(copy.sources, [element(1), fill, element(4), fill, element(2), fill, element(5), fill]);
}

#[test]
fn transposing_back_leaves_no_node() {
    let model = moved(&[1, 2, 3], |model| {
        model.node("Transpose", &["x"], &["t"]).node("Transpose", &["t"], &["back"]).node(
            "Relu",
            &["back"],
            &["y"],
        )
    });
    let model = model.import().unwrap();
    assert_eq!((model.nodes.len(), model.nodes[0].op.name()), (1, "table"));
}

#[test]
fn what_would_not_fit_in_memory_is_refused_before_it_is_made() {
    let huge = [
        moved(&[1, 4], |model| {
            model.init(int64s("repeats", &[2], &[1 << 12, 1 << 12])).node("Tile", &["x", "repeats"], &["y"])
        }),
        moved(&[1, 1], |model| {
            model.init(int64s("to", &[2], &[1 << 12, 1 << 12])).node("Expand", &["x", "to"], &["y"])
        }),
        moved(&[1, 4], |model| {
            model.init(int64s("pads", &[4], &[0, 0, 0, 1 << 25])).node("Pad", &["x", "pads"], &["y"])
        }),
        moved(&[1 << 11, 1 << 11], |model| model.node("Transpose", &["x"], &["y"])),
        moved(&[1, 4], |model| {
            model.init(floats("scales", &[2], &[2048.0, 2048.0])).node("Resize", &["x", "", "scales"], &["y"])
        }),
    ];
    for model in huge {
        assert_refused!(model, ImportErrorKind::Container(ContainerError::Rearranged { .. }));
    }
    // Each fits, all together do not.
    let many = moved(&[1 << 10, 1 << 10], |model| {
        model
            .node("Transpose", &["x"], &["t"])
            .node("Relu", &["t"], &["r"])
            .node("Transpose", &["r"], &["back"])
            .node("Clip", &["back"], &["c"])
            .node("Transpose", &["c"], &["y"])
    });
    assert_refused!(many, ImportErrorKind::Container(ContainerError::Rearranged { .. }));
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let scales = |values: &[f32]| {
        moved(&[1, 4], |model| {
            model.init(floats("scales", &[2], values)).node("Resize", &["x", "", "scales"], &["y"])
        })
    };
    for values in [[1.0, 0.0], [1.0, f32::NAN], [1.0, f32::INFINITY], [1.0, -1.0], [0.5, 1.0]] {
        assert_refused!(
            scales(&values),
            ImportErrorKind::Operator(OperatorError::Shape { role: "input of Resize", .. })
        );
    }
    assert_refused!(
        scales(&[1.0, 2.0]).text("mode", "linear"),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
    let slice = |starts: i64, step: i64| {
        moved(&[1, 4], |model| {
            model
                .init(int64s("starts", &[1], &[starts]))
                .init(int64s("ends", &[1], &[i64::MAX]))
                .init(int64s("axes", &[1], &[1]))
                .init(int64s("steps", &[1], &[step]))
                .node("Slice", &["x", "starts", "ends", "axes", "steps"], &["y"])
        })
    };
    assert_eq!(slice(i64::MIN, i64::MAX).import().unwrap().outputs[0].shape, [1, 1]);
    assert_refused!(slice(0, 0), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    assert_refused!(slice(4, 1), ImportErrorKind::Container(ContainerError::EmptyTensor { .. }));
    let pad = |before: i64, after: i64| {
        moved(&[1, 4], |model| {
            model.init(int64s("pads", &[4], &[0, before, 0, after])).node("Pad", &["x", "pads"], &["y"])
        })
    };
    assert_eq!(pad(-3, 2).import().unwrap().outputs[0].shape, [1, 3]);
    for (before, after) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MAX), (-2, -2), (i64::MIN, 0)] {
        assert_refused!(pad(before, after), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    }
    let parts = |sizes: &[i64]| {
        moved(&[1, 4], |model| {
            model
                .init(int64s("sizes", &[2], sizes))
                .node("Split", &["x", "sizes"], &["y", "z"])
                .int("axis", 1)
        })
    };
    assert_eq!(parts(&[1, 3]).output("z").import().unwrap().outputs[1].shape, [1, 3]);
    for sizes in [[1, 2], [0, 4], [-1, 5], [i64::MAX, i64::MAX]] {
        assert_refused!(parts(&sizes), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    }
}
