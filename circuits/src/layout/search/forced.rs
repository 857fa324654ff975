//! Flat layouts with a shape chosen by a test instead of the search, so that small circuits cover every form.

use lemma_verifier::{scheme::Scheme, shape::Shape};

use crate::{
    error::PlanError,
    expanded::Expanded,
    ir::Model,
    layout::{Layout, search::flat::Search},
    network::Base,
};

/// The free choices of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedShape {
    /// The circuit has 2^k rows.
    pub k: u32,
    /// Rows a lane may use; fewer than a layer has channels split the layer into blocks.
    pub lane_rows: usize,
    /// Lanes for the linear form.
    pub linear_lanes: u32,
    /// Lanes for thresholds.
    pub threshold_lanes: u32,
    /// Width of a limb, bits.
    pub limb_bits: u32,
    /// Width of the low part of a split excess, bits.
    pub excess_bits: Option<u32>,
    /// Table column sets.
    pub table_sets: u32,
    /// Fixed columns of packed weights.
    pub weight_columns: u32,
}

impl Layout {
    /// The flat layout of a model in this shape.
    ///
    /// # Errors
    /// [`PlanError`] when the model cannot be proven exactly or does not fit the shape.
    ///
    /// # Panics
    /// If the shape is not valid or its tables do not fit.
    pub fn with_forced_shape(model: &Model, scheme: Scheme, forced: &ForcedShape) -> Result<Self, PlanError> {
        let too_large = || PlanError::TooLarge { activations: model.activations(), macs: model.macs() };
        let base = Base::flat(&Expanded::of(model))?;
        let search = Search::of(&base)?;
        let shape = search.with_distances(Shape {
            k: forced.k,
            linear_lanes: forced.linear_lanes,
            threshold_lanes: forced.threshold_lanes,
            excess_bits: forced.excess_bits,
            table_sets: forced.table_sets,
            weight_columns: forced.weight_columns,
            ..search.shape(forced.limb_bits)
        });
        if let Err(error) = shape.validate() {
            panic!("{error}");
        }
        let held = search.placed(shape, forced.lane_rows).ok_or_else(too_large)?;
        if !held.fits(forced.weight_columns as usize, search.instances()) {
            return Err(too_large());
        }
        let choice = search.chosen(held);
        Ok(Self::with_choice(base.expanded, choice, scheme))
    }
}
