//! Which column is what in a circuit with banks: the only place that numbers them.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::plan::{Counter, LinearCells, LookupColumns, MaximumCells, ProductCells, Shape, ThresholdCells};

use super::place::BankKind;

/// The hint cells of a lane.
#[derive(Clone, Debug)]
pub(crate) enum LaneColumns {
    Linear(LinearCells),
    Threshold(ThresholdCells),
    Maximum(MaximumCells),
    Product(ProductCells),
}

impl LaneColumns {
    /// Fixed: the table tag of the activation. Lanes of the linear form share it.
    pub(crate) fn tag(&self) -> usize {
        match self {
            Self::Linear(lane) => lane.tag,
            Self::Threshold(lane) => lane.tag,
            Self::Maximum(lane) => lane.tag,
            Self::Product(lane) => lane.tag,
        }
    }

    /// The activation column.
    pub(crate) fn activation(&self) -> usize {
        match self {
            Self::Linear(lane) => lane.activation,
            Self::Threshold(lane) => lane.activation,
            Self::Maximum(lane) => lane.activation,
            Self::Product(lane) => lane.activation,
        }
    }
}

/// A lane: its hint cells and the running evaluation of its slices.
#[derive(Clone, Debug)]
pub(crate) struct BankLane {
    pub(crate) cells: LaneColumns,
    /// Advice, phase 1: `X`.
    pub(crate) evaluation: usize,
}

/// The columns of a bank.
#[derive(Clone, Debug)]
pub(crate) struct BankColumns {
    pub(crate) kind: BankKind,
    pub(crate) lanes: Vec<BankLane>,
    /// Advice, phase 1: power of s of the slices, a copy.
    pub(crate) slice_power: usize,
    /// Advice, phase 1: power of s of the claims, a copy.
    pub(crate) claim_power: usize,
    /// Advice, phase 1: running evaluation of the claims.
    pub(crate) claims: usize,
    /// Fixed: 1 where the remainder limbs or threshold distances are looked up.
    pub(crate) channel: Option<usize>,
    /// Fixed: 1 where the slice evaluations continue.
    pub(crate) keep_slice: usize,
    /// Fixed: 1 where the evaluation of the claims continues.
    pub(crate) keep_claims: usize,
    /// Fixed: 1 where the claims of the lanes' forms count.
    pub(crate) claim: usize,
    /// Fixed: what the packed bytes of a row count; linear banks only.
    pub(crate) byte: Option<usize>,
    /// Fixed: per group of lanes, the constant part of the claims.
    pub(crate) constants: Vec<usize>,
}

/// A way of the equations' region.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// Fixed: packed weights.
    pub(crate) weights: Vec<usize>,
    /// Advice, phase 1: evaluation of the weights at rho.
    pub(crate) weight_evaluation: usize,
    /// Advice, phase 1: the operand, a copy.
    pub(crate) operand: usize,
    /// Advice, phase 1: running sum of slices.
    pub(crate) window: usize,
}

/// All columns of a circuit with banks, by index within their kind.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) lookup: LookupColumns,
    /// Linear banks first.
    pub(crate) banks: Vec<BankColumns>,
    pub(crate) ways: Vec<Way>,
    /// Fixed: 1 on row 0.
    pub(crate) first: usize,
    /// Advice, phase 1: `s^row`.
    pub(crate) powers: usize,
    /// Advice, phase 1: what the products of a row are multiplied with, a copy.
    pub(crate) factor: usize,
    /// Advice, phase 1: the product sum.
    pub(crate) product: usize,
    /// Fixed: 1 where the weight evaluations continue.
    pub(crate) keep_weight: usize,
    /// Fixed: 1 where the windows continue.
    pub(crate) keep_window: usize,
    /// Fixed: 1 or -1 where the operands enter or leave the windows.
    pub(crate) sign: usize,
    /// Fixed: 1 where windows and weights are multiplied.
    pub(crate) end: usize,
    /// Fixed: 1 where the product sum must be 0.
    pub(crate) zero: usize,
    /// Fixed: 1 where the first operand is a public input.
    pub(crate) statement: usize,
    /// Phase of every advice column.
    pub(crate) phases: Vec<u8>,
    /// Number of fixed columns.
    pub(crate) fixed: usize,
}

