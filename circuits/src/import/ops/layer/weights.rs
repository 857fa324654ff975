//! Constant 2-D weights.

use crate::{
    import::{
        affine::{self, one_or_indexed},
        builder::Builder,
        call::Call,
        constant::Constant,
        error::{ImportErrorKind, OperatorError},
        limits,
        role::Role,
        value::{DequantizedConstant, Value, Weights},
    },
    ir::Elem,
};

/// Checks the shapes of a weight scale and zero point against the number of outputs.
type CheckParameters = fn(&Constant, &Constant, usize) -> Result<(), ImportErrorKind>;

/// How a weight constant is laid out.
pub(in crate::import) struct WeightForm {
    inputs: usize,
    pub(in crate::import) outputs: usize,
    elem: Elem,
    /// `[outputs][inputs]` instead of `[inputs][outputs]`.
    transposed: bool,
}

impl WeightForm {
    pub(in crate::import) fn new(constant: &Constant, transposed: bool) -> Result<Self, ImportErrorKind> {
        let Some(elem) = constant.data.elem() else {
            return Err(OperatorError::ElementType {
                role: "weight tensor",
                got: constant.type_name(),
                expected: "int8 or uint8".to_owned(),
            }
            .into());
        };
        limits::elements("the weights", &constant.shape)?;
        match (constant.shape.as_slice(), transposed) {
            (&[outputs, inputs], true) | (&[inputs, outputs], false) => {
                Ok(Self { inputs, outputs, elem, transposed })
            }
            _ => Err(OperatorError::Shape {
                role: "weight tensor",
                got: constant.shape.clone(),
                expected: "two dimensions".to_owned(),
            }
            .into()),
        }
    }

    /// Subtracts the zero points and brings the weights into `[outputs][inputs]` order.
    pub(in crate::import) fn center(
        self,
        constant: &Constant,
        scales: Vec<f32>,
        zero_points: &[i32],
        builder: &mut Builder,
    ) -> Result<Weights, ImportErrorKind> {
        let Self { inputs, outputs, elem, transposed } = self;
        builder.budget.spend_on_weights(&constant.data)?;
        let (output_stride, input_stride) = if transposed { (inputs, 1) } else { (1, outputs) };
        let mut centered = Vec::with_capacity(constant.data.len());
        for output in 0..outputs {
            let zero_point = one_or_indexed(zero_points, output).copied().unwrap_or(0);
            let row = (0..inputs).filter_map(|input| {
                let weight = constant.data.integer(output * output_stride + input * input_stride)?;
                // Two 8-bit values of one type differ by at most 255.
                Some((weight - zero_point) as i16)
            });
            centered.extend(row);
        }
        let source = Some(constant.data.clone());
        Ok(Weights { inputs, outputs, elem, shape: constant.shape.clone(), centered, scales, source })
    }
}

/// What onnxruntime's QLinearMatMul takes: each of the two is one element, one per output, or a row of one per output.
pub(super) fn mat_mul_parameters(
    scale: &Constant,
    zero_point: &Constant,
    outputs: usize,
) -> Result<(), ImportErrorKind> {
    for parameter in [scale, zero_point] {
        let per_output = matches!(parameter.shape.as_slice(), [size] | [1, size] if *size == outputs);
        if !per_output && !parameter.is_single() {
            return Err(OperatorError::Shape {
                role: "weight scale or zero point",
                got: parameter.shape.clone(),
                expected: format!("[] or [1] for all outputs, or [{outputs}] for one per output"),
            }
            .into());
        }
    }
    Ok(())
}

/// What onnxruntime's QGemm takes: both are one element, or both are one per output, in equal shapes.
pub(super) fn gemm_parameters(
    scale: &Constant,
    zero_point: &Constant,
    outputs: usize,
) -> Result<(), ImportErrorKind> {
    if !scale.is_single() && scale.shape != [outputs] {
        return Err(OperatorError::Shape {
            role: "weight scale",
            got: scale.shape.clone(),
            expected: format!("[] or [1] for all outputs, or [{outputs}] for one per output"),
        }
        .into());
    }
    if zero_point.shape != scale.shape {
        return Err(OperatorError::Shape {
            role: "weight zero point",
            got: zero_point.shape.clone(),
            expected: format!("{:?} like the weight scale", scale.shape),
        }
        .into());
    }
    Ok(())
}

/// Inputs 3, 4 and 5 of the QOperator forms: weights, scales and zero points.
pub(super) fn q_constants<'a>(call: &Call<'a>) -> Result<[&'a Constant; 3], ImportErrorKind> {
    Ok([
        call.constant(3, Role::Weights)?,
        call.constant(4, Role::WeightScale)?,
        call.constant(5, Role::WeightZeroPoint)?,
    ])
}

/// Refuses zero points that are not of the weights' type.
pub(super) fn expect_type_of(weights: &Constant, zero_point: &Constant) -> Result<(), ImportErrorKind> {
    if weights.data.data_type() == zero_point.data.data_type() {
        return Ok(());
    }
    let (got, expected) = (zero_point.type_name(), weights.type_name());
    Err(OperatorError::ElementType { role: "weight zero point", got, expected }.into())
}

/// The weights of the QOperator forms of fully connected layers.
pub(super) fn q_weights(
    call: &Call<'_>,
    transposed: bool,
    check: CheckParameters,
    builder: &mut Builder,
) -> Result<Weights, ImportErrorKind> {
    let [constant, scale, zero_point] = q_constants(call)?;
    let form = WeightForm::new(constant, transposed)?;
    expect_type_of(constant, zero_point)?;
    check(scale, zero_point, form.outputs)?;
    let scales = affine::scales(scale, "weights", &mut builder.budget)?;
    let zero_points = affine::zero_points(zero_point, &mut builder.budget)?;
    form.center(constant, scales, &zero_points, builder)
}

pub(super) fn dequantized_weights(
    call: &Call<'_>,
    transposed: bool,
    builder: &mut Builder,
) -> Result<Weights, ImportErrorKind> {
    let dequantized = match call.input(1, Role::Weights)? {
        Value::DequantizedConstant(dequantized) => dequantized,
        other => {
            return Err(call.wrong_form(1, Role::Weights, other, "a dequantized int8 or uint8 constant"));
        }
    };
    let DequantizedConstant { constant, by } = &**dequantized;
    let form = WeightForm::new(constant, transposed)?;
    let output_axis = usize::from(!transposed);
    if by.axis.is_some_and(|axis| axis != output_axis) {
        return Err(OperatorError::Shape {
            role: "weight scale",
            got: vec![by.scales.len()],
            expected: format!("one, or one per output, which is axis {output_axis} of the weights"),
        }
        .into());
    }
    builder.budget.spend(by.scales.len(), size_of::<f32>())?;
    form.center(constant, by.scales.clone(), &by.zero_points, builder)
}
