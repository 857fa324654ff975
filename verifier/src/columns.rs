//! Which column is what: the only place that numbers columns.

mod cells;

use std::{num::NonZeroUsize, ops::Add};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use typed_index_collections::TiVec;

use crate::{
    index::{AdviceColumn, BankId, FixedColumn, GroupId, Lane, each},
    integers::{natural, size},
    shape::{BankKind, Shape},
};

pub use cells::{LaneColumns, LinearCells, MaximumCells, ProductCells, ThresholdCells};

/// The columns of the lookup argument.
#[derive(Clone, Debug)]
pub struct LookupColumns {
    /// Fixed: 1 on every row the circuit uses.
    pub rows: FixedColumn,
    /// Fixed: 1 on row 0 and on the row after the last used one.
    pub boundary: FixedColumn,
    /// Fixed: per table set its tag and value columns.
    pub tables: Vec<Vec<FixedColumn>>,
    /// Advice, phase 0: multiplicities, one column per table set.
    pub multiplicities: Vec<AdviceColumn>,
    /// Advice, phase 1: helper columns of the lookups.
    pub helpers: Vec<AdviceColumn>,
    /// Advice, phase 1: helper columns of the tables; none where the lookup sum holds them.
    pub table_helpers: Vec<AdviceColumn>,
    /// Advice, phase 1: the lookup sum.
    pub sum: AdviceColumn,
}

/// A lane: its hint cells and the running evaluation of its slices.
#[derive(Clone, Debug)]
pub struct BankLane {
    /// Its hint cells.
    pub cells: LaneColumns,
    /// Advice, phase 1: `X`; none in flat banks, whose slices are single activations.
    pub evaluation: Option<AdviceColumn>,
}

impl BankLane {
    /// Advice: what operands copy, the evaluation of a slice.
    pub fn slice(&self) -> AdviceColumn {
        self.evaluation.unwrap_or_else(|| self.cells.activation())
    }
}

/// How the rows of a block are told apart in the evaluation of its claims.
#[derive(Clone, Copy, Debug)]
pub enum RowWeights {
    /// By powers of s: rows are positions of the planes in the lanes.
    Powers(PowerColumns),
    /// By what the evaluation is multiplied with from row to row: rows are planes of one position.
    Steps(StepColumns),
}

/// The columns that weight rows by powers of s.
#[derive(Clone, Copy, Debug)]
pub struct PowerColumns {
    /// Advice, phase 1: power of s of the slices, a copy.
    pub slice: AdviceColumn,
    /// Advice, phase 1: power of s of the claims, a copy.
    pub claim: AdviceColumn,
    /// Fixed: 1 where the slice evaluations continue.
    pub keep_slice: FixedColumn,
    /// Fixed: 1 where the evaluation of the claims continues.
    pub keep_claims: FixedColumn,
    /// Fixed: 1 where the claims of the lanes' forms count.
    pub counts: FixedColumn,
    /// Fixed: what is subtracted from the activations of a row before they enter slices.
    pub center: FixedColumn,
}

/// The columns that weight the rows of a flat bank: `V = (step + step_rho rho) V_prev + ..`.
#[derive(Clone, Copy, Debug)]
pub struct StepColumns {
    /// Fixed: constant part of the step.
    pub step: FixedColumn,
    /// Fixed: coefficient of rho in the step.
    pub step_rho: FixedColumn,
}

/// The columns of a bank.
#[derive(Clone, Debug)]
pub struct BankColumns {
    /// What its lanes hold.
    pub kind: BankKind,
    /// Its lanes.
    pub lanes: TiVec<Lane, BankLane>,
    /// How its rows are told apart.
    pub weights: RowWeights,
    /// Advice, phase 1: running evaluation of the claims, `V`.
    pub claims: AdviceColumn,
    /// Fixed: 1 where the remainder limbs or threshold distances are looked up.
    pub channel: Option<FixedColumn>,
    /// Fixed: what the packed bytes of a row count, where a lane's claim is not its byte already.
    pub byte: Option<FixedColumn>,
    /// Fixed: the constant part of the claims of a group of lanes.
    pub constants: TiVec<GroupId, FixedColumn>,
}

