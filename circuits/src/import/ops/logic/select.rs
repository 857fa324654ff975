//! Where and QLinearWhere: of two numbers the one that a condition chooses.

use std::rc::Rc;

use super::{connect::stored, fold};
use crate::{
    import::{
        affine::FloatClamp,
        builder::Builder,
        call::Call,
        constant::Data,
        error::ImportErrorKind,
        limits,
        operand::{expect_elem, parameters, q_operand},
        ops::function::side::{self, side, values_by},
        role::Role,
        value::{
            Activation, Condition, Dequantized, Function, Operand, Side, Truth, Value, Waiting, WaitingForm,
        },
        views,
    },
    ir::{Add, Elem, Op, Quantization, Source},
};

pub(super) fn choose(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(3, 3)?;
    call.node.attributes.reader().finish()?;
    if let Some(constant) = fold::chosen(call, builder)? {
        return Ok(Value::Constant(constant));
    }
    let condition = condition(call)?;
    let sides = [side(call, 1, Role::LeftOperand, builder)?, side(call, 2, Role::RightOperand, builder)?];
    if let Condition::Truth(truth) = &condition
        && let Some(function) = of_one_tensor(truth, &sides)
    {
        return Ok(Value::Function(function));
    }
    let shape = views::common_shape(&[condition.shape(), sides[0].shape(), sides[1].shape()])?;
    let form = WaitingForm::Select { condition, sides };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

pub(super) fn q_linear_where(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(9, 9)?;
    call.expect_zero_points(&[3, 6, 8])?;
    call.node.attributes.reader().finish()?;
    let condition = condition(call)?;
    let yes = q_operand(call, 1, Role::LeftOperand, builder)?;
    let no = q_operand(call, 4, Role::RightOperand, builder)?;
    expect_elem(Role::RightOperand, no.activation.elem, yes.activation.elem)?;
    let (elem, to) = parameters(call, 7, yes.activation.elem, Role::Output)?;
    expect_elem(Role::Output, elem, yes.activation.elem)?;
    let shapes = [condition.shape(), &yes.activation.shape, &no.activation.shape];
    let shape = views::common_shape(&shapes)?;
    let name = call.node.label.name.as_str();
    let mut quantized = |Operand { activation, by }: Operand| {
        // Equal parameters are copied, not rounded again.
        if by == to {
            return Ok(activation);
        }
        let view = Function::of(&Dequantized { activation, by, clamp: FloatClamp::NONE }, |value| value);
        side::quantized(name, &Side::View(view), (elem, to, FloatClamp::NONE), builder)
    };
    let sides = [quantized(yes)?, quantized(no)?];
    chosen((name, &shape), &condition, sides, builder).map(Value::Quantized)
}

fn condition(call: &Call<'_>) -> Result<Condition, ImportErrorKind> {
    let value = call.input(0, Role::Condition)?;
    match value {
        Value::Truth(truth) => Ok(Condition::Truth(truth.clone())),
        Value::Constant(constant) if let Data::Bool(bits) = &*constant.data => {
            Ok(Condition::Constant(bits.as_slice().into(), constant.shape.clone()))
        }
        other => {
            Err(call.wrong_form(0, Role::Condition, other, "the result of a comparison or a bool constant"))
        }
    }
}

/// The choice as a function, if one tensor decides it.
fn of_one_tensor(truth: &Truth, [yes, no]: &[Side; 2]) -> Option<Function> {
    let activation = &truth.activation;
    let (yes, no) = (values_by(activation, yes)?, values_by(activation, no)?);
    let sides = yes.iter().zip(&*no);
    let values = truth.holds.iter().zip(sides).map(|(holds, (yes, no))| if *holds { *yes } else { *no });
    Some(Function { activation: activation.clone(), values: values.collect() })
}

/// Quantizes a choice: both sides by their own tables, then chosen from.
pub(in crate::import) fn quantized(
    (name, shape): (&str, &[usize]),
    (condition, sides): (&Condition, &[Side; 2]),
    to: (Elem, Quantization, FloatClamp),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let [yes, no] = sides;
    let sides = [side::quantized(name, yes, to, builder)?, side::quantized(name, no, to, builder)?];
    chosen((name, shape), condition, sides, builder)
}

/// Of 8-bit tensors of one type, of smallest integer m, with the condition as c = 1 or 0:
/// `clamp(y + 255 c - 255) + clamp(n + 255 (1 - c) - 255) - m`, of which one summand is m.
fn chosen(
    (name, shape): (&str, &[usize]),
    condition: &Condition,
    sides: [Activation; 2],
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let [yes, no] = &sides;
    let elem = yes.elem;
    let [yes, no] =
        [views::broadcast(name, yes, shape, builder)?, views::broadcast(name, no, shape, builder)?];
    let truth = match condition {
        Condition::Truth(truth) => truth,
        Condition::Constant(bits, own) => {
            limits::sources(shape)?;
            let indices = views::broadcast_indices(own, shape).enumerate();
            let sources = indices.map(|(element, index)| Source::Element {
                input: usize::from(!bits.get(index).copied().unwrap_or(false)),
                element,
            });
            return builder.rearrange(name, &[&yes, &no], (elem, shape.to_vec()), sources);
        }
    };
    let mut kept = |side: &Activation, bits: [i32; 2]| {
        let bits = stored(name, truth, (Elem::U8, bits), builder)?;
        let bits = views::broadcast(name, &bits, shape, builder)?;
        let (lo, hi) = (elem.min(), builder.range(side).1);
        let add = Add { lhs_scale: 1.0, rhs_scale: 255.0, offset: -255.0, lo, hi };
        builder.clamping(name, Op::Add(add), &[side, &bits], (elem, shape), (lo, hi))
    };
    let (yes, no) = (kept(&yes, [1, 0])?, kept(&no, [0, 1])?);
    let (lo, hi) = (elem.min(), builder.range(&yes).1.max(builder.range(&no).1));
    let offset = -elem.min() as f32;
    let add = Op::Add(Add { lhs_scale: 1.0, rhs_scale: 1.0, offset, lo, hi });
    builder.clamping(name, add, &[&yes, &no], (elem, shape), (lo, hi))
}
