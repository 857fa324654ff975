//! Lies about channels in the threshold form, `acc - lo = t + d`, `d + u` the width of the interval.

use lemma_verifier::{
    columns::{LaneColumns, ThresholdCells},
    index::{AdviceColumn, RowId},
};

use super::{Lie, OPERATOR, Place, places, unused};
use crate::{
    cells::HintCells,
    forms::{Form, Interval},
    roles::Role,
    soundness::case::{Case, Caught, Told},
    witness::Witness,
};

/// An output in the threshold form of an honest inference.
#[derive(Clone)]
struct Channel<'a> {
    place: Place<'a>,
    row: RowId,
    cells: ThresholdCells,
    intervals: Vec<Interval>,
    /// Index of the true interval.
    at: usize,
    byte: i64,
    threshold: i64,
    distance: Vec<i64>,
    complement: Vec<i64>,
    limb_bits: u32,
}

impl<'a> Channel<'a> {
    fn all(case: &'a Case) -> Vec<Self> {
        let layout = &*case.layout;
        let honest = case.honest().columns;
        let channel = |place: Place<'a>| {
            let (Form::Threshold(class), LaneColumns::Threshold(cells)) =
                (place.form, place.spot.columns(layout))
            else {
                return None;
            };
            let row = place.spot.row;
            let cell = |column: &AdviceColumn| honest[*column][row];
            let intervals = layout.forms.steps[*class].intervals();
            let threshold = cell(&cells.threshold);
            let at = intervals.iter().position(|interval| interval.start == threshold);
            Some(Self {
                place,
                row,
                cells: cells.clone(),
                at: at.expect("a threshold"),
                intervals,
                byte: cell(&cells.activation),
                threshold,
                distance: cells.distance.iter().map(cell).collect(),
                complement: cells.complement.iter().map(cell).collect(),
                limb_bits: layout.shape.limb_bits,
            })
        };
        places(case).filter_map(channel).collect()
    }

    fn find(case: &'a Case, property: impl Fn(&Self) -> bool) -> Option<Self> {
        Self::all(case).into_iter().find(|channel| property(channel))
    }

    /// Neighbors on both sides, so narrow that their distances fit the limbs.
    fn is_interior(&self) -> bool {
        1 < self.at && self.at + 2 < self.intervals.len()
    }

    /// The accumulator minus the smallest of the class.
    fn accumulator(&self) -> i64 {
        let limbs = self.distance.iter().zip(0u32..);
        self.threshold + limbs.map(|(limb, index)| limb << (index * self.limb_bits)).sum::<i64>()
    }

    /// Limbs of a value; a negative one goes into the lowest limb as it is.
    fn limbs(&self, value: i64) -> Vec<i64> {
        let digit = |index: u32| (value >> (index * self.limb_bits)) & ((1 << self.limb_bits) - 1);
        (0u32..)
            .take(self.distance.len())
            .map(|index| match (value < 0, index) {
                (true, 0) => value,
                (true, _) => 0,
                (false, _) => digit(index),
            })
            .collect()
    }

    /// The same accumulator claimed to be in another interval.
    fn in_interval(&self, at: usize) -> Self {
        let Interval { byte, start, width } = self.intervals[at];
        let distance = self.accumulator() - start;
        let (distance, complement) = (self.limbs(distance), self.limbs(width - distance));
        Self { at, byte, threshold: start, distance, complement, ..self.clone() }
    }

    fn write(&self, cells: &mut HintCells) {
        let row = self.row;
        cells[self.cells.activation][row] = self.byte;
        cells[self.cells.threshold][row] = self.threshold;
        let limbs = self.distance.iter().chain(&self.complement);
        for (column, limb) in self.cells.distance.iter().chain(&self.cells.complement).zip(limbs) {
            cells[*column][row] = *limb;
        }
    }

    fn told(&self, case: &Case) -> Witness {
        self.place.lying(case, self.byte, |cells| self.write(cells))
    }

    fn lie(&self, case: &Case, caught: Caught) -> Option<Told> {
        Some(Told::new(case, self.told(case), caught))
    }
}

fn tables(role: Role) -> Caught {
    Caught::Tables(vec![role])
}

