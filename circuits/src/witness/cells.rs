//! The hint cells of one requantized channel.

use lemma_verifier::{
    columns::{LinearCells, ThresholdCells},
    index::{AdviceColumn, RowId},
    shape::Shape,
    tags::PAIR_BASE,
};

use crate::{
    cells::HintCells,
    forms::{Form, Forms, Interval, NodeForms},
};

/// What the cells of a channel hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requantized {
    /// `2^shift (byte - excess) + remainder` is the accumulator times m plus c, bytes minus the type minimum.
    Linear { byte: i64, excess: i64, remainder: i64 },
    /// The accumulator is `distance` above the start of its interval.
    Threshold { step: Interval, distance: i64 },
    /// The larger of two bytes and its distances to them.
    Maximum { byte: i64, distances: [i64; 2] },
    /// The product of two bytes.
    Product { product: i64, factors: [i64; 2] },
}

impl Requantized {
    /// The output byte, of a product the product.
    pub(crate) fn byte(self) -> i64 {
        match self {
            Self::Linear { byte, .. } | Self::Maximum { byte, .. } => byte,
            Self::Threshold { step, .. } => step.byte,
            Self::Product { product, .. } => product,
        }
    }
}

/// Requantizes an accumulator of a plane through the circuit's own form.
pub(crate) fn requantized(
    forms: &Forms,
    node: &NodeForms,
    plane: usize,
    shift: u32,
    type_min: i32,
    acc: i64,
) -> Requantized {
    match node.form(plane) {
        Form::Linear(form) => {
            let clamp = forms.clamps[node.clamp];
            let scaled = i128::from(acc) * i128::from(form.m) + form.c;
            let quotient = scaled >> shift;
            let remainder = narrow(scaled - (quotient << shift));
            let quotient = narrow(quotient) - i64::from(type_min);
            let byte = quotient.clamp(clamp.lo, clamp.hi);
            Requantized::Linear { byte, excess: byte - quotient, remainder }
        }
        Form::Threshold(class) => {
            let class = &forms.steps[*class];
            let acc = acc - class.steps.range.lo;
            let intervals = class.intervals();
            let index = intervals.partition_point(|step| step.start <= acc) - 1;
            Requantized::Threshold { step: intervals[index], distance: acc - intervals[index].start }
        }
        Form::Function(function) => {
            let byte = forms.functions[*function][usize::try_from(acc).expect("functions are of bytes")];
            Requantized::Linear { byte, excess: byte - acc, remainder: 0 }
        }
        Form::Product => {
            let factors = [acc / PAIR_BASE, acc % PAIR_BASE];
            Requantized::Product { product: factors[0] * factors[1], factors }
        }
        Form::Maximum => {
            let (first, second) = (acc / PAIR_BASE, acc % PAIR_BASE);
            let byte = first.max(second);
            Requantized::Maximum { byte, distances: [byte - first, byte - second] }
        }
    }
}

/// Writes byte, excess and remainder.
pub(crate) fn write_linear(
    columns: &mut HintCells,
    cells: &LinearCells,
    shape: &Shape,
    row: RowId,
    [byte, excess, remainder]: [i64; 3],
) {
    columns[cells.activation][row] = byte;
    match (cells.excess.as_slice(), shape.excess_bits) {
        ([low, high], Some(bits)) => {
            let (sign, magnitude) = (excess.signum(), excess.abs());
            columns[*low][row] = sign * (magnitude & ((1 << bits) - 1));
            columns[*high][row] = sign * (magnitude >> bits);
        }
        (parts, _) => columns[parts[0]][row] = excess,
    }
    limbs(columns, &cells.limbs, shape, row, remainder);
}

/// Writes byte, threshold and the two distances.
pub(crate) fn write_threshold(
    columns: &mut HintCells,
    cells: &ThresholdCells,
    shape: &Shape,
    row: RowId,
    step: Interval,
    distance: i64,
) {
    columns[cells.activation][row] = step.byte;
    columns[cells.threshold][row] = step.start;
    limbs(columns, &cells.distance, shape, row, distance);
    limbs(columns, &cells.complement, shape, row, step.width - distance);
}

fn limbs(columns: &mut HintCells, cells: &[AdviceColumn], shape: &Shape, row: RowId, value: i64) {
    let bits = shape.limb_bits;
    for (column, limb) in cells.iter().zip(0u32..) {
        columns[*column][row] = (value >> (limb * bits)) & ((1 << bits) - 1);
    }
}

/// A quotient or remainder of a reachable accumulator fits 64 bits: the plan bounds both.
fn narrow(value: i128) -> i64 {
    i64::try_from(value).expect("the plan bounds quotients and remainders")
}
