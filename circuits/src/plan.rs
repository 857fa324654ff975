//! From a model to a plan: which columns and rows the circuit has and what each of them holds.
//!
//! The plan is a pure function of the model and the commitment scheme; no input value reaches it. The search
//! minimizes predicted proving cost over the number of rows, the limb width and the encoding of saturation.

mod columns;
mod contraction;
mod cost;
mod fixed;
#[cfg(any(test, feature = "testing"))]
mod forced;
mod forms;
mod groups;
mod packing;
mod place;
mod search;
mod shape;
mod tables;

use halo2_proofs::halo2curves::bn256::Fr;

use crate::ir::{BoundsError, InconsistentModel, Model, Op};

pub use cost::{Cost, MSM_MICROSECONDS};
#[cfg(any(test, feature = "testing"))]
pub use forced::ForcedShape;
pub use place::{LaneKind, Spot};
pub use shape::{BankShape, MAX_K, MAX_SHIFT, MIN_K, Scheme, Shape, ShapeError};

pub(crate) use columns::{
    Columns, Counter, LinearCells, LinearColumns, LookupColumns, MaximumCells, ProductCells, ThresholdCells,
    ThresholdColumns,
};
pub(crate) use contraction::{Contraction, Operand, integer};
#[cfg(test)]
pub(crate) use forms::ClampClass;
pub(crate) use forms::Step as Interval;
pub(crate) use forms::{Form, Forms, NodeForms, PAIR_BASE, Solutions, centers};
pub(crate) use groups::Groups;
pub(crate) use packing::Packing;
#[cfg(any(test, feature = "testing"))]
pub(crate) use place::Step;
pub(crate) use place::{Lane, Placement, Use};
pub(crate) use search::usable_rows;
pub(crate) use shape::{MAX_LIMB_BITS, MAX_TABLE_SETS};
pub(crate) use tables::{
    BYTE, check_classes, clamp_tag, entries as table_entries, entry_count, fill as fill_tables, step_tag,
};
pub(crate) use tables::{Entry, FUNCTION_EXCESS_BITS, PAIR, SECOND_TAG_FACTOR, function_tag, range_tag};
#[cfg(test)]
pub(crate) use tables::{PAD, entries, second_tag};

/// Why a model has no circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The integer function is not onnxruntime's.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The model is no network; the importer makes none of these.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentModel),
    /// An operator without a circuit.
    #[error(
        "node '{node}' is a {operator}, which a circuit of fully connected layers on one row does not have; plan the model in \
         banks, as `compile` does for every network with other operators"
    )]
    UnsupportedOperator {
        /// Name of the node.
        node: String,
        /// Its operator in words.
        operator: &'static str,
    },
    /// Every class of channels has a tag of its own in the lookup table.
    #[error(
        "the model's channels need {got} different requantization tables, at most {limit} are possible; use per-tensor \
         scales or split it"
    )]
    TooManyClasses {
        /// Classes of the model.
        got: usize,
        /// Tags.
        limit: usize,
    },
    /// No integer formula equals onnxruntime's float32 arithmetic for all inputs of a sum.
    #[error(
        "node '{node}': no integer formula equals onnxruntime's float32 sum for all inputs; change one of its three \
         scales slightly when quantizing"
    )]
    InexactSum {
        /// Name of the node.
        node: String,
    },
    /// Planning would take more time and memory than is allowed for.
    #[error("the model has {got} {what}, at most {limit} are planned for; split it or prove a smaller model")]
    OverBudget {
        /// Of what there is too much.
        what: &'static str,
        /// How much.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// No shape within the limits holds the model.
    #[error(
        "the model has {activations} activations and {macs} multiply-accumulates, too many for a circuit of \
         2^{MAX_K} rows; split it or prove a smaller model"
    )]
    TooLarge {
        /// Activations, inputs included.
        activations: usize,
        /// Multiply-accumulates.
        macs: u64,
    },
}

