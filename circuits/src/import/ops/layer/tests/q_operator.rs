//! QLinearMatMul and QGemm.

use crate::{
    import::{
        ImportErrorKind, OperatorError, QuantizationError, TensorError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{
                ModelBuilder, ROWS, WEIGHTS, floats, int8s, int32s, q_gemm, q_linear_mat_mul, uint8s,
                value_info,
            },
        },
    },
    ir::{BoundsError, ChannelSteps, Elem, Requantize, TensorId},
    reference,
};

#[test]
fn q_linear_mat_mul_carries_every_parameter() {
    let model = q_linear_mat_mul().import().unwrap();
    assert_eq!(
        model.tensors.iter().map(|tensor| (tensor.elem, tensor.len)).collect::<Vec<_>>(),
        [(Elem::I8, 3), (Elem::I8, 2)]
    );
    assert_eq!(model.tensors[0].range, (-128, 127));
    assert_eq!((model.nodes[0].inputs[0], model.nodes[0].output), (TensorId(0), TensorId(1)));
    assert_eq!(
        (model.inputs[0].shape.as_slice(), model.outputs[0].shape.as_slice()),
        (&[1, 3][..], &[1, 2][..])
    );
    let layer = &q_linear_mat_mul().layers()[0];
    assert_eq!((layer.inputs, layer.outputs, layer.input_zero_point), (3, 2, 3));
    assert_eq!((layer.weights.as_slice(), layer.bias.as_slice()), (&ROWS[..], &[0, 0][..]));
    let multiplier = 0.5_f32 * 0.25 / 0.75;
    let multipliers = vec![multiplier, multiplier];
    assert_eq!(
        layer.requantize,
        Requantize { channels: ChannelSteps::Multipliers(multipliers), zero_point: -7, lo: -128, hi: 127 }
    );
}

#[test]
fn nodes_are_named_by_name_or_index() {
    assert_eq!(q_linear_mat_mul().import().unwrap().nodes[0].name, "y");
    let named = q_linear_mat_mul().with_node("QLinearMatMul", |node| node.name = "dense".to_owned());
    assert_eq!(named.import().unwrap().nodes[0].name, "dense");
}

#[test]
fn q_gemm_has_a_bias_and_transposed_weights() {
    let plain = &q_gemm().layers()[0];
    assert_eq!((plain.weights.as_slice(), plain.bias.as_slice()), (&ROWS[..], &[100, -200][..]));
    let transposed = q_gemm().int("transB", 1).replace(int8s("w", &[2, 3], &[1, 3, -5, -2, 4, 6]));
    assert_eq!(transposed.layers()[0], *plain);
    let without = q_gemm().with_node("QGemm", |node| node.input[6].clear());
    assert_eq!(without.layers()[0].bias, [0, 0]);
}

#[test]
fn a_bias_of_one_element_is_for_every_output() {
    for dims in [&[][..], &[1], &[1, 1]] {
        assert_eq!(q_gemm().replace(int32s("bias", dims, &[9])).layers()[0].bias, [9, 9]);
    }
    let row = q_gemm().replace(int32s("bias", &[1, 2], &[8, 9]));
    assert_eq!(row.layers()[0].bias, [8, 9]);
}

#[test]
fn parameters_per_column_are_per_output() {
    for dims in [&[2][..], &[1, 2]] {
        let layer = &q_linear_mat_mul()
            .replace(floats("w_scale", dims, &[0.25, 0.3]))
            .replace(int8s("w_zero", dims, &[1, -128]))
            .layers()[0];
        let multipliers = vec![0.5_f32 * 0.25 / 0.75, 0.5_f32 * 0.3 / 0.75];
        assert_eq!(layer.requantize.multipliers(), multipliers);
        assert_eq!(layer.weights, [0, 2, -6, 126, 132, 134]);
    }
}

#[test]
fn parameters_have_the_shapes_that_onnxruntime_takes() {
    let single: [&[i64]; 2] = [&[], &[1]];
    let per_output: [&[i64]; 2] = [&[2], &[1, 2]];
    let refused: [&[i64]; 3] = [&[1, 1], &[2, 1], &[1, 1, 1]];
    let count = |dims: &[i64]| usize::try_from(dims.iter().product::<i64>()).unwrap();
    let weights = |model: ModelBuilder, scale: &[i64], zero_point: &[i64]| {
        model.replace(floats("w_scale", scale, &vec![0.25; count(scale)])).replace(int8s(
            "w_zero",
            zero_point,
            &vec![0; count(zero_point)],
        ))
    };
    for scale in single.into_iter().chain(per_output).chain(refused) {
        for zero_point in single.into_iter().chain(per_output).chain(refused) {
            let mat_mul = weights(q_linear_mat_mul(), scale, zero_point);
            if refused.contains(&scale) || refused.contains(&zero_point) {
                assert_refused!(
                    mat_mul,
                    ImportErrorKind::Operator(OperatorError::Shape {
                        role: "weight scale or zero point",
                        ..
                    })
                );
            } else {
                assert_eq!(mat_mul.layers(), q_linear_mat_mul().layers());
            }
            let gemm = weights(q_gemm(), scale, zero_point);
            if scale == zero_point && scale.len() <= 1 {
                assert_eq!(gemm.layers(), q_gemm().layers());
            } else {
                assert_refused!(
                    gemm,
                    ImportErrorKind::Operator(OperatorError::Shape {
                        role: "weight scale" | "weight zero point",
                        ..
                    })
                );
            }
        }
    }
    for model in [q_linear_mat_mul(), q_gemm()] {
        for (scale, zero_point, role) in [("x_scale", "x_zero", "input"), ("y_scale", "y_zero", "output")] {
            let value = if role == "input" { (0.5, 3) } else { (0.75, -7) };
            let one = model.clone().replace(floats(scale, &[1], &[value.0]));
            assert_eq!(one.replace(int8s(zero_point, &[], &[value.1])).layers(), model.layers());
            for changed in [floats(scale, &[1, 1], &[value.0]), int8s(zero_point, &[1, 1], &[value.1])] {
                assert_refused!(
                    model.clone().replace(changed),
                    ImportErrorKind::Operator(OperatorError::Shape { role: got, .. }) if *got == role
                );
            }
        }
    }
}

