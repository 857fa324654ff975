//! What determines the cells of each advice column: what the soundness harness needs to know of them.

use lemma_verifier::{
    columns::{Columns, LaneColumns},
    index::AdviceColumn,
    shape::Shape,
};
use typed_index_collections::{TiVec, ti_vec};

/// What determines the cells of an advice column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// An activation byte: pinned by its table and the operator equation, or by the public input.
    Activation,
    /// Output minus unclamped quotient.
    Excess,
    /// A limb of the requantization remainder.
    Remainder,
    /// The threshold of a channel's output.
    Threshold,
    /// A limb of the distance from the threshold to the accumulator.
    Distance,
    /// A limb of the distance from the accumulator to the next threshold.
    Complement,
    /// The distance from a maximum to one of its operands.
    OperandDistance,
    /// A factor of a product.
    Factor,
    /// The product of two bytes: pinned by its gate.
    Product,
    /// How often a table entry is looked up.
    Multiplicity,
    /// Sum of up to three inverses of the lookup argument: determined by its gate.
    Helper,
    /// Sum of up to three counted inverses of table entries: determined by its gate.
    TableHelper,
    /// Running sum of the lookup argument: determined by its gate.
    LookupSum,
    /// Running evaluation of a vector of weights: determined by its gate.
    WeightEvaluation,
    /// Operand of a product: a copy.
    Operand,
    /// Running sum of products: determined by its gate.
    ProductSum,
    /// Running evaluation of a slice of a plane: determined by its gate.
    SliceEvaluation,
    /// Running evaluation of what the lanes of a bank claim: determined by its gate.
    ClaimEvaluation,
    /// Running sum of slices: determined by its gate.
    Window,
    /// A power of the challenge s: determined by its gate.
    Power,
    /// A copy of a power, or of a slice evaluation in its place.
    PowerCopy,
}

impl Role {
    /// Whether the prover chooses the value freely and tables and equations must pin it.
    pub fn is_hint(self) -> bool {
        matches!(
            self,
            Self::Activation
                | Self::Excess
                | Self::Remainder
                | Self::Threshold
                | Self::Distance
                | Self::Complement
                | Self::OperandDistance
                | Self::Factor
                | Self::Product
                | Self::Multiplicity
        )
    }
}

/// What determines the cells of each advice column.
pub(crate) fn roles(shape: &Shape) -> TiVec<AdviceColumn, Role> {
    let columns = Columns::of(shape);
    let mut roles: TiVec<AdviceColumn, Role> = ti_vec![Role::Helper; columns.phases.len()];
    let mut set = |columns: &[AdviceColumn], role| columns.iter().for_each(|column| roles[*column] = role);
    for lane in columns.lanes() {
        set(lane.evaluation.as_slice(), Role::SliceEvaluation);
        set(&[lane.cells.activation()], Role::Activation);
        match &lane.cells {
            LaneColumns::Linear(cells) => {
                set(&cells.excess, Role::Excess);
                set(&cells.limbs, Role::Remainder);
            }
            LaneColumns::Threshold(cells) => {
                set(&[cells.threshold], Role::Threshold);
                set(&cells.distance, Role::Distance);
                set(&cells.complement, Role::Complement);
            }
            LaneColumns::Maximum(cells) => set(&cells.distances, Role::OperandDistance),
            LaneColumns::Product(cells) => {
                set(&[cells.activation], Role::Product);
                set(&cells.factors, Role::Factor);
            }
        }
    }
    for bank in &columns.banks {
        if let Some(powers) = bank.powers() {
            set(&[powers.slice, powers.claim], Role::PowerCopy);
        }
        set(&[bank.claims], Role::ClaimEvaluation);
    }
    for way in &columns.ways {
        set(&[way.weight_evaluation], Role::WeightEvaluation);
        set(&[way.operand], Role::Operand);
        set(way.window.as_slice(), Role::Window);
    }
    set(&columns.lookup.multiplicities, Role::Multiplicity);
    set(&columns.lookup.helpers, Role::Helper);
    set(&columns.lookup.table_helpers, Role::TableHelper);
    set(&[columns.lookup.sum], Role::LookupSum);
    if let Some(positions) = &columns.positions {
        set(&[positions.powers], Role::Power);
        set(&[positions.factor], Role::PowerCopy);
    }
    set(&[columns.product], Role::ProductSum);
    roles
}