/// What the claims of a bank's lanes are weighted with: `B^(lane mod G) rho^(lane div G)`.
#[derive(Clone, Debug)]
pub(crate) struct LaneWeights {
    slots: usize,
    base_bits: u32,
    powers: Vec<Fr>,
}

impl LaneWeights {
    /// # Panics
    /// If the shape has no banks.
    pub(crate) fn of(shape: &Shape) -> Self {
        let banks = shape.banks.as_ref().expect("the shape has banks");
        let slots = banks.slots() as usize;
        let power = |slot: usize| Fr::from(2).pow_vartime([u64::from(banks.base_bits) * slot as u64]);
        Self { slots, base_bits: banks.base_bits, powers: (0..slots).map(power).collect() }
    }

    /// Lanes of a group.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Logarithm of B.
    pub(crate) fn base_bits(&self) -> u32 {
        self.base_bits
    }

    /// `B^slot`.
    pub(crate) fn slot(&self, slot: usize) -> Fr {
        self.powers[slot]
    }

    /// The group of a lane within its bank, and `B^slot`.
    pub(crate) fn lane(&self, lane: usize) -> (usize, Fr) {
        (lane / self.slots, self.powers[lane % self.slots])
    }
}

impl Columns {
    /// Numbers the columns of a shape.
    ///
    /// # Panics
    /// If the shape has no banks.
    pub(crate) fn of(shape: &Shape) -> Self {
        let bank_shape = shape.banks.as_ref().expect("the shape has banks");
        let (mut fixed, mut advice) = (Counter::default(), Counter::default());
        let (rows, boundary) = (fixed.one(), fixed.one());
        let tables = (0..shape.table_sets).map(|_| fixed.many(shape.table_width())).collect();
        let [linear, threshold, maximum, product] = shape.bank_counts();
        let linear = (0..linear).map(|_| BankKind::Linear);
        let threshold = (0..threshold).map(|_| BankKind::Threshold);
        let maximum = (0..maximum).map(|_| BankKind::Maximum);
        let mut banks: Vec<BankColumns> = linear
            .chain(threshold)
            .chain(maximum)
            .chain((0..product).map(|_| BankKind::Product))
            .map(|kind| match kind {
                BankKind::Linear => linear_bank(shape, &mut fixed, &mut advice),
                BankKind::Threshold => threshold_bank(shape, &mut fixed, &mut advice),
                BankKind::Maximum => maximum_bank(shape, &mut fixed, &mut advice),
                BankKind::Product => product_bank(shape, &mut fixed, &mut advice),
            })
            .collect();
        let multiplicities = advice.many(shape.table_sets);
        let derived = advice.count();
        let (helpers, sum) = (advice.many(shape.helper_columns()), advice.one());
        let table_helpers = advice.many(shape.table_helper_columns());
        for bank in &mut banks {
            bank.lanes.iter_mut().for_each(|lane| lane.evaluation = advice.one());
            (bank.slice_power, bank.claim_power, bank.claims) = (advice.one(), advice.one(), advice.one());
        }
        let ways = (0..bank_shape.ways).map(|_| Way {
            weights: fixed.many(shape.weight_columns),
            weight_evaluation: advice.one(),
            operand: advice.one(),
            window: advice.one(),
        });
        let ways = ways.collect();
        let columns = Self {
            lookup: LookupColumns { rows, boundary, tables, multiplicities, helpers, table_helpers, sum },
            banks,
            ways,
            first: fixed.one(),
            powers: advice.one(),
            factor: advice.one(),
            product: advice.one(),
            keep_weight: fixed.one(),
            keep_window: fixed.one(),
            sign: fixed.one(),
            end: fixed.one(),
            zero: fixed.one(),
            statement: fixed.one(),
            phases: (0..advice.count()).map(|index| u8::from(index >= derived)).collect(),
            fixed: fixed.count(),
        };
        assert_eq!(columns.fixed, shape.num_fixed() as usize, "the shape counts other fixed columns");
        assert_eq!(
            columns.phases.len(),
            shape.num_advice() as usize,
            "the shape counts other advice columns"
        );
        columns
    }

