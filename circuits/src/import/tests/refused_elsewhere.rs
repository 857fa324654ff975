//! What onnxruntime refuses is refused, and what lies next to it is not: each pair of cases was tried with 1.31.1.

use super::{
    assert_refused,
    models::{ModelBuilder, attribute, floats, int8s, int32s, int64s},
};
use crate::{
    import::{
        ContainerError, GraphError, ImportErrorKind, OperatorError, QuantizationError,
        proto::{AttributeProto, NodeProto, attribute_type, data_type},
    },
    ir::Op,
};

/// int8 `x` of these dimensions with scale 0.5 and zero point 2 -> operators of the caller -> `y`.
fn on_integers(
    opset: i64,
    dims: &[i64],
    operators: impl FnOnce(ModelBuilder) -> ModelBuilder,
) -> ModelBuilder {
    let model = ModelBuilder::new(opset).scale("scale", 0.5).init(int8s("zero", &[], &[2]));
    operators(model.input("x", data_type::INT8, dims)).output("y")
}

/// The same behind DequantizeLinear from `f` to `g`, a QuantizeLinear behind it.
fn between(opset: i64, dims: &[i64], operators: impl FnOnce(ModelBuilder) -> ModelBuilder) -> ModelBuilder {
    on_integers(opset, dims, |model| {
        operators(model.node("DequantizeLinear", &["x", "scale", "zero"], &["f"])).node(
            "QuantizeLinear",
            &["g", "scale", "zero"],
            &["y"],
        )
    })
}

fn shape(model: &ModelBuilder) -> Vec<usize> {
    let model = model.import().unwrap_or_else(|error| panic!("{error}"));
    model.outputs[0].shape.clone()
}

const AVERAGE: &str = "com.microsoft:QLinearAveragePool";
const PARAMETERS: [&str; 5] = ["x", "scale", "zero", "scale", "zero"];

fn set_block_size(node: &mut NodeProto) {
    let block_size = AttributeProto { i: 2, ..attribute("blocksize", attribute_type::INT) };
    node.attribute.push(block_size);
}

#[test]
fn operators_are_refused_before_their_opset() {
    for (op, since) in
        [("Celu", 12), ("Gelu", 20), ("HardSwish", 14), ("Mish", 18), ("Round", 11), ("DepthToSpace", 11)]
    {
        let model = |opset| {
            between(opset, &[1, 4, 1, 1], |model| {
                let model = model.node(op, &["f"], &["h"]).node("Neg", &["h"], &["g"]);
                if op == "DepthToSpace" { model.with_node(op, set_block_size) } else { model }
            })
        };
        let error = assert_refused!(
            model(since - 1),
            ImportErrorKind::Operator(OperatorError::OperatorOpset { op: got, opset, since: first })
                if *got == op && *opset == since - 1 && *first == since
        );
        assert!(error.to_string().contains("convert_version"), "{error}");
        let expected = if op == "DepthToSpace" { [1, 1, 2, 2] } else { [1, 4, 1, 1] };
        assert_eq!(shape(&model(since)), expected);
    }
    let pow = |opset| {
        between(opset, &[1, 4], |model| {
            model.init(int64s("two", &[], &[2])).node("Pow", &["f", "two"], &["g"])
        })
    };
    assert_eq!(shape(&pow(12)), [1, 4]);
    assert_refused!(pow(11), ImportErrorKind::Operator(OperatorError::Shape { role: "exponent", .. }));
}

#[test]
fn integers_are_refused_before_the_opset_that_takes_them() {
    let pool = |opset| {
        on_integers(opset, &[1, 1, 4, 4], |model| {
            model.node("MaxPool", &["x"], &["y"]).ints("kernel_shape", &[2, 2])
        })
    };
    assert_eq!(shape(&pool(12)), [1, 1, 3, 3]);
    assert_refused!(pool(11), ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. }));
    let pad = |opset| {
        on_integers(opset, &[1, 4], |model| {
            if opset < 11 {
                model.node("Pad", &["x"], &["y"]).ints("pads", &[0, 1, 0, 0])
            } else {
                model.init(int64s("pads", &[4], &[0, 1, 0, 0])).node("Pad", &["x", "pads"], &["y"])
            }
        })
    };
    assert_eq!(shape(&pad(11)), [1, 5]);
    assert_refused!(pad(10), ImportErrorKind::Operator(OperatorError::ElementType { role: "input", .. }));
}

