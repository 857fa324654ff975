//! The lookup table: every set of values a cell may hold, under its tag.
//!
//! | tag | entries `(a, b, c)` | who looks it up |
//! |---|---|---|
//! | 0 | `(0, 0, 0)` | every slot of a row that uses it for nothing: its cells are forced to 0 |
//! | [`BYTE`] | `(y, 0, 0)`, `0 <= y < 256` | statement bytes |
//! | [`clamp_tag`] | `(y, E, 0)`: `E = 0` inside the clamp, `E >= 0` at its low end, `E <= 0` at its high end | activation and excess of linear channels |
//! | [`second_tag`] of the two above | the same for the high part of a split excess | |
//! | [`step_tag`] | `(y, t_y, t_{y+1} - 1 - t_y)` | activation, threshold and interval width of threshold channels |
//! | [`range_tag`](lemma_verifier::tags::range_tag) | `(v, 0, 0)`, `0 <= v < 2^width` | limbs |
//! | [`function_tag`] | `(phi(x), phi(x) - x, 0)` for every byte x | output and excess of functions of a byte |
//! | [`PAIR`] | `(d, 0, 0)` and `(0, d, 0)` for every byte d | distances from a maximum to its operands |
//! | [`second_tag`] of [`PAIR`] | `(y, 0, 0)`, `0 <= y < 256` | maxima and factors |
//! | [`PAD`] | `(row, set, 0)` | nobody: fills the table so that no entry occurs twice and every multiplicity is unique |

use lemma_verifier::{
    shape::Shape,
    tags::{FIRST_RANGE, SECOND_TAG_FACTOR, range_tag},
};

use crate::{
    error::PlanError,
    forms::{ClampClass, Forms},
};

/// Tag, then up to three values.
pub(crate) type Entry = [i64; 4];

/// Tag of a statement byte.
pub(crate) const BYTE: i64 = 1;

const FIRST_CLAMP: i64 = 2;
/// Tag of pairs of distances of which one is 0.
pub(crate) const PAIR: i64 = (1 << 17) + (1 << 16);
/// Tag of the filler entries.
pub(crate) const PAD: i64 = 1 << 17;

/// Tag of a clamp class.
///
/// # Panics
/// If the tag belongs to another table, which [`check_classes`] excludes.
pub(crate) fn clamp_tag(class: usize) -> i64 {
    FIRST_CLAMP + index(class)
}

/// Tag of a step class; clamp classes come first.
pub(crate) fn step_tag(forms: &Forms, class: usize) -> i64 {
    clamp_tag(forms.clamps.len() + class)
}

/// Tag of a function of a byte; they come after the step classes.
pub(crate) fn function_tag(forms: &Forms, function: usize) -> i64 {
    step_tag(forms, forms.steps.len() + function)
}

/// Tag of the high part of a split excess.
pub(crate) fn second_tag(tag: i64) -> i64 {
    tag * SECOND_TAG_FACTOR
}

/// Classes that have tags: those between the bytes' and the ranges'.
const MAX_CLASSES: usize = (FIRST_RANGE - FIRST_CLAMP) as usize;

fn index(class: usize) -> i64 {
    assert!(class < MAX_CLASSES, "class {class} of {MAX_CLASSES} would take the tag of another table");
    class as i64
}

/// Whether every class has a tag of its own.
///
/// # Errors
/// [`PlanError::TooManyClasses`].
pub(crate) fn check_classes(forms: &Forms) -> Result<(), PlanError> {
    let got = forms.clamps.len() + forms.steps.len() + forms.functions.len();
    if got <= MAX_CLASSES { Ok(()) } else { Err(PlanError::TooManyClasses { got, limit: MAX_CLASSES }) }
}

/// All entries a circuit of this shape needs, each once, `(0, 0, 0, 0)` first.
pub(crate) fn entries(forms: &Forms, shape: &Shape) -> Vec<Entry> {
    let mut out = vec![[0; 4]];
    let split = shape.excess_bits.filter(|_| shape.linear_lanes > 0);
    out.extend((0..256).map(|y| [BYTE, y, 0, 0]));
    if split.is_some() {
        out.extend((0..256).map(|y| [second_tag(BYTE), y, 0, 0]));
    }
    if shape.linear_lanes > 0 {
        for (index, class) in forms.clamps.iter().enumerate() {
            let (low, high) = excess_parts(class, split);
            clamp_entries(clamp_tag(index), low, &mut out);
            if let Some(high) = high {
                clamp_entries(second_tag(clamp_tag(index)), high, &mut out);
            }
        }
    }
    for (index, class) in forms.steps.iter().enumerate() {
        let tag = step_tag(forms, index);
        out.extend(class.intervals().iter().map(|step| [tag, step.byte, step.start, step.width]));
    }
    for (index, function) in forms.functions.iter().enumerate() {
        function_entries(function_tag(forms, index), function, split, &mut out);
    }
    if shape.maximum_lanes() > 0 {
        out.extend((0..256).map(|first| [PAIR, first, 0, 0]));
        out.extend((1..256).map(|second| [PAIR, 0, second, 0]));
    }
    if shape.maximum_lanes() + shape.product_lanes() > 0 {
        out.extend((0..256).map(|y| [second_tag(PAIR), y, 0, 0]));
    }
    for width in range_widths(shape) {
        out.extend((0..1 << width).map(|value| [range_tag(width), value, 0, 0]));
    }
    out
}

