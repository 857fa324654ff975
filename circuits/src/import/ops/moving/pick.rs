//! Slice, Split, Gather, Expand and Tile.

use crate::import::{
    attributes::{axis_index, axis_of, unsupported},
    builder::Builder,
    call::Call,
    constant::{Constant, Data},
    error::{ContainerError, ImportErrorKind, OperatorError},
    limits,
    ops::moving::shape::on_integers,
    role::Role,
    value::Value,
    views::{self, Coordinates, picked},
};

/// The elements at the coordinates of every axis, of an activation or a constant.
fn pick(call: &Call<'_>, axes: &[Coordinates], builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    if let Value::Constant(constant) = call.input(0, Role::Input)? {
        let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
        let len = limits::elements("the result", &shape)?;
        builder.budget.spend(len, size_of::<i64>())?;
        let indices = views::picked_indices(&constant.shape, axes);
        return Ok(Value::Constant(Constant::new(shape, constant.data.select(indices.flatten()))));
    }
    on_integers(call, |x| picked(&call.node.label.name, x, axes, 0, builder))
}

/// Every position of every axis.
fn identity(shape: &[usize]) -> Result<Vec<Coordinates>, ImportErrorKind> {
    limits::sources(shape)?;
    Ok(shape.iter().map(|&size| (0..size).map(Some).collect()).collect())
}

/// Int64 or int32 constants, which some exporters write for indices.
pub(in crate::import) fn integers(
    call: &Call<'_>,
    index: usize,
    role: Role,
) -> Result<Vec<i64>, ImportErrorKind> {
    let constant = call.constant(index, role)?;
    match &*constant.data {
        Data::Int32(values) if constant.shape.len() <= 1 => {
            Ok(values.iter().map(|&value| value.into()).collect())
        }
        _ => call.int64_list(index, role).map(<[i64]>::to_vec),
    }
}

/// Starts, ends, axes and steps are inputs.
pub(in crate::import) fn slice(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(3, 5)?;
    call.node.attributes.reader().finish()?;
    let shape = call.input(0, Role::Input)?.shape();
    let (starts, ends) = (integers(call, 1, Role::Starts)?, integers(call, 2, Role::Ends)?);
    let given = |index: usize, role| {
        if call.optional(index)?.is_some() { integers(call, index, role).map(Some) } else { Ok(None) }
    };
    let axes = given(3, Role::Axes)?.unwrap_or_else(|| (0..).take(starts.len()).collect());
    let steps = given(4, Role::Steps)?.unwrap_or_else(|| vec![1; starts.len()]);
    let lengths = [ends.len(), axes.len(), steps.len()];
    if lengths != [starts.len(); 3] {
        return Err(OperatorError::Shape {
            role: "ends, axes or steps",
            got: lengths.to_vec(),
            expected: format!("{} elements like starts", starts.len()),
        }
        .into());
    }
    let mut picked = identity(shape)?;
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = axis_of(axis, shape)?;
        if let (Some(coordinates), Some(&size)) = (picked.get_mut(axis), shape.get(axis)) {
            *coordinates = sliced(start, end, step, size)?;
        }
    }
    pick(call, &picked, builder)
}

/// The positions from start to end, each counted from the end when negative and cut to the axis.
fn sliced(start: i64, end: i64, step: i64, size: usize) -> Result<Coordinates, ImportErrorKind> {
    // Sizes are at most limits::ELEMENTS.
    let size = size as i64;
    if step == 0 {
        return Err(unsupported("steps", step, "steps other than 0"));
    }
    let cut = |bound: i64, least: i64, most: i64| {
        (if bound < 0 { bound.saturating_add(size) } else { bound }).clamp(least, most)
    };
    let (start, end) = if step > 0 {
        (cut(start, 0, size), cut(end, 0, size))
    } else {
        (cut(start, 0, size - 1), cut(end, -1, size - 1))
    };
    let mut coordinates = Vec::new();
    let mut at = start;
    while if step > 0 { at < end } else { at > end } {
        coordinates.push(usize::try_from(at).ok());
        at = at.saturating_add(step);
    }
    Ok(coordinates)
}

