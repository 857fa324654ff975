//! Operators that leave the elements in order and change their shape, or change nothing.

use std::rc::Rc;

use crate::import::{
    attributes::{axis_index, unsupported},
    builder::Builder,
    call::Call,
    constant::{Constant, Data},
    error::{ContainerError, ImportErrorKind, OperatorError},
    limits,
    role::Role,
    value::{Activation, Dequantized, Function, Moved, Value},
    views,
};

fn reshaped(call: &Call<'_>, shape: Vec<usize>) -> Result<Value, ImportErrorKind> {
    let value = call.input(0, Role::Input)?;
    if shape == value.shape() {
        return Ok(value.clone());
    }
    limits::elements("the result", &shape)?;
    value.reshaped(shape).ok_or_else(|| {
        call.wrong_form(0, Role::Input, value, "a quantized or dequantized activation, or a constant")
    })
}

/// Applies a function to the integers of the input, quantized or seen as floats.
pub(in crate::import) fn on_integers(
    call: &Call<'_>,
    apply: impl FnOnce(&Activation) -> Result<Activation, ImportErrorKind>,
) -> Result<Value, ImportErrorKind> {
    match call.input(0, Role::Input)? {
        Value::Quantized(activation) => apply(activation).map(Value::Quantized),
        Value::Dequantized(dequantized) => Ok(Value::Dequantized(Dequantized {
            activation: apply(&dequantized.activation)?,
            ..dequantized.clone()
        })),
        Value::Function(function) => {
            Ok(Value::Function(Function { activation: apply(&function.activation)?, ..function.clone() }))
        }
        other => Err(call.wrong_form(0, Role::Input, other, "a quantized or dequantized activation")),
    }
}

pub(in crate::import) fn identity(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    call.input(0, Role::Input).cloned()
}

pub(in crate::import) fn dropout(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 3)?;
    let attributes = call.node.attributes.reader();
    // Both only matter in training.
    attributes.float("ratio")?;
    attributes.int("seed")?;
    attributes.finish()?;
    if let Some(training) = call.optional_constant(2, Role::TrainingMode)?
        && !matches!(&*training.data, Data::Bool(flags) if flags.as_slice() == [false])
    {
        return Err(OperatorError::ElementType {
            role: "training mode",
            got: "not false".to_owned(),
            expected: "false: export the model in inference mode".to_owned(),
        }
        .into());
    }
    match call.input(0, Role::Input)? {
        value @ (Value::FloatInput { .. }
        | Value::Dequantized(_)
        | Value::DequantizedConstant(_)
        | Value::Linear { .. }
        | Value::Arithmetic(_)
        | Value::Waiting { .. }
        | Value::Function(_)
        | Value::Tail { .. }) => Ok(value.clone()),
        Value::Constant(constant) if matches!(&*constant.data, Data::Float(_)) => {
            Ok(Value::Constant(constant.clone()))
        }
        other => Err(OperatorError::ElementType {
            role: "input",
            got: other.describe().to_owned(),
            expected: "float32: remove the Dropout node, it does nothing in inference".to_owned(),
        }
        .into()),
    }
}

pub(in crate::import) fn reshape(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    let attributes = call.node.attributes.reader();
    let allow_zero = call.node.opset >= 14 && attributes.flag("allowzero")?;
    attributes.finish()?;
    let from = call.input(0, Role::Input)?.shape();
    let to = int64_vector(call, 1, Role::Shape)?;
    let refuse = || OperatorError::Reshape { from: from.to_vec(), to: to.to_vec() };
    if to.len() > limits::RANK {
        return Err(ContainerError::Rank {
            what: "the result".to_owned(),
            rank: to.len(),
            limit: limits::RANK,
        }
        .into());
    }
    let known = |(axis, &dim): (usize, &i64)| match dim {
        -1 => Some(None),
        0 if !allow_zero => from.get(axis).copied().map(Some),
        dim => usize::try_from(dim).ok().map(Some),
    };
    let dims: Vec<Option<usize>> =
        to.iter().enumerate().map(known).collect::<Option<_>>().ok_or_else(refuse)?;
    let shape = infer_dimension(from, &dims).ok_or_else(refuse)?;
    reshaped(call, shape)
}

/// Fills in the one unknown dimension, and checks that the number of elements stays.
fn infer_dimension(from: &[usize], dims: &[Option<usize>]) -> Option<Vec<usize>> {
    let total: usize = from.iter().product();
    let known = dims.iter().flatten().try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
    let unknown = dims.iter().filter(|dim| dim.is_none()).count();
    let inferred = match unknown {
        0 if known == total => 1,
        1 if known > 0 && total.is_multiple_of(known) => total / known,
        _ => return None,
    };
    Some(dims.iter().map(|dim| dim.unwrap_or(inferred)).collect())
}

pub(in crate::import) fn flatten(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.unwrap_or(1);
    attributes.finish()?;
    let from = call.input(0, Role::Input)?.shape();
    if axis < 0 && call.node.opset < 11 {
        return Err(unsupported("axis", axis, "an axis counted from the front before opset 11"));
    }
    // The axis may also be the rank: everything is in the first dimension then.
    let rank = i64::try_from(from.len()).unwrap_or(i64::MAX);
    let index = if axis == rank { Some(from.len()) } else { axis_index(axis, from.len()) };
    let (outer, inner) = index
        .and_then(|index| from.split_at_checked(index))
        .ok_or_else(|| unsupported("axis", axis, &format!("an axis of shape {from:?}")))?;
    reshaped(call, vec![outer.iter().product(), inner.iter().product()])
}

