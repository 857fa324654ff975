//! Lies about channels in the linear form, `acc m + c = 2^shift (y - E) + r`.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    columns::{LaneColumns, LinearCells},
    index::{AdviceColumn, RowId},
    integers::integer,
    shape::BankKind,
};

use super::{Lie, OPERATOR, Place, places, unused};
use crate::{
    cells::HintCells,
    forms::{ClampClass, Form},
    roles::Role,
    soundness::case::{Case, Caught, Told},
    witness::Witness,
};

/// An output in the linear form of an honest inference.
#[derive(Clone)]
struct Channel<'a> {
    place: Place<'a>,
    row: RowId,
    cells: LinearCells,
    class: ClampClass,
    byte: i64,
    excess: i64,
    remainder: Vec<i64>,
    low_bits: u32,
    widths: Vec<u32>,
}

impl<'a> Channel<'a> {
    fn all(case: &'a Case) -> Vec<Self> {
        let layout = &*case.layout;
        let honest = case.honest().columns;
        let channel = |place: Place<'a>| {
            let (Form::Linear(_), LaneColumns::Linear(cells)) = (place.form, place.spot.columns(layout))
            else {
                return None;
            };
            let row = place.spot.row;
            let low_bits = layout.shape.excess_bits.unwrap_or(0);
            let cell = |column: &AdviceColumn| honest[*column][row];
            let parts = cells.excess.iter().zip([0, low_bits]);
            Some(Self {
                place,
                row,
                cells: cells.clone(),
                class: layout.forms.clamps[layout.forms.nodes[place.node].clamp],
                byte: cell(&cells.activation),
                excess: parts.map(|(column, bits)| cell(column) << bits).sum(),
                remainder: cells.limbs.iter().map(cell).collect(),
                low_bits,
                widths: layout.shape.remainder_widths(),
            })
        };
        places(case).filter_map(channel).collect()
    }

    /// The first channel with a property.
    fn find(case: &'a Case, property: impl Fn(&Self) -> bool) -> Option<Self> {
        Self::all(case).into_iter().find(|channel| property(channel))
    }

    fn is_interior(&self) -> bool {
        self.class.lo + 1 < self.byte && self.byte < self.class.hi - 1
    }

    /// The unclamped quotient.
    fn quotient(&self) -> i64 {
        self.byte - self.excess
    }

    fn with_excess(&self, byte: i64) -> Self {
        Self { byte, excess: byte - self.quotient(), ..self.clone() }
    }

    /// 2^shift as an addition to the highest limb.
    fn overflow(&self) -> i64 {
        1 << self.widths[self.widths.len() - 1]
    }

    fn write(&self, cells: &mut HintCells) {
        let row = self.row;
        cells[self.cells.activation][row] = self.byte;
        match self.cells.excess.as_slice() {
            [low, high] => {
                let (sign, size) = (self.excess.signum(), self.excess.abs());
                cells[*low][row] = sign * (size & ((1 << self.low_bits) - 1));
                cells[*high][row] = sign * (size >> self.low_bits);
            }
            parts => cells[parts[0]][row] = self.excess,
        }
        for (column, limb) in self.cells.limbs.iter().zip(&self.remainder) {
            cells[*column][row] = *limb;
        }
    }

    /// The witness with this channel's cells as they are here, and what follows from its output.
    fn told(&self, case: &Case) -> Witness {
        self.place.lying(case, self.byte, |cells| self.write(cells))
    }

    fn lie(&self, case: &Case, caught: Caught) -> Option<Told> {
        Some(Told::new(case, self.told(case), caught))
    }
}

fn excess_is_caught() -> Caught {
    Caught::Tables(vec![Role::Activation])
}

fn remainder_is_caught() -> Caught {
    Caught::Tables(vec![Role::Remainder])
}

/// An interior output moved by one, nothing else changed.
fn moved(case: &Case, by: i64) -> Option<Told> {
    let channel = Channel::find(case, Channel::is_interior)?;
    Channel { byte: channel.byte + by, ..channel }.lie(case, OPERATOR)
}

