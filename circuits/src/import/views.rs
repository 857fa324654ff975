//! Operators that move, repeat or leave out elements of activations.

use crate::{
    import::{
        builder::Builder,
        call::Call,
        constant::Constant,
        error::{ImportErrorKind, OperatorError},
        limits,
        value::Activation,
    },
    ir::Source,
};

/// The activation with its axes in another order.
pub(super) fn transposed(
    name: &str,
    x: &Activation,
    order: &[usize],
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let shape = order.iter().filter_map(|&axis| x.shape.get(axis).copied()).collect();
    let indices = transposed_indices(&x.shape, order);
    let sources = indices.map(|element| Source::Element { input: 0, element });
    builder.rearrange(name, &[x], (x.elem, shape), sources)
}

/// For every element of the result, in order, its index in the source.
pub(super) fn transposed_indices(from: &[usize], order: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let stride = |axis: usize| from.iter().skip(axis + 1).product::<usize>();
    let steps: Vec<(usize, usize)> =
        order.iter().map(|&axis| (from.get(axis).copied().unwrap_or(1), stride(axis))).collect();
    let total: usize = from.iter().product();
    (0..total).map(move |index| {
        let mut rest = index;
        steps.iter().rev().fold(0, |source, &(size, stride)| {
            let coordinate = rest % size;
            rest /= size;
            source + coordinate * stride
        })
    })
}

/// An 8-bit constant as a tensor without inputs.
pub(super) fn constant(
    call: &Call<'_>,
    constant: &Constant,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let Some(elem) = constant.data.elem() else {
        return Err(OperatorError::ElementType {
            role: "operand",
            got: constant.type_name(),
            expected: "int8 or uint8".to_owned(),
        }
        .into());
    };
    let data = &constant.data;
    let values = (0..data.len()).filter_map(|index| data.integer(index).map(Source::Constant));
    builder.rearrange(&call.node.label.name, &[], (elem, constant.shape.clone()), values)
}

/// The shape that two shapes broadcast to, aligned at their last axes.
pub(super) fn broadcast_shape(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (at(left, axis), at(right, axis)) {
            (left, right) if left == right => Some(left),
            (1, size) | (size, 1) => Some(size),
            _ => None,
        })
        .collect()
}

/// The activation repeated along the axes where it has size 1 and `shape` has more.
pub(super) fn broadcast(
    name: &str,
    x: &Activation,
    shape: &[usize],
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if x.shape == shape {
        return Ok(x.clone());
    }
    limits::sources(shape)?;
    let sources = broadcast_indices(&x.shape, shape).map(|element| Source::Element { input: 0, element });
    builder.rearrange(name, &[x], (x.elem, shape.to_vec()), sources)
}

/// For every element of a shape, in order, its index in what broadcasts to it.
pub(super) fn broadcast_indices(from: &[usize], shape: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let padding = shape.len().saturating_sub(from.len());
    let own: Vec<usize> = vec![1; padding].into_iter().chain(from.iter().copied()).collect();
    let axes: Vec<Coordinates> = shape
        .iter()
        .zip(&own)
        .map(|(&size, &own)| (0..size).map(|index| Some(if own == 1 { 0 } else { index })).collect())
        .collect();
    let indices: Vec<usize> = picked_indices(&own, &axes).flatten().collect();
    indices.into_iter()
}

/// The shape that all of these broadcast to.
pub(super) fn common_shape(shapes: &[&[usize]]) -> Result<Vec<usize>, ImportErrorKind> {
    let mut common: Vec<usize> = Vec::new();
    for shape in shapes {
        common = broadcast_shape(&common, shape).ok_or_else(|| OperatorError::Shape {
            role: "operand",
            got: shape.to_vec(),
            expected: format!("one that broadcasts with {common:?}"),
        })?;
    }
    Ok(common)
}

/// Per position along an axis of the result the position in the source, `None` outside of it.
pub(super) type Coordinates = Vec<Option<usize>>;

/// The flat indices of the elements at the coordinates of every axis of `shape`, `None` outside of it.
pub(super) fn picked_indices(shape: &[usize], axes: &[Coordinates]) -> impl Iterator<Item = Option<usize>> {
    let mut stride = 1;
    let mut strides: Vec<usize> = Vec::with_capacity(shape.len());
    for &size in shape.iter().rev() {
        strides.push(stride);
        stride *= size;
    }
    let total: usize = axes.iter().map(Vec::len).product();
    (0..total).map(move |index| {
        let mut rest = index;
        axes.iter().rev().zip(&strides).try_fold(0, |element, (coordinates, stride)| {
            let coordinate = coordinates.get(rest % coordinates.len()).copied().flatten();
            rest /= coordinates.len();
            Some(element + coordinate? * stride)
        })
    })
}

/// The elements at the coordinates of every axis, `fill` outside.
pub(super) fn picked(
    name: &str,
    x: &Activation,
    axes: &[Coordinates],
    fill: i32,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
    limits::elements("the result", &shape)?;
    let indices = picked_indices(&x.shape, axes);
    let sources = indices
        .map(|index| index.map_or(Source::Constant(fill), |element| Source::Element { input: 0, element }));
    builder.rearrange(name, &[x], (x.elem, shape), sources)
}

/// The activations one after the other along an axis.
pub(super) fn concatenated(
    name: &str,
    parts: &[Activation],
    axis: usize,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let Some(first) = parts.first() else {
        return Err(OperatorError::MissingInput { index: 0, role: "input" }.into());
    };
    let outside = |shape: &[usize]| {
        let mut shape = shape.to_vec();
        if axis < shape.len() {
            shape.remove(axis);
        }
        shape
    };
    if let Some(other) = parts.iter().find(|part| {
        part.elem != first.elem
            || part.shape.len() != first.shape.len()
            || outside(&part.shape) != outside(&first.shape)
    }) {
        return Err(OperatorError::Shape {
            role: "input to concatenate",
            got: other.shape.clone(),
            expected: format!("{:?} except for axis {axis}, all of type {}", first.shape, first.elem.name()),
        }
        .into());
    }
    let size = |part: &Activation| part.shape.get(axis).copied().unwrap_or(1);
    let mut shape = first.shape.clone();
    if let Some(joined) = shape.get_mut(axis) {
        // At most 2^26 elements in each of at most 2^17 parts.
        *joined = parts.iter().map(size).sum();
    }
    limits::sources(&shape)?;
    let inner: usize = shape.iter().skip(axis + 1).product();
    let outer: usize = shape.iter().take(axis).product();
    let sources = (0..outer).flat_map(|row| {
        parts.iter().enumerate().flat_map(move |(input, part)| {
            let length = size(part) * inner;
            (0..length).map(move |offset| Source::Element { input, element: row * length + offset })
        })
    });
    let inputs: Vec<&Activation> = parts.iter().collect();
    builder.rearrange(name, &inputs, (first.elem, shape), sources)
}
