//! Which exact requantization form each output channel gets, and what its cells must be able to hold.

mod packing;
pub(crate) mod tables;

use lemma_verifier::{
    shape::{BankKind, MAX_SHIFT},
    tags::PAIR_BASE,
};
use typed_index_collections::TiVec;

use crate::{
    error::PlanError,
    expanded::{Expanded, Node, Op},
    index::NodeId,
    ir::{AccumulatorRange, Add, Convolution, FullyConnected, MatMul, Multiply, Requantize, Table, TensorId},
    requantize::{
        ChannelFunction, LinearForm, Steps, SumForm, SumSteps, linear_form, product_steps, sum_form,
        sum_steps,
    },
};

pub(crate) use packing::Packing;

/// The requantization of one output channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// `acc m + c = 2^shift q + r` with the shift of the whole circuit; `y = clamp(q)`.
    Linear(LinearForm),
    /// `t_y <= acc < t_{y+1}` with the thresholds of this [`StepClass`].
    Threshold(usize),
    /// `y = phi(x)` for the byte x, with this one of [`Forms::functions`].
    Function(usize),
    /// `y = max(a, b)` of two bytes, the accumulator being `2^16 a + b`.
    Maximum,
    /// `y = a b` of two bytes, the accumulator being `2^16 a + b`.
    Product,
}

impl Form {
    /// The banks whose lanes hold channels of this form.
    pub(crate) fn bank(&self) -> BankKind {
        match self {
            Self::Linear(_) | Self::Function(_) => BankKind::Linear,
            Self::Threshold(_) => BankKind::Threshold,
            Self::Maximum => BankKind::Maximum,
            Self::Product => BankKind::Product,
        }
    }
}

/// Channels that saturate alike: `y' = clamp(q', lo, hi)` and the excess `E = y' - q'`, primes meaning "minus
/// the type minimum".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClampClass {
    /// Smallest output byte.
    pub(crate) lo: i64,
    /// Largest output byte.
    pub(crate) hi: i64,
    /// Largest excess: `lo - min q'`, at least 0.
    pub(crate) below: i64,
    /// Largest negated excess: `max q' - hi`, at least 0.
    pub(crate) above: i64,
}

impl ClampClass {
    /// Makes room for the quotient bytes `low..=high`.
    fn reach(&mut self, low: i64, high: i64) {
        self.below = self.below.max(self.lo - low);
        self.above = self.above.max(high - self.hi);
    }
}

/// What the channels of a step class have in common.
#[derive(Clone, Debug, PartialEq)]
enum StepFunction {
    /// Bits of the multiplier, the zero point and the clamp.
    Multiplier(u32, i32, (i32, i32)),
    /// The thresholds of the model and the smallest output.
    Thresholds(Vec<i64>, i32),
    /// A sum or product: the class is that of no other channel.
    Single,
}

impl StepFunction {
    fn is(&self, function: &ChannelFunction<'_>) -> bool {
        match (self, *function) {
            (
                Self::Multiplier(bits, own_zero_point, clamp),
                ChannelFunction::Multiplier { multiplier, zero_point, lo, hi },
            ) => (*bits, *own_zero_point, *clamp) == (multiplier.to_bits(), zero_point, (lo, hi)),
            (Self::Thresholds(own, own_lo), ChannelFunction::Thresholds { thresholds, lo }) => {
                *own_lo == lo && own == thresholds
            }
            _ => false,
        }
    }

    fn of(function: &ChannelFunction<'_>) -> Self {
        match *function {
            ChannelFunction::Multiplier { multiplier, zero_point, lo, hi } => {
                Self::Multiplier(multiplier.to_bits(), zero_point, (lo, hi))
            }
            ChannelFunction::Thresholds { thresholds, lo } => Self::Thresholds(thresholds.to_vec(), lo),
        }
    }
}

/// Channels that share thresholds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepClass {
    function: StepFunction,
    /// Type minimum of the output, subtracted from outputs to get bytes.
    pub(crate) type_min: i32,
    /// Thresholds over the union of the ranges of the class' channels.
    pub(crate) steps: Steps,
}

