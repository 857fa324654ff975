//! The shape of a circuit: the few numbers that decide its columns and gates.
//!
//! A verifier rebuilds the constraint system from the shape alone, so the shape travels in the verifying key
//! file and is hashed into the circuit id. Row placement is not part of it: fixed columns carry that.

use serde::{Deserialize, Serialize};

/// The polynomial commitment scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Inner product argument: transparent.
    Ipa,
    /// KZG with SHPLONK: smaller and faster, needs a structured reference string.
    Kzg,
}

/// Largest supported circuit: 2^22 rows.
pub const MAX_K: u32 = 22;

/// Smallest circuit: room for the byte table and the blinding rows.
pub const MIN_K: u32 = 5;

/// Widest range table in bits.
pub(crate) const MAX_LIMB_BITS: u32 = 18;

/// Largest requantization shift.
pub const MAX_SHIFT: u32 = 48;

/// Rows at the end that hold blinding values, the last row of the permutation argument and the end of the
/// lookup sum: a column is opened at no more than two points, so the library blinds 5 rows and reserves one.
const RESERVED_ROWS: usize = 7;

/// Rows of a circuit of 2^k rows that can be used.
pub(crate) fn usable_rows(k: u32) -> usize {
    (1 << k) - RESERVED_ROWS
}

const MAX_LANES: u32 = 256;
/// Most columns of packed weights.
pub(crate) const MAX_WEIGHT_COLUMNS: u32 = 1024;
const MAX_THRESHOLD_LIMBS: u32 = 16;

/// Most table column sets.
pub(crate) const MAX_TABLE_SETS: u32 = 16;

/// Table column sets the lookup sum can hold at degree 5; more enter it through helpers, as many sets each.
pub(crate) const TABLES_IN_SUM: u32 = 3;

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
pub(crate) const PACKED_BITS: u32 = 252;

const MAX_WAYS: u32 = 64;

const MAX_PAIR_BANKS: u32 = 16;

/// A row of an input's bytes is part of one public input.
const MAX_LANES_PER_BANK: u32 = 31;

impl BankShape {
    /// Claims that share a field element: `B^slots <= 2^252`.
    pub fn slots(&self) -> u32 {
        PACKED_BITS / self.base_bits
    }

    /// Groups of a bank of so many lanes.
    pub fn groups(&self, lanes: u32) -> u32 {
        lanes.div_ceil(self.slots())
    }
}