/// Another output with the excess that makes up for it.
fn compensated(
    case: &Case,
    property: fn(&Channel<'_>) -> bool,
    byte: fn(&Channel<'_>) -> i64,
) -> Option<Told> {
    let channel = Channel::find(case, property)?;
    channel.with_excess(byte(&channel)).lie(case, excess_is_caught())
}

/// The quotient moved by one, the remainder by `2^shift`: an interior output is off by one.
fn borrowed(case: &Case, by: i64) -> Option<Told> {
    let mut channel = Channel::find(case, Channel::is_interior)?;
    channel.byte += by;
    *channel.remainder.last_mut()? -= by * channel.overflow();
    channel.lie(case, remainder_is_caught())
}

/// The excess cut into other parts of the same sum.
fn recut(case: &Case, carry: i64) -> Option<Told> {
    let channel = Channel::find(case, |channel| channel.excess >> channel.low_bits > 0)?;
    let mut witness = case.honest();
    let [low, high] = channel.cells.excess[..] else { return None };
    witness.columns[low][channel.row] += carry << channel.low_bits;
    witness.columns[high][channel.row] -= carry;
    Some(Told::new(case, witness, excess_is_caught()))
}

/// An output of the prover's choice, remainder 0, and the excess that solves the equation in the field.
fn field_quotient(case: &Case) -> Option<Told> {
    let channel = Channel::find(case, |channel| channel.is_interior() && channel.remainder[0] != 0)?;
    let bits = case.layout.shape.limb_bits;
    let limbs = channel.remainder.iter().zip(0u32..);
    let remainder: i64 = limbs.map(|(limb, index)| limb << (index * bits)).sum();
    let lie =
        Channel { byte: channel.byte + 1, remainder: vec![0; channel.remainder.len()], ..channel.clone() };
    let mut told = lie.lie(case, excess_is_caught())?;
    // A placeholder that no table holds: its lookup is counted nowhere.
    told.witness.columns[channel.cells.excess[0]][channel.row] = 1 << 40;
    let shift = Fr::from(2).pow_vartime([u64::from(case.layout.shape.shift)]);
    let value = integer(channel.quotient().into()) * shift + integer(remainder.into());
    let excess = integer(lie.byte.into()) - value * shift.invert().expect("2^shift is not 0");
    told.overrides.insert((channel.cells.excess[0], channel.row), excess);
    Some(told)
}

/// A cell of a row that holds nothing.
fn unused_row(case: &Case, column: fn(&LinearCells) -> AdviceColumn, caught: Caught) -> Option<Told> {
    let (cells, row) = unused(case, |cells| matches!(cells, LaneColumns::Linear(_)))?;
    let LaneColumns::Linear(cells) = cells else { return None };
    let mut witness = case.honest();
    *witness.columns.get_mut(column(cells))?.get_mut(row)? = 1;
    Some(Told::new(case, witness, caught))
}

/// The row of the input's first element in a flat lane of the linear form, which claims the byte.
fn input_row(case: &Case) -> Option<(&LinearCells, RowId)> {
    let spot = case.spot(case.input_tensor(), 0);
    let block = &case.layout.placement.blocks[spot.block];
    let is_claimed = case.layout.columns.positions.is_none() && block.kind == BankKind::Linear;
    match spot.columns(&case.layout) {
        LaneColumns::Linear(cells) if is_claimed => Some((cells, spot.row)),
        _ => None,
    }
}

/// The network runs on another input byte; `hide` makes the row's value that of the stated byte.
fn hidden_input(
    case: &Case,
    by: i32,
    hide: fn(&Case, &LinearCells) -> (AdviceColumn, i64),
    caught: Caught,
) -> Option<Told> {
    let (columns, row) = input_row(case)?;
    let mut input = case.input.clone();
    input[0] += by;
    let mut witness = case.of(&input);
    let (column, value) = hide(case, columns);
    witness.columns[column][row] = value;
    Some(Told::new(case, witness, caught))
}

/// An honest output with the same accumulator written with other limbs.
fn limb_carry(case: &Case) -> Option<Told> {
    let mut channel = Channel::find(case, |channel| channel.remainder.get(1).is_some_and(|limb| *limb > 0))?;
    channel.remainder[0] += 1 << channel.widths[0];
    channel.remainder[1] -= 1;
    channel.lie(case, remainder_is_caught())
}

pub(super) const LIES: &[Lie] = &[
    Lie { role: Role::Activation, what: "an interior output plus one", tell: |case| moved(case, 1) },
    Lie { role: Role::Activation, what: "an interior output minus one", tell: |case| moved(case, -1) },
    Lie {
        role: Role::Activation,
        what: "an unused row holds a byte",
        tell: |case| unused_row(case, |columns| columns.activation, excess_is_caught()),
    },
    Lie {
        role: Role::Activation,
        what: "an output below the clamp",
        tell: |case| {
            // A Relu leaves room below the clamp.
            let channel =
                Channel::find(case, |channel| channel.byte == channel.class.lo && channel.class.lo > 0)?;
            channel.with_excess(channel.class.lo - 1).lie(case, excess_is_caught())
        },
    },
    Lie {
        role: Role::Excess,
        what: "excess inside the clamp",
        tell: |case| compensated(case, |channel| channel.is_interior(), |channel| channel.byte + 1),
    },
    Lie {
        role: Role::Excess,
        what: "negative excess at the low end",
        tell: |case| compensated(case, |channel| channel.is_interior(), |channel| channel.class.lo),
    },
    Lie {
        role: Role::Excess,
        what: "positive excess at the high end",
        tell: |case| compensated(case, |channel| channel.is_interior(), |channel| channel.class.hi),
    },
    Lie {
        role: Role::Excess,
        what: "saturated at the other end",
        tell: |case| compensated(case, |channel| channel.excess > 0, |channel| channel.class.hi),
    },
    Lie {
        role: Role::Excess,
        what: "saturated at the other end, from above",
        tell: |case| compensated(case, |channel| channel.excess < 0, |channel| channel.class.lo),
    },
    Lie {
        role: Role::Excess,
        what: "a saturated output moved inside",
        tell: |case| compensated(case, |channel| channel.excess > 0, |channel| channel.byte + 1),
    },
    Lie { role: Role::Excess, what: "a carry moved to the low part", tell: |case| recut(case, 1) },
    Lie { role: Role::Excess, what: "parts of different sign", tell: |case| recut(case, -1) },
    Lie { role: Role::Excess, what: "a quotient in the field", tell: field_quotient },
    Lie {
        role: Role::Excess,
        what: "an unused row holds an excess",
        tell: |case| unused_row(case, |columns| columns.excess[0], excess_is_caught()),
    },
    Lie {
        role: Role::Excess,
        what: "an input hidden behind an excess",
        tell: |case| hidden_input(case, 1, |_, columns| (columns.excess[0], 1), excess_is_caught()),
    },
    Lie {
        role: Role::Remainder,
        what: "quotient minus one, remainder plus 2^shift",
        tell: |case| borrowed(case, -1),
    },
    Lie {
        role: Role::Remainder,
        what: "quotient plus one, remainder minus 2^shift",
        tell: |case| borrowed(case, 1),
    },
    Lie {
        role: Role::Remainder,
        what: "quotient minus one, remainder plus 2^shift, where the output saturates",
        tell: |case| {
            let property = |channel: &Channel<'_>| 0 < channel.excess && channel.excess < channel.class.below;
            let mut channel = Channel::find(case, property)?;
            channel.excess += 1;
            *channel.remainder.last_mut()? += channel.overflow();
            channel.lie(case, remainder_is_caught())
        },
    },
    Lie { role: Role::Remainder, what: "a carry moved between limbs", tell: limb_carry },
    Lie {
        role: Role::Remainder,
        what: "another remainder",
        tell: |case| {
            let mut channel = Channel::find(case, |channel| channel.remainder[0] > 0)?;
            channel.remainder[0] -= 1;
            channel.lie(case, OPERATOR)
        },
    },
    Lie {
        role: Role::Remainder,
        what: "an unused row holds a remainder",
        tell: |case| unused_row(case, |columns| columns.limbs[0], remainder_is_caught()),
    },
    Lie {
        role: Role::Remainder,
        what: "an input hidden behind a remainder",
        tell: |case| {
            let top = |case: &Case, columns: &LinearCells| {
                let width = case.layout.shape.remainder_widths().pop().unwrap_or(0);
                (columns.limbs[columns.limbs.len() - 1], 1 << width)
            };
            hidden_input(case, -1, top, remainder_is_caught())
        },
    },
];