#[test]
fn pools_are_padded_by_less_than_the_kernel() {
    let pool = |op: &str, inputs: &[&str], pads: &[i64]| {
        on_integers(17, &[1, 1, 6, 6], |model| {
            model.node(op, inputs, &["y"]).ints("kernel_shape", &[2, 3]).ints("pads", pads)
        })
    };
    for (op, inputs) in [("MaxPool", &["x"][..]), (AVERAGE, &PARAMETERS)] {
        assert_eq!(shape(&pool(op, inputs, &[1, 2, 1, 2])), [1, 1, 7, 8]);
        for pads in [[2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 2, 0], [0, 0, 0, 3]] {
            for auto_pad in ["NOTSET", "VALID", "SAME_UPPER"] {
                assert_refused!(
                    pool(op, inputs, &pads).text("auto_pad", auto_pad),
                    ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "pads"
                );
            }
        }
        assert_eq!(shape(&pool(op, inputs, &[1, 1, 1, 1]).text("auto_pad", "SAME_UPPER")), [1, 1, 6, 6]);
    }
}

#[test]
fn averages_have_no_dilations() {
    let q_operator = on_integers(17, &[1, 1, 4, 4], |model| {
        model.node(AVERAGE, &PARAMETERS, &["y"]).ints("kernel_shape", &[4, 4])
    });
    let float = between(19, &[1, 1, 4, 4], |model| {
        model.node("AveragePool", &["f"], &["g"]).ints("kernel_shape", &[4, 4])
    });
    for (model, op) in [(q_operator, "QLinearAveragePool"), (float, "AveragePool")] {
        assert_eq!(shape(&model), [1, 1, 1, 1]);
        let mut dilated = model;
        let node = dilated.graph().node.iter_mut().find(|node| node.op_type == op).unwrap();
        let mut dilations = node.attribute[0].clone();
        (dilations.name, dilations.ints) = ("dilations".to_owned(), vec![1, 1]);
        node.attribute.push(dilations);
        assert_refused!(dilated, ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "dilations");
    }
}

#[test]
fn float_pools_reach_the_whole_image_where_onnxruntime_pools_floats() {
    let pool = |opset, stride| {
        between(opset, &[1, 1, 8], |model| {
            model
                .node("MaxPool", &["f"], &["g"])
                .ints("kernel_shape", &[1])
                .ints("strides", &[stride])
                .text("auto_pad", "SAME_UPPER")
        })
    };
    assert_eq!(shape(&pool(12, 5)), [1, 1, 2]);
    let twice =
        pool(12, 5).node("Neg", &["g"], &["h"]).node("QuantizeLinear", &["h", "scale", "zero"], &["z"]);
    assert_refused!(
        twice.output("z"),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "strides"
    );
    assert_eq!(shape(&pool(11, 1)), [1, 1, 8]);
    assert_refused!(
        pool(11, 5),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "strides"
    );
}

#[test]
fn dilated_pools_take_the_padding_of_the_undilated_kernel() {
    let pool = |size: i64, kernel: i64, stride: i64, dilation: i64, ceil: i64| {
        on_integers(12, &[1, 1, size], |model| {
            model
                .node("MaxPool", &["x"], &["y"])
                .ints("kernel_shape", &[kernel])
                .ints("strides", &[stride])
                .ints("dilations", &[dilation])
                .int("ceil_mode", ceil)
                .text("auto_pad", "SAME_LOWER")
        })
    };
    let placed = |model: &ModelBuilder| {
        let model = model.import().unwrap_or_else(|error| panic!("{error}"));
        let window = model.nodes.iter().find_map(|node| match &node.op {
            Op::MaxPool(pool) => Some((pool.window.pad[0], pool.window.output[0])),
            _ => None,
        });
        window.unwrap()
    };
    assert_eq!(placed(&pool(9, 3, 1, 2, 0)), (1, 7));
    assert_eq!(placed(&pool(9, 3, 2, 3, 0)), (1, 3));
    assert_eq!(placed(&pool(9, 2, 3, 3, 0)), (0, 2));
    assert_eq!(placed(&pool(9, 2, 3, 3, 1)), (0, 3));
    // The dilated kernel does not fit.
    assert_refused!(
        pool(3, 2, 1, 4, 0),
        ImportErrorKind::Operator(OperatorError::Shape { role: "image", .. })
    );
}

