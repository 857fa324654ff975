//! The shape of a circuit: the few numbers that decide its columns and gates.
//!
//! A verifier rebuilds the constraint system from the shape alone, so the shape travels in the verifying key
//! file and is hashed into the circuit id. Row placement is not part of it: fixed columns carry that.

use std::num::Saturating;

use serde::{Deserialize, Serialize};

/// Largest supported circuit: 2^22 rows.
pub const MAX_K: u32 = 22;

/// Smallest circuit: room for the byte table and the blinding rows.
pub const MIN_K: u32 = 5;

/// Widest range table in bits.
pub const MAX_LIMB_BITS: u32 = 18;

/// Largest requantization shift.
pub const MAX_SHIFT: u32 = 48;

/// Rows at the end that hold blinding values, the last row of the permutation argument and the end of the
/// lookup sum: a column is opened at no more than two points, so the library blinds 5 rows and reserves one.
const RESERVED_ROWS: usize = 7;

/// Rows of a circuit of 2^k rows that can be used.
pub fn usable_rows(k: u32) -> usize {
    (1usize << k.min(MAX_K)).saturating_sub(RESERVED_ROWS)
}

/// Most lookups of one row: gates sum up a helper column for every three, and sums are gone through by recursion.
const MAX_LOOKUPS: u32 = 4096;

const MAX_LANES: u32 = 256;
/// Most columns of packed weights.
pub const MAX_WEIGHT_COLUMNS: u32 = 1024;
const MAX_THRESHOLD_LIMBS: u32 = 16;

/// Most table column sets.
pub const MAX_TABLE_SETS: u32 = 16;

/// Table column sets the lookup sum can hold at degree 5; more enter it through helpers, as many sets each.
pub const TABLES_IN_SUM: u32 = 3;

/// Columns and gate constants of a circuit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// The circuit has 2^k rows.
    pub k: u32,
    /// Lanes whose channels are requantized in the linear form.
    pub linear_lanes: u32,
    /// Lanes whose channels are requantized by thresholds.
    pub threshold_lanes: u32,
    /// Of every linear form: `acc m + c = 2^shift q + r`, `0 <= r < 2^shift`.
    pub shift: u32,
    /// Width of a limb of `r` or of a threshold distance, bits.
    pub limb_bits: u32,
    /// Width of the low part of the excess when it is split in two cells, bits.
    pub excess_bits: Option<u32>,
    /// Limbs per threshold distance.
    pub threshold_limbs: u32,
    /// Table column sets.
    pub table_sets: u32,
    /// Fixed columns that hold packed weights, per way.
    pub weight_columns: u32,
    /// How lanes share rows whose planes have positions. `None` in flat circuits: all planes have one position, every
    /// lane is a bank of its own and there is one way.
    pub banks: Option<BankShape>,
}

/// Banks with positions: the lanes of a bank share their rows and most of their fixed columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BankShape {
    /// Lanes of a bank of linear lanes.
    pub lanes: u32,
    /// Lanes of a bank of threshold lanes.
    pub threshold_lanes: u32,
    /// Lanes of a bank of maxima or of products.
    pub pair_lanes: u32,
    /// Banks of maxima.
    pub maximum_banks: u32,
    /// Banks of products.
    pub product_banks: u32,
    /// `log2 B`, the base in which the claims of a bank's lanes are packed.
    pub base_bits: u32,
    /// Windows that are multiplied with weights side by side.
    pub ways: u32,
}

/// Bits of a packed value: `2^252 < p / 2` for the BN254 scalar field.
pub const PACKED_BITS: u32 = 252;

const MAX_WAYS: u32 = 64;

const MAX_PAIR_BANKS: u32 = 16;

/// A row of an input's bytes is part of one public input.
const MAX_LANES_PER_BANK: u32 = 31;

impl BankShape {
    /// Claims that share a field element: `B^slots <= 2^252`.
    pub fn slots(&self) -> u32 {
        PACKED_BITS.checked_div(self.base_bits).unwrap_or(1)
    }