/// One interval of a step class: accumulators `lo + start..=lo + start + width` have this
/// output, `lo` the smallest accumulator of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Output byte.
    pub(crate) byte: i64,
    /// Smallest accumulator of the interval minus the smallest of the class.
    pub(crate) start: i64,
    /// Largest accumulator of the interval minus its smallest.
    pub(crate) width: i64,
}

impl StepClass {
    /// The intervals of the class, in ascending order; outputs the function skips have none.
    pub(crate) fn intervals(&self) -> Vec<Interval> {
        let ends = self.steps.thresholds.iter().copied().chain([self.steps.range.hi + 1]);
        let starts = [self.steps.range.lo].into_iter().chain(self.steps.thresholds.iter().copied());
        let first = i64::from(self.steps.first - self.type_min);
        starts
            .zip(ends)
            .zip(first..)
            .filter(|((start, end), _)| start < end)
            .map(|((start, end), byte)| Interval {
                byte,
                start: start - self.steps.range.lo,
                width: end - 1 - start,
            })
            .collect()
    }
}

/// The forms of one node's channels.
#[derive(Clone, Debug)]
pub(crate) struct NodeForms {
    /// Per output channel.
    pub(crate) channels: Vec<Form>,
    /// Index into [`Forms::clamps`].
    pub(crate) clamp: usize,
    /// What an elementwise operator multiplies its inputs with.
    pub(crate) addends: Vec<i64>,
}

impl NodeForms {
    /// An operator of two bytes, the accumulator being `2^16 a + b`.
    fn of_pair(form: Form) -> Self {
        Self { channels: vec![form], clamp: 0, addends: vec![PAIR_BASE, 1] }
    }

    /// The form of a channel of the output; elementwise operators have one for all.
    pub(crate) fn form(&self, channel: usize) -> &Form {
        if self.addends.is_empty() { &self.channels[channel] } else { &self.channels[0] }
    }
}

/// A channel with its linear form, if one is exact.
#[derive(Clone, Copy, Debug)]
struct Channel {
    range: AccumulatorRange,
    linear: Option<LinearForm>,
}

/// What a node's forms are chosen from.
#[derive(Clone, Debug)]
enum Solution {
    Channels(Vec<Channel>),
    Sum(SumForm),
    SumSteps(SumSteps),
    Product { steps: Steps, linear: Option<LinearForm> },
    None,
}

/// The exact linear forms of a network, each with its smallest shift.
#[derive(Clone, Debug)]
pub(crate) struct Solutions(TiVec<NodeId, Solution>);

impl Solutions {
    /// Solves every channel of a network.
    ///
    /// # Errors
    /// When an accumulator can leave int32, or an operator has no exact form.
    pub(crate) fn of(expanded: &Expanded) -> Result<Self, PlanError> {
        let channels = |node: &Node, by: &Requantize| -> Result<Solution, PlanError> {
            let ranges = expanded.accumulator_ranges(node)?;
            let linear = linear_channels(by, &ranges);
            let channel = |(range, linear)| Channel { range, linear };
            Ok(Solution::Channels(ranges.into_iter().zip(linear).map(channel).collect()))
        };
        let solve = |node: &Node| match &node.op {
            Op::FullyConnected(layer) => channels(node, &layer.requantize),
            Op::Convolution(layer) => channels(node, &layer.requantize),
            Op::MatMul(product) => channels(node, &product.requantize),
            Op::Add(add) => {
                let [lhs, rhs] = [0, 1].map(|input| expanded.tensor(node.inputs[input]).range);
                let form = sum_form(add, lhs, rhs).filter(|form| form.s <= MAX_SHIFT && add.lo < add.hi);
                let inexact = || PlanError::InexactSum { node: node.name.clone() };
                match form {
                    Some(form) => Ok(Solution::Sum(form)),
                    None => sum_steps(add, lhs, rhs).map(Solution::SumSteps).ok_or_else(inexact),
                }
            }
            Op::Multiply(by) => {
                let [lhs, rhs] = factors(node).map(|input| expanded.tensor(input).range);
                let steps = product_steps(by, lhs, rhs);
                let linear = linear_form(&steps, by.multiplier, (by.lo, by.hi), MAX_SHIFT)
                    .filter(|form| by.lo < by.hi && is_moderate(form, steps.range));
                Ok(Solution::Product { steps, linear })
            }
            Op::Rearrange(_) | Op::Table(_) | Op::Maximum | Op::Product => Ok(Solution::None),
        };
        expanded.nodes.iter().map(solve).collect::<Result<_, _>>().map(Self)
    }