#[test]
fn averages_over_the_image_have_factors_within_the_range_of_onnxruntime() {
    let average = |scale: f32, output: f32| {
        on_integers(17, &[1, 1, 2, 2], |model| {
            model.replace(floats("scale", &[], &[scale])).scale("output", output).node(
                "com.microsoft:QLinearGlobalAveragePool",
                &["x", "scale", "zero", "output", "zero"],
                &["y"],
            )
        })
    };
    let least = 1.0 / (1_u64 << 30) as f32;
    assert_eq!(shape(&average(least, 1.0)), [1, 1, 1, 1]);
    assert_eq!(shape(&average(1024_f32.next_down(), 1.0)), [1, 1, 1, 1]);
    for scale in [least.next_down(), 1024.0] {
        let error = assert_refused!(
            average(scale, 1.0),
            ImportErrorKind::Quantization(QuantizationError::AverageFactor { .. })
        );
        assert!(error.to_string().contains("2^-32"), "{error}");
    }
}

#[test]
fn zero_points_are_missing_only_where_onnxruntime_takes_it() {
    let model = |op: &str, inputs: &[&str]| {
        on_integers(17, &[1, 1, 2, 2], |model| {
            let model = model.node(&format!("com.microsoft:{op}"), inputs, &["y"]);
            match op {
                "QLinearAveragePool" => model.ints("kernel_shape", &[2, 2]),
                "QLinearSoftmax" => model.int("axis", -1).int("opset", 13),
                _ => model,
            }
        })
    };
    let pair = ["x", "scale", "zero", "x", "scale", "zero", "scale", "zero"];
    let cases: [(&str, &[&str], &[usize], bool); 7] = [
        ("QLinearAdd", &pair, &[2, 5, 7], true),
        ("QLinearMul", &pair, &[2, 5, 7], true),
        ("QLinearAveragePool", &PARAMETERS, &[2, 4], true),
        ("QLinearGlobalAveragePool", &PARAMETERS, &[2, 4], false),
        ("QLinearSoftmax", &["x", "scale", "zero", "scale", "zero"], &[4], false),
        ("QLinearSigmoid", &PARAMETERS, &[], false),
        ("QLinearLeakyRelu", &PARAMETERS, &[], false),
    ];
    for (op, inputs, needed, may_be_short) in cases {
        for index in (0..inputs.len()).filter(|&index| inputs[index] == "zero") {
            let mut changed = inputs.to_vec();
            changed[index] = "";
            let changed = model(op, &changed);
            if op == "QLinearSoftmax" && index == 2 {
                // Softmax alone computes nothing that is proven.
                continue;
            }
            if needed.contains(&index) {
                assert_refused!(changed, ImportErrorKind::Operator(OperatorError::MissingZeroPoint { index: got }) if *got == index);
            } else {
                assert_eq!(shape(&changed), [1, 1, 2, 2], "{op} {index}");
            }
        }
        let short = model(op, &inputs[..inputs.len() - 1]);
        if may_be_short {
            assert!(short.import().is_ok(), "{op}");
        } else {
            assert_refused!(short, ImportErrorKind::Operator(OperatorError::MissingZeroPoint { index: 4 }));
        }
    }
}

