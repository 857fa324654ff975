//! Placement: which row of which lane holds what.
//!
//! A lane is a set of columns that holds one activation per row and a running evaluation beside it. Blocks
//! are placed one after another: per statement port its chunks of bytes, per node its output channels. An
//! input's home is its statement row; an output is copied there from its home.

use crate::{
    ir::{Model, Node, TensorId},
    statement::LANES_PER_INSTANCE,
};

use super::{
    forms::{Form, Forms},
    packing::Packing,
    shape::Shape,
};

/// The requantization form of a lane's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// `2^shift (y' - E) + r`.
    Linear,
    /// `t + d`.
    Threshold,
}

/// A row of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Lane index, linear lanes first.
    pub lane: usize,
    /// Row.
    pub row: usize,
}

/// How the running evaluation enters a row: `A[i] = step A[i-1] + value[i]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new evaluation starts: 0.
    Start,
    /// The next byte of a packed instance: 256.
    Byte,
    /// The next slot of a group: `B`.
    Slot(Packing),
    /// The last slot of the group before: `rho / B^(G-1)`.
    Group(Packing),
}

/// What a row of a lane holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A byte of the statement: an element of an input, or a copy of an element of an output.
    Byte { tensor: TensorId, element: usize, copied: bool },
    /// An output channel of a node.
    Channel { node: usize, channel: usize },
}

/// One used row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneRow {
    pub(crate) step: Step,
    pub(crate) content: Use,
}

/// One lane.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) rows: Vec<LaneRow>,
}

/// A run of a node's channels in one lane; its evaluation ends in `end`.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Channels in coefficient order: slot 0 of the first group first.
    pub(crate) channels: Vec<usize>,
    /// First group of the block.
    pub(crate) first_group: usize,
    /// Where the running evaluation is complete.
    pub(crate) end: Spot,
}

/// Placement of a whole model.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) lanes: Vec<Lane>,
    /// Per tensor and element, where it lives.
    pub(crate) homes: Vec<Vec<Spot>>,
    /// Per node its blocks and packing.
    pub(crate) nodes: Vec<(Packing, Vec<Block>)>,
    /// Per packed public input, where its evaluation is complete.
    pub(crate) instances: Vec<Spot>,
}

/// The lanes are too short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

impl Placement {
    /// Places a model in lanes of at most `capacity` rows.
    ///
    /// # Errors
    /// [`Full`] when the lanes of the shape do not suffice.
    pub(crate) fn of(model: &Model, forms: &Forms, shape: &Shape, capacity: usize) -> Result<Self, Full> {
        let lanes = |kind, count: u32| (0..count).map(move |_| Lane { kind, rows: Vec::new() });
        let mut placer = Placer {
            capacity,
            placement: Self {
                lanes: lanes(LaneKind::Linear, shape.linear_lanes)
                    .chain(lanes(LaneKind::Threshold, shape.threshold_lanes))
                    .collect(),
                homes: vec![Vec::new(); model.tensors.len()],
                nodes: Vec::new(),
                instances: Vec::new(),
            },
        };
        for input in &model.inputs {
            placer.port(model, input.tensor, false)?;
        }
        for (index, node) in model.nodes.iter().enumerate() {
            placer.node(node, index, forms, Packing::of(node, forms, index, shape))?;
        }
        for output in &model.outputs {
            placer.port(model, output.tensor, true)?;
        }
        Ok(placer.placement)
    }

    /// Rows of the longest lane.
    pub(crate) fn rows(&self) -> usize {
        self.lanes.iter().map(|lane| lane.rows.len()).max().unwrap_or(0)
    }
}

struct Placer {
    capacity: usize,
    placement: Placement,
}

impl Placer {
    /// The emptiest lane of a kind (any kind for `None`) with its free rows.
    fn emptiest(&self, kind: Option<LaneKind>) -> Result<(usize, usize), Full> {
        let lanes = self.placement.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| kind.is_none_or(|kind| lane.kind == kind))
            .min_by_key(|(_, lane)| lane.rows.len())
            .map(|(index, lane)| (index, self.capacity.saturating_sub(lane.rows.len())))
            .filter(|(_, free)| *free > 0)
            .ok_or(Full)
    }

    fn push(&mut self, lane: usize, row: LaneRow) -> Spot {
        let rows = &mut self.placement.lanes[lane].rows;
        rows.push(row);
        Spot { lane, row: rows.len() - 1 }
    }

    /// The chunks of a port, most significant byte first, so that Horner's rule gives `sum_j 256^j lane_j`.
    fn port(&mut self, model: &Model, tensor: TensorId, copied: bool) -> Result<(), Full> {
        let elements: Vec<usize> = (0..model.tensor(tensor).len).collect();
        let mut homes = Vec::with_capacity(elements.len());
        for chunk in elements.chunks(LANES_PER_INSTANCE) {
            let (lane, free) = self.emptiest(None)?;
            if free < chunk.len() {
                return Err(Full);
            }
            let mut spots: Vec<Spot> = Vec::with_capacity(chunk.len());
            for (position, &element) in chunk.iter().rev().enumerate() {
                let step = if position == 0 { Step::Start } else { Step::Byte };
                let content = Use::Byte { tensor, element, copied };
                spots.push(self.push(lane, LaneRow { step, content }));
            }
            self.placement.instances.extend(spots.last());
            homes.extend(spots.into_iter().rev());
        }
        if !copied {
            self.placement.homes[tensor.0] = homes;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, index: usize, forms: &Forms, packing: Packing) -> Result<(), Full> {
        let channels = &forms.nodes[index].channels;
        let nowhere = Spot { lane: usize::MAX, row: usize::MAX };
        self.placement.homes[node.output.0] = vec![nowhere; channels.len()];
        let mut blocks = Vec::new();
        let mut first_group = 0;
        for kind in [LaneKind::Linear, LaneKind::Threshold] {
            let of_kind = |form: &Form| matches!(form, Form::Linear(_)) == (kind == LaneKind::Linear);
            let mut rest: Vec<usize> =
                (0..channels.len()).filter(|&channel| of_kind(&channels[channel])).collect();
            while !rest.is_empty() {
                let (lane, free) = self.emptiest(Some(kind))?;
                let tail = rest.split_off(free.min(rest.len()));
                let block = std::mem::replace(&mut rest, tail);
                let groups = packing.groups(block.len());
                blocks.push(self.block(node, index, block, first_group, lane, packing));
                first_group += groups;
            }
        }
        self.placement.nodes.push((packing, blocks));
        Ok(())
    }

    /// The rows of a block, last channel first: `sum_n B^(n mod G) rho^(n div G) value_n` by Horner's rule.
    fn block(
        &mut self,
        node: &Node,
        index: usize,
        channels: Vec<usize>,
        first_group: usize,
        lane: usize,
        packing: Packing,
    ) -> Block {
        let mut end = None;
        for (position, &channel) in channels.iter().enumerate().rev() {
            let step = if position + 1 == channels.len() {
                Step::Start
            } else if position % packing.slots == packing.slots - 1 {
                Step::Group(packing)
            } else {
                Step::Slot(packing)
            };
            let spot = self.push(lane, LaneRow { step, content: Use::Channel { node: index, channel } });
            self.placement.homes[node.output.0][channel] = spot;
            end = Some(spot);
        }
        let end = end.expect("a block has at least one channel");
        Block { channels, first_group, end }
    }
}
