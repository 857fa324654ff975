//! ConvInteger and MatMulInteger: layers whose int32 accumulators the graph scales itself.

use std::rc::Rc;

use crate::import::{
    affine,
    builder::Builder,
    call::Call,
    constant::Constant,
    error::{ImportErrorKind, OperatorError},
    ops::layer::{
        convolution::{self, Attributes},
        fully_connected, linear,
        weights::WeightForm,
    },
    role::Role,
    value::{Activation, Value},
};

pub(in crate::import) fn conv_integer(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 4)?;
    let attributes = Attributes::read(call)?;
    let input = call.activation(0, Role::Input)?;
    let constant = call.constant(1, Role::Weights)?;
    let zero_point = input_zero_point(call, input)?;
    let zero_points = weight_zero_points(call, constant, 1, builder)?;
    let weights = convolution::center(constant, Vec::new(), &zero_points, builder)?;
    let layer =
        convolution::convolution(call, &attributes, (input, zero_point), weights, Vec::new(), builder)?;
    Ok(Value::Accumulator(Rc::new(layer)))
}

pub(in crate::import) fn mat_mul_integer(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 4)?;
    call.node.attributes.reader().finish()?;
    let input = call.activation(0, Role::Input)?;
    let constant = call.constant(1, Role::Weights)?;
    let zero_point = input_zero_point(call, input)?;
    let form = WeightForm::new(constant, false)?;
    let zero_points = weight_zero_points(call, constant, form.outputs, builder)?;
    let weights = Rc::new(form.center(constant, Vec::new(), &zero_points, builder)?);
    let shape = fully_connected::mat_mul_shape(&input.shape, &weights)?;
    let layer = linear::layer(call, (input, zero_point), weights, Vec::new(), shape)?;
    Ok(Value::Accumulator(Rc::new(linear::over_rows(layer, builder)?)))
}

/// Input 2, 0 unless given.
fn input_zero_point(call: &Call<'_>, input: &Activation) -> Result<i32, ImportErrorKind> {
    let Some(zero_point) = call.optional_constant(2, Role::InputZeroPoint)? else { return Ok(0) };
    match (zero_point.data.elem(), zero_point.data.integer(0)) {
        (Some(elem), Some(value)) if elem == input.elem && zero_point.is_single() => Ok(value),
        _ => Err(OperatorError::ElementType {
            role: "input zero point",
            got: format!("{} of shape {:?}", zero_point.type_name(), zero_point.shape),
            expected: format!("one {}, of shape [] or [1]", input.elem.name()),
        }
        .into()),
    }
}

/// Input 3: one, or one per output in a vector or a row; 0 unless given.
fn weight_zero_points(
    call: &Call<'_>,
    weights: &Constant,
    outputs: usize,
    builder: &mut Builder,
) -> Result<Vec<i32>, ImportErrorKind> {
    let Some(zero_point) = call.optional_constant(3, Role::WeightZeroPoint)? else { return Ok(vec![0]) };
    if zero_point.data.data_type() != weights.data.data_type() {
        return Err(OperatorError::ElementType {
            role: "weight zero point",
            got: zero_point.type_name(),
            expected: weights.type_name(),
        }
        .into());
    }
    let per_output = matches!(zero_point.shape.as_slice(), [size] | [1, size] if *size == outputs);
    if !per_output && !zero_point.is_single() {
        let one = if outputs == 1 { "[] or [1]".to_owned() } else { format!("[], [1] or [{outputs}]") };
        return Err(OperatorError::Shape {
            role: "weight zero point",
            got: zero_point.shape.clone(),
            expected: format!("{one}, as in onnxruntime"),
        }
        .into());
    }
    affine::zero_points(zero_point, &mut builder.budget)
}