    /// The forms with linear ones up to a shift and thresholds elsewhere. Sums are what they are.
    pub(crate) fn forms(&self, expanded: &Expanded, most: u32) -> Forms {
        let mut forms = Forms {
            nodes: TiVec::new(),
            shift: 0,
            clamps: Vec::new(),
            steps: Vec::new(),
            functions: Vec::new(),
            intervals: 0,
            distance_bits: 1,
        };
        for (node, solution) in expanded.nodes.iter().zip(&self.0) {
            let node_forms = match (solution, &node.op) {
                (Solution::Channels(channels), Op::FullyConnected(FullyConnected { requantize, .. }))
                | (Solution::Channels(channels), Op::Convolution(Convolution { requantize, .. }))
                | (Solution::Channels(channels), Op::MatMul(MatMul { requantize, .. })) => {
                    let capped = |channel: &Channel| Channel {
                        linear: channel.linear.filter(|form| form.s <= most),
                        ..*channel
                    };
                    let channels: Vec<Channel> = channels.iter().map(capped).collect();
                    forms.channels(expanded, node, requantize, &channels)
                }
                (Solution::Sum(form), Op::Add(add)) => forms.sum(expanded, node, add, *form),
                (Solution::SumSteps(sum), Op::Add(_)) => forms.sum_steps(expanded, node, sum),
                (Solution::Product { steps, linear }, Op::Multiply(by)) => {
                    let linear = linear.filter(|form| form.s <= most);
                    forms.product(expanded, node, by, steps, linear)
                }
                (_, Op::Table(table)) => forms.function(expanded, node, table),
                (_, Op::Maximum) => NodeForms::of_pair(Form::Maximum),
                (_, Op::Product) => NodeForms::of_pair(Form::Product),
                _ => NodeForms { channels: Vec::new(), clamp: 0, addends: Vec::new() },
            };
            forms.nodes.push(node_forms);
        }
        forms.align_shifts();
        forms.measure_intervals();
        forms
    }
}

/// The forms of a whole model.
#[derive(Clone, Debug)]
pub(crate) struct Forms {
    /// Per node.
    pub(crate) nodes: TiVec<NodeId, NodeForms>,
    /// Shift of every linear form.
    pub(crate) shift: u32,
    /// Saturation classes of linear channels.
    pub(crate) clamps: Vec<ClampClass>,
    /// Threshold classes.
    pub(crate) steps: Vec<StepClass>,
    /// Functions of a byte: the output byte of every input byte.
    pub(crate) functions: Vec<Vec<i64>>,
    /// Intervals of all threshold classes.
    pub(crate) intervals: usize,
    /// Bits of the widest interval, at least 1.
    pub(crate) distance_bits: u32,
}

impl Forms {
    fn channels(
        &mut self,
        expanded: &Expanded,
        node: &Node,
        by: &Requantize,
        solved: &[Channel],
    ) -> NodeForms {
        let type_min = expanded.tensor(node.output).elem.min();
        let clamp = self.clamp_class((by.lo - type_min, by.hi - type_min));
        let form = |(channel, function): (&Channel, ChannelFunction<'_>)| match channel.linear {
            Some(form) => {
                let byte = |acc| to_i64(form.quotient(acc)) - i64::from(type_min);
                self.clamps[clamp].reach(byte(channel.range.lo), byte(channel.range.hi));
                Form::Linear(form)
            }
            None => Form::Threshold(self.step_class(&function, type_min, channel.range)),
        };
        NodeForms {
            channels: solved.iter().zip(by.functions()).map(form).collect(),
            clamp,
            addends: Vec::new(),
        }
    }

