//! Sub, Sum and Mean of two tensors, which onnxruntime computes in float32 between quantizers.
//!
//! `quantize(dequantize(a) - dequantize(b))` is a function of two bytes. A quantized sum, of the second operand reversed for a
//! difference, has the same value but for pairs next to a tie, where both round as they do: parameters are looked for with
//! which they agree on all pairs. A quantized sum adds its zero point before it rounds to an even number, a quantizer behind: with an odd
//! one the negative of the sum rounds ties as the quantizer does.

use std::rc::Rc;

use crate::{
    import::{
        affine::{self, FloatClamp},
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        operand::operand,
        ops::sum::{elementwise, requantize, terms},
        role::Role,
        value::{Activation, FloatPair, Operand, Value, Waiting, WaitingForm},
    },
    ir::{Add, Elem, Op, Quantization},
    requantize::quantized_sum,
};

impl FloatPair {
    fn of(self, left: f32, right: f32) -> f32 {
        match self {
            Self::Difference => left - right,
            Self::Sum => left + right,
            Self::Mean => (left + right) / 2.0,
        }
    }
}

/// Sum and Mean of any number of tensors.
fn variadic(call: &Call<'_>, pair: FloatPair, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.node.attributes.reader().finish()?;
    match call.node.inputs.len() {
        1 => match call.input(0, Role::Input)? {
            // The sum and the mean of one number are that number.
            value @ (Value::Dequantized(_) | Value::Function(_)) => Ok(value.clone()),
            other => Err(call.wrong_form(0, Role::Input, other, "a dequantized activation")),
        },
        2 => between_quantizers(call, pair, builder),
        _ => terms::added(call, pair == FloatPair::Mean, builder),
    }
}

pub(in crate::import) fn sum(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    variadic(call, FloatPair::Sum, builder)
}

pub(in crate::import) fn mean(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    variadic(call, FloatPair::Mean, builder)
}

