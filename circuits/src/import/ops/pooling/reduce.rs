//! ReduceMean and ReduceSum between quantizers, over axes that the file fixes.

use std::rc::Rc;

use crate::{
    import::{
        attributes::{axis_index, unsupported},
        builder::Builder,
        call::Call,
        error::ImportErrorKind,
        float_sum::FloatSum,
        operand::dequantized_input,
        role::Role,
        value::{Activation, Arithmetic, Linear, Origin, Sliding, Step, Value, Weights},
        views,
    },
    ir::{Elem, Quantization, Window},
};

/// Which of the two operators.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mean,
    Sum,
}

pub(in crate::import) fn mean(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    reduced(call, Kind::Mean, builder)
}

pub(in crate::import) fn sum(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    reduced(call, Kind::Sum, builder)
}

/// The axes that a reducing operator runs over.
#[derive(Clone, Debug)]
pub(in crate::import) struct ReducedAxes {
    /// Per axis of the input whether it is one.
    pub(in crate::import) is_reduced: Vec<bool>,
    /// Shape of the result.
    pub(in crate::import) shape: Vec<usize>,
}

impl ReducedAxes {
    /// How many elements of an input of this shape become one.
    pub(in crate::import) fn terms(&self, from: &[usize]) -> usize {
        from.iter().zip(&self.is_reduced).filter(|(_, reduced)| **reduced).map(|(dim, _)| dim).product()
    }
}

/// Reads the attributes and axes, which are an input from opset `input_since` on; `None` if nothing is to be reduced.
pub(in crate::import) fn axes(
    call: &Call<'_>,
    input_since: i64,
    from: &[usize],
) -> Result<Option<ReducedAxes>, ImportErrorKind> {
    let axes_are_an_input = call.node.opset >= input_since;
    call.expect_inputs(1, if axes_are_an_input { 2 } else { 1 })?;
    let attributes = call.node.attributes.reader();
    let keeps_dimensions = attributes.int("keepdims")?.unwrap_or(1) != 0;
    let empty_is_none = axes_are_an_input && attributes.flag("noop_with_empty_axes")?;
    let named = if axes_are_an_input {
        call.optional(1)?.map(|_| call.int64_list(1, Role::Axes)).transpose()?
    } else {
        attributes.ints("axes")?
    };
    attributes.finish()?;
    let mut is_reduced = vec![false; from.len()];
    match named {
        None | Some([]) if empty_is_none => return Ok(None),
        None | Some([]) => is_reduced.fill(true),
        Some(named) => {
            for &axis in named {
                let index = axis_index(axis, from.len());
                let index =
                    index.ok_or_else(|| unsupported("axes", axis, &format!("axes of shape {from:?}")))?;
                is_reduced[index] = true;
            }
        }
    }
    let dims = from.iter().zip(&is_reduced);
    let dims = dims.filter(|(_, reduced)| keeps_dimensions || !**reduced);
    let shape = dims.map(|(&dim, &reduced)| if reduced { 1 } else { dim }).collect();
    Ok(Some(ReducedAxes { is_reduced, shape }))
}

fn reduced(call: &Call<'_>, kind: Kind, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    let (x, by) = dequantized_input(call)?;
    let input_since = if kind == Kind::Sum { 13 } else { 18 };
    let Some(axes) = axes(call, input_since, &x.shape)? else { return call.input(0, Role::Input).cloned() };
    let terms = axes.terms(&x.shape);
    let ReducedAxes { is_reduced, shape } = axes;
    if terms == 1 {
        // A sum or mean of one number is that number.
        let value = call.input(0, Role::Input)?;
        return value
            .reshaped(shape)
            .ok_or_else(|| call.wrong_form(0, Role::Input, value, "a dequantized activation"));
    }
    let layer = summing_layer(call, (x, by), &is_reduced, shape, builder)?;
    let (lo, hi) = builder.range(x);
    // Its kernels add several lanes side by side, as many as the processor and the axes have.
    let sum = FloatSum::in_any_order(by.scale, terms, (lo - by.zero_point, hi - by.zero_point));
    let origin = Origin::Sum(Rc::new(sum));
    let sum = Arithmetic { layer: Rc::new(layer), origin, steps: Vec::new() };
    // At most 2^26 terms, and float32 rounds their number as onnxruntime does.
    let sum = if kind == Kind::Mean { sum.then(Step::Divide(vec![terms as f32]))? } else { sum };
    Ok(Value::Arithmetic(sum))
}

/// A convolution with unit weights: over one position per channel that stays if the reduced axes come last, over
/// channels otherwise.
fn summing_layer(
    call: &Call<'_>,
    (x, by): (&Activation, Quantization),
    is_reduced: &[bool],
    shape: Vec<usize>,
    builder: &mut Builder,
) -> Result<Linear, ImportErrorKind> {
    let name = &call.node.label.name;
    let (reduced, kept): (Vec<usize>, Vec<usize>) = (0..x.shape.len()).partition(|&axis| is_reduced[axis]);
    let size = |axes: &[usize]| axes.iter().filter_map(|&axis| x.shape.get(axis)).product::<usize>();
    let (terms, results) = (size(&reduced), size(&kept));
    // Axes of size 1 may be anywhere.
    let is_long = |axis: &&usize| x.shape.get(**axis).is_some_and(|dim| *dim > 1);
    let last_kept = kept.iter().rfind(is_long);
    let reduces_last = reduced.iter().find(is_long) > last_kept;
    let line = |length: usize| [length, 1];
    let (order, sliding, weights) = if reduces_last {
        let window = Window { input: line(terms), output: line(1), kernel: line(terms), ..POINTS };
        let sliding = Sliding { channels: results, groups: results, window };
        ([kept, reduced].concat(), sliding, [results, terms])
    } else {
        let window = Window { input: line(results), output: line(results), ..POINTS };
        ([reduced, kept].concat(), Sliding { channels: terms, groups: 1, window }, [1, terms])
    };
    let count = weights.iter().product();
    builder.budget.spend(count, size_of::<i16>())?;
    let weights = Weights {
        inputs: terms,
        outputs: weights[0],
        elem: Elem::I8,
        shape: weights.to_vec(),
        centered: vec![1; count],
        scales: Vec::new(),
        source: None,
    };
    Ok(Linear {
        name: name.clone(),
        input: views::transposed(name, x, &order, builder)?,
        rows: 1,
        sliding: Some(sliding),
        input_zero_point: by.zero_point,
        weights: Rc::new(weights),
        bias: None,
        accumulator_scales: Vec::new(),
        shape,
    })
}

/// One tap over one position.
const POINTS: Window =
    Window { input: [1, 1], output: [1, 1], kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
