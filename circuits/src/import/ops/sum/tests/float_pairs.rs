//! Sub, Sum and Mean of two tensors, and BatchNormalization: float32 between quantizers.

use crate::{
    import::{
        ImportErrorKind, OperatorError, QuantizationError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, floats, int8s, uint8s},
            pairs::{expected, outputs, two},
        },
    },
    ir::Op,
    reference,
};

/// An operator of two numbers.
type Operator = fn(f32, f32) -> f32;

#[test]
fn two_tensors_are_combined_as_in_float32_for_every_pair() {
    let cases: [(&str, Operator); 3] =
        [("Sub", |a, b| a - b), ("Sum", |a, b| a + b), ("Mean", |a, b| (a + b) / 2.0)];
    for (op, operator) in cases {
        for scales in [
            [0.030_113, 0.050_471, 0.070_629],
            [0.037_113, 0.012_371, 0.045_629],
            [0.02, 0.02, 0.02],
            [0.5, 0.25, 0.5],
        ] {
            let model = two(scales, |model| model.node(op, &["f", "h"], &["g"]));
            if op == "Mean" && scales == [0.02; 3] {
                // Every other sum is a tie.
                assert_refused!(model, ImportErrorKind::Operator(OperatorError::FloatPair { .. }));
                continue;
            }
            let model = model.import().unwrap_or_else(|error| panic!("{op} {scales:?}: {error}"));
            let differing =
                outputs(&model).iter().zip(expected(scales, operator)).filter(|(a, b)| **a != *b).count();
            assert_eq!(differing, 0, "{op} {scales:?}");
        }
        let relu = two([0.030_113, 0.050_471, 0.070_629], |model| {
            model.node(op, &["f", "h"], &["r"]).node("Relu", &["r"], &["g"])
        });
        let clamped = expected([0.030_113, 0.050_471, 0.070_629], |a, b| operator(a, b).max(0.0));
        assert_eq!(outputs(&relu.import().unwrap()), clamped, "{op}");
    }
}

#[test]
fn one_tensor_is_itself_and_three_of_unrelated_scales_are_refused() {
    for op in ["Sum", "Mean"] {
        let one = two([0.030_113, 0.050_471, 0.070_629], |model| {
            model.node(op, &["f"], &["i"]).node("Sub", &["i", "h"], &["g"])
        });
        assert_eq!(
            outputs(&one.import().unwrap()),
            expected([0.030_113, 0.050_471, 0.070_629], |a, b| a - b)
        );
        let three = two([0.030_113, 0.050_471, 0.070_629], |model| model.node(op, &["f", "h", "f"], &["g"]));
        let error = assert_refused!(three, ImportErrorKind::Operator(OperatorError::Terms { count: 3 }));
        assert!(error.to_string().contains("go on with the next"), "{error}");
        let float = two([0.030_113, 0.050_471, 0.070_629], |model| {
            model.node("Add", &["f", "h"], &["s"]).node(op, &["s", "h"], &["g"])
        });
        assert_refused!(float, ImportErrorKind::Operator(OperatorError::InputForm { .. }));
    }
    // A clamp in between is a function.
    let clamped = two([0.030_113, 0.050_471, 0.070_629], |model| {
        model.node("Relu", &["f"], &["r"]).node("Sub", &["r", "h"], &["g"])
    });
    assert_refused!(clamped, ImportErrorKind::Operator(OperatorError::Pair { .. }));
    let shapes = two([0.030_113, 0.050_471, 0.070_629], |model| {
        let model = model.init(crate::import::tests::models::int64s("shape", &[1], &[256]));
        let model = model.init(int8s("other", &[3], &[1, 2, 3]));
        let model = model.node("DequantizeLinear", &["other", "first", "three"], &["o"]);
        model.node("Sum", &["f", "o"], &["g"])
    });
    assert_refused!(shapes, ImportErrorKind::Operator(OperatorError::Shape { role: "right operand", .. }));
}

/// In the order of the inputs, and a mean by the rounded reciprocal of their number.
#[test]
fn three_tensors_of_one_scale_are_added_one_after_the_other() {
    for (scale, third) in [(0.030_113, 0.070_629), (0.25, 0.4), (0.75, 0.9)] {
        let sum = two([scale, scale, third], |model| model.node("Sum", &["f", "h", "f"], &["g"]));
        assert_eq!(
            outputs(&sum.import().unwrap()),
            expected([scale, scale, third], |a, b| a + b + a),
            "{scale}"
        );
        let mean = two([scale, scale, third], |model| {
            model.node("Mean", &["f", "h", "f"], &["r"]).node("Relu", &["r"], &["g"])
        });
        let reciprocal = 1.0_f32 / 3.0;
        let expected = expected([scale, scale, third], |a, b| ((a + b + a) * reciprocal).max(0.0));
        assert_eq!(outputs(&mean.import().unwrap()), expected, "{scale}");
    }
    let powers = two([0.25, 0.0625, 0.7], |model| model.node("Sum", &["f", "h", "f", "h"], &["g"]));
    assert_eq!(outputs(&powers.import().unwrap()), expected([0.25, 0.0625, 0.7], |a, b| a + b + a + b));
    // Sums of three are ties of halves.
    let tie = two([0.02, 0.02, 0.04], |model| model.node("Sum", &["f", "h", "f"], &["g"]));
    assert_refused!(tie, ImportErrorKind::Uncertain(_));
}

