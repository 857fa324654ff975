//! Matrix products of two activations: QLinearMatMul, and MatMul between quantizers, without constant 2-D weights.

use std::rc::Rc;

use crate::{
    import::{
        affine::FloatClamp,
        builder::{self, Builder},
        call::Call,
        error::{ImportErrorKind, OperatorError},
        limits,
        operand::{self, expect_elem, operand, q_operand},
        ops::layer::fully_connected,
        role::Role,
        supported::{Form, SupportedOp},
        value::{Activation, Operand, Sizes, Value, Waiting, WaitingForm},
        views,
    },
    ir::{ChannelSteps, Elem, MatMul, Op, Quantization, Requantize},
};

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx(
        "QLinearMatMul",
        Form::QOperator,
        "constant 2-D weights, any number of rows, scale and zero point per tensor or per column; or two 8-bit tensors \
         with any batches, per tensor",
        q_linear_mat_mul,
    ),
    SupportedOp::onnx(
        "MatMul",
        Form::Qdq,
        "any number of rows; dequantized constant 2-D weights, or two dequantized tensors with any batches",
        mat_mul,
    ),
];

pub(in crate::import) fn q_linear_mat_mul(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    if is_weight(call, 3)? {
        return fully_connected::q_linear_mat_mul(call, builder);
    }
    call.expect_inputs(8, 8)?;
    call.node.attributes.reader().finish()?;
    let lhs = q_operand(call, 0, Role::LeftFactor, builder)?;
    let rhs = q_operand(call, 3, Role::RightFactor, builder)?;
    let (elem, by) = operand::output_quantization(call, 6)?;
    let (factors, sizes, shape) = product(call, [lhs, rhs], builder)?;
    let named = (call.node.label.name.as_str(), shape.as_slice());
    quantized(named, (&factors, sizes), (elem, by, (elem.min(), elem.max())), builder).map(Value::Quantized)
}

pub(in crate::import) fn mat_mul(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    if is_weight(call, 1)? {
        return fully_connected::mat_mul(call, builder);
    }
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let lhs = operand(call, 0, Role::LeftFactor, builder)?;
    let rhs = operand(call, 1, Role::RightFactor, builder)?;
    let (factors, sizes, shape) = product(call, [lhs, rhs], builder)?;
    let form = WaitingForm::MatMul { factors, sizes };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// Whether an activation is multiplied by a constant matrix: a fully connected layer.
fn is_weight(call: &Call<'_>, right: usize) -> Result<bool, ImportErrorKind> {
    let lhs = call.input(0, Role::Input)?;
    let rhs = call.input(right, Role::Weights)?;
    Ok(rhs.is_constant() && !lhs.is_constant() && rhs.shape().len() == 2)
}

/// The factors with all batches that they broadcast to, as `numpy.matmul` defines them, and the shape of the product.
fn product(
    call: &Call<'_>,
    [lhs, rhs]: [Operand; 2],
    builder: &mut Builder,
) -> Result<([Operand; 2], Sizes, Vec<usize>), ImportErrorKind> {
    let fits = |other: &Activation, this: &Activation| OperatorError::Shape {
        role: "right factor",
        got: this.shape.clone(),
        expected: format!("one whose rows are the columns of the left factor, of shape {:?}", other.shape),
    };
    if lhs.activation.elem == Elem::I8 && rhs.activation.elem == Elem::U8 {
        return Err(OperatorError::ElementType {
            role: "right factor",
            got: rhs.activation.elem.name().to_owned(),
            expected: "int8, since the left factor is int8, as in onnxruntime".to_owned(),
        }
        .into());
    }
    let (left_batch, left) =
        matrix(&lhs.activation.shape, true).ok_or_else(|| fits(&rhs.activation, &lhs.activation))?;
    let (right_batch, right) =
        matrix(&rhs.activation.shape, false).ok_or_else(|| fits(&lhs.activation, &rhs.activation))?;
    let batch = views::broadcast_shape(left_batch, right_batch).filter(|_| left[1] == right[0]);
    let batch = batch.ok_or_else(|| fits(&lhs.activation, &rhs.activation))?;
    let mut of_batch = |operand: &Operand, matrix: [usize; 2]| {
        let shape = [&batch[..], &matrix].concat();
        let own =
            Activation { shape: reshaped(&operand.activation.shape, matrix), ..operand.activation.clone() };
        let activation = views::broadcast(&call.node.label.name, &own, &shape, builder)?;
        Ok::<_, ImportErrorKind>(Operand { activation, by: operand.by })
    };
    let operands = [of_batch(&lhs, left)?, of_batch(&rhs, right)?];
    let is_vector = [&lhs, &rhs].map(|operand| operand.activation.shape.len() == 1);
    let rows = (!is_vector[0]).then_some(left[0]);
    let columns = (!is_vector[1]).then_some(right[1]);
    let shape: Vec<usize> = batch.iter().copied().chain(rows).chain(columns).collect();
    limits::elements("the result", &shape)?;
    let sizes = Sizes { batch: batch.iter().product(), rows: left[0], inner: left[1], columns: right[1] };
    Ok((operands, sizes, shape))
}

/// The batch axes and the matrix of a shape; a vector is a row on the left and a column on the right.
fn matrix(shape: &[usize], is_left: bool) -> Option<(&[usize], [usize; 2])> {
    match shape {
        [] => None,
        [len] => Some((&[], if is_left { [1, *len] } else { [*len, 1] })),
        [batch @ .., rows, columns] => Some((batch, [*rows, *columns])),
    }
}

/// The shape with a vector's axis made a matrix.
fn reshaped(shape: &[usize], matrix: [usize; 2]) -> Vec<usize> {
    if shape.len() == 1 { matrix.to_vec() } else { shape.to_vec() }
}

/// Quantizes a product: multiplier `fl(fl(sa * sb) / sy)`.
pub(in crate::import) fn quantized(
    (name, shape): (&str, &[usize]),
    (factors, sizes): (&[Operand; 2], Sizes),
    (elem, to, (lo, hi)): (Elem, Quantization, (i32, i32)),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let [lhs, rhs] = factors;
    let Sizes { batch, rows, inner, columns } = sizes;
    let multipliers = builder::multipliers(&[lhs.by.scale * rhs.by.scale], to.scale, 1)?;
    let requantize =
        Requantize { channels: ChannelSteps::Multipliers(multipliers), zero_point: to.zero_point, lo, hi };
    let (lhs_zero_point, rhs_zero_point) = (lhs.by.zero_point, rhs.by.zero_point);
    let op = Op::MatMul(MatMul { batch, rows, inner, columns, lhs_zero_point, rhs_zero_point, requantize });
    let inputs = [&lhs.activation, &rhs.activation];
    expect_elem(Role::Output, elem, lhs.activation.elem)?;
    builder.clamping(name, op, &inputs, (elem, shape), (lo, hi))
}