/// Reads a constant list that is an input.
type ReadList<'a> = fn(&Call<'a>, usize, Role) -> Result<&'a [i64], ImportErrorKind>;

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since.
fn axes<'a>(call: &Call<'a>, read: ReadList<'a>) -> Result<Option<&'a [i64]>, ImportErrorKind> {
    let attributes = call.node.attributes.reader();
    let by_attribute = call.node.opset < 13;
    call.expect_inputs(1, if by_attribute { 1 } else { 2 })?;
    let axes = if by_attribute {
        attributes.ints("axes")?
    } else if call.optional(1)?.is_some() {
        Some(read(call, 1, Role::Axes)?)
    } else {
        None
    };
    attributes.finish()?;
    Ok(axes)
}

/// Marks the positions that the axes name in a shape of `rank` dimensions, each at most once.
fn marked(axes: &[i64], rank: usize) -> Option<Vec<bool>> {
    let mut marked = vec![false; rank];
    for &axis in axes {
        let mark = marked.get_mut(axis_index(axis, rank)?)?;
        if std::mem::replace(mark, true) {
            return None;
        }
    }
    Some(marked)
}

pub(in crate::import) fn squeeze(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    let axes = axes(call, int64_vector)?;
    let from = call.input(0, Role::Input)?.shape();
    let removed = match axes {
        // onnxruntime reads an empty list as no list.
        None | Some([]) => from.iter().map(|&dim| dim == 1).collect(),
        Some(axes) => marked(axes, from.len())
            .filter(|removed| from.iter().zip(removed).all(|(&dim, &removed)| dim == 1 || !removed))
            .ok_or_else(|| OperatorError::Reshape { from: from.to_vec(), to: axes.to_vec() })?,
    };
    let shape = from.iter().zip(removed).filter(|(_, removed)| !removed).map(|(&dim, _)| dim).collect();
    reshaped(call, shape)
}

pub(in crate::import) fn unsqueeze(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    let axes = axes(call, Call::int64_list)?.ok_or(OperatorError::MissingAttribute { attribute: "axes" })?;
    let from = call.input(0, Role::Input)?.shape();
    let rank = from.len() + axes.len();
    if rank > limits::RANK {
        return Err(ContainerError::Rank { what: "the result".to_owned(), rank, limit: limits::RANK }.into());
    }
    let added = marked(axes, rank)
        .ok_or_else(|| OperatorError::Reshape { from: from.to_vec(), to: axes.to_vec() })?;
    let mut old = from.iter().copied();
    let shape = added.into_iter().map(|added| if added { 1 } else { old.next().unwrap_or(1) }).collect();
    reshaped(call, shape)
}

pub(in crate::import) fn transpose(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let perm = attributes.ints("perm")?;
    attributes.finish()?;
    let value = call.input(0, Role::Input)?;
    let from = value.shape();
    let order = match perm {
        None => (0..from.len()).rev().collect(),
        Some(perm) => permutation(perm, from.len()).ok_or_else(|| {
            unsupported("perm", format!("{perm:?}"), &format!("an order of the axes of {from:?}"))
        })?,
    };
    let shape: Vec<usize> = order.iter().filter_map(|&axis| from.get(axis).copied()).collect();
    let moved: Vec<usize> = order.iter().copied().filter(|&axis| from.get(axis) != Some(&1)).collect();
    if moved.is_sorted() {
        return reshaped(call, shape);
    }
    let Value::Constant(constant) = value else {
        if let Value::FloatInput { input, shape: from, moved } = value {
            let moved = transposed_input(from, moved.as_deref(), &order, builder)?;
            return Ok(Value::FloatInput { input: *input, shape, moved: Some(Rc::new(moved)) });
        }
        let name = &call.node.label.name;
        return on_integers(call, |activation| views::transposed(name, activation, &order, builder));
    };
    builder.budget.spend(constant.data.len(), size_of::<i64>())?;
    let data = constant.data.select(views::transposed_indices(from, &order));
    Ok(Value::Constant(Constant::new(shape, data)))
}

/// A float input with its axes in another order.
fn transposed_input(
    from: &[usize],
    moved: Option<&Moved>,
    order: &[usize],
    builder: &mut Builder,
) -> Result<Moved, ImportErrorKind> {
    limits::sources(from)?;
    builder.budget.spend_sources(from.iter().product())?;
    let indices = views::transposed_indices(from, order);
    Ok(match moved {
        None => Moved { from: from.to_vec(), elements: indices.collect() },
        Some(Moved { from, elements }) => Moved {
            from: from.clone(),
            elements: indices.filter_map(|index| elements.get(index).copied()).collect(),
        },
    })
}

/// The order of the axes; unlike other axes, these may not count from the end.
fn permutation(perm: &[i64], rank: usize) -> Option<Vec<usize>> {
    let order: Vec<usize> = perm.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?;
    (order.len() == rank && marked(perm, rank).is_some()).then_some(order)
}

/// A constant int64 list of rank 1: where onnxruntime refuses a scalar.
fn int64_vector<'a>(call: &Call<'a>, index: usize, role: Role) -> Result<&'a [i64], ImportErrorKind> {
    let constant = call.constant(index, role)?;
    match constant.shape.as_slice() {
        [_] => call.int64_list(index, role),
        shape => Err(OperatorError::Shape {
            role: role.text(),
            got: shape.to_vec(),
            expected: "a list, of rank 1".to_owned(),
        }
        .into()),
    }
}
