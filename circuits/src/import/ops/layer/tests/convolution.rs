//! Convolutions and pooling: what is refused, and what both forms have in common.

use crate::{
    import::{
        ContainerError, ImportErrorKind, OperatorError,
        error::UncertainAnswer,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, floats, int8s, int32s, value_info},
        },
    },
    ir::{BoundsError, ChannelSteps, Convolution, Op, Source, Window},
};

/// int8 `x` [1, 2, 5, 4] -> QLinearConv of 4 kernels [1, 3, 2] in 2 groups -> int8 `y`; more attributes may follow.
fn q_linear_conv() -> ModelBuilder {
    ModelBuilder::new(17)
        .scale("x_scale", 0.5)
        .init(int8s("x_zero", &[], &[3]))
        .init(int8s("w", &[4, 1, 3, 2], &[1; 24]))
        .scale("w_scale", 0.25)
        .init(int8s("w_zero", &[], &[0]))
        .scale("y_scale", 0.75)
        .init(int8s("y_zero", &[], &[-7]))
        .init(int32s("bias", &[4], &[1, 2, 3, 4]))
        .input("x", data_type::INT8, &[1, 2, 5, 4])
        .output("y")
        .node(
            "QLinearConv",
            &["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"],
            &["y"],
        )
        .int("group", 2)
}