    /// Groups of a bank of so many lanes.
    pub fn groups(&self, lanes: u32) -> u32 {
        lanes.div_ceil(self.slots().max(1))
    }
}

/// What the lanes of a bank hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankKind {
    /// Model inputs and channels in the linear form.
    Linear,
    /// Channels requantized by thresholds.
    Threshold,
    /// Elementwise maxima.
    Maximum,
    /// Elementwise products.
    Product,
}

impl BankKind {
    /// All kinds, in the order of their banks.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Threshold, Self::Maximum, Self::Product];
}

/// A shape no compiler makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("circuit shape: {field} is {got}, expected {lo}..={hi}")]
pub struct ShapeError {
    /// The offending field.
    pub field: &'static str,
    /// Its value.
    pub got: u32,
    /// Smallest allowed value.
    pub lo: u32,
    /// Largest allowed value.
    pub hi: u32,
}

/// What division leaves; division by 0 leaves everything.
fn remainder(of: u32, by: u32) -> u32 {
    of.checked_rem(by).unwrap_or(of)
}

impl Shape {
    /// Checks every field against its caps, so that building the constraint system of an untrusted shape
    /// takes bounded time and memory and cannot panic.
    ///
    /// # Errors
    /// Names the first field out of its range.
    pub fn validate(&self) -> Result<(), ShapeError> {
        let check = |field, got, lo, hi| {
            if (lo..=hi).contains(&got) { Ok(()) } else { Err(ShapeError { field, got, lo, hi }) }
        };
        check("k", self.k, MIN_K, MAX_K)?;
        check("linear_lanes", self.linear_lanes, 0, MAX_LANES)?;
        check("threshold_lanes", self.threshold_lanes, 0, MAX_LANES)?;
        check("lanes", self.linear_lanes.saturating_add(self.threshold_lanes), 1, MAX_LANES)?;
        check("shift", self.shift, 0, MAX_SHIFT)?;
        check("limb_bits", self.limb_bits, 1, MAX_LIMB_BITS)?;
        check("excess_bits", self.excess_bits.unwrap_or(1), 1, MAX_LIMB_BITS)?;
        let least_limbs = u32::from(self.threshold_lanes > 0);
        check("threshold_limbs", self.threshold_limbs, least_limbs, MAX_THRESHOLD_LIMBS)?;
        check("threshold distance bits", self.threshold_limbs.saturating_mul(self.limb_bits), 0, 64)?;
        check("table_sets", self.table_sets, 1, MAX_TABLE_SETS)?;
        check("weight_columns", self.weight_columns, 1, MAX_WEIGHT_COLUMNS)?;
        if let Some(banks) = &self.banks {
            check("lanes of a bank", banks.lanes, 1, MAX_LANES_PER_BANK)?;
            check("linear_lanes modulo a bank", remainder(self.linear_lanes, banks.lanes), 0, 0)?;
            check("threshold lanes of a bank", banks.threshold_lanes, 1, MAX_LANES_PER_BANK)?;
            check(
                "threshold_lanes modulo a bank",
                remainder(self.threshold_lanes, banks.threshold_lanes),
                0,
                0,
            )?;
            check("lanes of a bank of pairs", banks.pair_lanes, 1, MAX_LANES_PER_BANK)?;
            check("banks of maxima", banks.maximum_banks, 0, MAX_PAIR_BANKS)?;
            check("banks of products", banks.product_banks, 0, MAX_PAIR_BANKS)?;
            check("base_bits", banks.base_bits, 1, PACKED_BITS / 2)?;
            check("ways", banks.ways, 1, MAX_WAYS)?;
            check(
                "weight columns of all ways",
                banks.ways.saturating_mul(self.weight_columns),
                1,
                MAX_WEIGHT_COLUMNS,
            )?;
        }
        check("lookups", self.lookup_slots(), 0, MAX_LOOKUPS)?;
        Ok(())
    }

