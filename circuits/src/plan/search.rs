//! The cheapest shape that holds a model.

use crate::{ir::Model, statement::Interface};

use super::{
    contraction::rows_needed,
    cost::Cost,
    forms::{Form, Forms},
    place::Placement,
    shape::{MAX_K, MAX_LIMB_BITS, MIN_K, Scheme, Shape, TABLES_IN_SUM},
    tables::entry_count,
};

/// Rows at the end that hold blinding values, the last row of the permutation argument and the end of the
/// lookup sum: a column is opened at no more than two points, so the library blinds 5 rows and reserves one.
const RESERVED_ROWS: usize = 7;

const MAX_WEIGHT_COLUMNS: usize = 1024;

/// Rows of a circuit of 2^k rows that can be used.
pub(crate) fn usable_rows(k: u32) -> usize {
    (1 << k) - RESERVED_ROWS
}

/// The cheapest shape among those `admitted`, and its placement; `None` when none within the limits holds the
/// model.
pub(crate) fn cheapest(
    model: &Model,
    forms: &Forms,
    scheme: Scheme,
    admitted: impl Fn(&Shape) -> bool,
) -> Option<(Shape, Placement)> {
    let needs = Needs::of(model, forms);
    let mut best: Option<(Cost, Shape, Placement)> = None;
    for k in MIN_K..=MAX_K {
        for shape in needs.shapes(forms, k).into_iter().filter(&admitted) {
            let promising =
                |shape: &Shape| best.as_ref().is_none_or(|(cost, ..)| Cost::of(shape, scheme) < *cost);
            if !promising(&shape) {
                continue;
            }
            let Some((shape, placement)) = complete(model, forms, shape) else { continue };
            if promising(&shape) {
                best = Some((Cost::of(&shape, scheme), shape, placement));
            }
        }
    }
    best.map(|(_, shape, placement)| (shape, placement))
}

/// What a model needs, independent of the shape.
struct Needs {
    bytes: usize,
    linear_channels: usize,
    threshold_channels: usize,
    shift: u32,
    /// Bits of the widest threshold interval.
    distance_bits: u32,
}

impl Needs {
    fn of(model: &Model, forms: &Forms) -> Self {
        let channels = || forms.nodes.iter().flat_map(|node| &node.channels);
        let linear_channels = channels().filter(|form| matches!(form, Form::Linear(_))).count();
        Self {
            bytes: Interface::of(model).ports().map(|port| port.len()).sum(),
            linear_channels,
            threshold_channels: channels().count() - linear_channels,
            shift: forms.shift,
            distance_bits: forms.distance_bits,
        }
    }

    /// Candidate shapes of 2^k rows with a lower bound for the number of lanes and one weight column.
    fn shapes(&self, forms: &Forms, k: u32) -> Vec<Shape> {
        let rows = usable_rows(k);
        let lanes = |channels: usize| channels.div_ceil(rows);
        let threshold_lanes = lanes(self.threshold_channels);
        let channels = self.bytes + self.linear_channels + self.threshold_channels;
        let needs_linear = forms.has_linear() || threshold_lanes == 0;
        let linear_lanes = lanes(channels).saturating_sub(threshold_lanes).max(usize::from(needs_linear));
        let (Ok(linear_lanes), Ok(threshold_lanes)) = (linear_lanes.try_into(), threshold_lanes.try_into())
        else {
            return Vec::new();
        };
        let with_limbs = |limb_bits: u32| Shape {
            k,
            linear_lanes,
            threshold_lanes,
            shift: self.shift,
            limb_bits,
            excess_bits: None,
            threshold_limbs: if threshold_lanes > 0 { self.distance_bits.div_ceil(limb_bits) } else { 0 },
            table_sets: 1,
            weight_columns: 1,
            banks: None,
        };
        let widths = 1..=MAX_LIMB_BITS.min(k);
        let fits = |shape: Shape| {
            let sets = u32::try_from(entry_count(forms, &shape).div_ceil(rows as u64)).ok()?;
            let shape = Shape { table_sets: sets, ..shape };
            (sets <= TABLES_IN_SUM && shape.validate().is_ok()).then_some(shape)
        };
        widths
            .map(with_limbs)
            .flat_map(|shape| [split(forms, &shape), Some(shape)])
            .flatten()
            .filter_map(fits)
            .collect()
    }
}

/// The same shape with the excess split where that makes the tables smallest.
fn split(forms: &Forms, shape: &Shape) -> Option<Shape> {
    let candidates = (1..=MAX_LIMB_BITS).map(|bits| Shape { excess_bits: Some(bits), ..shape.clone() });
    candidates
        .filter(|_| shape.linear_lanes > 0)
        .min_by_key(|candidate| entry_count(forms, candidate))
        .filter(|candidate| entry_count(forms, candidate) < entry_count(forms, shape))
}

/// Finds the lanes and weight columns the placement really needs.
fn complete(model: &Model, forms: &Forms, shape: Shape) -> Option<(Shape, Placement)> {
    let rows = usable_rows(shape.k);
    let (shape, placement) = with_lanes(model, forms, shape, rows)?;
    // The row after the region holds the last product sum.
    let fits = |columns: usize| rows_needed(model, &placement, columns) < rows;
    if !fits(MAX_WEIGHT_COLUMNS) {
        return None;
    }
    let (mut too_few, mut enough) = (0, MAX_WEIGHT_COLUMNS);
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        if fits(middle) { enough = middle } else { too_few = middle }
    }
    let shape = Shape { weight_columns: u32::try_from(enough).ok()?, ..shape };
    shape.validate().is_ok().then_some((shape, placement))
}

/// Chunks of bytes do not split over lanes, so the lower bound may be one lane short.
fn with_lanes(model: &Model, forms: &Forms, shape: Shape, rows: usize) -> Option<(Shape, Placement)> {
    let more_linear = Shape { linear_lanes: shape.linear_lanes + 1, ..shape.clone() };
    let more_threshold = Shape { threshold_lanes: shape.threshold_lanes + 1, ..shape.clone() };
    let mut candidates = vec![shape.clone()];
    if shape.linear_lanes > 0 {
        candidates.push(more_linear);
    }
    if shape.threshold_lanes > 0 {
        candidates.push(more_threshold);
    }
    candidates.into_iter().find_map(|shape| {
        let placement = Placement::of(model, forms, &shape, rows).ok()?;
        Some((shape, placement))
    })
}