/// Everything about a circuit that does not depend on an input.
#[derive(Debug)]
pub struct Plan {
    pub(crate) shape: Shape,
    /// Rows the circuit uses; the lookup sum ends on the row after them.
    pub(crate) rows: usize,
    pub(crate) columns: Columns,
    pub(crate) forms: Forms,
    pub(crate) placement: Placement,
    pub(crate) contraction: Contraction,
    /// Per table set its entries, [`Plan::rows`] each.
    pub(crate) tables: Vec<Vec<Entry>>,
    /// Fixed columns, [`Plan::rows`]` + 1` values each.
    pub(crate) fixed: Vec<Vec<Fr>>,
    cost: Cost,
}

impl Plan {
    /// The cheapest plan for a model under a commitment scheme.
    ///
    /// # Errors
    /// [`PlanError`] when the model cannot be proven exactly or is too large.
    pub fn of(model: &Model, scheme: Scheme) -> Result<Self, PlanError> {
        model.check_consistency()?;
        if let Some(node) = model.nodes.iter().find(|node| !matches!(node.op, Op::FullyConnected(_))) {
            return Err(PlanError::UnsupportedOperator { node: node.name.clone(), operator: node.op.name() });
        }
        let forms = Forms::of(model)?;
        tables::check_classes(&forms)?;
        let too_large = || PlanError::TooLarge { activations: model.activations(), macs: model.macs() };
        let (shape, placement) = search::cheapest(model, &forms, scheme, |_| true).ok_or_else(too_large)?;
        Ok(Self::with_shape(model, forms, shape, placement, scheme))
    }

    /// The cheapest plan among the shapes `admitted`, to test the ones the search would not choose.
    ///
    /// # Panics
    /// If there is none.
    #[cfg(test)]
    pub(crate) fn among(model: &Model, scheme: Scheme, admitted: impl Fn(&Shape) -> bool) -> Self {
        let forms = Forms::of(model).expect("the accumulators are int32");
        let (shape, placement) =
            search::cheapest(model, &forms, scheme, admitted).expect("a shape is admitted");
        Self::with_shape(model, forms, shape, placement, scheme)
    }

    fn with_shape(model: &Model, forms: Forms, shape: Shape, placement: Placement, scheme: Scheme) -> Self {
        let columns = Columns::of(&shape);
        let contraction = Contraction::of(model, &forms, &placement, &shape);
        contraction.groups(&placement).assert_every_one_has_its_turn(model);
        let entries = tables::entries(&forms, &shape);
        let table_rows = entries.len().div_ceil(shape.table_sets as usize);
        let rows = placement.rows().max(contraction.end_row()).max(table_rows);
        assert!(rows <= search::usable_rows(shape.k), "{rows} rows planned in 2^{}", shape.k);
        let tables = tables::fill(&entries, shape.table_sets, rows);
        let sources = fixed::Sources {
            model,
            forms: &forms,
            shape: &shape,
            columns: &columns,
            placement: &placement,
            contraction: &contraction,
            tables: &tables,
            rows,
        };
        let fixed = sources.build();
        let cost = Cost::of(&shape, scheme);
        Self { shape, rows, columns, forms, placement, contraction, tables, fixed, cost }
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Rows in use, of `2^k`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Predicted proving cost.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Advice cells that hold something, of `2^k` per advice column.
    pub fn used_cells(&self) -> usize {
        let lane = |lane: &Lane| {
            let shape = &self.shape;
            let per_row = match lane.kind {
                LaneKind::Linear => 2 + shape.excess_cells() + shape.remainder_limbs(),
                LaneKind::Threshold => 3 + 2 * shape.threshold_limbs,
            };
            lane.rows.len() * per_row as usize
        };
        let lookups = self.rows * self.shape.lookup_columns() as usize;
        let contraction =
            self.contraction.keep.len() * 2 + self.contraction.operands.iter().flatten().count();
        self.placement.lanes.iter().map(lane).sum::<usize>() + lookups + contraction
    }

    /// All advice cells.
    pub fn all_cells(&self) -> usize {
        (self.shape.num_advice() as usize) << self.shape.k
    }
}