#[test]
fn resize_names_its_inputs_before_opset_13_and_takes_one_of_scales_and_sizes() {
    let resize = |opset, inputs: &[&str]| {
        on_integers(opset, &[1, 2], |model| {
            model
                .init(floats("empty", &[0], &[]))
                .init(floats("scales", &[2], &[1.0, 2.0]))
                .init(int64s("sizes", &[2], &[1, 4]))
                .node("Resize", inputs, &["y"])
        })
    };
    assert_eq!(shape(&resize(11, &["x", "empty", "empty", "sizes"])), [1, 4]);
    assert_eq!(shape(&resize(11, &["x", "empty", "scales"])), [1, 4]);
    assert_eq!(shape(&resize(13, &["x", "", "", "sizes"])), [1, 4]);
    for opset in [11, 12] {
        assert_refused!(
            resize(opset, &["x", "empty", "", "sizes"]),
            ImportErrorKind::Operator(OperatorError::MissingResizeInput { index: 2, .. })
        );
        assert_refused!(
            resize(opset, &["x", "", "scales"]),
            ImportErrorKind::Operator(OperatorError::MissingResizeInput { index: 1, .. })
        );
    }
    for opset in [11, 13, 19] {
        assert_refused!(
            resize(opset, &["x", "empty", "scales", "sizes"]),
            ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "sizes"
        );
    }
}

#[test]
fn split_without_sizes_needs_equal_parts_or_from_opset_18_on_their_number() {
    let split = |opset, size: i64, parts: Option<i64>| {
        on_integers(opset, &[1, size], |model| {
            let model = model.node("Split", &["x"], &["y", "z", "w"]).int("axis", 1);
            match parts {
                Some(parts) => model.int("num_outputs", parts),
                None => model,
            }
        })
    };
    assert_eq!(shape(&split(17, 6, None)), [1, 2]);
    assert_eq!(shape(&split(18, 5, Some(3))), [1, 2]);
    for opset in [10, 11, 13, 17] {
        assert_refused!(
            split(opset, 5, None),
            ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "split"
        );
        assert_refused!(
            split(opset, 6, Some(3)),
            ImportErrorKind::Operator(OperatorError::UnknownAttribute { attribute }) if attribute == "num_outputs"
        );
    }
    assert_refused!(
        split(18, 6, None),
        ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "num_outputs"
    );
}