impl BankColumns {
    /// The columns that weight its rows by powers of s, if it is not flat.
    pub fn powers(&self) -> Option<&PowerColumns> {
        match &self.weights {
            RowWeights::Powers(columns) => Some(columns),
            RowWeights::Steps(_) => None,
        }
    }

    /// Columns of copies in it.
    fn copied(&self) -> impl Iterator<Item = AdviceColumn> + '_ {
        let slices = self.lanes.iter().map(BankLane::slice);
        slices
            .chain(self.powers().into_iter().flat_map(|powers| [powers.slice, powers.claim]))
            .chain([self.claims])
    }
}

/// A way of the equations' region.
#[derive(Clone, Debug)]
pub struct Way {
    /// Fixed: packed weights.
    pub weights: Vec<FixedColumn>,
    /// Advice, phase 1: evaluation of the weights at rho.
    pub weight_evaluation: AdviceColumn,
    /// Advice, phase 1: the operand, a copy.
    pub operand: AdviceColumn,
    /// Advice, phase 1: running sum of slices; without positions a window is one operand.
    pub window: Option<AdviceColumn>,
}

impl Way {
    /// Advice: what is multiplied with the weights.
    pub fn window(&self) -> AdviceColumn {
        self.window.unwrap_or(self.operand)
    }
}

/// The columns that only circuits with positions have.
#[derive(Clone, Copy, Debug)]
pub struct PositionColumns {
    /// Fixed: 1 on row 0.
    pub first: FixedColumn,
    /// Advice, phase 1: `s^row`.
    pub powers: AdviceColumn,
    /// Advice, phase 1: what the products of a row are multiplied with, a copy.
    pub factor: AdviceColumn,
    /// Fixed: 1 where the windows continue.
    pub keep_window: FixedColumn,
    /// Fixed: 1 or -1 where the operands enter or leave the windows.
    pub sign: FixedColumn,
}

/// All columns of a circuit.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Those of the lookup argument.
    pub lookup: LookupColumns,
    /// Linear banks first.
    pub banks: TiVec<BankId, BankColumns>,
    /// Windows that are multiplied with weights side by side.
    pub ways: Vec<Way>,
    /// In circuits that are not flat.
    pub positions: Option<PositionColumns>,
    /// Advice, phase 1: the product sum.
    pub product: AdviceColumn,
    /// Fixed: 1 where the weight evaluations continue.
    pub keep_weight: FixedColumn,
    /// Fixed: 1 where windows and weights are multiplied.
    pub end: FixedColumn,
    /// Fixed: 1 where the product sum must be 0.
    pub zero: FixedColumn,
    /// Fixed: 1 where the first operand is a public input.
    pub statement: FixedColumn,
    /// Fixed, without positions: what is subtracted from the operands, which are activations.
    pub center: Option<FixedColumn>,
    /// Phase of every advice column.
    pub phases: TiVec<AdviceColumn, u8>,
    /// Number of fixed columns.
    pub fixed: usize,
}

/// What the claims of a bank's lanes are weighted with: `B^(lane mod G) rho^(lane div G)`.
#[derive(Clone, Copy, Debug)]
pub struct LaneWeights {
    slots: NonZeroUsize,
    base_bits: u32,
}

impl LaneWeights {
    /// A flat bank has one lane, of weight 1.
    pub fn of(shape: &Shape) -> Self {
        let (slots, base_bits) =
            shape.banks.as_ref().map_or((1, 0), |banks| (banks.slots(), banks.base_bits));
        Self { slots: NonZeroUsize::new(size(slots)).unwrap_or(NonZeroUsize::MIN), base_bits }
    }

    /// Lanes of a group.
    pub fn slots(&self) -> usize {
        self.slots.get()
    }