    /// Banks of a kind.
    pub fn banks(&self, kind: BankKind) -> u32 {
        match (kind, &self.banks) {
            // A flat bank has one lane.
            (BankKind::Linear, None) => self.linear_lanes,
            (BankKind::Threshold, None) => self.threshold_lanes,
            (BankKind::Maximum | BankKind::Product, None) => 0,
            (BankKind::Linear, Some(banks)) => self.linear_lanes.checked_div(banks.lanes).unwrap_or(0),
            (BankKind::Threshold, Some(banks)) => {
                self.threshold_lanes.checked_div(banks.threshold_lanes).unwrap_or(0)
            }
            (BankKind::Maximum, Some(banks)) => banks.maximum_banks,
            (BankKind::Product, Some(banks)) => banks.product_banks,
        }
    }

    /// Lanes of a bank of a kind.
    pub fn lanes_per_bank(&self, kind: BankKind) -> u32 {
        let Some(banks) = &self.banks else { return 1 };
        match kind {
            BankKind::Linear => banks.lanes,
            BankKind::Threshold => banks.threshold_lanes,
            BankKind::Maximum | BankKind::Product => banks.pair_lanes,
        }
    }

    /// Groups of the claims of a row of a bank of a kind.
    pub fn groups_per_bank(&self, kind: BankKind) -> u32 {
        self.banks.as_ref().map_or(1, |banks| banks.groups(self.lanes_per_bank(kind)))
    }

    /// Banks of all kinds.
    fn all_banks(&self) -> Saturating<u32> {
        BankKind::ALL.into_iter().map(|kind| Saturating(self.banks(kind))).sum()
    }

    /// Windows that are multiplied with weights side by side.
    pub fn ways(&self) -> u32 {
        self.banks.as_ref().map_or(1, |banks| banks.ways)
    }

    /// Lanes of all kinds.
    fn lanes(&self) -> Saturating<u32> {
        Saturating(self.linear_lanes)
            + Saturating(self.threshold_lanes)
            + Saturating(self.maximum_lanes())
            + Saturating(self.product_lanes())
    }

    /// Lanes of maxima.
    pub fn maximum_lanes(&self) -> u32 {
        self.banks.as_ref().map_or(0, |banks| banks.maximum_banks.saturating_mul(banks.pair_lanes))
    }

    /// Lanes of products.
    pub fn product_lanes(&self) -> u32 {
        self.banks.as_ref().map_or(0, |banks| banks.product_banks.saturating_mul(banks.pair_lanes))
    }

    /// Limbs of a remainder: `ceil(shift / limb_bits)`.
    pub fn remainder_limbs(&self) -> u32 {
        self.shift.div_ceil(self.limb_bits.max(1))
    }

    /// Widths of the remainder limbs in bits, low limb first: all `limb_bits` but the last, which makes the
    /// sum exactly `shift`.
    pub fn remainder_widths(&self) -> Vec<u32> {
        (0..self.remainder_limbs())
            .map(|limb| self.limb_bits.min(self.shift.saturating_sub(limb.saturating_mul(self.limb_bits))))
            .collect()
    }

    /// Cells that hold the excess of a linear channel: 1, or 2 when it is split.
    pub fn excess_cells(&self) -> u32 {
        if self.excess_bits.is_some() { 2 } else { 1 }
    }

    /// Lookups of one row: what the helper columns sum.
    pub fn lookup_slots(&self) -> u32 {
        let linear = Saturating(self.excess_cells()) + Saturating(self.remainder_limbs());
        let threshold = Saturating(1) + Saturating(2) * Saturating(self.threshold_limbs);
        let pairs = Saturating(self.maximum_lanes()) + Saturating(self.product_lanes());
        let slots = Saturating(self.linear_lanes) * linear
            + Saturating(self.threshold_lanes) * threshold
            + pairs * Saturating(2);
        slots.0
    }

    /// Helper columns of the lookup argument, three lookups each.
    pub fn helper_columns(&self) -> u32 {
        self.lookup_slots().div_ceil(3)
    }

    /// Helper columns of the tables, none where the lookup sum holds them all.
    pub fn table_helper_columns(&self) -> u32 {
        if self.table_sets > TABLES_IN_SUM { self.table_sets.div_ceil(TABLES_IN_SUM) } else { 0 }
    }

