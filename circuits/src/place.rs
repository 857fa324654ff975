//! Placement: blocks of planes in the lanes of a bank.
//!
//! All rows of a bank serve its lanes alike: tag, exponents and restarts are shared. So the planes of a block
//! have the same positions, exponents and slices; each slice is a run of rows. In flat banks, of one lane each, the
//! planes of a block have one position and lie below each other.

mod flat;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use lemma_verifier::{
    index::{BankId, GroupId, Lane, LaneId, RowId, each},
    shape::BankKind,
};
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    expanded::Expanded,
    forms::Forms,
    index::{BlockId, Member, NodeId, PlaneId, Position, SlotId},
    ir::TensorId,
    network::{
        homes::{Home, Homes, Runs},
        slices::Slices,
    },
    steps,
};

pub(crate) use flat::Flat;

/// Lanes of the banks of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LanesPerBank {
    pub(crate) linear: usize,
    pub(crate) threshold: usize,
    pub(crate) pair: usize,
}

impl LanesPerBank {
    pub(crate) fn of(self, kind: BankKind) -> usize {
        match kind {
            BankKind::Linear => self.linear,
            BankKind::Threshold => self.threshold,
            BankKind::Maximum | BankKind::Product => self.pair,
        }
    }
}

/// Which position each row of a block holds; the same for all blocks of planes that are alike.
#[derive(Debug)]
pub(crate) struct RowOrder {
    /// In row order: slice by slice.
    pub(crate) positions: Vec<Position>,
    /// Per slice its last row, counted from the first row of the block.
    pub(crate) slice_ends: Vec<usize>,
}

impl RowOrder {
    fn of(slices: &Slices, plane: PlaneId) -> Self {
        let classes = &slices.classes[plane];
        steps::count(classes.len());
        let mut positions: Vec<Position> = classes.keys().collect();
        positions.sort_by_key(|position| (classes[*position], *position));
        let mut slice_ends = vec![0; slices.uses[plane].len()];
        for (row, position) in positions.iter().enumerate() {
            slice_ends[classes[*position]] = row;
        }
        Self { positions, slice_ends }
    }
}

/// What a block holds, in the order of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    /// Planes of a model input.
    Input,
    /// Planes of the output of this node.
    Node(NodeId),
    /// Bytes of a model output, copied from where they live: its planes are elements.
    Output,
}

impl Content {
    /// The node whose channels a block holds.
    pub(crate) fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Input | Self::Output => None,
        }
    }
}

/// How the planes of a block lie in its rows.
#[derive(Clone, Debug)]
pub(crate) enum Arrangement {
    /// A lane for each plane; rows go through their positions.
    Beside(Arc<RowOrder>),
    /// One lane; a row for each plane, which has one position, the last plane first.
    Below,
}

/// Planes that share rows, or in a flat bank their lane.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) tensor: TensorId,
    pub(crate) content: Content,
    pub(crate) kind: BankKind,
    /// Fewer than the lanes when some are idle.
    pub(crate) planes: TiVec<Member, PlaneId>,
    pub(crate) arrangement: Arrangement,
    pub(crate) bank: BankId,
    pub(crate) first_row: RowId,
}

impl Block {
    /// Rows it occupies.
    pub(crate) fn len(&self) -> usize {
        match &self.arrangement {
            Arrangement::Beside(order) => order.positions.len(),
            Arrangement::Below => self.planes.len(),
        }
    }

