//! Which column is what: the only place that numbers columns.

use super::shape::Shape;

/// Columns of a linear lane.
#[derive(Clone, Debug)]
pub(crate) struct LinearColumns {
    /// The hints.
    pub(crate) cells: LinearCells,
    /// Advice, phase 1: the running evaluation.
    pub(crate) evaluation: usize,
    /// Fixed: constant part of the evaluation step.
    pub(crate) step: usize,
    /// Fixed: coefficient of rho in the evaluation step.
    pub(crate) step_rho: usize,
    /// Fixed: constant subtracted from the row's value.
    pub(crate) constant: usize,
}

/// Columns of a threshold lane.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdColumns {
    /// The hints.
    pub(crate) cells: ThresholdCells,
    /// Advice, phase 1: the running evaluation.
    pub(crate) evaluation: usize,
    /// Fixed: 1 where the row holds a statement byte.
    pub(crate) byte: usize,
    /// Fixed: constant part of the evaluation step.
    pub(crate) step: usize,
    /// Fixed: coefficient of rho in the evaluation step.
    pub(crate) step_rho: usize,
    /// Fixed: constant subtracted from the row's value.
    pub(crate) constant: usize,
}

/// The cells of a channel in the linear form and the fixed columns its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct LinearCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the excess `E`, in one or two parts, low part first.
    pub(crate) excess: Vec<usize>,
    /// Advice, phase 0: limbs of the remainder, low limb first.
    pub(crate) limbs: Vec<usize>,
    /// Fixed: table tag of the activation.
    pub(crate) tag: usize,
    /// Fixed: 1 where the row holds a channel.
    pub(crate) channel: usize,
}

/// The cells of a channel requantized by thresholds and the fixed columns its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the threshold `t_y`.
    pub(crate) threshold: usize,
    /// Advice, phase 0: limbs of `acc - t_y`.
    pub(crate) distance: Vec<usize>,
    /// Advice, phase 0: limbs of `T_{y+1} - 1 - acc`.
    pub(crate) complement: Vec<usize>,
    /// Fixed: table tag of the activation.
    pub(crate) tag: usize,
    /// Fixed: 1 where the row holds a channel.
    pub(crate) channel: usize,
}

/// The cells of a maximum and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct MaximumCells {
    /// Advice, phase 0: the maximum `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: `y' - a'` and `y' - b'`.
    pub(crate) distances: [usize; 2],
    /// Fixed: table tag.
    pub(crate) tag: usize,
}

/// The cells of a product and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct ProductCells {
    /// Advice, phase 0: the product `a' b'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the bytes `a'` and `b'`.
    pub(crate) factors: [usize; 2],
    /// Fixed: table tag.
    pub(crate) tag: usize,
}

/// The columns of the lookup argument.
#[derive(Clone, Debug)]
pub(crate) struct LookupColumns {
    /// Fixed: 1 on every row the circuit uses.
    pub(crate) rows: usize,
    /// Fixed: 1 on row 0 and on the row after the last used one.
    pub(crate) boundary: usize,
    /// Fixed: per table set its tag and value columns.
    pub(crate) tables: Vec<Vec<usize>>,
    /// Advice, phase 0: multiplicities, one column per table set.
    pub(crate) multiplicities: Vec<usize>,
    /// Advice, phase 1: helper columns of the lookups.
    pub(crate) helpers: Vec<usize>,
    /// Advice, phase 1: helper columns of the tables; none where the lookup sum holds them.
    pub(crate) table_helpers: Vec<usize>,
    /// Advice, phase 1: the lookup sum.
    pub(crate) sum: usize,
}

