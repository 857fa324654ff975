//! Equations: per operator, weighted sums of slices against the claims of its outputs.
//!
//! An equation is a polynomial identity in s and rho. Its rows walk through the windows of the input planes,
//! several planes side by side (ways), multiply each window with the evaluation of a vector of packed weights
//! and with a power of s, and sum up; the claims of the output blocks enter with weight -1. Planes of an
//! operator that maps planes one to one have an equation per block, and so have those of a matrix product, in
//! which evaluations take the place of powers of s.

mod groups;
mod products;
mod region;
pub(crate) mod windows;

pub(crate) use groups::Groups;
pub(crate) use region::{Region, Row};

use std::collections::{BTreeMap, HashMap};

use lemma_verifier::index::{BankId, GroupId, LaneId, RowId, each};
use typed_index_collections::TiSlice;

use crate::{
    equations::windows::{Move, Stop, walk},
    forms::Packing,
    index::{BlockId, MapId, NodeId, PlaneId, TapId},
    ir::TensorId,
    network::{
        Network,
        slices::{Reader, Term, Track, terms},
    },
    place::{Arrangement, Block, Content, Placement, Start},
    steps,
};

/// What a row multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The evaluation of a slice: its lane and row.
    Slice { lane: LaneId, row: RowId },
    /// The claims of a block: bank and row.
    Claims { bank: BankId, row: RowId },
    /// The public input of this row.
    Instance,
    /// The operand of the first way.
    First,
}

/// What all products of a row are multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factor {
    /// A power of s: its exponent.
    Power(u64),
    /// The evaluation of a slice: its lane and row.
    Slice { lane: LaneId, row: RowId },
}

#[cfg(test)]
impl Factor {
    /// The power or evaluation beside it, for lies.
    pub(crate) fn another(self) -> Self {
        match self {
            Self::Power(exponent) => Self::Power(exponent + 1),
            Self::Slice { lane, row } => Self::Slice { lane, row: row + 1 },
        }
    }
}

/// The vector of packed weights of a way, over the groups of an equation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// No contribution.
    None,
    /// A tap's weights; of a planewise map the equation of this block has only its groups.
    Tap { map: MapId, tap: TapId, block: Option<BlockId> },
    /// Minus the weight of a slot at its group: where the claims of a block of this node begin, of a model input with
    /// no node.
    Minus { node: Option<NodeId>, start: Start },
    /// 1 at a group.
    One { group: GroupId },
    /// `-2^shift 256^byte` at group 0.
    Byte { byte: usize },
}

/// A product of the region: moves of the windows, then weights times window times factor.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) continues: bool,
    /// Per move its sign and the operands of all ways.
    pub(crate) moves: Vec<(i8, Vec<Operand>)>,
    /// Per way.
    pub(crate) weights: Vec<Weights>,
    /// Groups the weights reach.
    pub(crate) groups: usize,
    pub(crate) factor: Factor,
}

impl Segment {
    /// Rows with this many weight columns per way.
    pub(crate) fn rows(&self, columns: usize) -> usize {
        Self::length(self.moves.len(), self.groups, columns)
    }

    fn length(moves: usize, groups: usize, columns: usize) -> usize {
        moves.max(groups.div_ceil(columns))
    }
}

/// An equation: its segments sum to 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Equation {
    pub(crate) segments: Vec<Segment>,
}

/// How many segments of equations have so many moves and groups: what their number of rows follows from.
#[derive(Clone, Debug)]
pub(crate) struct Lengths(BTreeMap<(usize, usize), usize>);

impl Lengths {
    pub(crate) fn of(equations: &[Equation]) -> Self {
        let mut counts = BTreeMap::new();
        for segment in equations.iter().flat_map(|equation| &equation.segments) {
            *counts.entry((segment.moves.len(), segment.groups)).or_default() += 1;
        }
        Self(counts)
    }