/// What the lanes of a bank hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BankKind {
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
    pub(crate) const ALL: [Self; 4] = [Self::Linear, Self::Threshold, Self::Maximum, Self::Product];
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
        check("lanes", self.linear_lanes + self.threshold_lanes, 1, MAX_LANES)?;
        check("shift", self.shift, 0, MAX_SHIFT)?;
        check("limb_bits", self.limb_bits, 1, MAX_LIMB_BITS)?;
        check("excess_bits", self.excess_bits.unwrap_or(1), 1, MAX_LIMB_BITS)?;
        let least_limbs = u32::from(self.threshold_lanes > 0);
        check("threshold_limbs", self.threshold_limbs, least_limbs, MAX_THRESHOLD_LIMBS)?;
        check("threshold distance bits", self.threshold_limbs * self.limb_bits, 0, 64)?;
        check("table_sets", self.table_sets, 1, MAX_TABLE_SETS)?;
        check("weight_columns", self.weight_columns, 1, MAX_WEIGHT_COLUMNS)?;
        if let Some(banks) = &self.banks {
            check("lanes of a bank", banks.lanes, 1, MAX_LANES_PER_BANK)?;
            check("linear_lanes modulo a bank", self.linear_lanes % banks.lanes, 0, 0)?;
            check("threshold lanes of a bank", banks.threshold_lanes, 1, MAX_LANES_PER_BANK)?;
            check("threshold_lanes modulo a bank", self.threshold_lanes % banks.threshold_lanes, 0, 0)?;
            check("lanes of a bank of pairs", banks.pair_lanes, 1, MAX_LANES_PER_BANK)?;
            check("banks of maxima", banks.maximum_banks, 0, MAX_PAIR_BANKS)?;
            check("banks of products", banks.product_banks, 0, MAX_PAIR_BANKS)?;
            check("base_bits", banks.base_bits, 1, PACKED_BITS / 2)?;
            check("ways", banks.ways, 1, MAX_WAYS)?;
            check("weight columns of all ways", banks.ways * self.weight_columns, 1, MAX_WEIGHT_COLUMNS)?;
        }
        Ok(())
    }

    /// Banks of linear lanes, of threshold lanes, of maxima and of products.
    pub fn bank_counts(&self) -> [u32; 4] {
        // A flat bank has one lane.
        let Some(banks) = &self.banks else { return [self.linear_lanes, self.threshold_lanes, 0, 0] };
        let count = |lanes: u32, per_bank: u32| lanes.checked_div(per_bank).unwrap_or(0);
        let linear = count(self.linear_lanes, banks.lanes);
        let threshold = count(self.threshold_lanes, banks.threshold_lanes);
        [linear, threshold, banks.maximum_banks, banks.product_banks]
    }

    /// Lanes of a bank of each kind, in the order of [`Shape::bank_counts`].
    pub fn lanes_per_bank(&self) -> [u32; 4] {
        self.banks
            .as_ref()
            .map_or([1; 4], |banks| [banks.lanes, banks.threshold_lanes, banks.pair_lanes, banks.pair_lanes])
    }

    /// Groups of the claims of a row of a bank of each kind, in the order of [`Shape::bank_counts`].
    pub fn groups_per_bank(&self) -> [u32; 4] {
        self.banks.as_ref().map_or([1; 4], |banks| self.lanes_per_bank().map(|lanes| banks.groups(lanes)))
    }

    /// Windows that are multiplied with weights side by side.
    pub fn ways(&self) -> u32 {
        self.banks.as_ref().map_or(1, |banks| banks.ways)
    }

    /// Lanes of all kinds.
    fn lanes(&self) -> u32 {
        self.linear_lanes + self.threshold_lanes + self.maximum_lanes() + self.product_lanes()
    }

    /// Lanes of maxima.
    pub fn maximum_lanes(&self) -> u32 {
        self.banks.as_ref().map_or(0, |banks| banks.maximum_banks * banks.pair_lanes)
    }

    /// Lanes of products.
    pub fn product_lanes(&self) -> u32 {
        self.banks.as_ref().map_or(0, |banks| banks.product_banks * banks.pair_lanes)
    }

    /// Limbs of a remainder: `ceil(shift / limb_bits)`.
    pub fn remainder_limbs(&self) -> u32 {
        self.shift.div_ceil(self.limb_bits)
    }

    /// Widths of the remainder limbs in bits, low limb first: all `limb_bits` but the last, which makes the
    /// sum exactly `shift`.
    pub fn remainder_widths(&self) -> Vec<u32> {
        (0..self.remainder_limbs())
            .map(|limb| self.limb_bits.min(self.shift - limb * self.limb_bits))
            .collect()
    }

    /// Cells that hold the excess of a linear channel: 1, or 2 when it is split.
    pub fn excess_cells(&self) -> u32 {
        1 + u32::from(self.excess_bits.is_some())
    }

    /// Lookups of one row: what the helper columns sum.
    pub fn lookup_slots(&self) -> u32 {
        self.linear_lanes * (self.excess_cells() + self.remainder_limbs())
            + self.threshold_lanes * (1 + 2 * self.threshold_limbs)
            + (self.maximum_lanes() + self.product_lanes()) * 2
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
    pub(crate) fn lookup_columns(&self) -> u32 {
        self.helper_columns() + self.table_helper_columns() + 1 + self.table_sets
    }

    /// Columns of one table set: tag and two values, a third value when there are thresholds.
    pub fn table_width(&self) -> u32 {
        3 + u32::from(self.threshold_lanes > 0)
    }

    /// Advice columns of phase 0, which hold small integers: activations, limbs, multiplicities.
    pub fn small_columns(&self) -> u32 {
        self.linear_lanes * (1 + self.excess_cells() + self.remainder_limbs())
            + self.threshold_lanes * (2 + 2 * self.threshold_limbs)
            + (self.maximum_lanes() + self.product_lanes()) * 3
            + self.table_sets
    }

    /// Advice columns of the later phases, which hold full-size field elements: lookup and table helpers and their sum,
    /// claims per bank, weight evaluation and operand per way, and the product sum; with positions also an evaluation per
    /// lane, two columns of powers per bank, a window per way, the powers of s and the factors of products.
    pub fn full_columns(&self) -> u32 {
        let banks: u32 = self.bank_counts().iter().sum();
        let of_positions = if self.banks.is_some() { self.lanes() + 2 * banks + self.ways() + 2 } else { 0 };
        let lookups = self.helper_columns() + self.table_helper_columns() + 1;
        lookups + banks + 2 * self.ways() + 1 + of_positions
    }

    /// All advice columns.
    pub fn num_advice(&self) -> u32 {
        self.small_columns() + self.full_columns()
    }

    /// All fixed columns: rows, sum boundary, tables, banks, weights, control of the equations and the statement.
    pub fn num_fixed(&self) -> u32 {
        let groups: u32 =
            self.bank_counts().iter().zip(self.groups_per_bank()).map(|(banks, groups)| banks * groups).sum();
        let [linear, threshold, maximum, product] = self.bank_counts();
        let others = match &self.banks {
            // Tag, channel and two steps; the bytes of thresholds; the end of weights and products, the statement and the
            // centers of operands.
            None => 4 * linear + 5 * threshold + 5,
            // Tags, channel, restarts, counted claims and centers; the bytes of linear lanes; the first row and windows
            // besides.
            Some(_) => 7 * linear + 5 * threshold + self.threshold_lanes + 5 * (maximum + product) + 7,
        };
        2 + self.table_sets * self.table_width() + groups + self.ways() * self.weight_columns + others
    }

    /// Columns in the permutation argument: per lane the evaluation of its slices, or without positions the activations
    /// that take their place, claims per bank, operands per way; with positions also the powers of banks, of s and the
    /// factors.
    pub fn num_permutation(&self) -> u32 {
        let banks: u32 = self.bank_counts().iter().sum();
        let of_positions = if self.banks.is_some() { 2 * banks + 2 } else { 0 };
        self.lanes() + banks + self.ways() + of_positions
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