    /// Logarithm of B.
    pub fn base_bits(&self) -> u32 {
        self.base_bits
    }

    /// The group of a lane within its bank, and `B^slot`.
    pub fn lane(&self, lane: Lane) -> (GroupId, Fr) {
        let lane = usize::from(lane);
        let base = natural(2).pow_vartime([u64::from(self.base_bits)]);
        let weight = (0..lane % self.slots).fold(Fr::ONE, |weight, _| weight * base);
        (GroupId::from(lane / self.slots), weight)
    }
}

/// Hands out columns of a kind.
#[derive(Default)]
struct Counter<C> {
    next: C,
}

impl<C: Copy + Add<usize, Output = C>> Counter<C> {
    /// The next column.
    fn one(&mut self) -> C {
        let next = self.next;
        self.next = next.add(1);
        next
    }

    /// The next columns.
    fn many(&mut self, count: u32) -> Vec<C> {
        (0..count).map(|_| self.one()).collect()
    }
}

impl Columns {
    /// Numbers the columns of a shape.
    ///
    /// # Panics
    /// If the shape is not valid; see [`Shape::validate`].
    pub fn of(shape: &Shape) -> Self {
        let valid = shape.validate();
        assert!(valid.is_ok(), "{valid:?}");
        let mut numbering = Numbering { shape, fixed: Counter::default(), advice: Counter::default() };
        let (rows, boundary) = (numbering.fixed.one(), numbering.fixed.one());
        let tables = (0..shape.table_sets).map(|_| numbering.fixed.many(shape.table_width())).collect();
        let kinds = BankKind::ALL.into_iter().flat_map(|kind| (0..shape.banks(kind)).map(move |_| kind));
        let mut banks: TiVec<BankId, BankColumns> = kinds.map(|kind| numbering.bank(kind)).collect();
        let Numbering { mut fixed, mut advice, .. } = numbering;
        let multiplicities = advice.many(shape.table_sets);
        let derived = advice.next;
        let (helpers, sum) = (advice.many(shape.helper_columns()), advice.one());
        let table_helpers = advice.many(shape.table_helper_columns());
        banks.iter_mut().for_each(|bank| derive_bank(bank, &mut advice));
        let has_positions = shape.banks.is_some();
        let ways = (0..shape.ways()).map(|_| Way {
            weights: fixed.many(shape.weight_columns),
            weight_evaluation: advice.one(),
            operand: advice.one(),
            window: has_positions.then(|| advice.one()),
        });
        let ways = ways.collect();
        let first = has_positions.then(|| fixed.one());
        let keep_weight = fixed.one();
        let positions = first.map(|first| PositionColumns {
            first,
            powers: advice.one(),
            factor: advice.one(),
            keep_window: fixed.one(),
            sign: fixed.one(),
        });
        let columns = Self {
            lookup: LookupColumns { rows, boundary, tables, multiplicities, helpers, table_helpers, sum },
            banks,
            ways,
            positions,
            product: advice.one(),
            keep_weight,
            end: fixed.one(),
            zero: fixed.one(),
            statement: fixed.one(),
            center: (!has_positions).then(|| fixed.one()),
            phases: each(AdviceColumn::default()..advice.next)
                .map(|column| u8::from(column >= derived))
                .collect(),
            fixed: usize::from(fixed.next),
        };
        assert_eq!(columns.fixed, size(shape.num_fixed()), "the shape counts other fixed columns");
        assert_eq!(columns.phases.len(), size(shape.num_advice()), "the shape counts other advice columns");
        columns
    }

    /// All lanes, in order.
    pub fn lanes(&self) -> impl Iterator<Item = &BankLane> {
        self.banks.iter().flat_map(|bank| &bank.lanes)
    }

    /// Columns under the permutation argument.
    pub fn copied(&self) -> Vec<AdviceColumn> {
        let banks = self.banks.iter().flat_map(BankColumns::copied);
        let positions = self.positions.iter().flat_map(|columns| [columns.powers, columns.factor]);
        banks.chain(positions).chain(self.ways.iter().map(|way| way.operand)).collect()
    }
}