    /// Rows of all equations with this many weight columns per way.
    pub(crate) fn rows(&self, columns: usize) -> usize {
        let rows = |((moves, groups), count): (&(usize, usize), &usize)| {
            count * Segment::length(*moves, *groups, columns)
        };
        self.0.iter().map(rows).sum()
    }
}

/// The walk through the terms of a plane.
struct Walk {
    tensor: TensorId,
    plane: PlaneId,
    stops: Vec<Stop>,
}

/// What walks must have in common to be side by side.
#[derive(PartialEq, Eq, Hash)]
struct Leg {
    shift: i64,
    continues: bool,
    moves: Vec<Move>,
}

impl Walk {
    fn legs(&self) -> Vec<Leg> {
        let leg = |stop: &Stop| Leg {
            shift: stop.term.shift,
            continues: stop.continues,
            moves: stop.moves.clone(),
        };
        self.stops.iter().map(leg).collect()
    }
}

/// Walks that can be side by side, in order of first occurrence.
fn alike(walks: impl Iterator<Item = Walk>) -> Vec<Vec<Walk>> {
    let mut alike: Vec<Vec<Walk>> = Vec::new();
    let mut positions: HashMap<Vec<Leg>, usize> = HashMap::new();
    for walk in walks {
        steps::count(walk.stops.len());
        let fresh = alike.len();
        let index = *positions.entry(walk.legs()).or_insert(fresh);
        if index == fresh {
            alike.push(Vec::new());
        }
        alike[index].push(walk);
    }
    alike
}

/// How long equations are at least, wherever planes lie: those of the statement and of operators that have one each.
#[derive(Clone, Debug)]
pub(crate) struct LeastLength {
    instances: usize,
    /// Walks that can be side by side, and the rows of each.
    walks: Vec<(usize, usize)>,
}

impl LeastLength {
    pub(crate) fn of(network: &Network) -> Self {
        let mut least = Self { instances: network.instances, walks: Vec::new() };
        least.add(terms(&network.slices, &network.shown, Reader::bytes()));
        for (id, _) in network.maps.iter_enumerated().filter(|(_, map)| !map.is_planewise()) {
            least.add(terms(&network.slices, &network.read[id], Reader::taps(id)));
        }
        least
    }

    fn add(&mut self, tracks: Vec<Track>) {
        let walks = tracks.into_iter().map(|Track { tensor, plane, terms }| {
            let stops = walk(terms);
            Walk { tensor, plane, stops }
        });
        let rows = |walk: &Walk| walk.stops.iter().map(|stop| stop.moves.len()).sum();
        self.walks.extend(alike(walks).iter().map(|alike| (alike.len(), rows(&alike[0]))));
    }

    /// Rows with so many walks side by side.
    pub(crate) fn rows(&self, ways: usize) -> usize {
        let rows = |(walks, rows): &(usize, usize)| walks.div_ceil(ways) * rows;
        self.instances + self.walks.iter().map(rows).sum::<usize>()
    }
}

/// Everything the equations are made from.
pub(crate) struct Sources<'a> {
    pub(crate) network: &'a Network,
    pub(crate) placement: &'a Placement,
    /// The packings of claims.
    pub(crate) packings: &'a TiSlice<NodeId, Packing>,
    /// Planes side by side.
    pub(crate) ways: usize,
    /// Whether the public inputs are read without an equation: each is the packed bytes of one block.
    pub(crate) is_flat: bool,
}

