//! Operators that pick the largest of several values: ReduceMax, GlobalMaxPool, and what MaxPool shares with them.

use crate::{
    import::{
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, QuantizationError},
        limits,
        ops::pooling::reduce::{self, ReducedAxes},
        role::Role,
        spread::Spread,
        value::{Activation, Dequantized, Function, Value},
        views,
    },
    ir::{Elem, Op, Source},
};

/// Applies an operator that picks largest values to the integers that stand for them.
///
/// A quantizer and a clamp never fall, so the largest integer is that of the largest value. Of a function that falls
/// somewhere the ranks of its values take the integers' place.
pub(in crate::import) fn of_largest(
    call: &Call<'_>,
    builder: &mut Builder,
    apply: impl FnOnce(&Activation, &mut Builder) -> Result<Activation, ImportErrorKind>,
) -> Result<Value, ImportErrorKind> {
    match call.input(0, Role::Input)? {
        Value::Quantized(activation) => apply(activation, builder).map(Value::Quantized),
        Value::Dequantized(view) => {
            let activation = apply(&view.activation, builder)?;
            Ok(Value::Dequantized(Dequantized { activation, ..view.clone() }))
        }
        Value::Function(view) => {
            let Function { activation, values } = rising(&call.node.label.name, view, builder)?;
            let activation = apply(&activation, builder)?;
            Ok(Value::Function(Function { activation, values }))
        }
        other => Err(call.wrong_form(0, Role::Input, other, "a quantized or dequantized activation")),
    }
}

/// The same values as a function that never falls: of the integers, or of ranks that a table makes of them.
fn rising(name: &str, view: &Function, builder: &mut Builder) -> Result<Function, ImportErrorKind> {
    let Function { activation, values } = view;
    let (lo, hi) = builder.range(activation);
    let integers = activation.elem.min()..;
    let mut reached: Vec<(usize, Spread)> = integers
        .zip(values.iter().copied().enumerate())
        .filter(|(q, _)| lo <= *q && *q <= hi)
        .map(|(_, indexed)| indexed)
        .collect();
    if reached.iter().any(|(_, value)| value.may_be_nan) {
        return Err(QuantizationError::NotANumber { role: "result of the function", value: f32::NAN }.into());
    }
    let rises = |(left, right): (&(usize, Spread), &(usize, Spread))| {
        left.1.lo <= right.1.lo && left.1.hi <= right.1.hi
    };
    if reached.iter().zip(reached.iter().skip(1)).all(rises) {
        return Ok(view.clone());
    }
    reached.sort_by(|(_, left), (_, right)| left.lo.total_cmp(&right.lo).then(left.hi.total_cmp(&right.hi)));
    let mut ranks = vec![0; values.len()];
    // By rank: the largest of values up to it is one of its own at least, and at most the largest of theirs.
    let mut ranked: Vec<Spread> = Vec::with_capacity(values.len());
    for (index, value) in reached {
        match ranked.last().copied() {
            Some(last) if last.lo == value.lo && value.hi <= last.hi => {}
            last => {
                let hi = last.map_or(value.hi, |last| last.hi.max(value.hi));
                ranked.push(Spread::between(value.lo, hi));
            }
        }
        if let Some(rank) = ranks.get_mut(index) {
            // At most 256 values.
            *rank = (ranked.len() - 1) as i32;
        }
    }
    if let Some(&last) = ranked.last() {
        ranked.resize(values.len(), last);
    }
    let activation = builder.table(name, activation, Elem::U8, ranks)?;
    Ok(Function { activation, values: ranked.into() })
}

pub(in crate::import) fn reduce_max(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let x = call.input(0, Role::Input)?;
    call.expect_integers_known_since(12, Role::Input)?;
    match reduce::axes(call, 18, x.shape())? {
        Some(axes) => {
            of_largest(call, builder, |x, builder| largest(&call.node.label.name, x, &axes, builder))
        }
        None => Ok(x.clone()),
    }
}

/// The largest of the integers in reverse, reversed.
pub(in crate::import) fn reduce_min(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let x = call.input(0, Role::Input)?;
    call.expect_integers_known_since(12, Role::Input)?;
    let Some(axes) = reduce::axes(call, 18, x.shape())? else { return Ok(x.clone()) };
    let name = &call.node.label.name;
    of_largest(call, builder, |x, builder| {
        let reversed = |elem: Elem| (elem.min()..=elem.max()).rev().collect();
        let negative = builder.table(name, x, x.elem, reversed(x.elem))?;
        let largest = largest(name, &negative, &axes, builder)?;
        builder.table(name, &largest, x.elem, reversed(x.elem))
    })
}