/// All columns of a circuit, by index within their kind.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// The lookup argument.
    pub(crate) lookup: LookupColumns,
    /// Linear lanes.
    pub(crate) linear: Vec<LinearColumns>,
    /// Threshold lanes.
    pub(crate) threshold: Vec<ThresholdColumns>,
    /// Fixed: packed weights.
    pub(crate) weights: Vec<usize>,
    /// Fixed: 1 where the weight evaluation continues.
    pub(crate) keep: usize,
    /// Fixed: 1 where a slice ends and is multiplied with its operand.
    pub(crate) end: usize,
    /// Fixed: 1 where the product sum must be 0.
    pub(crate) zero: usize,
    /// Fixed: 1 where the operand is a packed public input.
    pub(crate) statement: usize,
    /// Advice, phase 1: the weight evaluation.
    pub(crate) weight_evaluation: usize,
    /// Advice, phase 1: the operand.
    pub(crate) operand: usize,
    /// Advice, phase 1: the product sum.
    pub(crate) product: usize,
    /// Phase of every advice column.
    pub(crate) phases: Vec<u8>,
    /// Number of fixed columns.
    pub(crate) fixed: usize,
}

/// Hands out column indices.
#[derive(Default)]
pub(crate) struct Counter(usize);

impl Counter {
    /// The next index.
    pub(crate) fn one(&mut self) -> usize {
        self.0 += 1;
        self.0 - 1
    }

    /// The next indices.
    pub(crate) fn many(&mut self, count: u32) -> Vec<usize> {
        (0..count).map(|_| self.one()).collect()
    }

    /// How many were handed out.
    pub(crate) fn count(&self) -> usize {
        self.0
    }
}

impl Columns {
    /// Numbers the columns of a shape.
    pub(crate) fn of(shape: &Shape) -> Self {
        let (mut fixed, mut advice) = (Counter::default(), Counter::default());
        let (rows, boundary) = (fixed.one(), fixed.one());
        let tables = (0..shape.table_sets).map(|_| fixed.many(shape.table_width())).collect();
        let mut linear: Vec<LinearColumns> = (0..shape.linear_lanes)
            .map(|_| LinearColumns {
                cells: LinearCells {
                    activation: advice.one(),
                    excess: advice.many(shape.excess_cells()),
                    limbs: advice.many(shape.remainder_limbs()),
                    tag: fixed.one(),
                    channel: fixed.one(),
                },
                evaluation: 0,
                step: fixed.one(),
                step_rho: fixed.one(),
                constant: fixed.one(),
            })
            .collect();
        let mut threshold: Vec<ThresholdColumns> = (0..shape.threshold_lanes)
            .map(|_| ThresholdColumns {
                cells: ThresholdCells {
                    activation: advice.one(),
                    threshold: advice.one(),
                    distance: advice.many(shape.threshold_limbs),
                    complement: advice.many(shape.threshold_limbs),
                    tag: fixed.one(),
                    channel: fixed.one(),
                },
                evaluation: 0,
                byte: fixed.one(),
                step: fixed.one(),
                step_rho: fixed.one(),
                constant: fixed.one(),
            })
            .collect();
        let multiplicities = advice.many(shape.table_sets);
        let derived = advice.count();
        let (helpers, sum) = (advice.many(shape.helper_columns()), advice.one());
        let table_helpers = advice.many(shape.table_helper_columns());
        linear.iter_mut().for_each(|lane| lane.evaluation = advice.one());
        threshold.iter_mut().for_each(|lane| lane.evaluation = advice.one());
        let weights = fixed.many(shape.weight_columns);
        let columns = Self {
            lookup: LookupColumns { rows, boundary, tables, multiplicities, helpers, table_helpers, sum },
            linear,
            threshold,
            weights,
            keep: fixed.one(),
            end: fixed.one(),
            zero: fixed.one(),
            statement: fixed.one(),
            weight_evaluation: advice.one(),
            operand: advice.one(),
            product: advice.one(),
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

    /// Per lane, linear lanes first: the activation column.
    pub(crate) fn activation(&self, lane: usize) -> usize {
        match lane.checked_sub(self.linear.len()) {
            None => self.linear[lane].cells.activation,
            Some(lane) => self.threshold[lane].cells.activation,
        }
    }

    /// Per lane, linear lanes first: the evaluation column.
    pub(crate) fn evaluation(&self, lane: usize) -> usize {
        match lane.checked_sub(self.linear.len()) {
            None => self.linear[lane].evaluation,
            Some(lane) => self.threshold[lane].evaluation,
        }
    }
}