/// [`entries`]' length without building them.
pub(crate) fn entry_count(forms: &Forms, shape: &Shape) -> u64 {
    let split = shape.excess_bits.filter(|_| shape.linear_lanes > 0);
    let bytes = 256 * (1 + u64::from(split.is_some()));
    let size = |class: &ClampClass| (class.hi - class.lo + 1 + class.below + class.above).unsigned_abs();
    let clamps: u64 = forms
        .clamps
        .iter()
        .filter(|_| shape.linear_lanes > 0)
        .map(|class| {
            let (low, high) = excess_parts(class, split);
            size(&low).saturating_add(high.map_or(0, |high| size(&high)))
        })
        .fold(0, u64::saturating_add);
    let ranges: u64 = range_widths(shape).iter().map(|width| 1u64 << width).sum();
    let functions: usize = forms
        .functions
        .iter()
        .map(|function| function.len() + split.map_or(0, |_| outputs(function).len()))
        .sum();
    let maxima = if shape.maximum_lanes() > 0 { 256 + 255 } else { 0 };
    let pairs = if shape.maximum_lanes() + shape.product_lanes() > 0 { 256 } else { 0 };
    let others = 1 + bytes + forms.intervals as u64 + ranges + functions as u64 + maxima + pairs;
    clamps.saturating_add(others)
}

/// A clamp class as its low and high excess parts see it: `E = E_0 + 2^split E_1`, both of the sign of `E`.
pub(crate) fn excess_parts(class: &ClampClass, split: Option<u32>) -> (ClampClass, Option<ClampClass>) {
    match split {
        None => (*class, None),
        Some(bits) => {
            let mask = (1 << bits) - 1;
            let low = ClampClass { below: class.below.min(mask), above: class.above.min(mask), ..*class };
            let high = ClampClass { below: class.below >> bits, above: class.above >> bits, ..*class };
            (low, Some(high))
        }
    }
}

fn clamp_entries(tag: i64, class: ClampClass, out: &mut Vec<Entry>) {
    out.extend((class.lo..=class.hi).map(|y| [tag, y, 0, 0]));
    out.extend((1..=class.below).map(|excess| [tag, class.lo, excess, 0]));
    out.extend((1..=class.above).map(|excess| [tag, class.hi, -excess, 0]));
}

/// Bits of a low excess part that hold the excess of every function of a byte.
pub(crate) const FUNCTION_EXCESS_BITS: u32 = 8;

/// `(phi(x), phi(x) - x)` for every byte x: the excess gives x back. A split excess has the high part 0.
///
/// # Panics
/// If the low part could not hold every excess: its two parts are looked up apart, so a function must need only one.
fn function_entries(tag: i64, function: &[i64], split: Option<u32>, out: &mut Vec<Entry>) {
    assert!(split.is_none_or(|bits| bits >= FUNCTION_EXCESS_BITS), "a function's excess has one part");
    out.extend((0..).zip(function).map(|(x, y)| [tag, *y, y - x, 0]));
    if split.is_some() {
        out.extend(outputs(function).into_iter().map(|y| [second_tag(tag), y, 0, 0]));
    }
}

fn outputs(function: &[i64]) -> std::collections::BTreeSet<i64> {
    function.iter().copied().collect()
}

/// The distinct limb widths, ascending.
fn range_widths(shape: &Shape) -> Vec<u32> {
    let mut widths = if shape.linear_lanes > 0 { shape.remainder_widths() } else { Vec::new() };
    if shape.threshold_lanes > 0 {
        widths.push(shape.limb_bits);
    }
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// The entries dealt to the table sets, `rows` each, the rest filled with unique entries nobody looks up.
///
/// # Panics
/// If they do not fit.
pub(crate) fn fill(entries: &[Entry], sets: u32, rows: usize) -> Vec<Vec<Entry>> {
    assert!(entries.len() <= sets as usize * rows, "{} table entries in {sets} sets", entries.len());
    let cell = |set: usize, row: usize| {
        let pad = [PAD, row as i64, set as i64, 0];
        entries.get(set * rows + row).copied().unwrap_or(pad)
    };
    (0..sets as usize).map(|set| (0..rows).map(|row| cell(set, row)).collect()).collect()
}