/// Both operands broadcast to the shape of the result, which waits for its quantizer.
pub(in crate::import) fn between_quantizers(
    call: &Call<'_>,
    pair: FloatPair,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let operands =
        [operand(call, 0, Role::LeftOperand, builder)?, operand(call, 1, Role::RightOperand, builder)?];
    let (operands, shape) = elementwise::broadcast(call, operands, builder)?;
    let form = WaitingForm::Float { operands, pair };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// Quantizes the waiting result.
pub(in crate::import) fn requantize(
    (name, shape): (&str, &[usize]),
    (operands, pair): (&[Operand; 2], FloatPair),
    (elem, to): (Elem, Quantization),
    (lo, hi): (i32, i32),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let [lhs, rhs] = operands.each_ref().map(|operand| (operand.by, builder.range(&operand.activation)));
    let target = |a: i32, b: i32| {
        let value = pair.of(affine::dequantize(a, lhs.0), affine::dequantize(b, rhs.0));
        affine::quantize(value, to, elem).clamp(lo, hi)
    };
    let to = if pair == FloatPair::Mean { Quantization { scale: 2.0 * to.scale, ..to } } else { to };
    let mut refusal = None;
    for is_negative in [false, true] {
        // The second one is reversed to be subtracted, and either one once more for the negative of it all.
        let reverses = [is_negative, is_negative != (pair == FloatPair::Difference)];
        let stored = |operand: &Operand, value: i32, reverse: bool| {
            if reverse { ends(operand.activation.elem) - value } else { value }
        };
        let stored_output = |output: i32| if is_negative { ends(elem) - output } else { output };
        let outputs: Vec<(i32, i32, i32)> = (lhs.1.0..=lhs.1.1)
            .flat_map(|a| (rhs.1.0..=rhs.1.1).map(move |b| (a, b)))
            .map(|(a, b)| {
                let inputs = [stored(&operands[0], a, reverses[0]), stored(&operands[1], b, reverses[1])];
                (inputs[0], inputs[1], stored_output(target(a, b)))
            })
            .collect();
        let (least, most) = (stored_output(lo), stored_output(hi));
        let range = (least.min(most), least.max(most));
        let [left, right] = [0, 1].map(|side| reversed(&operands[side], reverses[side]));
        let to = Quantization { zero_point: stored_output(to.zero_point), ..to };
        match agreeing(&requantize::sum([&left, &right], to, range)?, &outputs) {
            Err(error) => refusal = refusal.or(Some(error)),
            Ok(add) => {
                let form = Form { add, reverses, is_negative };
                return form.build((name, shape), operands, (elem, range), builder);
            }
        }
    }
    Err(refusal.unwrap_or(OperatorError::FloatPair { inputs: [0, 0], output: 0 }.into()))
}

/// The sum of the smallest and the largest integer: an integer and its reverse add up to it.
fn ends(elem: Elem) -> i32 {
    elem.min() + elem.max()
}

/// The parameters of an operand whose integers are reversed: its value becomes the negative.
fn reversed(operand: &Operand, reverses: bool) -> Operand {
    let mut operand = operand.clone();
    if reverses {
        operand.by.zero_point = ends(operand.activation.elem) - operand.by.zero_point;
    }
    operand
}

/// A quantized sum, of what is reversed, and itself reversed if it is the negative: ties to even go the other way where a zero point
/// is odd.
struct Form {
    add: Add,
    reverses: [bool; 2],
    is_negative: bool,
}

impl Form {
    fn build(
        self,
        (name, shape): (&str, &[usize]),
        operands: &[Operand; 2],
        (elem, range): (Elem, (i32, i32)),
        builder: &mut Builder,
    ) -> Result<Activation, ImportErrorKind> {
        let mut stored = |activation: &Activation, reverses: bool| {
            let elem = activation.elem;
            if !reverses {
                return Ok(activation.clone());
            }
            builder.table(name, activation, elem, (elem.min()..=elem.max()).rev().collect())
        };
        let left = stored(&operands[0].activation, self.reverses[0])?;
        let right = stored(&operands[1].activation, self.reverses[1])?;
        let op = Op::Add(self.add);
        let sum = builder.clamping(name, op, &[&left, &right], (elem, shape), range)?;
        if !self.is_negative {
            return Ok(sum);
        }
        builder.table(name, &sum, elem, (elem.min()..=elem.max()).rev().collect())
    }
}

/// Farthest that a parameter is moved, in float32 numbers.
const FARTHEST: i32 = 4;

/// A sum near the given one that has these outputs.
fn agreeing(base: &Add, pairs: &[(i32, i32, i32)]) -> Result<Add, ImportErrorKind> {
    let differs = |add: &Add, (a, b, output): &(i32, i32, i32)| quantized_sum(add, *a, *b) != *output;
    // Pairs that decided before decide again: they are next to ties.
    let mut decisive: Vec<(i32, i32, i32)> = Vec::new();
    let steps = || (0..=FARTHEST).flat_map(|step| [step, -step]).skip(1);
    for (offset, lhs, rhs) in
        steps().flat_map(|offset| steps().flat_map(move |lhs| steps().map(move |rhs| (offset, lhs, rhs))))
    {
        let add = Add {
            lhs_scale: moved(base.lhs_scale, lhs),
            rhs_scale: moved(base.rhs_scale, rhs),
            offset: moved(base.offset, offset),
            ..*base
        };
        if decisive.iter().any(|pair| differs(&add, pair)) {
            continue;
        }
        match pairs.iter().find(|pair| differs(&add, pair)) {
            None => return Ok(add),
            Some(pair) => decisive.push(*pair),
        }
    }
    let (a, b, output) = decisive.first().copied().unwrap_or_default();
    Err(OperatorError::FloatPair { inputs: [a, b], output }.into())
}

/// The float32 number so many steps away; 0 stays, and the sign with it.
fn moved(value: f32, steps: i32) -> f32 {
    let step = |value: f32| if steps > 0 { value.next_up() } else { value.next_down() };
    (0..steps.abs()).fold(value, |value, _| if value == 0.0 { value } else { step(value) })
}