/// Changes an interior channel whose lowest limbs of both distances are positive.
fn changed(case: &Case, change: fn(&mut Channel<'_>), caught: Caught) -> Option<Told> {
    let property =
        |channel: &Channel<'_>| channel.is_interior() && channel.distance[0] > 0 && channel.complement[0] > 0;
    let mut channel = Channel::find(case, property)?;
    change(&mut channel);
    channel.lie(case, caught)
}

/// A carry between the limbs of a distance whose second limb is positive.
fn carried(
    case: &Case,
    limbs: for<'c, 'p> fn(&'c mut Channel<'p>) -> &'c mut Vec<i64>,
    caught: Caught,
) -> Option<Told> {
    let mut channel = Channel::all(case).into_iter().find_map(|mut channel| {
        let has_second = limbs(&mut channel).get(1).is_some_and(|limb| *limb > 0);
        has_second.then_some(channel)
    })?;
    let bits = channel.limb_bits;
    let limbs = limbs(&mut channel);
    limbs[0] += 1 << bits;
    limbs[1] -= 1;
    channel.lie(case, caught)
}

/// Cells of a row that holds nothing.
fn unused_row(
    case: &Case,
    write: fn(&ThresholdCells) -> Vec<(AdviceColumn, i64)>,
    caught: Caught,
) -> Option<Told> {
    let (cells, row) = unused(case, |cells| matches!(cells, LaneColumns::Threshold(_)))?;
    let LaneColumns::Threshold(cells) = cells else { return None };
    let mut witness = case.honest();
    write(cells).into_iter().for_each(|(column, value)| witness.columns[column][row] = value);
    Some(Told::new(case, witness, caught))
}

/// The network runs on another input byte; the threshold makes the row's value that of the stated byte.
fn hidden_input(case: &Case) -> Option<Told> {
    let spot = case.spot(case.input_tensor(), 0);
    let LaneColumns::Threshold(cells) = spot.columns(&case.layout) else { return None };
    let mut input = case.input.clone();
    input[0] += 1;
    let mut witness = case.of(&input);
    witness.columns[cells.threshold][spot.row] = -(1 << case.layout.shape.shift);
    Some(Told::new(case, witness, tables(Role::Activation)))
}

pub(super) const LIES: &[Lie] = &[
    Lie {
        role: Role::Activation,
        what: "the next output with the threshold of the true one",
        tell: |case| changed(case, |channel| channel.byte += 1, tables(Role::Activation)),
    },
    Lie {
        role: Role::Activation,
        what: "an interval that does not hold the accumulator, distances from its middle",
        tell: |case| {
            let channel = Channel::find(case, Channel::is_interior)?;
            let Interval { byte, start, width } = channel.intervals[channel.at + 1];
            let (distance, complement) = (channel.limbs(width / 2), channel.limbs(width - width / 2));
            let lie = Channel { byte, threshold: start, distance, complement, ..channel };
            lie.lie(case, OPERATOR)
        },
    },
    Lie {
        role: Role::Threshold,
        what: "a threshold moved up with the distance",
        tell: |case| {
            let up = |channel: &mut Channel<'_>| {
                channel.threshold += 1;
                channel.distance[0] -= 1;
            };
            changed(case, up, tables(Role::Activation))
        },
    },
    Lie {
        role: Role::Threshold,
        what: "a threshold moved up with both distances",
        tell: |case| {
            let up = |channel: &mut Channel<'_>| {
                channel.threshold += 1;
                channel.distance[0] -= 1;
                channel.complement[0] += 1;
            };
            let property = |channel: &Channel<'_>| {
                channel.distance[0] > 0 && channel.complement[0] + 1 < 1 << channel.limb_bits
            };
            let mut channel = Channel::find(case, property)?;
            up(&mut channel);
            channel.lie(case, tables(Role::Activation))
        },
    },
    Lie {
        role: Role::Threshold,
        what: "an unused row holds a threshold",
        tell: |case| unused_row(case, |columns| vec![(columns.threshold, 1)], tables(Role::Activation)),
    },
    Lie { role: Role::Threshold, what: "an input hidden behind a threshold", tell: hidden_input },
    Lie {
        role: Role::Distance,
        what: "the next output, the distance negative",
        tell: |case| {
            let channel = Channel::find(case, Channel::is_interior)?;
            channel.in_interval(channel.at + 1).lie(case, tables(Role::Distance))
        },
    },
    Lie {
        role: Role::Complement,
        what: "the previous output, the complement negative",
        tell: |case| {
            let channel = Channel::find(case, Channel::is_interior)?;
            channel.in_interval(channel.at - 1).lie(case, tables(Role::Complement))
        },
    },
    Lie {
        role: Role::Distance,
        what: "a step up inside the interval",
        tell: |case| {
            let up = |channel: &mut Channel<'_>| {
                channel.distance[0] -= 1;
                channel.complement[0] += 1;
            };
            let property = |channel: &Channel<'_>| {
                channel.distance[0] > 0 && channel.complement[0] + 1 < 1 << channel.limb_bits
            };
            let mut channel = Channel::find(case, property)?;
            up(&mut channel);
            channel.lie(case, OPERATOR)
        },
    },
    Lie {
        role: Role::Complement,
        what: "a complement that does not fill the interval",
        tell: |case| changed(case, |channel| channel.complement[0] -= 1, tables(Role::Activation)),
    },
    Lie {
        role: Role::Distance,
        what: "a carry moved between limbs of the distance",
        tell: |case| carried(case, |channel| &mut channel.distance, tables(Role::Distance)),
    },
    Lie {
        role: Role::Complement,
        what: "a carry moved between limbs of the complement",
        tell: |case| carried(case, |channel| &mut channel.complement, tables(Role::Complement)),
    },
    Lie {
        role: Role::Distance,
        what: "an unused row holds distances",
        tell: |case| {
            let cells =
                |columns: &ThresholdCells| vec![(columns.distance[0], 1), (columns.complement[0], -1)];
            unused_row(case, cells, Caught::Tables(vec![Role::Distance, Role::Complement]))
        },
    },
];