impl Sources<'_> {
    /// The statement's equation if it has one, then those of the maps in order.
    pub(crate) fn equations(&self) -> Vec<Equation> {
        let mut out = Vec::new();
        if !self.is_flat {
            out.push(self.statement());
        }
        for id in self.network.maps.keys() {
            out.extend(self.map(id));
        }
        out
    }

    /// `sum_j s^j 2^shift instance_j - inputs - sum_e 2^shift 256^byte s^j x'_e = 0`, and on a group of its own: the
    /// evaluation of an idle row of an input block, of which all others are copies, is 0.
    fn statement(&self) -> Equation {
        let tracks = terms(&self.network.slices, &self.network.shown, Reader::bytes());
        let offset = offset(tracks.iter().flat_map(|track| &track.terms));
        let mut equation = Equation::default();
        for instance in 0..self.network.instances as u64 {
            equation.segments.push(self.side_by_side(
                vec![(Operand::Instance, Weights::One { group: GroupId::default() })],
                1,
                instance + offset,
            ));
        }
        let inputs = || self.placement.blocks.iter().filter(|block| block.content == Content::Input);
        let claims: Vec<_> = inputs().map(|block| (claims(block), minus(block, Start::default()))).collect();
        for claims in claims.chunks(self.ways) {
            equation.segments.push(self.side_by_side(claims.to_vec(), 1, offset));
        }
        if let Some((lane, row)) = self.placement.idle_input_cells().next() {
            let idle = vec![(Operand::Slice { lane, row }, Weights::One { group: GroupId::default() + 1 })];
            equation.segments.push(self.side_by_side(idle, 2, 0));
        }
        self.walks(&mut equation, tracks, offset, |term| match term.reader {
            Reader::Byte { byte, .. } => (Weights::Byte { byte }, 1),
            Reader::Tap { .. } | Reader::Factor { .. } => unreachable!("only bytes were asked for"),
        });
        equation
    }

    fn map(&self, id: MapId) -> Vec<Equation> {
        let map = &self.network.maps[id];
        let tracks = terms(&self.network.slices, &self.network.read[id], Reader::taps(id));
        let blocks: Vec<BlockId> = each(self.placement.of_node(map.node)).collect();
        if !map.is_planewise() {
            return vec![self.equation(id, tracks, &blocks, None)];
        }
        let block_of = |term: &Term| {
            let Reader::Tap { tap, .. } = term.reader else { unreachable!("only taps were asked for") };
            let plane = map.taps[tap].first_plane;
            self.placement.members[map.output.0][plane].0
        };
        let mut by_block: HashMap<BlockId, Vec<Track>> = HashMap::new();
        for Track { tensor, plane, terms } in tracks {
            for term in terms {
                let tracks = by_block.entry(block_of(&term)).or_default();
                match tracks.last_mut() {
                    Some(track) if (track.tensor, track.plane) == (tensor, plane) => track.terms.push(term),
                    _ => tracks.push(Track { tensor, plane, terms: vec![term] }),
                }
            }
        }
        let slices = self.evaluations(id);
        let equation = |block: &BlockId| {
            let tracks = by_block.remove(block).unwrap_or_default();
            let mut equation = self.equation(id, tracks, &[*block], Some(*block));
            equation.segments.extend(self.products(id, &slices, *block));
            equation
        };
        blocks.iter().map(equation).collect()
    }

    fn equation(
        &self,
        map: MapId,
        tracks: Vec<Track>,
        blocks: &[BlockId],
        only: Option<BlockId>,
    ) -> Equation {
        let offset = offset(tracks.iter().flat_map(|track| &track.terms));
        let first = match only {
            Some(block) => BTreeMap::from([(block, Start::default())]),
            None => self.placement.starts(self.network.maps[map].node, self.packing(map).slots),
        };
        let end = |block: &BlockId| usize::from(first[block].group) + self.groups(map, *block);
        let total = blocks.iter().map(end).max().unwrap_or(1);
        let mut equation = Equation::default();
        self.walks(&mut equation, tracks, offset, |term| {
            let Reader::Tap { tap, .. } = term.reader else { unreachable!("only taps were asked for") };
            (Weights::Tap { map, tap, block: only }, total)
        });
        for blocks in blocks.chunks(self.ways) {
            let claims: Vec<_> = blocks
                .iter()
                .map(|id| {
                    let block = &self.placement.blocks[*id];
                    (claims(block), minus(block, first[id]))
                })
                .collect();
            let reach = blocks.iter().map(|block| usize::from(first[block].group) + 1).max().unwrap_or(1);
            equation.segments.push(self.side_by_side(claims, reach, offset));
        }
        equation
    }

    /// Walks through the terms of all planes, planes with the same walk side by side.
    fn walks(
        &self,
        equation: &mut Equation,
        tracks: Vec<Track>,
        offset: u64,
        weights: impl Fn(&Term) -> (Weights, usize),
    ) {
        let walks = tracks.into_iter().map(|Track { tensor, plane, terms }| {
            // Without positions nothing carries a window from row to row.
            let stops = if self.is_flat { terms.into_iter().map(Stop::alone).collect() } else { walk(terms) };
            Walk { tensor, plane, stops }
        });
        let alike = alike(walks);
        for walks in alike.iter().flat_map(|alike| alike.chunks(self.ways)) {
            for index in 0..walks[0].stops.len() {
                equation.segments.push(self.stop(walks, index, offset, &weights));
            }
        }
    }

    /// The segment of one stop of walks that are side by side.
    fn stop(
        &self,
        walks: &[Walk],
        index: usize,
        offset: u64,
        weights: impl Fn(&Term) -> (Weights, usize),
    ) -> Segment {
        let stop = &walks[0].stops[index];
        let moves = stop.moves.iter().map(|(sign, class)| {
            let operands = walks.iter().map(|walk| {
                let (lane, row) = self.placement.slice(walk.tensor, walk.plane, *class);
                Operand::Slice { lane, row }
            });
            (*sign, self.padded(operands.collect(), Operand::First))
        });
        let (vectors, groups): (Vec<_>, Vec<_>) =
            walks.iter().map(|walk| weights(&walk.stops[index].term)).unzip();
        let power = stop.term.shift + offset as i64;
        Segment {
            continues: stop.continues,
            moves: moves.collect(),
            weights: self.padded(vectors, Weights::None),
            groups: groups.into_iter().max().unwrap_or(1),
            factor: Factor::Power(u64::try_from(power).expect("the offset makes powers positive")),
        }
    }

    /// A segment of single operands.
    fn side_by_side(&self, ways: Vec<(Operand, Weights)>, groups: usize, power: u64) -> Segment {
        let (operands, weights) = ways.into_iter().unzip();
        Segment {
            continues: false,
            moves: vec![(1, self.padded(operands, Operand::First))],
            weights: self.padded(weights, Weights::None),
            groups,
            factor: Factor::Power(power),
        }
    }

    /// The packing of a map's claims.
    fn packing(&self, map: MapId) -> Packing {
        self.packings[self.network.maps[map].node]
    }

    /// Groups of a block of a map.
    pub(crate) fn groups(&self, map: MapId, block: BlockId) -> usize {
        self.placement.groups(&self.placement.blocks[block], self.packing(map).slots)
    }

    pub(crate) fn padded<T: Copy>(&self, mut ways: Vec<T>, with: T) -> Vec<T> {
        ways.resize(self.ways, with);
        ways
    }
}

/// In a flat circuit, the evaluations that are the public inputs after the header.
pub(crate) fn packed_statement(placement: &Placement) -> Vec<Operand> {
    let is_packed =
        |block: &&Block| block.content.node().is_none() && matches!(block.arrangement, Arrangement::Below);
    placement.blocks.iter().filter(is_packed).map(claims).collect()
}

fn claims(block: &Block) -> Operand {
    Operand::Claims { bank: block.bank, row: block.end() }
}

fn minus(block: &Block, start: Start) -> Weights {
    Weights::Minus { node: block.content.node(), start }
}

/// What makes every shift nonnegative.
fn offset<'a>(terms: impl Iterator<Item = &'a Term>) -> u64 {
    terms.map(|term| term.shift).min().unwrap_or(0).min(0).unsigned_abs()
}