/// 371 a - 123 b = 456 k + 228 has many solutions, ties of which float32 decides each for itself.
#[test]
fn a_difference_that_no_quantized_sum_equals_is_refused() {
    let model = two([0.0371, 0.0123, 0.0456], |model| model.node("Sub", &["f", "h"], &["g"]));
    let error = assert_refused!(model, ImportErrorKind::Operator(OperatorError::FloatPair { .. }));
    assert!(error.to_string().contains("make the scales powers of two"), "{error}");
}

/// int8 `x` [1, 3, 2] -> DequantizeLinear -> BatchNormalization -> QuantizeLinear -> `y`.
fn normalized(opset: i64) -> ModelBuilder {
    ModelBuilder::new(opset)
        .scale("scale", 0.05)
        .init(int8s("zero", &[], &[2]))
        .init(floats("factor", &[3], &[0.7, -1.3, 0.2]))
        .init(floats("bias", &[3], &[0.1, 0.2, -0.3]))
        .init(floats("mean", &[3], &[0.11, -0.4, 0.0]))
        .init(floats("variance", &[3], &[0.91, 1.7, 0.3]))
        .input("x", data_type::INT8, &[1, 3, 2])
        .output("y")
        .node("DequantizeLinear", &["x", "scale", "zero"], &["f"])
        .node("BatchNormalization", &["f", "factor", "bias", "mean", "variance"], &["g"])
        .node("QuantizeLinear", &["g", "scale", "zero"], &["y"])
}

#[test]
fn batch_normalization_is_a_table_for_each_channel() {
    let model = normalized(17).import().unwrap();
    let tables = model.nodes.iter().filter(|node| matches!(node.op, Op::Table(_))).count();
    assert_eq!(tables, 3);
    let with = |name: &str, value: i64| {
        normalized(17).with_node("BatchNormalization", |node| {
            node.attribute =
                ModelBuilder::new(17).node("", &[], &[]).int(name, value).graph().node[0].attribute.clone();
        })
    };
    assert!(with("training_mode", 0).import().is_ok());
    assert_refused!(with("training_mode", 1), ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "training_mode");
    assert_refused!(with("spatial", 1), ImportErrorKind::Operator(OperatorError::UnknownAttribute { .. }));
    let negative = normalized(17).with_node("BatchNormalization", |node| {
        node.attribute =
            ModelBuilder::new(17).node("", &[], &[]).float("epsilon", -1.0).graph().node[0].attribute.clone();
    });
    assert_refused!(negative, ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "epsilon");
    for (name, values) in
        [("variance", [0.1, -0.2, 0.3]), ("mean", [0.1, f32::NAN, 0.3]), ("factor", [f32::INFINITY; 3])]
    {
        assert_refused!(
            normalized(17).replace(floats(name, &[3], &values)),
            ImportErrorKind::Quantization(QuantizationError::NotANumber { .. })
        );
    }
    assert_refused!(
        normalized(17).replace(floats("bias", &[2], &[0.1, 0.2])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "bias", .. })
    );
    let computed = normalized(17).with_node("BatchNormalization", |node| node.input[2] = "f".to_owned());
    assert_refused!(computed, ImportErrorKind::Operator(OperatorError::NotConstant { role: "bias", .. }));
    let flat = |model: ModelBuilder| {
        let mut model = model;
        model.graph().input[0] = crate::import::tests::models::value_info("x", data_type::INT8, &[3]);
        model
    };
    assert_refused!(
        flat(normalized(17)),
        ImportErrorKind::Operator(OperatorError::Shape { role: "input", .. })
    );
    // Next to a tie the last bits of the factor decide.
    let ties = normalized(17)
        .replace(floats("variance", &[3], &[0.75 - 1e-5; 3]))
        .replace(floats("factor", &[3], &[0.433_012_7; 3]))
        .replace(floats("mean", &[3], &[0.0; 3]))
        .replace(floats("bias", &[3], &[0.0; 3]));
    let error =
        assert_refused!(ties, ImportErrorKind::Uncertain(crate::import::UncertainAnswer::Function { .. }));
    assert!(error.to_string().contains("change the output scale slightly"), "{error}");
}

#[test]
fn the_smallest_is_the_largest_of_reversed_integers() {
    let model = ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(uint8s("zero", &[], &[9]))
        .input("x", data_type::UINT8, &[1, 2, 3])
        .output("y")
        .node("ReduceMin", &["x"], &["y"])
        .ints("axes", &[2]);
    let imported = model.import().unwrap();
    let trace = reference::run(&imported, &[vec![7, 0, 255, 9, 200, 8]]).unwrap();
    assert_eq!(trace.outputs()[0], [0, 8]);
    let mut old = model;
    old.proto.opset_import[0].version = 11;
    assert_refused!(old, ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. }));
}