    /// Advice columns of the lookup argument: helpers, sum and multiplicities.
    pub fn lookup_columns(&self) -> u32 {
        let helpers = self.helper_columns().saturating_add(self.table_helper_columns());
        helpers.saturating_add(1).saturating_add(self.table_sets)
    }

    /// Columns of one table set: tag and two values, a third value when there are thresholds.
    pub fn table_width(&self) -> u32 {
        if self.threshold_lanes > 0 { 4 } else { 3 }
    }

    /// Advice columns of phase 0, which hold small integers: activations, limbs, multiplicities.
    pub fn small_columns(&self) -> u32 {
        let linear = Saturating(1) + Saturating(self.excess_cells()) + Saturating(self.remainder_limbs());
        let threshold = Saturating(2) + Saturating(2) * Saturating(self.threshold_limbs);
        let pairs = Saturating(self.maximum_lanes()) + Saturating(self.product_lanes());
        let columns = Saturating(self.linear_lanes) * linear
            + Saturating(self.threshold_lanes) * threshold
            + pairs * Saturating(3)
            + Saturating(self.table_sets);
        columns.0
    }

    /// Advice columns of the later phases, which hold full-size field elements: lookup and table helpers and their sum,
    /// claims per bank, weight evaluation and operand per way, and the product sum; with positions also an evaluation per
    /// lane, two columns of powers per bank, a window per way, the powers of s and the factors of products.
    pub fn full_columns(&self) -> u32 {
        let (banks, ways) = (self.all_banks(), Saturating(self.ways()));
        let of_positions = match &self.banks {
            Some(_) => self.lanes() + Saturating(2) * banks + ways + Saturating(2),
            None => Saturating(0),
        };
        let lookups =
            Saturating(self.helper_columns()) + Saturating(self.table_helper_columns()) + Saturating(1);
        (lookups + banks + Saturating(2) * ways + Saturating(1) + of_positions).0
    }

    /// All advice columns.
    pub fn num_advice(&self) -> u32 {
        self.small_columns().saturating_add(self.full_columns())
    }

    /// All fixed columns: rows, sum boundary, tables, banks, weights, control of the equations and the statement.
    pub fn num_fixed(&self) -> u32 {
        let banks = |kind| Saturating(self.banks(kind));
        let groups: Saturating<u32> =
            BankKind::ALL.into_iter().map(|kind| banks(kind) * Saturating(self.groups_per_bank(kind))).sum();
        let [linear, threshold, maximum, product] = BankKind::ALL.map(banks);
        let others = match &self.banks {
            // Tag, channel and two steps; the bytes of thresholds; the end of weights and products, the statement and the
            // centers of operands.
            None => Saturating(4) * linear + Saturating(5) * threshold + Saturating(5),
            // Tags, channel, restarts, counted claims and centers; the bytes of linear lanes; the first row and windows
            // besides.
            Some(_) => {
                let threshold = Saturating(5) * threshold + Saturating(self.threshold_lanes);
                Saturating(7) * linear + threshold + Saturating(5) * (maximum + product) + Saturating(7)
            }
        };
        let tables = Saturating(self.table_sets) * Saturating(self.table_width());
        let weights = Saturating(self.ways()) * Saturating(self.weight_columns);
        (Saturating(2) + tables + groups + weights + others).0
    }

    /// Columns in the permutation argument: per lane the evaluation of its slices, or without positions the activations
    /// that take their place, claims per bank, operands per way; with positions also the powers of banks, of s and the
    /// factors.
    pub fn num_permutation(&self) -> u32 {
        let banks = self.all_banks();
        let of_positions = match &self.banks {
            Some(_) => Saturating(2) * banks + Saturating(2),
            None => Saturating(0),
        };
        (self.lanes() + banks + Saturating(self.ways()) + of_positions).0
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            k: MIN_K,
            linear_lanes: 1,
            threshold_lanes: 0,
            shift: 0,
            limb_bits: 1,
            excess_bits: None,
            threshold_limbs: 0,
            table_sets: 1,
            weight_columns: 1,
            banks: None,
        }
    }
}