/// One value per output.
pub(in crate::import) fn split(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Vec<Value>, ImportErrorKind> {
    let by_attribute = call.node.opset < 13;
    call.expect_inputs(1, if by_attribute { 1 } else { 2 })?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.unwrap_or(0);
    let listed = if by_attribute { attributes.ints("split")?.map(<[i64]>::to_vec) } else { None };
    let outputs = call.node.outputs.len();
    let counts = call.node.opset >= 18;
    let count = if counts { attributes.int("num_outputs")? } else { None };
    attributes.finish()?;
    let shape = call.input(0, Role::Input)?.shape();
    let axis = axis_of(axis, shape)?;
    let size = shape.get(axis).copied().unwrap_or(1);
    let listed = match listed {
        None if !by_attribute && call.optional(1)?.is_some() => {
            Some(call.int64_list(1, Role::Split)?.to_vec())
        }
        listed => listed,
    };
    if counts && listed.is_some() == count.is_some() {
        let got = if count.is_some() { "given beside split" } else { "missing like split" };
        return Err(unsupported("num_outputs", got, "one of the two from opset 18 on, as in onnxruntime"));
    }
    let refuse = || {
        unsupported(
            "split",
            format!("{outputs} parts"),
            &format!("positive sizes with the sum {size}, one per output; without sizes, equal parts"),
        )
    };
    let sizes: Vec<usize> = match listed {
        Some(listed) => {
            listed.iter().map(|&part| usize::try_from(part).ok()).collect::<Option<_>>().ok_or_else(refuse)?
        }
        None => {
            // All parts equal; the last one may be smaller if their number is an attribute.
            let count = count.map_or(outputs, |count| usize::try_from(count).unwrap_or(0)).max(1);
            if !counts && !size.is_multiple_of(count) {
                return Err(refuse());
            }
            let part = size.div_ceil(count);
            (0..count.min(size)).map(|index| part.min(size.saturating_sub(index * part))).collect()
        }
    };
    let total = sizes.iter().try_fold(0_usize, |sum, &part| sum.checked_add(part));
    if sizes.len() != outputs || total != Some(size) || sizes.contains(&0) {
        return Err(refuse());
    }
    limits::sources(shape)?;
    let mut outside = shape.to_vec();
    if let Some(size) = outside.get_mut(axis) {
        *size = 1;
    }
    let mut first = 0;
    let parts = sizes.into_iter().map(|part| {
        let mut axes = identity(&outside)?;
        if let Some(coordinates) = axes.get_mut(axis) {
            *coordinates = (first..first + part).map(Some).collect();
        }
        first += part;
        pick(call, &axes, builder)
    });
    parts.collect()
}

/// Elements along an axis by constant indices.
pub(in crate::import) fn gather(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.unwrap_or(0);
    attributes.finish()?;
    let shape = call.input(0, Role::Data)?.shape().to_vec();
    let axis = axis_of(axis, &shape)?;
    let size = shape.get(axis).copied().unwrap_or(1);
    let indices = call.constant(1, Role::Indices)?;
    let index = |index: usize| match &*indices.data {
        Data::Int64(values) => values.get(index).copied(),
        data => data.integer(index).map(i64::from),
    };
    let mut result: Vec<usize> = shape.iter().take(axis).copied().collect();
    result.extend(&indices.shape);
    result.extend(shape.iter().skip(axis + 1));
    limits::sources(&result)?;
    let coordinates = (0..indices.data.len())
        .map(|position| {
            let index = index(position)?;
            axis_index(index, size).map(Some)
        })
        .collect::<Option<Coordinates>>()
        .ok_or_else(|| OperatorError::Shape {
            role: "data",
            got: shape.clone(),
            expected: format!("one whose axis {axis} has every index"),
        })?;
    let mut axes = identity(&shape)?;
    if let Some(all) = axes.get_mut(axis) {
        *all = coordinates;
    }
    let value = pick(call, &axes, builder)?;
    value.reshaped(result).ok_or(ContainerError::Rearranged { limit: limits::SOURCES }.into())
}

pub(in crate::import) fn expand(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let given = call.int64_list(1, Role::Shape)?;
    let shape = call.input(0, Role::Input)?.shape();
    let refuse = || OperatorError::Reshape { from: shape.to_vec(), to: given.to_vec() };
    let given: Vec<usize> =
        given.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<_>>().ok_or_else(refuse)?;
    let to = views::broadcast_shape(shape, &given).ok_or_else(refuse)?;
    limits::elements("the result", &to)?;
    on_integers(call, |x| views::broadcast(&call.node.label.name, x, &to, builder))
}

pub(in crate::import) fn tile(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let repeats = call.int64_list(1, Role::Repeats)?;
    let shape = call.input(0, Role::Input)?.shape().to_vec();
    let refuse = || OperatorError::Reshape { from: shape.clone(), to: repeats.to_vec() }.into();
    if repeats.len() != shape.len() {
        return Err(refuse());
    }
    let sizes: Vec<usize> = shape
        .iter()
        .zip(repeats)
        .map(|(&size, &repeat)| usize::try_from(repeat).ok()?.checked_mul(size))
        .collect::<Option<_>>()
        .ok_or_else(refuse)?;
    limits::sources(&sizes)?;
    let axes: Vec<Coordinates> = sizes
        .iter()
        .zip(&shape)
        .map(|(&tiled, &size)| (0..tiled).map(|index| Some(index % size.max(1))).collect())
        .collect();
    pick(call, &axes, builder)
}
