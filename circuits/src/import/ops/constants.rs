//! Constants and what is computed from them alone.

#[cfg(test)]
mod tests;

use crate::{
    import::{
        affine::one_or_indexed,
        attributes::{axis_index, unsupported},
        builder::Builder,
        call::Call,
        constant::{Constant, Data},
        error::{ImportErrorKind, OperatorError, TensorError},
        limits,
        ops::layer::arithmetic,
        proto::data_type,
        role::Role,
        spread::Spread,
        supported::{Form, SupportedOp},
        value::{Function, Truth, Value},
    },
    ir::Elem,
};

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx(
        "Cast",
        Form::Both,
        "activations to the type they have, int32 accumulators to float32",
        cast,
    ),
    SupportedOp::onnx("Constant", Form::Constants, "tensors, ints and floats", constant),
    SupportedOp::onnx("Shape", Form::Constants, "every shape is known", shape),
];

pub(in crate::import) fn constant(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(0, 0)?;
    let attributes = call.node.attributes.reader();
    let forms = [
        attributes.tensor("value")?.cloned(),
        attributes.int("value_int")?.map(|value| Constant::new(Vec::new(), Data::Int64(vec![value]))),
        attributes.float("value_float")?.map(|value| Constant::new(Vec::new(), Data::Float(vec![value]))),
        attributes.ints("value_ints")?.map(|values| Constant::vector(Data::Int64(values.to_vec()))),
        attributes.floats("value_floats")?.map(|values| Constant::vector(Data::Float(values.to_vec()))),
    ];
    attributes.finish()?;
    let mut given = forms.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(constant), None) => {
            builder.budget.spend(constant.data.len(), size_of::<i64>())?;
            Ok(Value::Constant(constant))
        }
        (None, _) => Err(OperatorError::MissingAttribute { attribute: "value" }.into()),
        (Some(_), Some(_)) => Err(unsupported("value", "given twice", "one value attribute")),
    }
}

/// The shape of a value, or a range of its dimensions.
pub(in crate::import) fn shape(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let (start, end) = (attributes.int("start")?, attributes.int("end")?);
    attributes.finish()?;
    let shape = call.input(0, Role::Input)?.shape();
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    let bound = |bound: i64| {
        let from_start = if bound < 0 { bound.saturating_add(rank) } else { bound };
        usize::try_from(from_start.clamp(0, rank)).unwrap_or(0)
    };
    let dims = shape.get(bound(start.unwrap_or(0))..bound(end.unwrap_or(rank))).unwrap_or_default();
    // Dimensions are at most limits::ELEMENTS.
    Ok(Value::Constant(Constant::vector(Data::Int64(dims.iter().map(|&dim| dim as i64).collect()))))
}

/// Lists of int64 one after the other.
pub(in crate::import) fn concat(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, limits::NODE_VALUES)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.ok_or(OperatorError::MissingAttribute { attribute: "axis" })?;
    attributes.finish()?;
    if axis_index(axis, 1).is_none() {
        return Err(unsupported("axis", axis, "0"));
    }
    let mut joined = Vec::new();
    for index in 0..call.node.inputs.len() {
        let list = call.int64_list(index, Role::List)?;
        builder.budget.spend(list.len(), 2 * size_of::<i64>())?;
        joined.extend_from_slice(list);
    }
    Ok(Value::Constant(Constant::vector(Data::Int64(joined))))
}

pub(in crate::import) fn cast(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let to = attributes.int("to")?.ok_or(OperatorError::MissingAttribute { attribute: "to" })?;
    // Only concerns float8 targets.
    attributes.flag("saturate")?;
    attributes.finish()?;
    let to = i32::try_from(to).unwrap_or(-1);
    let value = call.input(0, Role::Input)?;
    let from = match value {
        Value::Constant(constant) => return cast_constant(call, constant, to, builder).map(Value::Constant),
        Value::Quantized(activation) => match activation.elem {
            Elem::I8 => data_type::INT8,
            Elem::U8 => data_type::UINT8,
        },
        Value::Accumulator(layer) if to == data_type::FLOAT => return Ok(arithmetic::cast(layer)),
        Value::Accumulator(_) => data_type::INT32,
        Value::Truth(truth) if to == data_type::FLOAT => return Ok(Value::Function(zeros_and_ones(truth))),
        Value::Truth(_) => data_type::BOOL,
        Value::Index(_) => data_type::INT64,
        _ => data_type::FLOAT,
    };
    if from == to {
        return Ok(value.clone());
    }
    let remedy = match value {
        Value::Quantized(_) if to == data_type::FLOAT => {
            "DequantizeLinear with scale 1 and zero point 0 computes the same and is supported; or begin the model behind \
             this and the scaling that follows, with onnx.utils.extract_model, before quantizing it"
        }
        Value::Accumulator(_) => "Cast it to float32 in front of its scaling",
        _ => "leave it out and apply it to the proven output",
    };
    let expected = format!("{} ({from}), the type it has: {remedy}", data_type::name(from));
    Err(unsupported("to", format!("{} ({to})", data_type::name(to)), &expected))
}