/// Numbers the columns of phase 0 and those that are fixed, bank by bank.
struct Numbering<'a> {
    shape: &'a Shape,
    fixed: Counter<FixedColumn>,
    advice: Counter<AdviceColumn>,
}

impl Numbering<'_> {
    fn bank(&mut self, kind: BankKind) -> BankColumns {
        let lanes = self.shape.lanes_per_bank(kind);
        let (cells, channel) = match kind {
            BankKind::Linear => self.linear(lanes),
            BankKind::Threshold => self.threshold(lanes),
            BankKind::Maximum | BankKind::Product => (self.pairs(kind, lanes), None),
        };
        let is_flat = self.shape.banks.is_none();
        let fixed = &mut self.fixed;
        let weights = if is_flat {
            RowWeights::Steps(StepColumns { step: fixed.one(), step_rho: fixed.one() })
        } else {
            RowWeights::Powers(PowerColumns {
                slice: AdviceColumn::default(),
                claim: AdviceColumn::default(),
                keep_slice: fixed.one(),
                keep_claims: fixed.one(),
                counts: fixed.one(),
                center: fixed.one(),
            })
        };
        // On the bytes of the statement a flat lane of the linear form claims `2^shift y'` already.
        let counts_bytes = if is_flat { BankKind::Threshold } else { BankKind::Linear };
        BankColumns {
            kind,
            lanes: cells.into_iter().map(|cells| BankLane { cells, evaluation: None }).collect(),
            weights,
            claims: AdviceColumn::default(),
            channel,
            byte: (kind == counts_bytes).then(|| fixed.one()),
            constants: fixed.many(self.shape.groups_per_bank(kind)).into(),
        }
    }

    fn linear(&mut self, lanes: u32) -> (Vec<LaneColumns>, Option<FixedColumn>) {
        let (tag, channel) = (self.fixed.one(), self.fixed.one());
        let (shape, advice) = (self.shape, &mut self.advice);
        let lane = |_| {
            LaneColumns::Linear(LinearCells {
                activation: advice.one(),
                excess: advice.many(shape.excess_cells()),
                limbs: advice.many(shape.remainder_limbs()),
                tag,
                channel,
            })
        };
        ((0..lanes).map(lane).collect(), Some(channel))
    }

    fn threshold(&mut self, lanes: u32) -> (Vec<LaneColumns>, Option<FixedColumn>) {
        let channel = self.fixed.one();
        let (shape, fixed, advice) = (self.shape, &mut self.fixed, &mut self.advice);
        let lane = |_| {
            LaneColumns::Threshold(ThresholdCells {
                activation: advice.one(),
                threshold: advice.one(),
                distance: advice.many(shape.threshold_limbs),
                complement: advice.many(shape.threshold_limbs),
                tag: fixed.one(),
                channel,
            })
        };
        ((0..lanes).map(lane).collect(), Some(channel))
    }

    fn pairs(&mut self, kind: BankKind, lanes: u32) -> Vec<LaneColumns> {
        let tag = self.fixed.one();
        let advice = &mut self.advice;
        let lane = |_| {
            let (activation, pair) = (advice.one(), [advice.one(), advice.one()]);
            match kind {
                BankKind::Product => LaneColumns::Product(ProductCells { activation, factors: pair, tag }),
                _ => LaneColumns::Maximum(MaximumCells { activation, distances: pair, tag }),
            }
        };
        (0..lanes).map(lane).collect()
    }
}

/// Numbers the columns of phase 1.
fn derive_bank(bank: &mut BankColumns, advice: &mut Counter<AdviceColumn>) {
    if let RowWeights::Powers(powers) = &mut bank.weights {
        bank.lanes.iter_mut().for_each(|lane| lane.evaluation = Some(advice.one()));
        (powers.slice, powers.claim) = (advice.one(), advice.one());
    }
    bank.claims = advice.one();
}