    /// A lane counted over all banks.
    pub(crate) fn lane(&self, lane: usize) -> &BankLane {
        self.lanes().nth(lane).expect("operands are evaluations of lanes")
    }

    /// All lanes, in order.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &BankLane> {
        self.banks.iter().flat_map(|bank| &bank.lanes)
    }

    /// Columns under the permutation argument.
    pub(crate) fn copied(&self) -> Vec<usize> {
        let bank = |bank: &BankColumns| {
            let evaluations = bank.lanes.iter().map(|lane| lane.evaluation);
            evaluations.chain([bank.slice_power, bank.claim_power, bank.claims]).collect::<Vec<_>>()
        };
        let mut copied: Vec<usize> = self.banks.iter().flat_map(bank).collect();
        copied.extend([self.powers, self.factor]);
        copied.extend(self.ways.iter().map(|way| way.operand));
        copied
    }
}

fn bank(kind: BankKind, lanes: Vec<LaneColumns>, shape: &Shape, fixed: &mut Counter) -> BankColumns {
    let channel = match &lanes[0] {
        LaneColumns::Linear(lane) => Some(lane.channel),
        LaneColumns::Threshold(lane) => Some(lane.channel),
        LaneColumns::Maximum(_) | LaneColumns::Product(_) => None,
    };
    let count = u32::try_from(lanes.len()).expect("a bank has few lanes");
    let groups = shape.banks.as_ref().map_or(0, |banks| banks.groups(count));
    BankColumns {
        kind,
        lanes: lanes.into_iter().map(|cells| BankLane { cells, evaluation: 0 }).collect(),
        slice_power: 0,
        claim_power: 0,
        claims: 0,
        channel,
        keep_slice: fixed.one(),
        keep_claims: fixed.one(),
        claim: fixed.one(),
        byte: (kind == BankKind::Linear).then(|| fixed.one()),
        constants: fixed.many(groups),
    }
}

fn linear_bank(shape: &Shape, fixed: &mut Counter, advice: &mut Counter) -> BankColumns {
    let (tag, channel) = (fixed.one(), fixed.one());
    let lane = |_| {
        LaneColumns::Linear(LinearCells {
            activation: advice.one(),
            excess: advice.many(shape.excess_cells()),
            limbs: advice.many(shape.remainder_limbs()),
            tag,
            channel,
        })
    };
    let count = shape.banks.as_ref().map_or(0, |banks| banks.lanes);
    let lanes = (0..count).map(lane).collect();
    bank(BankKind::Linear, lanes, shape, fixed)
}

fn threshold_bank(shape: &Shape, fixed: &mut Counter, advice: &mut Counter) -> BankColumns {
    let channel = fixed.one();
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
    let count = shape.banks.as_ref().map_or(0, |banks| banks.threshold_lanes);
    let lanes = (0..count).map(lane).collect();
    bank(BankKind::Threshold, lanes, shape, fixed)
}

fn maximum_bank(shape: &Shape, fixed: &mut Counter, advice: &mut Counter) -> BankColumns {
    let tag = fixed.one();
    let lane = |_| {
        LaneColumns::Maximum(MaximumCells {
            activation: advice.one(),
            distances: [advice.one(), advice.one()],
            tag,
        })
    };
    let count = shape.banks.as_ref().map_or(0, |banks| banks.pair_lanes);
    let lanes = (0..count).map(lane).collect();
    bank(BankKind::Maximum, lanes, shape, fixed)
}

fn product_bank(shape: &Shape, fixed: &mut Counter, advice: &mut Counter) -> BankColumns {
    let tag = fixed.one();
    let lane = |_| {
        LaneColumns::Product(ProductCells {
            activation: advice.one(),
            factors: [advice.one(), advice.one()],
            tag,
        })
    };
    let count = shape.banks.as_ref().map_or(0, |banks| banks.pair_lanes);
    let lanes = (0..count).map(lane).collect();
    bank(BankKind::Product, lanes, shape, fixed)
}
