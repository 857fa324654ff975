//! Plans with a shape chosen by a test instead of the search, so that small circuits cover every form.

use crate::ir::Model;

use super::{
    Plan, PlanError, contraction,
    forms::Forms,
    place::Placement,
    search,
    shape::{Scheme, Shape},
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

impl Plan {
    /// The plan of a model in this shape.
    ///
    /// # Errors
    /// [`PlanError`] when the model cannot be proven exactly or does not fit the shape.
    ///
    /// # Panics
    /// If the shape is not valid or its tables do not fit.
    pub fn with_forced_shape(model: &Model, scheme: Scheme, forced: &ForcedShape) -> Result<Self, PlanError> {
        let too_large = || PlanError::TooLarge { activations: model.activations(), macs: model.macs() };
        let forms = Forms::of(model)?;
        let threshold_limbs = forms.distance_bits.div_ceil(forced.limb_bits);
        let shape = Shape {
            k: forced.k,
            linear_lanes: forced.linear_lanes,
            threshold_lanes: forced.threshold_lanes,
            shift: forms.shift,
            limb_bits: forced.limb_bits,
            excess_bits: forced.excess_bits,
            threshold_limbs: if forced.threshold_lanes > 0 { threshold_limbs } else { 0 },
            table_sets: forced.table_sets,
            weight_columns: forced.weight_columns,
            banks: None,
        };
        if let Err(error) = shape.validate() {
            panic!("{error}");
        }
        let placement = Placement::of(model, &forms, &shape, forced.lane_rows).map_err(|_| too_large())?;
        let rows = contraction::rows_needed(model, &placement, shape.weight_columns as usize);
        if rows >= search::usable_rows(shape.k) {
            return Err(too_large());
        }
        Ok(Self::with_shape(model, forms, shape, placement, scheme))
    }
}
