//! Placement in flat banks: every lane on its own, one activation in a row.
//!
//! Blocks are placed one after another, each in the emptiest lane: per input its bytes, per operator its channels, per
//! output copies of its bytes. Bytes that share a public input and channels that share an equation with what they read
//! alone stay together; the channels of a layer fill what room there is.

use lemma_verifier::{
    index::{BankId, RowId, each},
    interface::LANES_PER_INSTANCE,
    shape::BankKind,
};
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    expanded::Expanded,
    forms::{Forms, Packing},
    index::{BlockId, NodeId, PlaneId},
    ir::TensorId,
    network::{Network, maps::Map},
    place::{Arrangement, Block, Content, LanesPerBank, Placement, members},
};

/// What is placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flat<'a> {
    pub(crate) expanded: &'a Expanded,
    pub(crate) network: &'a Network,
    pub(crate) forms: &'a Forms,
    pub(crate) packings: &'a TiSlice<NodeId, Packing>,
}

impl Flat<'_> {
    /// The placement in so many lanes of the linear form and of thresholds, of at most `capacity` rows; `None` when
    /// they do not suffice.
    pub(crate) fn placed(&self, lanes: [usize; 2], capacity: usize) -> Option<Placement> {
        let [linear, threshold] = lanes;
        let rows = ti_vec![0; linear + threshold];
        let mut placer = Placer { linear: BankId::from(linear), capacity, rows, blocks: TiVec::new() };
        for input in &self.expanded.inputs {
            placer.bytes(*input, Content::Input, self.expanded.tensor(*input).len)?;
        }
        for map in self.network.maps.iter() {
            self.channels(map, &mut placer)?;
        }
        for output in &self.expanded.outputs {
            placer.bytes(*output, Content::Output, self.expanded.tensor(*output).len)?;
        }
        let Placer { rows, blocks, .. } = placer;
        Some(Placement {
            members: members(&self.network.homes, &blocks),
            blocks,
            bank_rows: rows,
            lanes_per_bank: LanesPerBank { linear: 1, threshold: 1, pair: 1 },
            counts: [linear, threshold, 0, 0],
        })
    }

    fn channels(&self, map: &Map, placer: &mut Placer) -> Option<()> {
        let (forms, planes) = (&self.forms.nodes[map.node], &self.network.homes.home(map.output).planes);
        for kind in [BankKind::Linear, BankKind::Threshold] {
            let is_of_kind = |plane: &PlaneId| forms.form(planes[*plane].channel).bank() == kind;
            let of_kind: Vec<PlaneId> = planes.keys().filter(is_of_kind).collect();
            let together = if map.is_planewise() { self.packings[map.node].slots } else { of_kind.len() };
            for planes in of_kind.chunks(together.max(1)) {
                placer.channels(map, kind, planes)?;
            }
        }
        Some(())
    }
}

struct Placer {
    /// Where lanes of the linear form end, which come first.
    linear: BankId,
    capacity: usize,
    /// Rows in use per lane, which is a bank of its own.
    rows: TiVec<BankId, usize>,
    blocks: TiVec<BlockId, Block>,
}

impl Placer {
    /// The emptiest lane of a kind (any kind for `None`) and its free rows.
    fn emptiest(&self, kind: Option<BankKind>) -> Option<(BankId, usize)> {
        let (first, end) = (BankId::default(), self.rows.next_key());
        let lanes = match kind {
            None => first..end,
            Some(BankKind::Linear) => first..self.linear,
            Some(_) => self.linear..end,
        };
        let lane = each(lanes).min_by_key(|lane| self.rows[*lane])?;
        Some((lane, self.capacity.saturating_sub(self.rows[lane]))).filter(|(_, free)| *free > 0)
    }

    fn kind(&self, lane: BankId) -> BankKind {
        if lane < self.linear { BankKind::Linear } else { BankKind::Threshold }
    }

    fn push(&mut self, lane: BankId, tensor: TensorId, content: Content, planes: &[PlaneId]) {
        self.blocks.push(Block {
            tensor,
            content,
            kind: self.kind(lane),
            planes: planes.to_vec().into(),
            arrangement: Arrangement::Below,
            bank: lane,
            first_row: RowId::from(self.rows[lane]),
        });
        self.rows[lane] += planes.len();
    }

    /// The bytes of a port, a plane each; those of a public input lie in one lane.
    fn bytes(&mut self, tensor: TensorId, content: Content, len: usize) -> Option<()> {
        let elements: Vec<PlaneId> = (0..len).map(PlaneId::from).collect();
        for packed in elements.chunks(LANES_PER_INSTANCE) {
            let (lane, free) = self.emptiest(None)?;
            if free < packed.len() {
                return None;
            }
            self.push(lane, tensor, content, packed);
        }
        Some(())
    }

    fn channels(&mut self, map: &Map, kind: BankKind, planes: &[PlaneId]) -> Option<()> {
        let mut rest = planes;
        while !rest.is_empty() {
            let (lane, free) = self.emptiest(Some(kind))?;
            let (planes, others) = rest.split_at(free.min(rest.len()));
            self.push(lane, map.output, Content::Node(map.node), planes);
            rest = others;
        }
        Some(())
    }
}