    fn sum(&mut self, expanded: &Expanded, node: &Node, add: &Add, form: SumForm) -> NodeForms {
        let type_min = expanded.tensor(node.output).elem.min();
        let [lhs, rhs] = [0, 1].map(|input| expanded.tensor(node.inputs[input]).range);
        let clamp = self.clamp_class((add.lo - type_min, add.hi - type_min));
        let byte = |a, b| form.quotient(a, b) - i64::from(type_min);
        self.clamps[clamp].reach(byte(lhs.0, rhs.0), byte(lhs.1, rhs.1));
        let linear = LinearForm { m: 1, c: form.c.into(), s: form.s };
        NodeForms { channels: vec![Form::Linear(linear)], clamp, addends: vec![form.lhs, form.rhs] }
    }

    fn sum_steps(&mut self, expanded: &Expanded, node: &Node, sum: &SumSteps) -> NodeForms {
        let type_min = expanded.tensor(node.output).elem.min();
        let steps = sum.steps.clone();
        self.steps.push(StepClass { function: StepFunction::Single, type_min, steps });
        let form = Form::Threshold(self.steps.len() - 1);
        NodeForms { channels: vec![form], clamp: 0, addends: vec![sum.lhs, sum.rhs] }
    }

    /// The product of centered integers is `a' b' + c_b a' + c_a b' + c_a c_b` of their bytes.
    fn product(
        &mut self,
        expanded: &Expanded,
        node: &Node,
        by: &Multiply,
        steps: &Steps,
        linear: Option<LinearForm>,
    ) -> NodeForms {
        let type_min = expanded.tensor(node.output).elem.min();
        let [lhs, rhs] = centers(expanded, node, by);
        let (form, clamp) = match linear {
            Some(form) => {
                let clamp = self.clamp_class((by.lo - type_min, by.hi - type_min));
                let byte = |acc| to_i64(form.quotient(acc)) - i64::from(type_min);
                self.clamps[clamp].reach(byte(steps.range.lo), byte(steps.range.hi));
                (Form::Linear(form), clamp)
            }
            None => {
                let steps = steps.clone();
                self.steps.push(StepClass { function: StepFunction::Single, type_min, steps });
                (Form::Threshold(self.steps.len() - 1), 0)
            }
        };
        NodeForms { channels: vec![form], clamp, addends: vec![1, rhs, lhs] }
    }

    fn function(&mut self, expanded: &Expanded, node: &Node, table: &Table) -> NodeForms {
        let type_min = expanded.tensor(node.output).elem.min();
        let bytes: Vec<i64> = table.entries.iter().map(|entry| i64::from(entry - type_min)).collect();
        let known = self.functions.iter().position(|function| *function == bytes);
        let index = known.unwrap_or_else(|| {
            self.functions.push(bytes);
            self.functions.len() - 1
        });
        NodeForms { channels: vec![Form::Function(index)], clamp: 0, addends: vec![1] }
    }

    fn clamp_class(&mut self, (lo, hi): (i32, i32)) -> usize {
        let (lo, hi) = (i64::from(lo), i64::from(hi));
        let index = self.clamps.iter().position(|class| (class.lo, class.hi) == (lo, hi));
        index.unwrap_or_else(|| {
            self.clamps.push(ClampClass { lo, hi, below: 0, above: 0 });
            self.clamps.len() - 1
        })
    }

    fn step_class(
        &mut self,
        function: &ChannelFunction<'_>,
        type_min: i32,
        range: AccumulatorRange,
    ) -> usize {
        let same = |class: &StepClass| class.type_min == type_min && class.function.is(function);
        if let Some(index) = self.steps.iter().position(same) {
            let class = &mut self.steps[index];
            let union = union(class.steps.range, range);
            if union != class.steps.range {
                class.steps = function.steps(union);
            }
            return index;
        }
        let steps = function.steps(range);
        self.steps.push(StepClass { function: StepFunction::of(function), type_min, steps });
        self.steps.len() - 1
    }

    fn measure_intervals(&mut self) {
        let intervals: Vec<Interval> = self.steps.iter().flat_map(StepClass::intervals).collect();
        let widest = intervals.iter().map(|step| step.width).max().unwrap_or(0).unsigned_abs();
        self.intervals = intervals.len();
        self.distance_bits = (u64::BITS - widest.leading_zeros()).max(1);
    }