    /// Rows of the circuit the block occupies.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = RowId> + ExactSizeIterator + use<> {
        each(self.span())
    }

    /// The same as a range.
    pub(crate) fn span(&self) -> Range<RowId> {
        self.first_row..self.first_row + self.len()
    }

    /// The row of the circuit on which the block's claims are complete.
    pub(crate) fn end(&self) -> RowId {
        self.first_row + self.len() - 1
    }

    /// The plane of its first member.
    pub(crate) fn first_plane(&self) -> PlaneId {
        self.planes.raw[0]
    }

    /// Which member a lane holds in a row of the circuit, or would if it were not idle.
    pub(crate) fn member(&self, row: RowId, lane: Lane) -> Member {
        match &self.arrangement {
            Arrangement::Beside(_) => Member::from(usize::from(lane)),
            Arrangement::Below => self.planes.next_key() - (1 + (row - self.first_row)),
        }
    }

    /// The plane and the position in it that a lane holds in a row of the circuit; none in idle lanes.
    pub(crate) fn at(&self, row: RowId, lane: Lane) -> Option<(PlaneId, Position)> {
        let plane = *self.planes.get(self.member(row, lane))?;
        let position = match &self.arrangement {
            Arrangement::Beside(order) => order.positions[row - self.first_row],
            Arrangement::Below => Position::default(),
        };
        Some((plane, position))
    }

    /// The lanes in which the block has no plane, of so many in its bank.
    pub(crate) fn idle_lanes(&self, lanes: usize) -> impl Iterator<Item = Lane> + use<> {
        let idle = match &self.arrangement {
            Arrangement::Beside(_) => self.planes.len()..lanes,
            Arrangement::Below => 0..0,
        };
        idle.map(Lane::from)
    }

    /// The lane of a member, and the row of the circuit of one of its positions.
    ///
    /// # Panics
    /// If the block does not hold the position.
    pub(crate) fn spot(&self, member: Member, position: Position) -> (Lane, RowId) {
        match &self.arrangement {
            Arrangement::Beside(order) => {
                let index = order.positions.iter().position(|each| *each == position);
                (
                    Self::lane_beside(member),
                    self.first_row + index.expect("a block holds every position of its planes"),
                )
            }
            Arrangement::Below => (Lane::default(), self.row_below(member)),
        }
    }

    /// The lane of a member, and the row of the circuit on which the evaluation of one of its slices is complete.
    pub(crate) fn slice_end(&self, member: Member, class: usize) -> (Lane, RowId) {
        match &self.arrangement {
            Arrangement::Beside(order) => {
                (Self::lane_beside(member), self.first_row + order.slice_ends[class])
            }
            Arrangement::Below => (Lane::default(), self.row_below(member)),
        }
    }

    fn lane_beside(member: Member) -> Lane {
        Lane::from(usize::from(member))
    }

    fn row_below(&self, member: Member) -> RowId {
        self.first_row + (self.planes.next_key() - member) - 1
    }
}

/// The group and the slot in it of a block's first member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) group: GroupId,
    pub(crate) slot: SlotId,
}

impl Start {
    /// After so many slots of groups that are full.
    fn after(before: usize, slots: usize) -> Self {
        Self { group: GroupId::from(before / slots), slot: SlotId::from(before % slots) }
    }

    /// The group and slot of a member of groups of so many slots.
    pub(crate) fn of_member(self, member: Member, slots: usize) -> Self {
        let member = usize::from(member);
        Self { group: self.group + member / slots, slot: self.slot + member % slots }
    }
}

/// The blocks of a model, before and after they have rows.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) blocks: TiVec<BlockId, Block>,
    /// Per tensor and plane its block, and which member it is.
    pub(crate) members: Vec<TiVec<PlaneId, (BlockId, Member)>>,
    /// Rows in use.
    pub(crate) bank_rows: TiVec<BankId, usize>,
    /// Lanes of a bank of each kind.
    pub(crate) lanes_per_bank: LanesPerBank,
    /// Banks of each kind, in the order of [`BankKind::ALL`].
    counts: [usize; 4],
}

/// Per tensor and plane, the block of which it is which member.
fn members(homes: &Homes, blocks: &TiSlice<BlockId, Block>) -> Vec<TiVec<PlaneId, (BlockId, Member)>> {
    let planes = |home: &Option<Home>| home.as_ref().map_or(0, |home| home.planes.len());
    let nowhere = (BlockId::default(), Member::default());
    let mut members: Vec<_> = homes.stored.iter().map(|home| ti_vec![nowhere; planes(home)]).collect();
    for (id, block) in blocks.iter_enumerated().filter(|(_, block)| block.content != Content::Output) {
        for (member, plane) in block.planes.iter_enumerated() {
            members[block.tensor.0][*plane] = (id, member);
        }
    }
    members
}

