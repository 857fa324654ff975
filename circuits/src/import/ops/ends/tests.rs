//! ArgMax as an output: the index is the right one on ties too, and what is refused.

use proptest::prelude::*;

use crate::{
    import::{
        ImportErrorKind, OperatorError,
        proto::data_type,
        tests::{
            assert_refused,
            models::{ModelBuilder, int8s},
        },
    },
    ir::{Elem, Tail},
    reference,
};

/// The operator on `x` of this type and shape -> `y`.
fn arg_max(elem_type: i32, shape: &[i64], axis: i64) -> ModelBuilder {
    ModelBuilder::new(17)
        .input("x", elem_type, shape)
        .node("ArgMax", &["x"], &["y"])
        .int("axis", axis)
        .output("y")
}

proptest! {
    #[test]
    fn the_index_is_that_of_the_first_or_last_largest(
        shape in (1_i64..4, 1_i64..12, 1_i64..4), last: bool, signed: bool, spread in 0_i32..256,
        numbers in prop::collection::vec(0_i32..=255, 4 * 12 * 4),
    ) {
        let (elem_type, elem) = if signed { (data_type::INT8, Elem::I8) } else { (data_type::UINT8, Elem::U8) };
        let (outer, length, inner) = shape;
        let model = arg_max(elem_type, &[1, outer, length, inner], 2).int("select_last_index", last.into());
        let model = model.import().unwrap();
        prop_assert_eq!(&model.outputs[0].tail, &[Tail::Index]);
        prop_assert_eq!(&model.outputs[0].shape, &[1, outer, 1, inner].map(|dim| usize::try_from(dim).unwrap()));
        let [outer, length, inner] = [outer, length, inner].map(|dim| usize::try_from(dim).unwrap());
        let x: Vec<i32> = numbers[..outer * length * inner]
            .iter()
            .map(|number| elem.max() - number % (spread + 1))
            .collect();
        let trace = reference::run(&model, std::slice::from_ref(&x)).unwrap();
        for (result, index) in trace.outputs()[0].iter().enumerate() {
            let at = |position: usize| x[(result / inner * length + position) * inner + result % inner];
            let largest = (0..length).map(at).max().unwrap();
            let mut positions = (0..length).filter(|position| at(*position) == largest);
            let expected = if last { positions.next_back() } else { positions.next() };
            prop_assert_eq!(usize::try_from(*index).ok(), expected);
        }
    }
}

#[test]
fn long_axes_softmax_and_readers_are_refused() {
    assert!(arg_max(data_type::INT8, &[1, 256], 1).import().is_ok());
    let long = arg_max(data_type::INT8, &[1, 257], 1);
    let error = assert_refused!(
        long,
        ImportErrorKind::Operator(OperatorError::ArgMaxLength { length: 257, limit: 256 })
    );
    assert!(error.to_string().contains("make the numbers the output"), "{error}");
    assert_refused!(
        arg_max(data_type::INT8, &[1, 4], 2),
        ImportErrorKind::Operator(OperatorError::AttributeValue { .. })
    );
    let dequantized = |model: ModelBuilder| {
        model.input("x", data_type::INT8, &[1, 4]).scale("scale", 0.5).init(int8s("zero", &[], &[0])).node(
            "DequantizeLinear",
            &["x", "scale", "zero"],
            &["f"],
        )
    };
    let softmax = dequantized(ModelBuilder::new(17))
        .node("Softmax", &["f"], &["s"])
        .node("ArgMax", &["s"], &["y"])
        .int("axis", 1)
        .output("y");
    let error = assert_refused!(softmax, ImportErrorKind::Operator(OperatorError::ArgMaxOfSoftmax { .. }));
    assert!(error.to_string().contains("take ArgMax of the input of Softmax"), "{error}");
    let relu = dequantized(ModelBuilder::new(17))
        .node("Relu", &["f"], &["r"])
        .node("ArgMax", &["r"], &["y"])
        .output("y");
    assert_refused!(relu, ImportErrorKind::Operator(OperatorError::InputForm { .. }));
    let cast = |to: i32| {
        arg_max(data_type::INT8, &[1, 4], 1).node("Cast", &["y"], &["z"]).int("to", i64::from(to)).output("z")
    };
    assert!(cast(data_type::INT64).import().is_ok());
    assert_refused!(cast(data_type::FLOAT), ImportErrorKind::Operator(OperatorError::AttributeValue { .. }));
}