/// The convolution of a model of one.
fn convolution(model: &ModelBuilder) -> Convolution {
    let model = model.import().unwrap_or_else(|error| panic!("{error}"));
    match model.nodes.into_iter().next().map(|node| node.op) {
        Some(Op::Convolution(layer)) => layer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_attribute_reaches_the_window() {
    let model = q_linear_conv()
        .ints("strides", &[2, 1])
        .ints("dilations", &[1, 2])
        .ints("pads", &[1, 0, 2, 1])
        .ints("kernel_shape", &[3, 2]);
    let layer = convolution(&model);
    let expected = Window {
        input: [5, 4],
        output: [3, 3],
        kernel: [3, 2],
        stride: [2, 1],
        dilation: [1, 2],
        pad: [1, 0],
    };
    assert_eq!(layer.window, expected);
    assert_eq!((layer.channels_in, layer.channels_out, layer.groups), (2, 4, 2));
    assert_eq!((layer.bias, layer.input_zero_point), (vec![1, 2, 3, 4], 3));
    assert_eq!(layer.requantize.multipliers(), [0.5 * 0.25 / 0.75; 4]);
}

#[test]
fn geometry_that_does_not_fit_is_refused() {
    let refused = [
        q_linear_conv().ints("kernel_shape", &[2, 3]),
        q_linear_conv().ints("strides", &[0, 1]),
        q_linear_conv().ints("strides", &[1]),
        q_linear_conv().ints("dilations", &[1, -1]),
        q_linear_conv().ints("pads", &[-1, 0, 0, 0]),
        q_linear_conv().ints("pads", &[0, 0]),
        q_linear_conv().ints("pads", &[i64::MAX, 0, 0, 0]),
        q_linear_conv().text("auto_pad", "SAME"),
        q_linear_conv().text("auto_pad", "SAME_LOWER").ints("dilations", &[2, 1]),
    ];
    for model in refused {
        assert_refused!(model, ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    }
    assert_refused!(
        q_linear_conv().ints("dilations", &[3, 1]),
        ImportErrorKind::Operator(OperatorError::Shape { role: "image", .. })
    );
    assert_refused!(
        q_linear_conv().replace(int8s("w", &[4, 2, 3, 2], &[1; 48])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "weight tensor", .. })
    );
    assert_refused!(
        q_linear_conv().replace(int32s("bias", &[1], &[1])),
        ImportErrorKind::Operator(OperatorError::Shape { role: "bias", .. })
    );
    let groups = q_linear_conv()
        .with_node("QLinearConv", |node| node.attribute.iter_mut().for_each(|attribute| attribute.i = -2));
    assert_refused!(groups, ImportErrorKind::Operator(OperatorError::Shape { role: "weight tensor", .. }));
    for dims in [&[2, 2, 5, 4][..], &[1, 2, 5], &[1, 2], &[1, 2, 5, 4, 1]] {
        let mut model = q_linear_conv();
        model.graph().input[0] = value_info("x", data_type::INT8, dims);
        assert_refused!(model, ImportErrorKind::Operator(OperatorError::Shape { .. }));
    }
}

#[test]
fn an_output_beyond_the_cap_is_refused_before_it_is_made() {
    let huge = q_linear_conv().ints("pads", &[1 << 25, 1 << 25, 1 << 25, 1 << 25]);
    assert_refused!(huge, ImportErrorKind::Container(ContainerError::TooManyElements { .. }));
    let wide = q_linear_conv().ints("pads", &[0, 1 << 24, 0, 0]);
    assert_refused!(wide, ImportErrorKind::Container(ContainerError::TooManyElements { .. }));
}

#[test]
fn accumulators_of_every_position_stay_within_int32() {
    // Only inside the image do both taps meet; their sum alone leaves int32 by the bias.
    let model = q_linear_conv().replace(int32s("bias", &[4], &[0, 0, i32::MAX - 100, 0]));
    let overflow = |kind: &ImportErrorKind| {
        matches!(kind, ImportErrorKind::Bounds(BoundsError::AccumulatorOverflow { channel: 2, .. }))
    };
    let error = model.import().unwrap_err();
    assert!(overflow(&error.kind), "{error}");
}

/// int8 `x` [1, 3, 4, 4] -> the operator -> `y`.
fn pooling(op: &str) -> ModelBuilder {
    ModelBuilder::new(17).input("x", data_type::INT8, &[1, 3, 4, 4]).output("y").node(op, &["x"], &["y"])
}

#[test]
fn an_average_of_float_sums_that_could_round_either_way_is_refused_with_the_reason() {
    let average = |kernel: &[i64]| {
        ModelBuilder::new(17)
            .scale("scale", 0.5)
            .init(int8s("zero", &[], &[0]))
            .input("x", data_type::INT8, &[1, 3, 4, 4])
            .output("y")
            .node("com.microsoft:QLinearAveragePool", &["x", "scale", "zero", "scale", "zero"], &["y"])
            .ints("kernel_shape", kernel)
    };
    let layer = convolution(&average(&[4, 4]));
    assert_eq!((layer.weights.len(), layer.groups), (48, 3));
    assert_eq!(layer.requantize.multipliers(), [0.0625; 3]);
    // With a scale that is a power of two the float sums are exact, ties included: -2 / 4 and 6 / 4 are the first to round up to
    // an even number, -6 / 4 rounds down to one.
    let layer = convolution(&average(&[2, 2]));
    let ChannelSteps::Thresholds(thresholds) = &layer.requantize.channels else { panic!("{layer:?}") };
    assert_eq!(thresholds[0][126..130], [-5, -2, 3, 6].map(i64::from));
    // With another one a tie may go either way.
    let uneven = average(&[2, 2]).replace(floats("scale", &[], &[0.1]));
    let error = assert_refused!(uneven, ImportErrorKind::Uncertain(UncertainAnswer::Sum { .. }));
    assert!(error.to_string().contains("power of two"), "{error}");
    assert!(error.to_string().contains("quant_format=QuantFormat.QOperator"), "{error}");
    // The output scale that the message names is one that works.
    let ImportErrorKind::Uncertain(UncertainAnswer::Sum { other_output_scale: Some(other), .. }) =
        *error.kind
    else {
        panic!("{error}")
    };
    assert!(error.to_string().contains(&format!("such as {other}, ")), "{error}");
    let mut own = average(&[2, 2]).replace(floats("scale", &[], &[0.1])).scale("other", other);
    own = own.with_node("QLinearAveragePool", |node| node.input[3] = "other".to_owned());
    assert!(own.import().is_ok());
    // Scales that are not equal, and still refused: no word of the format.
    let apart = own.replace(floats("other", &[], &[0.05]));
    let error = assert_refused!(apart, ImportErrorKind::Uncertain(UncertainAnswer::Sum { .. }));
    assert!(!error.to_string().contains("QuantFormat"), "{error}");
    assert!(error.to_string().contains("another output scale, such as "), "{error}");
    assert!(error.to_string().contains("with the input scale 0.1 and the output scale 0.05: "), "{error}");
    assert_refused!(
        average(&[2, 2]).ints("pads", &[2, 0, 0, 0]),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
}

/// int8 `x` [1, 2, 12, 12] -> AveragePool with 10 different positions of the window over either border -> `y`.
#[test]
fn a_border_of_too_many_pieces_is_refused() {
    let model = ModelBuilder::new(17)
        .scale("scale", 0.5)
        .init(int8s("zero", &[], &[0]))
        .input("x", data_type::INT8, &[1, 2, 12, 12])
        .output("y")
        .node("com.microsoft:QLinearAveragePool", &["x", "scale", "zero", "scale", "zero"], &["y"])
        .ints("kernel_shape", &[6, 6])
        .ints("pads", &[5, 5, 5, 5]);
    assert_refused!(model, ImportErrorKind::Operator(OperatorError::AveragePieces { count: 121, limit: 64 }));
    assert!(model.int("count_include_pad", 1).import().is_ok());
}

/// Strides far beyond the kernel read only a part of the image: which one depends on the mode, and for convolutions and pooling
/// differently.
#[test]
fn same_padding_with_wide_strides_leaves_out_a_border() {
    let skipped = |model: ModelBuilder| {
        let network = model.import().unwrap();
        let Op::Rearrange(rearrange) = &network.nodes[0].op else { panic!("{:?}", network.nodes[0]) };
        let [Source::Element { element, .. }, ..] = rearrange.sources[..] else { panic!("{rearrange:?}") };
        element
    };
    // A kernel of one position and a stride of 10: all columns but one are not read.
    let pool = |mode, columns| {
        ModelBuilder::new(17)
            .input("x", data_type::INT8, &[1, 1, 1, columns])
            .output("y")
            .node("MaxPool", &["x"], &["y"])
            .ints("kernel_shape", &[1, 1])
            .ints("strides", &[1, 10])
            .text("auto_pad", mode)
    };
    assert_eq!([pool("SAME_UPPER", 10), pool("SAME_LOWER", 10)].map(skipped), [4, 4]);
    assert_eq!([pool("SAME_UPPER", 9), pool("SAME_LOWER", 9)].map(skipped), [4, 3]);
    let convolution = |mode, columns| {
        let mut model = q_linear_conv().ints("strides", &[1, 10]).text("auto_pad", mode);
        model.graph().input[0] = value_info("x", data_type::INT8, &[1, 2, 1, columns]);
        model.replace(int8s("w", &[4, 1, 1, 1], &[1; 4]))
    };
    assert_eq!([convolution("SAME_UPPER", 10), convolution("SAME_LOWER", 10)].map(skipped), [4, 3]);
    assert_eq!([convolution("SAME_UPPER", 9), convolution("SAME_LOWER", 9)].map(skipped), [3, 3]);
}

#[test]
fn max_pooling_without_an_element_or_with_indices_is_refused() {
    let window =
        |kernel: &[i64], pads: &[i64]| pooling("MaxPool").ints("kernel_shape", kernel).ints("pads", pads);
    assert_eq!(window(&[2, 2], &[1, 1, 0, 0]).import().unwrap().outputs[0].shape, [1, 3, 4, 4]);
    assert_refused!(
        window(&[2, 2], &[2, 0, 0, 0]),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
    assert_refused!(
        pooling("MaxPool"),
        ImportErrorKind::Operator(OperatorError::MissingAttribute { attribute: "kernel_shape" })
    );
    let indices = window(&[2, 2], &[0; 4])
        .with_node("MaxPool", |node| node.output.push("indices".to_owned()))
        .output("indices");
    assert_refused!(indices, ImportErrorKind::Operator(OperatorError::OutputCount { index: 1 }));
}