impl Placement {
    /// The blocks of all stored tensors, without rows.
    pub(crate) fn blocks(
        expanded: &Expanded,
        homes: &Homes,
        slices: &[Arc<Slices>],
        runs: &[Runs],
        forms: &Forms,
        lanes_per_bank: LanesPerBank,
    ) -> Self {
        let mut blocks = TiVec::new();
        let mut block = |tensor, content, kind, planes: &[PlaneId], rows: &Arc<RowOrder>| {
            let (planes, arrangement) = (planes.to_vec().into(), Arrangement::Beside(rows.clone()));
            let (bank, first_row) = (BankId::default(), RowId::default());
            blocks.push(Block { tensor, content, kind, planes, arrangement, bank, first_row });
        };
        for (input, runs) in expanded.inputs.iter().zip(runs) {
            for run in runs {
                let rows = Arc::new(RowOrder::of(&slices[input.0], run[0]));
                block(*input, Content::Input, BankKind::Linear, run, &rows);
            }
        }
        for (id, node) in expanded.nodes.iter_enumerated() {
            let Some(home) = &homes.stored[node.output.0] else { continue };
            let slices = &slices[node.output.0];
            let kind = |plane: PlaneId| forms.nodes[id].form(home.planes[plane].channel).bank();
            for of in BankKind::ALL {
                let planes = home.planes.keys().filter(|plane| kind(*plane) == of).collect();
                for like in alike(home, slices, planes) {
                    let rows = Arc::new(RowOrder::of(slices, like[0]));
                    for planes in like.chunks(lanes_per_bank.of(of)) {
                        block(node.output, Content::Node(id), of, planes, &rows);
                    }
                }
            }
        }
        let members = members(homes, &blocks);
        Self { blocks, members, bank_rows: TiVec::new(), lanes_per_bank, counts: [0; 4] }
    }

    /// Rows of all blocks of a kind, and of the largest.
    pub(crate) fn demand(&self, kind: BankKind) -> (usize, usize) {
        let rows = self.blocks.iter().filter(|block| block.kind == kind).map(|block| block.len());
        rows.fold((0, 0), |(sum, largest), rows| (sum + rows, largest.max(rows)))
    }

    /// Gives every block rows in the emptiest of so many banks of its kind, largest blocks first; `None` if a bank
    /// then has more than `capacity` rows.
    pub(crate) fn placed(&self, counts: [usize; 4], capacity: usize) -> Option<Self> {
        let mut bank_rows: TiVec<BankId, usize> = ti_vec![0; counts.iter().sum()];
        let mut order: Vec<BlockId> = self.blocks.keys().collect();
        order.sort_by_key(|id| std::cmp::Reverse(self.blocks[*id].len()));
        // Most shapes hold too little: nothing is copied before all blocks have rows.
        let mut spots: TiVec<BlockId, _> = ti_vec![(BankId::default(), RowId::default()); self.blocks.len()];
        for id in order {
            steps::count(1);
            let block = &self.blocks[id];
            let kind = block.kind as usize;
            let first = BankId::from(counts[..kind].iter().sum::<usize>());
            let bank = each(first..first + counts[kind]).min_by_key(|bank| bank_rows[*bank])?;
            spots[id] = (bank, RowId::from(bank_rows[bank]));
            bank_rows[bank] += block.len();
            if bank_rows[bank] > capacity {
                return None;
            }
        }
        let block = |(block, (bank, first_row)): (&Block, _)| Block { bank, first_row, ..block.clone() };
        let blocks = self.blocks.iter().zip(spots).map(block).collect();
        Some(Self { blocks, members: self.members.clone(), bank_rows, counts, ..*self })
    }