    /// Brings every linear form to the largest shift among them: `(m 2^j, c 2^j, s + j)` is the same function.
    fn align_shifts(&mut self) {
        let linear = |node: &NodeForms| -> Option<u32> {
            let shift = |form: &Form| match form {
                Form::Linear(form) => Some(form.s),
                Form::Threshold(_) | Form::Function(_) | Form::Maximum | Form::Product => None,
            };
            node.channels.iter().filter_map(shift).max()
        };
        self.shift = self.nodes.iter().filter_map(linear).max().unwrap_or(0);
        for form in self.nodes.iter_mut().flat_map(|node| &mut node.channels) {
            if let Form::Linear(linear) = form {
                *linear = linear.with_shift(self.shift);
            }
        }
    }

    /// Whether any channel has this kind of form.
    pub(crate) fn has_linear(&self) -> bool {
        self.nodes.iter().flat_map(|node| &node.channels).any(|form| matches!(form, Form::Linear(_)))
    }
}

/// The factors of a product, which its requantization reads after the product of their bytes.
fn factors(node: &Node) -> [TensorId; 2] {
    [node.inputs[1], node.inputs[2]]
}

/// What is added to the bytes of the factors to center them.
pub(crate) fn centers(expanded: &Expanded, node: &Node, by: &Multiply) -> [i64; 2] {
    let [lhs, rhs] = factors(node).map(|input| i64::from(expanded.tensor(input).elem.min()));
    [lhs - i64::from(by.lhs_zero_point), rhs - i64::from(by.rhs_zero_point)]
}

/// Per channel its linear form, if one is exact.
///
/// Channels with one function first try the form of the union of their ranges: exact on the union is exact
/// on each.
fn linear_channels(requantize: &Requantize, ranges: &[AccumulatorRange]) -> Vec<Option<LinearForm>> {
    let clamp = (requantize.lo, requantize.hi);
    // With a single possible output the excess would have two encodings; thresholds have one.
    if clamp.0 == clamp.1 {
        return vec![None; ranges.len()];
    }
    let solve = |function: &ChannelFunction<'_>, range| {
        let steps = function.steps(range);
        linear_form(&steps, function.slope(&steps), clamp, MAX_SHIFT).filter(|form| is_moderate(form, range))
    };
    let functions = requantize.functions();
    let mut shared: Vec<(&ChannelFunction<'_>, AccumulatorRange, Option<LinearForm>)> = Vec::new();
    for (function, range) in functions.iter().zip(ranges) {
        match shared.iter_mut().find(|(other, ..)| *other == function) {
            Some((_, all, _)) => *all = union(*all, *range),
            None => shared.push((function, *range, None)),
        }
    }
    for (function, range, form) in &mut shared {
        *form = solve(function, *range);
    }
    let shared_form = |function: &ChannelFunction<'_>| {
        shared.iter().find(|(other, ..)| *other == function).and_then(|(.., form)| *form)
    };
    functions
        .iter()
        .zip(ranges)
        .map(|(function, &range)| shared_form(function).or_else(|| solve(function, range)))
        .collect()
}

fn union(a: AccumulatorRange, b: AccumulatorRange) -> AccumulatorRange {
    AccumulatorRange { lo: a.lo.min(b.lo), hi: a.hi.max(b.hi) }
}

/// Quotients beyond this would need tables no circuit has room for; such channels take thresholds.
const MAX_QUOTIENT: i128 = 1 << 30;

fn is_moderate(form: &LinearForm, range: AccumulatorRange) -> bool {
    [range.lo, range.hi].iter().all(|acc| form.quotient(*acc).abs() <= MAX_QUOTIENT)
}

/// A quotient of a reachable accumulator.
///
/// # Panics
/// If it is beyond 64 bits, which [`is_moderate`] excludes.
pub(crate) fn to_i64(quotient: i128) -> i64 {
    i64::try_from(quotient).expect("a linear form is only used where its quotients are moderate")
}