#[test]
fn alpha_multiplies_the_input_scale_first() {
    let (alpha, input, weight, output) = (0.3_f32, 0.1_f32, 0.7_f32, 0.9_f32);
    let model = q_gemm()
        .float("alpha", alpha)
        .replace(floats("x_scale", &[], &[input]))
        .replace(floats("w_scale", &[], &[weight]))
        .replace(floats("y_scale", &[], &[output]));
    assert_eq!(model.layers()[0].requantize.multipliers()[0], ((alpha * input) * weight) / output);
    for alpha in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_refused!(
            q_gemm().float("alpha", alpha),
            ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "alpha"
        );
    }
}

/// The model on uint8 activations.
fn unsigned() -> ModelBuilder {
    let mut model =
        q_linear_mat_mul().replace(uint8s("x_zero", &[], &[128])).replace(uint8s("y_zero", &[], &[0]));
    model.graph().input[0] = value_info("x", data_type::UINT8, &[1, 3]);
    model
}

#[test]
fn element_types_mix_as_in_onnxruntime() {
    let model = unsigned().import().unwrap();
    assert_eq!((model.tensors[0].elem, model.tensors[1].range), (Elem::U8, (0, 255)));
    let weights = [1, 2, 3, 4, 5, 255];
    let unsigned_weights = |model: ModelBuilder| {
        model.replace(uint8s("w", &[3, 2], &weights)).replace(uint8s("w_zero", &[], &[255]))
    };
    let layer = &unsigned_weights(unsigned()).layers()[0];
    assert_eq!(layer.weights, [-254, -252, -250, -253, -251, 0]);
    assert_refused!(
        unsigned_weights(q_linear_mat_mul()),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "weight tensor", .. })
    );
    assert_refused!(
        unsigned().replace(int8s("y_zero", &[], &[0])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "output of a layer", .. })
    );
    assert_refused!(
        unsigned().replace(int8s("x_zero", &[], &[0])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "zero point", .. })
    );
    assert_refused!(
        unsigned().replace(uint8s("w_zero", &[], &[0])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "weight zero point", .. })
    );
}

#[test]
fn scales_have_to_be_finite_and_positive() {
    for scale in [0.0, -0.5, f32::NAN, f32::INFINITY] {
        for name in ["x_scale", "w_scale", "y_scale"] {
            assert_refused!(
                q_linear_mat_mul().replace(floats(name, &[], &[scale])),
                ImportErrorKind::Quantization(QuantizationError::Scale { scale: got, .. }) if got.to_bits() == scale.to_bits()
            );
        }
    }
    assert_refused!(
        q_linear_mat_mul().replace(int32s("w_scale", &[], &[1])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "scale", .. })
    );
}

#[test]
fn multipliers_have_to_be_finite_and_positive() {
    let with = |input: f32, output: f32| {
        q_linear_mat_mul().replace(floats("x_scale", &[], &[input])).replace(floats(
            "y_scale",
            &[],
            &[output],
        ))
    };
    assert_refused!(
        with(1e-45, 1.0),
        ImportErrorKind::Quantization(QuantizationError::Multiplier { channel: 0, multiplier: 0.0, .. })
    );
    assert_refused!(with(1.0, 3e38), ImportErrorKind::Quantization(QuantizationError::Multiplier { multiplier, .. }) if multiplier.is_subnormal());
    assert_refused!(
        with(1e-38, 1e-3),
        ImportErrorKind::Quantization(QuantizationError::Multiplier { accumulator_scale, .. }) if accumulator_scale.is_subnormal()
    );
    assert_refused!(
        with(1e38, 1e-30),
        ImportErrorKind::Quantization(QuantizationError::Multiplier { multiplier, .. }) if multiplier.is_infinite()
    );
}

