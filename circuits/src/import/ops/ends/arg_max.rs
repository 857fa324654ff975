//! ArgMax as the last operator: the index of the largest integer, from operators that the circuit has already.
//!
//! With `m` the maximum of `y_0 .. y_(n-1)`, `e_j = max(254, 255 - (m - y_j))` is 255 where `y_j` is the maximum and 254
//! elsewhere. `v_j = max(0, 256 (e_j - 255) + b_j)` is then `b_j` at the maxima and 0 elsewhere, so that the largest
//! `v_j` is the largest `b_j` of a maximum: `b_j = 255 - j` leads to the first index, `b_j = j` to the last.

use crate::{
    import::{
        affine::FloatClamp,
        attributes::{axis_index, unsupported},
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        limits,
        ops::pooling::maximum,
        role::Role,
        value::{Activation, Dequantized, Value},
    },
    ir::{Add, Elem, Op, Source},
};

/// Most elements along the axis: indices are 8-bit integers.
const MAX_LENGTH: usize = 256;

pub(in crate::import) fn arg_max(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.unwrap_or(0);
    let keeps_dimension = attributes.int("keepdims")?.unwrap_or(1) != 0;
    let last = attributes.flag("select_last_index")?;
    attributes.finish()?;
    let x = match call.input(0, Role::Input)? {
        Value::Quantized(activation) => activation,
        // Different integers are different floats, in the same order, unless the scale is subnormal.
        Value::Dequantized(Dequantized { activation, by, clamp })
            if *clamp == FloatClamp::NONE && by.scale.is_normal() =>
        {
            activation
        }
        Value::Tail { .. } => return Err(OperatorError::ArgMaxOfSoftmax { name: call.name(0) }.into()),
        other => return Err(call.wrong_form(0, Role::Input, other, "a quantized or dequantized activation")),
    };
    let axis = axis_index(axis, x.shape.len())
        .ok_or_else(|| unsupported("axis", axis, &format!("an axis of shape {:?}", x.shape)))?;
    let length = x.shape.get(axis).copied().unwrap_or(1);
    if length > MAX_LENGTH {
        return Err(OperatorError::ArgMaxLength { length, limit: MAX_LENGTH }.into());
    }
    let mut shape = x.shape.clone();
    if keeps_dimension {
        shape.splice(axis..=axis, [1]);
    } else {
        shape.remove(axis);
    }
    let index = index_of_maximum(&call.node.label.name, x, axis, last, builder)?;
    Ok(Value::Index(Activation { shape, ..index }))
}

fn index_of_maximum(
    name: &str,
    x: &Activation,
    axis: usize,
    last: bool,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let length = x.shape.get(axis).copied().unwrap_or(1);
    let inner: usize = x.shape.iter().skip(axis + 1).product();
    let outer: usize = x.shape.iter().take(axis).product();
    let results = outer * inner;
    limits::sources(&x.shape)?;
    let element = |index: usize| {
        let (position, result) = (index / results, index % results);
        (result / inner * length + position) * inner + result % inner
    };
    let sources = (0..length * results).map(|index| Source::Element { input: 0, element: element(index) });
    let rows = builder.rearrange(name, &[x], (x.elem, vec![length, results]), sources)?;
    let maximum = maximum::maximum(name, rows.clone(), builder)?;
    // -m, and what makes y - m + 255 of it.
    let (low, high) = (x.elem.min(), x.elem.max());
    let negated = builder.table(name, &maximum, x.elem, (low..=high).rev().collect())?;
    let repeated = (0..length * results).map(|index| Source::Element { input: 0, element: index % results });
    let repeated = builder.rearrange(name, &[&negated], (x.elem, vec![length, results]), repeated)?;
    let offset = 255 - (low + high);
    let is_maximum = sum(name, [&rows, &repeated], [1.0, offset as f32], (254, 255), builder)?;
    let rank = |index: usize| {
        // Positions are below 256.
        let position = (index / results) as i32;
        Source::Constant(if last { position } else { 255 - position })
    };
    let ranks = (0..length * results).map(rank);
    let ranks = builder.rearrange(name, &[], (Elem::U8, vec![length, results]), ranks)?;
    let ranked = sum(name, [&is_maximum, &ranks], [256.0, -65_280.0], (0, 255), builder)?;
    let best = maximum::maximum(name, ranked, builder)?;
    if last { Ok(best) } else { builder.table(name, &best, Elem::U8, (0..=255).rev().collect()) }
}

/// `lhs * scale + rhs + offset` clamped to a range of uint8, exact in float32.
fn sum(
    name: &str,
    [lhs, rhs]: [&Activation; 2],
    [lhs_scale, offset]: [f32; 2],
    (lo, hi): (i32, i32),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let op = Op::Add(Add { lhs_scale, rhs_scale: 1.0, offset, lo, hi });
    builder.clamping(name, op, &[lhs, rhs], (Elem::U8, &lhs.shape), (lo, hi))
}
