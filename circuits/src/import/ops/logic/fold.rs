//! Comparisons, And, Or, Not and Where of constants alone.

use super::relation::{Connective, Relation};
use crate::import::{
    attributes::unsupported,
    builder::Builder,
    call::Call,
    constant::{Constant, Data},
    error::ImportErrorKind,
    limits,
    value::Value,
    views,
};

/// The comparison of two constants; `None` where one is none.
pub(super) fn compared(
    call: &Call<'_>,
    relation: Relation,
    builder: &mut Builder,
) -> Result<Option<Constant>, ImportErrorKind> {
    let Some((shape, [left, right])) = broadcast(call, [0, 1], builder)? else { return Ok(None) };
    let bits: Vec<bool> = match (&left, &right) {
        (Data::Float(left), Data::Float(right)) => zipped(left, right, |a, b| relation.holds(a, b)),
        (Data::Int64(left), Data::Int64(right)) => zipped(left, right, |a, b| relation.holds(a, b)),
        (Data::Int32(left), Data::Int32(right)) => zipped(left, right, |a, b| relation.holds(a, b)),
        _ => {
            return Err(unsupported(
                "operands",
                "constants of these types",
                "float32, int32 or int64 of both",
            ));
        }
    };
    Ok(Some(Constant::new(shape, Data::Bool(bits))))
}

/// And or Or of two constants; `None` where one is none.
pub(super) fn connected(
    call: &Call<'_>,
    connective: Connective,
    builder: &mut Builder,
) -> Result<Option<Constant>, ImportErrorKind> {
    let Some((shape, sides)) = broadcast(call, [0, 1], builder)? else { return Ok(None) };
    let [Data::Bool(left), Data::Bool(right)] = &sides else {
        return Err(unsupported("operands", "constants of these types", "bool"));
    };
    let bits = zipped(left, right, |left, right| connective.of(left, right));
    Ok(Some(Constant::new(shape, Data::Bool(bits))))
}

pub(super) fn negated(constant: &Constant) -> Result<Constant, ImportErrorKind> {
    match &*constant.data {
        Data::Bool(bits) => {
            Ok(Constant::new(constant.shape.clone(), Data::Bool(bits.iter().map(|bit| !bit).collect())))
        }
        _ => Err(unsupported("input", constant.type_name(), "bool")),
    }
}

/// Where of three constants; `None` where one is none.
pub(super) fn chosen(call: &Call<'_>, builder: &mut Builder) -> Result<Option<Constant>, ImportErrorKind> {
    let Some((shape, [condition, yes, no])) = broadcast(call, [0, 1, 2], builder)? else { return Ok(None) };
    let Data::Bool(condition) = condition else {
        return Err(unsupported("condition", "a constant of another type", "bool"));
    };
    fn pick<T: Copy>(condition: &[bool], yes: &[T], no: &[T]) -> Vec<T> {
        let sides = yes.iter().zip(no);
        condition.iter().zip(sides).map(|(holds, (yes, no))| if *holds { *yes } else { *no }).collect()
    }
    let data = match (&yes, &no) {
        (Data::Float(yes), Data::Float(no)) => Data::Float(pick(&condition, yes, no)),
        (Data::Int64(yes), Data::Int64(no)) => Data::Int64(pick(&condition, yes, no)),
        (Data::Int32(yes), Data::Int32(no)) => Data::Int32(pick(&condition, yes, no)),
        _ => {
            return Err(unsupported(
                "operands",
                "constants of these types",
                "float32, int32 or int64 of both",
            ));
        }
    };
    Ok(Some(Constant::new(shape, data)))
}

fn zipped<T: Copy>(left: &[T], right: &[T], of: impl Fn(T, T) -> bool) -> Vec<bool> {
    left.iter().zip(right).map(|(left, right)| of(*left, *right)).collect()
}

/// A shape, and the elements of constants in it.
type Broadcast<const N: usize> = (Vec<usize>, [Data; N]);

/// The constants at these inputs in the shape that they broadcast to; `None` where one is no constant.
fn broadcast<const N: usize>(
    call: &Call<'_>,
    inputs: [usize; N],
    builder: &mut Builder,
) -> Result<Option<Broadcast<N>>, ImportErrorKind> {
    let mut constants: Vec<&Constant> = Vec::with_capacity(N);
    for index in inputs {
        match call.optional(index)? {
            Some(Value::Constant(constant)) => constants.push(constant),
            _ => return Ok(None),
        }
    }
    let shapes: Vec<&[usize]> = constants.iter().map(|constant| constant.shape.as_slice()).collect();
    let shape = views::common_shape(&shapes)?;
    let count = if shape.contains(&0) { 0 } else { limits::elements("the result", &shape)? };
    builder.budget.spend(count, (N + 1) * size_of::<i64>())?;
    let data = std::array::from_fn(|index| {
        let Some(constant) = constants.get(index) else { return Data::Bool(Vec::new()) };
        let indices = views::broadcast_indices(&constant.shape, &shape);
        constant.data.select(indices)
    });
    Ok(Some((shape, data)))
}