/// Cast of a bool tensor to float32.
fn zeros_and_ones(truth: &Truth) -> Function {
    let values = truth.holds.iter().map(|holds| Spread::exact(if *holds { 1.0 } else { 0.0 }));
    Function { activation: truth.activation.clone(), values: values.collect() }
}

fn cast_constant(
    call: &Call<'_>,
    constant: &Constant,
    to: i32,
    builder: &mut Builder,
) -> Result<Constant, ImportErrorKind> {
    if constant.data.data_type() == to {
        return Ok(constant.clone());
    }
    let count = constant.data.len();
    builder.budget.spend(count, 2 * size_of::<i64>())?;
    let tensor = call.name(0);
    let data = match (&*constant.data, to) {
        (Data::Float(values), _) => from_integers(&truncated(values, &tensor)?, to, &tensor)?,
        (data, data_type::FLOAT) => {
            Data::Float(integers(data).into_iter().map(|value| value as f32).collect())
        }
        (data, _) => from_integers(&integers(data), to, &tensor)?,
    };
    Ok(Constant::new(constant.shape.clone(), data))
}

/// Floats towards zero; only those that int32 holds, beyond it runtimes differ.
fn truncated(values: &[f32], tensor: &str) -> Result<Vec<i64>, ImportErrorKind> {
    values
        .iter()
        .map(|&value| {
            let truncated = value.trunc();
            let range = i32::MIN as f32..-(i32::MIN as f32);
            if range.contains(&truncated) {
                return Ok(truncated as i64);
            }
            let value = truncated as i64;
            Err(ImportErrorKind::Tensor(TensorError::ElementRange {
                tensor: tensor.to_owned(),
                value,
                element: "int32",
            }))
        })
        .collect()
}

fn integers(data: &Data) -> Vec<i64> {
    match data {
        Data::Int64(values) => values.clone(),
        Data::Bool(values) => values.iter().map(|&value| i64::from(value)).collect(),
        data => (0..data.len()).filter_map(|index| data.integer(index).map(i64::from)).collect(),
    }
}

fn from_integers(values: &[i64], to: i32, tensor: &str) -> Result<Data, ImportErrorKind> {
    fn narrow<T: TryFrom<i64>>(
        values: &[i64],
        element: &'static str,
        tensor: &str,
    ) -> Result<Vec<T>, ImportErrorKind> {
        values
            .iter()
            .map(|&value| {
                T::try_from(value).map_err(|_| {
                    ImportErrorKind::Tensor(TensorError::ElementRange {
                        tensor: tensor.to_owned(),
                        value,
                        element,
                    })
                })
            })
            .collect()
    }
    match to {
        data_type::INT8 => narrow(values, "int8", tensor).map(Data::Int8),
        data_type::UINT8 => narrow(values, "uint8", tensor).map(Data::Uint8),
        data_type::INT32 => narrow(values, "int32", tensor).map(Data::Int32),
        data_type::INT64 => Ok(Data::Int64(values.to_vec())),
        other => Err(unsupported("to", data_type::name(other), "float32, int8, uint8, int32 or int64")),
    }
}

/// A float constant computed from two others, elementwise or one of them being a single number.
pub(in crate::import) fn folded(
    call: &Call<'_>,
    operator: fn(f32, f32) -> f32,
    builder: &mut Builder,
) -> Result<Option<Value>, ImportErrorKind> {
    let sides = [call.input(0, Role::LeftOperand)?, call.input(1, Role::RightOperand)?];
    let [Value::Constant(left), Value::Constant(right)] = sides else { return Ok(None) };
    let (Data::Float(lhs), Data::Float(rhs)) = (&*left.data, &*right.data) else {
        return Err(unsupported("operands", left.type_name(), "float32 constants"));
    };
    let shape = match (left.data.len(), right.data.len()) {
        _ if left.shape == right.shape => &left.shape,
        (_, 1) if right.shape.len() <= left.shape.len() => &left.shape,
        (1, _) if left.shape.len() <= right.shape.len() => &right.shape,
        _ => {
            return Err(OperatorError::Shape {
                role: "right operand",
                got: right.shape.clone(),
                expected: format!("{:?}, or one element", left.shape),
            }
            .into());
        }
    };
    let count = lhs.len().max(rhs.len());
    builder.budget.spend(count, size_of::<f32>())?;
    let at = |list: &[f32], index| one_or_indexed(list, index).copied();
    let values = (0..count).filter_map(|index| Some(operator(at(lhs, index)?, at(rhs, index)?)));
    Ok(Some(Value::Constant(Constant::new(shape.clone(), Data::Float(values.collect())))))
}