#[test]
fn pads_continue_what_negative_ones_leave() {
    let pad = |mode: &str, before: i64, after: i64| {
        on_integers(19, &[1, 4], |model| {
            model
                .init(int64s("pads", &[4], &[0, before, 0, after]))
                .node("Pad", &["x", "pads"], &["y"])
                .text("mode", mode)
        })
    };
    for (before, after, size) in [(-2, 1, 3), (3, -1, 6), (2, -1, 5), (3, 3, 10)] {
        let fits = before.max(after) < 4 + before.min(0) + after.min(0);
        if fits {
            assert_eq!(shape(&pad("reflect", before, after)), [1, size]);
        } else {
            assert_refused!(
                pad("reflect", before, after),
                ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
            );
        }
    }
    assert_refused!(pad("reflect", -2, 2), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    assert_refused!(pad("reflect", -1, 3), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
    assert_eq!(shape(&pad("constant", -3, 2)), [1, 3]);
    for mode in ["edge", "reflect", "wrap"] {
        for (before, after) in [(-4, 2), (2, -4), (-5, 4), (4, -5)] {
            assert_refused!(
                pad(mode, before, after),
                ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "pads"
            );
        }
    }
    for (pads, axes) in [
        (int32s("pads", &[2], &[1, 1]), int64s("axes", &[1], &[1])),
        (int64s("pads", &[2], &[1, 1]), int32s("axes", &[1], &[1])),
    ] {
        let model = on_integers(18, &[1, 4], |model| {
            model.init(pads).init(axes).node("Pad", &["x", "pads", "", "axes"], &["y"])
        });
        assert_refused!(
            model,
            ImportErrorKind::Operator(OperatorError::ElementType { role: "pads" | "axes", .. })
        );
    }
}

#[test]
fn clip_bounds_in_attributes_are_in_order() {
    let clip = |bounds: &[(&str, f32)]| {
        between(10, &[1, 4], |model| {
            let model = model.node("Clip", &["f"], &["g"]);
            bounds.iter().fold(model, |model, (name, bound)| model.float(name, *bound))
        })
    };
    assert_eq!(shape(&clip(&[("max", f32::MIN)])), [1, 4]);
    assert_eq!(shape(&clip(&[("min", f32::NEG_INFINITY), ("max", f32::NEG_INFINITY)])), [1, 4]);
    for bounds in
        [&[("min", 3.0), ("max", 2.0)][..], &[("max", f32::NEG_INFINITY)], &[("min", f32::INFINITY)]]
    {
        assert_refused!(clip(bounds), ImportErrorKind::Quantization(QuantizationError::ClipBounds { .. }));
    }
}

/// onnxruntime's fused kernels answer neither bound.
#[test]
fn an_infinite_clip_bound_is_on_its_side() {
    let clip = |min: f32, max: f32| {
        between(17, &[1, 4], |model| {
            model.scale("min", min).scale("max", max).node("Clip", &["f", "min", "max"], &["g"])
        })
    };
    for (min, max) in [(f32::INFINITY, 2.0), (-3.0, f32::NEG_INFINITY), (f32::INFINITY, f32::NEG_INFINITY)] {
        assert_refused!(clip(min, max), ImportErrorKind::Quantization(QuantizationError::ClipBounds { .. }));
    }
    for (min, max) in [(f32::NEG_INFINITY, 2.0), (-3.0, f32::INFINITY), (3.0, 2.0)] {
        assert!(clip(min, max).import().is_ok());
    }
}

#[test]
fn nothing_computed_is_not_nothing_quantized() {
    let reshaped = on_integers(17, &[1, 4], |model| {
        model.init(int64s("shape", &[2], &[2, 2])).node("Reshape", &["x", "shape"], &["y"])
    });
    assert_refused!(reshaped, ImportErrorKind::Graph(GraphError::NothingComputed));
}

#[test]
fn what_integer_constants_sum_up_to_is_named() {
    let model = on_integers(17, &[1, 2], |model| {
        model
            .init(int8s("w", &[2, 1], &[1, 1]))
            .init(int32s("most", &[], &[i32::MAX]))
            .init(int32s("one", &[], &[1]))
            .node("MatMulInteger", &["x", "w", "zero"], &["a"])
            .node("Add", &["a", "most"], &["b"])
            .node("Add", &["b", "one"], &["c"])
            .node("Cast", &["c"], &["d"])
            .int("to", data_type::FLOAT.into())
            .node("QuantizeLinear", &["d", "scale", "zero"], &["y"])
    });
    assert_refused!(
        model,
        ImportErrorKind::Operator(OperatorError::AddendOverflow { name, channel: 0, sum: 2_147_483_648 }) if name == "one"
    );
}

#[test]
fn tables_are_counted_by_themselves() {
    let slopes = |count: i64| {
        let values: Vec<f32> = (0..count).map(|index| index as f32 * 1e-3).collect();
        between(17, &[1, count], |model| {
            model.init(floats("slope", &[count], &values)).node("PRelu", &["f", "slope"], &["g"])
        })
    };
    assert_eq!(shape(&slopes(1024)), [1, 1024]);
    let error = assert_refused!(slopes(5000), ImportErrorKind::Container(ContainerError::Tables { .. }));
    assert!(error.to_string().contains("fewer different constants"), "{error}");
}

#[test]
fn a_convolution_has_pads_or_auto_pad() {
    let conv = |auto_pad: Option<&str>, pads: Option<&[i64]>| {
        on_integers(17, &[1, 1, 4], |model| {
            let model = model.init(int8s("w", &[1, 1, 3], &[1, 2, 3])).node(
                "ConvInteger",
                &["x", "w", "zero"],
                &["a"],
            );
            let model = auto_pad.into_iter().fold(model, |model, value| model.text("auto_pad", value));
            let model = pads.into_iter().fold(model, |model, value| model.ints("pads", value));
            model.node("Cast", &["a"], &["d"]).int("to", data_type::FLOAT.into()).node(
                "QuantizeLinear",
                &["d", "scale", "zero"],
                &["y"],
            )
        })
    };
    assert_eq!(shape(&conv(Some("NOTSET"), Some(&[1, 1]))), [1, 1, 4]);
    assert_eq!(shape(&conv(Some("VALID"), None)), [1, 1, 2]);
    for auto_pad in ["VALID", "SAME_UPPER", "SAME_LOWER"] {
        for pads in [[0, 0], [1, 1]] {
            assert_refused!(
                conv(Some(auto_pad), Some(&pads)),
                ImportErrorKind::Operator(OperatorError::AttributeValue { attribute, .. }) if attribute == "pads"
            );
        }
    }
}
