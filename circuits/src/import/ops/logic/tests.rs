//! Comparisons and choices over every pair of integers, and what is refused.

use crate::import::{
    ImportErrorKind, OperatorError, UncertainAnswer,
    tests::{
        assert_refused,
        models::{ModelBuilder, floats, int64s},
        pairs::{expected, outputs, two},
    },
};

/// Scales that make no two numbers equal but 0, and such that make many.
const SCALES: [[f32; 3]; 2] = [[0.030_113, 0.050_471, 0.040_629], [0.5, 0.25, 0.5]];

/// An operator of two numbers.
type Relation = fn(f32, f32) -> bool;

const RELATIONS: [(&str, Relation); 5] = [
    ("Greater", |a, b| a > b),
    ("GreaterOrEqual", |a, b| a >= b),
    ("Less", |a, b| a < b),
    ("LessOrEqual", |a, b| a <= b),
    ("Equal", |a, b| a == b),
];

fn check(
    scales: [f32; 3],
    operator: impl Fn(f32, f32) -> f32,
    nodes: impl FnOnce(ModelBuilder) -> ModelBuilder,
) {
    let model = two(scales, nodes).import().unwrap_or_else(|error| panic!("{scales:?}: {error}"));
    let differing = outputs(&model).iter().zip(expected(scales, operator)).filter(|(a, b)| **a != *b).count();
    assert_eq!(differing, 0, "{scales:?}");
}

fn operators(model: &ModelBuilder) -> Vec<&'static str> {
    let model = model.import().unwrap_or_else(|error| panic!("{error}"));
    model.nodes.iter().map(|node| node.op.name()).collect()
}

#[test]
fn choices_by_two_tensors_are_those_of_float32_for_every_pair() {
    for scales in SCALES {
        for (op, relation) in RELATIONS {
            let chosen = |a, b| if relation(a, b) { a } else { b };
            check(scales, chosen, |model| {
                model.node(op, &["f", "h"], &["c"]).node("Where", &["c", "f", "h"], &["g"])
            });
            let bits = |a, b| f32::from(u8::from(!relation(a, b)));
            check(scales, bits, |model| {
                model
                    .node(op, &["f", "h"], &["c"])
                    .node("Not", &["c"], &["n"])
                    .node("Cast", &["n"], &["g"])
                    .int("to", 1)
            });
        }
    }
}

#[test]
fn functions_are_compared_and_chosen_from() {
    for scales in SCALES {
        let chosen = |a: f32, b: f32| if -a > b.abs() { a.floor() } else { 0.25 };
        check(
            scales,
            |a, b| chosen(a, b).max(0.0),
            |model| {
                let model =
                    model.scale("quarter", 0.25).node("Neg", &["f"], &["n"]).node("Abs", &["h"], &["p"]);
                let model = model.node("Greater", &["n", "p"], &["c"]).node("Floor", &["f"], &["d"]);
                model.node("Where", &["c", "d", "quarter"], &["w"]).node("Relu", &["w"], &["g"])
            },
        );
    }
}

#[test]
fn truths_are_connected() {
    for scales in SCALES {
        for (op, connective) in [("And", (|a, b| a && b) as fn(bool, bool) -> bool), ("Or", |a, b| a || b)] {
            let nodes = |model: ModelBuilder| {
                let model = model.scale("one", 1.0).node("Greater", &["f", "one"], &["a"]);
                model.node("Less", &["h", "one"], &["b"]).node(op, &["a", "b"], &["c"])
            };
            let chosen = |a, b| if connective(a > 1.0, b < 1.0) { a } else { b };
            check(scales, chosen, |model| nodes(model).node("Where", &["c", "f", "h"], &["g"]));
        }
    }
}

#[test]
fn what_one_tensor_decides_is_a_table() {
    let numbers = |model: ModelBuilder| {
        model.scale("tenth", 0.1).scale("zero", 0.0).node("Greater", &["f", "zero"], &["c"])
    };
    let leaky = two(SCALES[0], |model| {
        numbers(model).node("Mul", &["f", "tenth"], &["m"]).node("Where", &["c", "f", "m"], &["s"]).node(
            "Add",
            &["s", "tenth"],
            &["g"],
        )
    });
    let error = leaky.import().expect_err("z is not read");
    assert!(error.to_string().contains("'z' is read by nothing"), "{error}");
    let both = two(SCALES[0], |model| {
        let model =
            numbers(model).node("Mul", &["f", "tenth"], &["m"]).node("Where", &["c", "f", "m"], &["s"]);
        model
            .node("QuantizeLinear", &["s", "first", "three"], &["q"])
            .node("DequantizeLinear", &["q", "first", "three"], &["d"])
            .node("Add", &["d", "h"], &["g"])
    });
    assert_eq!(operators(&both).iter().filter(|name| **name == "table").count(), 1);
    assert!(!operators(&both).contains(&"maximum"));
}

#[test]
fn constants_are_folded() {
    let model = two(SCALES[0], |model| {
        let model = model.init(int64s("shape", &[2], &[256, -1])).init(int64s("absent", &[1], &[-1]));
        let model = model.init(int64s("whole", &[2], &[9, 256])).node("Equal", &["shape", "absent"], &["e"]);
        let model =
            model.node("Where", &["e", "whole", "shape"], &["s"]).node("Expand", &["f", "s"], &["x2"]);
        model.node("Add", &["x2", "h"], &["g"])
    });
    assert!(operators(&model).contains(&"add"));
}

#[test]
fn what_float32_errors_decide_is_refused() {
    // ln(1 + e^0), up to an error.
    let close = |op: &'static str, other: &'static str| {
        two([0.5, 0.25, 0.5], move |model| {
            let model = model.scale("ln2", std::f32::consts::LN_2).node("Softplus", &["f"], &["p"]);
            model.node(op, &["p", other], &["c"]).node("Where", &["c", "f", "h"], &["g"])
        })
    };
    for (op, other) in [("Greater", "ln2"), ("Equal", "ln2"), ("Less", "h")] {
        let error =
            assert_refused!(close(op, other), ImportErrorKind::Uncertain(UncertainAnswer::Comparison { .. }));
        assert!(error.to_string().contains("pair in front of it"), "{error}");
    }
}

#[test]
fn what_is_no_comparison_is_refused() {
    let number = two(SCALES[0], |model| model.node("Where", &["f", "f", "h"], &["g"]));
    assert_refused!(number, ImportErrorKind::Operator(OperatorError::InputForm { role: "condition", .. }));
    let truth =
        two(SCALES[0], |model| model.node("Greater", &["f", "h"], &["c"]).node("Tanh", &["c"], &["g"]));
    let error = assert_refused!(truth, ImportErrorKind::Operator(OperatorError::InputForm { .. }));
    assert!(error.to_string().contains("put Where behind the comparison"), "{error}");
    let output = two(SCALES[0], |model| {
        model.node("Greater", &["f", "h"], &["c"]).output("c").node("Add", &["f", "h"], &["g"])
    });
    let error = output.import().expect_err("a bool output");
    assert!(error.to_string().contains("compare the proven output"), "{error}");
    let shapes = two(SCALES[0], |model| {
        let model = model.init(floats("c", &[3], &[1.0, 2.0, 3.0]));
        model.node("Greater", &["f", "c"], &["b"]).node("Where", &["b", "f", "h"], &["g"])
    });
    assert_refused!(shapes, ImportErrorKind::Operator(OperatorError::Shape { .. }));
}