    /// The blocks of a node, which follow each other.
    pub(crate) fn of_node(&self, node: NodeId) -> Range<BlockId> {
        let bound = |content| self.blocks.partition_point(|block| block.content < content);
        bound(Content::Node(node))..bound(Content::Node(node + 1))
    }

    /// Where every block of a node begins when its blocks share an equation of groups of so many slots: blocks of few
    /// lanes share a group. Planes below each other begin groups, and end them.
    pub(crate) fn starts(&self, node: NodeId, slots: usize) -> BTreeMap<BlockId, Start> {
        let mut before = 0_usize;
        each(self.of_node(node))
            .map(|id| {
                let block = &self.blocks[id];
                let room = match block.arrangement {
                    Arrangement::Beside(_) => self.lanes_per_bank.of(block.kind),
                    Arrangement::Below => block.len().next_multiple_of(slots),
                };
                let filled = before % slots;
                if filled > 0 && filled + room > slots {
                    before = before.next_multiple_of(slots);
                }
                let start = Start::after(before, slots);
                let is_within = before % slots + room < slots;
                before = if is_within { before + room } else { (before + room).next_multiple_of(slots) };
                (id, start)
            })
            .collect()
    }

    /// Groups of so many slots that the claims of a block reach over.
    pub(crate) fn groups(&self, block: &Block, slots: usize) -> usize {
        match block.arrangement {
            Arrangement::Beside(_) => self.lanes_per_bank.of(block.kind).div_ceil(slots),
            Arrangement::Below => block.len().div_ceil(slots),
        }
    }

    /// The first lane of a bank, counted over all lanes.
    pub(crate) fn first_lane(&self, bank: BankId) -> LaneId {
        let mut before = usize::from(bank);
        let mut first = LaneId::default();
        for (kind, count) in BankKind::ALL.into_iter().zip(self.counts) {
            first = first + before.min(count) * self.lanes_per_bank.of(kind);
            before = before.saturating_sub(count);
        }
        first
    }

    /// The block of a plane, and which member it is.
    pub(crate) fn member(&self, tensor: TensorId, plane: PlaneId) -> (&Block, Member) {
        let (block, member) = self.members[tensor.0][plane];
        (&self.blocks[block], member)
    }

    /// Lane and row of every cell of an idle lane of a model input.
    pub(crate) fn idle_input_cells(&self) -> impl Iterator<Item = (LaneId, RowId)> + '_ {
        let inputs = self.blocks.iter().filter(|block| block.content == Content::Input);
        inputs.flat_map(move |block| {
            let bank = block.bank;
            let lanes = block.idle_lanes(self.lanes_per_bank.of(block.kind));
            lanes.flat_map(move |lane| block.rows().map(move |row| (self.lane(bank, lane), row)))
        })
    }

    /// A lane of a bank.
    pub(crate) fn lane(&self, bank: BankId, lane: Lane) -> LaneId {
        self.first_lane(bank) + usize::from(lane)
    }

    /// The lane and the row of the evaluation of a slice of a plane.
    pub(crate) fn slice(&self, tensor: TensorId, plane: PlaneId, class: usize) -> (LaneId, RowId) {
        let (block, member) = self.member(tensor, plane);
        let (lane, row) = block.slice_end(member, class);
        (self.lane(block.bank, lane), row)
    }
}

/// Planes grouped by slices and exponents, in order of first occurrence.
fn alike(home: &Home, slices: &Slices, planes: Vec<PlaneId>) -> Vec<Vec<PlaneId>> {
    let mut groups: Vec<Vec<PlaneId>> = Vec::new();
    let mut known = HashMap::new();
    for plane in planes {
        steps::count(1);
        // Equal lists of a tensor are kept once: where they are tells them apart.
        let key = (
            slices.classes[plane].as_ptr(),
            slices.exponents[plane].as_ptr(),
            home.planes[plane].exponents.as_ptr(),
        );
        let fresh = groups.len();
        let group = *known.entry(key).or_insert(fresh);
        match groups.get_mut(group) {
            Some(group) => group.push(plane),
            None => groups.push(vec![plane]),
        }
    }
    groups
}