#[test]
fn several_rows_are_a_convolution_between_transpositions() {
    let mut model = q_linear_mat_mul();
    model.graph().input[0] = value_info("x", data_type::INT8, &[1, 4, 3]);
    let rows = model.import().unwrap();
    let names: Vec<&str> = rows.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(names, ["rearrange", "convolution", "rearrange"]);
    assert_eq!(rows.outputs[0].shape, [1, 4, 2]);
    let one = q_linear_mat_mul().import().unwrap();
    let input: Vec<i32> = (0..12).map(|index| index * 17 % 251 - 125).collect();
    let expected: Vec<i32> = input
        .chunks(3)
        .flat_map(|row| reference::run(&one, &[row.to_vec()]).unwrap().outputs()[0].to_vec())
        .collect();
    assert_eq!(reference::run(&rows, &[input]).unwrap().outputs(), [&expected[..]]);
}

#[test]
fn shapes_have_to_fit() {
    let with_input = |dims: &[i64]| {
        let mut model = q_linear_mat_mul();
        model.graph().input[0] = value_info("x", data_type::INT8, dims);
        model
    };
    assert_eq!(with_input(&[3]).import().unwrap().outputs[0].shape, [2]);
    assert_eq!(with_input(&[1, 1, 3]).import().unwrap().outputs[0].shape, [1, 1, 2]);
    for dims in [&[1, 4][..], &[]] {
        assert_refused!(
            with_input(dims),
            ImportErrorKind::Operator(OperatorError::Shape { role: "input of the layer", .. })
        );
    }
    let mut vector_gemm = q_gemm();
    vector_gemm.graph().input[0] = value_info("x", data_type::INT8, &[3]);
    assert_refused!(
        vector_gemm,
        ImportErrorKind::Operator(OperatorError::Shape { role: "input of the layer", .. })
    );
    assert_refused!(
        q_linear_mat_mul().replace(int8s("w", &[6], &WEIGHTS)),
        ImportErrorKind::Operator(OperatorError::Shape { role: "right factor", .. })
    );
    assert_refused!(
        q_linear_mat_mul().replace(floats("w_scale", &[3], &[1.0, 1.0, 1.0])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "weight scale or zero point", .. })
    );
    assert_refused!(
        q_linear_mat_mul().replace(floats("x_scale", &[3], &[1.0, 1.0, 1.0])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "input", .. })
    );
    assert_refused!(
        q_gemm().replace(int32s("bias", &[3], &[1, 2, 3])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "bias", .. })
    );
    assert_refused!(
        q_gemm().replace(floats("bias", &[2], &[1.0, 2.0])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "bias", .. })
    );
    assert_refused!(
        q_gemm().replace(int32s("w", &[3, 2], &[0; 6])),
        ImportErrorKind::Operator(OperatorError::ElementType { role: "weight tensor", .. })
    );
}

#[test]
fn attributes_and_inputs_beyond_the_supported_form_are_refused() {
    assert_refused!(
        q_gemm().int("transA", 2),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "transA"
    );
    // [1, 3] transposed has one column.
    assert_refused!(q_gemm().int("transA", 1), ImportErrorKind::Operator(OperatorError::Shape { role, .. }) if role.contains("transA"));
    assert_refused!(
        q_gemm().int("transB", 2),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "transB"
    );
    assert_refused!(
        q_gemm().float("beta", 1.0),
        ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "beta"
    );
    assert_refused!(
        q_gemm().with_node("QGemm", |node| node.input.truncate(7)),
        ImportErrorKind::Operator(OperatorError::MissingInput { index: 7, role: "output scale" })
    );
    assert_refused!(
        q_linear_mat_mul().with_node("QLinearMatMul", |node| node.input.truncate(7)),
        ImportErrorKind::Operator(OperatorError::InputCount { got: 7, min: 8, max: 8 })
    );
    assert_refused!(
        q_linear_mat_mul().with_node("QLinearMatMul", |node| node.input[3] = "x".to_owned()),
        ImportErrorKind::Operator(OperatorError::Shape { role: "right factor", .. })
    );
    assert_refused!(
        q_gemm().with_node("QGemm", |node| node.input[3] = "x".to_owned()),
        ImportErrorKind::Operator(OperatorError::NotConstant { role: "weights", .. })
    );
    assert_refused!(
        q_gemm().with_node("QGemm", |node| node.input.swap(0, 3)),
        ImportErrorKind::Operator(OperatorError::InputForm { role: "input", .. })
    );
}

#[test]
fn accumulators_beyond_int32_are_refused() {
    let error = assert_refused!(
        q_gemm().replace(int32s("bias", &[2], &[0, i32::MAX])),
        ImportErrorKind::Bounds(BoundsError::AccumulatorOverflow { channel: 1, .. })
    );
    assert!(error.to_string().contains("'y'"), "{error}");
}

#[test]
fn weights_in_the_typed_field_are_the_same_weights() {
    let mut typed = int8s("w", &[3, 2], &[]);
    typed.raw_data = None;
    typed.int32_data = WEIGHTS.map(i32::from).to_vec();
    assert_eq!(q_gemm().replace(typed.clone()).import(), q_gemm().import());
    typed.int32_data[4] = 128;
    assert_refused!(
        q_gemm().replace(typed),
        ImportErrorKind::Tensor(TensorError::ElementRange { value: 128, element: "int8", .. })
    );
}