pub(in crate::import) fn global_max_pool(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    let x = call.input(0, Role::Input)?;
    if let Value::Quantized(_) = x {
        return Err(call.wrong_form(0, Role::Input, x, "a dequantized activation"));
    }
    let shape = x.shape();
    let is_reduced = (0..shape.len()).map(|axis| axis >= 2).collect();
    let kept = shape.iter().enumerate().map(|(axis, &dim)| if axis >= 2 { 1 } else { dim }).collect();
    let axes = ReducedAxes { is_reduced, shape: kept };
    of_largest(call, builder, |x, builder| largest(&call.node.label.name, x, &axes, builder))
}

/// The largest along the reduced axes.
fn largest(
    name: &str,
    x: &Activation,
    axes: &ReducedAxes,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (mut order, kept): (Vec<usize>, Vec<usize>) =
        (0..x.shape.len()).partition(|&axis| axes.is_reduced.get(axis) == Some(&true));
    order.extend(kept);
    limits::sources(&x.shape)?;
    let rows = views::transposed(name, x, &order, builder)?;
    let columns = axes.shape.iter().product();
    let terms = axes.terms(&x.shape);
    let result = maximum(name, Activation { shape: vec![terms, columns], ..rows }, builder)?;
    Ok(Activation { shape: axes.shape.clone(), ..result })
}

/// The maximum of the rows of `[rows][columns]`: of the first and the second half, until one is left.
pub(in crate::import) fn maximum(
    name: &str,
    mut x: Activation,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let &[rows, columns] = x.shape.as_slice() else { return Ok(x) };
    let (elem, range) = (x.elem, builder.range(&x));
    let mut rows = rows;
    while rows > 1 {
        let half = rows / 2;
        let part = |first: usize| {
            let elements = first * columns..(first + half) * columns;
            elements.map(|element| Source::Element { input: 0, element })
        };
        let shape = vec![half, columns];
        let lower = builder.rearrange(name, &[&x], (elem, shape.clone()), part(0))?;
        let upper = builder.rearrange(name, &[&x], (elem, shape.clone()), part(half))?;
        let larger = builder.clamping(name, Op::Maximum, &[&lower, &upper], (elem, &shape), range)?;
        if rows.is_multiple_of(2) {
            x = larger;
        } else {
            let joined = (0..half * columns).map(|element| Source::Element { input: 0, element });
            let left =
                (2 * half * columns..rows * columns).map(|element| Source::Element { input: 1, element });
            x = builder.rearrange(
                name,
                &[&larger, &x],
                (elem, vec![half + 1, columns]),
                joined.chain(left),
            )?;
        }
        rows = rows.div_ceil(2);
    }
    Ok(Activation { shape: vec![columns], ..x })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{import::budget::Budget, ir::Op};

    proptest! {
        /// Of any window the largest value lies within what the function of the largest rank says.
        #[test]
        fn ranks_keep_the_order_of_values(
            ends in prop::collection::vec((-4_i8..4, 0_i8..3), 256),
            window in prop::collection::vec(0_usize..256, 1..5),
        ) {
            let spread = |&(lo, width): &(i8, i8)| Spread::between(lo.into(), (lo + width).into());
            let values: Vec<Spread> = ends.iter().map(spread).collect();
            let mut builder = Builder::new(Budget::for_file(1 << 20));
            let activation = builder.quantized_input("x", Elem::I8, &[1]).unwrap();
            let view = Function { activation, values: values.clone().into() };
            let ranked = rising("ranks", &view, &mut builder).unwrap();
            let producer = builder.producer(ranked.activation.tensor).map(|node| &node.op);
            let Some(Op::Table(table)) = producer else { panic!("{producer:?}") };
            let largest = window.iter().map(|&index| table.entries[index]).max().unwrap();
            let told = ranked.values[usize::try_from(largest).unwrap()];
            let largest_of = |end: fn(&Spread) -> f32| {
                window.iter().map(|&index| end(&values[index])).fold(f32::NEG_INFINITY, f32::max)
            };
            prop_assert!(told.lo <= largest_of(|value| value.lo) && largest_of(|value| value.hi) <= told.hi);
            prop_assert!(ranked.values.windows(2).all(|pair| pair[0].lo <= pair[1].lo && pair[0].hi <= pair[1].hi));
        }
    }
}
