//! Pad on integers and between quantizers.

use crate::import::{
    affine,
    attributes::{axis_of, unsupported},
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError},
    limits,
    ops::moving::shape,
    role::Role,
    value::{Activation, Value},
    views::{Coordinates, picked},
};

/// How Pad continues beyond the edge.
#[derive(Clone, Copy)]
enum Continuation {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

pub(in crate::import) fn pad(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    let by_attribute = call.node.opset < 11;
    call.expect_inputs(if by_attribute { 1 } else { 2 }, if by_attribute { 1 } else { 4 })?;
    let attributes = call.node.attributes.reader();
    let mode = match attributes.text("mode")?.unwrap_or("constant") {
        "constant" => Continuation::Constant,
        "edge" => Continuation::Edge,
        "reflect" => Continuation::Reflect,
        "wrap" => Continuation::Wrap,
        other => return Err(unsupported("mode", other, "constant, edge, reflect or wrap")),
    };
    let (listed, value) =
        if by_attribute { (attributes.ints("pads")?, attributes.float("value")?) } else { (None, None) };
    attributes.finish()?;
    call.expect_integers_known_since(11, Role::Input)?;
    let shape = call.input(0, Role::Input)?.shape();
    let pads = match listed {
        Some(pads) => pads,
        None => call.int64_list(1, Role::Pads)?,
    };
    let axes = coordinates(shape, &padded_axes(call, shape)?, pads, mode)?;
    let name = &call.node.label.name;
    match call.input(0, Role::Input)? {
        Value::Quantized(x) => {
            let fill = integer_fill(call, x)?;
            picked(name, x, &axes, fill, builder).map(Value::Quantized)
        }
        view => {
            let fill = if axes.iter().flatten().any(Option::is_none) {
                integer_of(view, float_fill(call, value)?, builder)?
            } else {
                0
            };
            shape::on_integers(call, |x| picked(name, x, &axes, fill, builder))
        }
    }
}

/// The axes that the pads are for: all unless listed.
fn padded_axes(call: &Call<'_>, shape: &[usize]) -> Result<Vec<usize>, ImportErrorKind> {
    if call.optional(3)?.is_none() {
        return Ok((0..shape.len()).collect());
    }
    call.int64_list(3, Role::Axes)?.iter().map(|&axis| axis_of(axis, shape)).collect()
}

/// Per axis the source positions of the padded tensor.
fn coordinates(
    shape: &[usize],
    named: &[usize],
    pads: &[i64],
    mode: Continuation,
) -> Result<Vec<Coordinates>, ImportErrorKind> {
    let refuse = || {
        unsupported(
            "pads",
            format!("{pads:?}"),
            &format!(
                "two per axis that leave elements of {shape:?}, in mode reflect each below what is left"
            ),
        )
    };
    if pads.len() != 2 * named.len() {
        return Err(refuse());
    }
    let (before, after) = pads.split_at(named.len());
    let mut around = vec![(0, 0); shape.len()];
    for (axis, pair) in named.iter().zip(before.iter().copied().zip(after.iter().copied())) {
        if let Some(slot) = around.get_mut(*axis) {
            *slot = pair;
        }
    }
    let padded = |(&size, &(before, after)): (&usize, &(i64, i64))| {
        let padded = i64::try_from(size).ok()?.checked_add(before)?.checked_add(after)?;
        usize::try_from(padded).ok().filter(|&size| size > 0)
    };
    let sizes: Vec<usize> =
        shape.iter().zip(&around).map(padded).collect::<Option<_>>().ok_or_else(refuse)?;
    limits::sources(&sizes)?;
    let axes = sizes.iter().zip(shape.iter().zip(&around));
    axes.map(|(&padded, (&size, &(before, _)))| continued(padded, size, before, mode))
        .collect::<Option<_>>()
        .ok_or_else(refuse)
}

/// The constant of the integers' type, 0 unless given.
fn integer_fill(call: &Call<'_>, x: &Activation) -> Result<i32, ImportErrorKind> {
    let Some(fill) = call.optional_constant(2, Role::ConstantValue)? else { return Ok(0) };
    fill.data.integer(0).filter(|_| fill.data.elem() == Some(x.elem)).ok_or_else(|| {
        OperatorError::ElementType {
            role: "constant value",
            got: fill.type_name(),
            expected: x.elem.name().to_owned(),
        }
        .into()
    })
}

/// The float constant, 0.0 unless given.
fn float_fill(call: &Call<'_>, attribute: Option<f32>) -> Result<f32, ImportErrorKind> {
    let Some(fill) = call.optional(2)? else { return Ok(attribute.unwrap_or(0.0)) };
    fill.number().ok_or_else(|| {
        OperatorError::NotConstant { role: "constant value", name: call.name(2), found: fill.describe() }
            .into()
    })
}

/// The integer that stands for a number in a float view; 0 for other values, which are refused anyway.
fn integer_of(view: &Value, fill: f32, builder: &Builder) -> Result<i32, ImportErrorKind> {
    let integer = match view {
        Value::Dequantized(view) => {
            let q = affine::quantize(fill, view.by, view.activation.elem);
            Some(q).filter(|&q| view.clamp.apply(affine::dequantize(q, view.by)) == fill)
        }
        Value::Function(view) => {
            let (lo, hi) = builder.range(&view.activation);
            let integers = (view.activation.elem.min()..).zip(&*view.values);
            let mut equal = integers.filter(|(_, value)| value.lo == fill && value.hi == fill);
            equal.find(|(q, _)| lo <= *q && *q <= hi).map(|(q, _)| q)
        }
        _ => Some(0),
    };
    integer.ok_or_else(|| {
        let expected = "a value that the input takes; put a QuantizeLinear/DequantizeLinear pair whose scale holds it \
                        in front of Pad";
        unsupported("constant value", fill, expected)
    })
}

/// The source positions of a padded axis; `None` when what negative pads leave does not reach that far.
fn continued(padded: usize, size: usize, before: i64, mode: Continuation) -> Option<Coordinates> {
    let size = i64::try_from(size).ok()?;
    let after = i64::try_from(padded).ok()?.checked_sub(size)?.checked_sub(before)?;
    // What negative pads leave is what is repeated.
    let (start, end) = (before.min(0).checked_neg()?, size.checked_add(after.min(0))?);
    let left = end.checked_sub(start)?;
    match mode {
        Continuation::Constant => {}
        Continuation::Reflect if before.max(after) >= left => return None,
        _ if left < 1 => return None,
        _ => {}
    }
    (0..i64::try_from(padded).ok()?)
        .map(|position| {
            let at = position.checked_sub(before)?;
            let inside = (0..size).contains(&at);
            let source = match mode {
                _ if inside => at,
                Continuation::Constant => return Some(None),
                Continuation::Edge => at.clamp(0, size - 1),
                Continuation::Wrap => start + (at - start).checked_rem_euclid(left)?,
                Continuation::Reflect if at < 0 => -at,
                Continuation::Reflect => 2 * (size - 1) - at,
            };
            // A reflection beyond the other edge would reflect again, which runtimes do differently.
            (0..size).contains(&source).then(|| usize::try_from(source).ok())
        })
        .collect()
}
