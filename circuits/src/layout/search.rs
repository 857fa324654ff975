//! The cheapest columns for a network.
//!
//! Every combination of rows, lanes, widths, ways and weight columns has a predicted cost. The search visits
//! them from the cheapest on and takes the first that holds the network.

mod flat;
#[cfg(any(test, feature = "testing"))]
mod forced;

use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use lemma_verifier::{
    scheme::Scheme,
    shape::{
        BankKind, BankShape, MAX_K, MAX_LIMB_BITS, MAX_SHIFT, MAX_TABLE_SETS, MIN_K, Shape, usable_rows,
    },
};
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    cost::Cost,
    equations::{Factor, LeastLength, Lengths, Region, Sources},
    error::PlanError,
    expanded::Expanded,
    forms::{
        Forms, Packing,
        tables::{FUNCTION_EXCESS_BITS, check_classes, entry_count},
    },
    index::NodeId,
    network::{Base, Network},
    place::{LanesPerBank, Placement},
    steps,
};

pub(crate) use flat::cheapest as cheapest_flat;
#[cfg(any(test, feature = "testing"))]
pub use forced::ForcedShape;

/// Lanes of a bank that are tried.
const LANES: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 31];

/// Lanes of a bank of thresholds that are tried.
const THRESHOLD_LANES: [u32; 4] = [1, 2, 4, 8];

/// Planes side by side that are tried.
const WAYS: [u32; 6] = [1, 2, 3, 4, 6, 8];

/// Weight columns per way that are tried.
const WEIGHT_COLUMNS: [u32; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];

/// Most banks of a kind that are tried.
const MAX_BANKS: u32 = 6;

/// Tables of any network without thresholds fit this many rows.
const TABLES_FIT: u32 = 13;

/// Most limbs of a remainder that are tried.
const MAX_LIMBS: u32 = 6;

/// Caps on the shift that are tried: shorter remainders need fewer limbs, but more channels take thresholds.
const SHIFTS: [u32; 4] = [MAX_SHIFT, 32, 30, 28];

/// Proofs are kept below this many bytes where some shape allows it.
const PROOF_BYTES: u32 = 9_500;

/// A shape with what it holds.
pub(crate) struct Choice {
    pub(crate) shape: Shape,
    pub(crate) forms: Forms,
    pub(crate) network: Network,
    pub(crate) placement: Placement,
    pub(crate) packings: TiVec<NodeId, Packing>,
    pub(crate) region: Region,
}

/// Rows banks, powers and equations need.
pub(crate) fn rows(network: &Network, placement: &Placement, region: &Region) -> usize {
    let banks = placement.bank_rows.iter().copied().max().unwrap_or(0);
    banks.max(region.end_row()).max(largest_power(network, region) + 1)
}

/// The largest exponent of s anything is multiplied with.
fn largest_power(network: &Network, region: &Region) -> usize {
    let products = region.rows.iter().filter_map(|row| match row.factor {
        Some(Factor::Power(exponent)) => Some(exponent),
        Some(Factor::Slice { .. }) | None => None,
    });
    let slices =
        network.slices.iter().flat_map(|slices| &slices.exponents).flat_map(|plane| plane.iter().copied());
    let homes = network.homes.stored.iter().flatten();
    let claims = homes.flat_map(|home| home.planes.iter().flat_map(|plane| plane.exponents.iter().copied()));
    let largest = products.chain(slices).chain(claims).max().unwrap_or(0);
    usize::try_from(largest).unwrap_or(usize::MAX - 1).max(network.instances)
}

/// Bytes of a proof under KZG: a commitment per advice and permutation product column, the openings.
fn proof_bytes(shape: &Shape) -> u32 {
    let products = shape.num_permutation().div_ceil(3);
    let commitments = shape.num_advice() + products + 1 + 4 + 2;
    let running = shape.full_columns() - shape.helper_columns() - shape.table_helper_columns();
    let openings =
        shape.num_advice() + running + shape.num_fixed() + shape.num_permutation() + 3 * products + 2;
    32 * (commitments + openings)
}

/// Forms with a cap on the shift and the blocks of a network, before they have rows.
struct Variant {
    /// Index into the forms of the search.
    forms: usize,
    /// Index into the networks of the search.
    network: usize,
    lanes: u32,
    threshold_lanes: u32,
    blocks: Placement,
}

/// Everything tried, made when it is needed first.
struct Search<'a> {
    forms: Vec<Forms>,
    /// They differ by the planes of model inputs that share rows.
    networks: Vec<Network>,
    variants: Vec<Variant>,
    /// Per network.
    least: Vec<LeastLength>,
    /// Variants, banks of each kind and rows that do not hold the blocks.
    unplaced: HashSet<(usize, [usize; 4], usize)>,
    /// How long the equations are, by variant, slots of a group and ways.
    lengths: HashMap<(usize, usize, u32), Lengths>,
    expanded: &'a Expanded,
}

/// A shape of one way and one weight column, and the variant it is for.
struct Narrow {
    shape: Shape,
    variant: usize,
}

impl Narrow {
    fn widened(&self, ways: u32, weight_columns: u32) -> Shape {
        let banks = self.shape.banks.clone().map(|banks| BankShape { ways, ..banks });
        Shape { weight_columns, banks, ..self.shape.clone() }
    }
}

/// How a shape is widened, and at which cost: cheap ones first, and among equal ones those that were made first. There
/// are millions: they hold no shapes, and only some are kept at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    has_long_proof: bool,
    cost: Cost,
    narrow: u32,
    ways: u32,
    weight_columns: u32,
}

/// Candidates that are kept at first; nearly always one of the first thousand holds the network.
const KEPT: usize = 1 << 14;

/// How many times more are kept each time that none did: they are all made again.
const MORE: usize = 8;

/// The cheapest choice among the `admitted` shapes, `None` if the network fits no shape or the choice costs no less than
/// the `limit`.
///
/// # Errors
/// When there are too many classes of channels.
pub(crate) fn cheapest(
    base: &Base,
    scheme: Scheme,
    admitted: impl Fn(&Shape) -> bool,
    limit: Option<Cost>,
) -> Result<Option<Choice>, PlanError> {
    let mut search = Search::of(base)?;
    let narrow = search.narrow();
    let is_below = |cost: Cost| limit.is_none_or(|limit| cost < limit);
    let below = |shape: &Shape| admitted(shape) && is_below(Cost::of(shape, scheme));
    let choice = search.first(&narrow, scheme, below);
    if limit.is_none() || choice.as_ref().is_none_or(|choice| proof_bytes(&choice.shape) <= PROOF_BYTES) {
        return Ok(choice);
    }
    // One with a shorter proof that costs more comes first.
    let choice = search.first(&narrow, scheme, admitted);
    Ok(choice.filter(|choice| is_below(Cost::of(&choice.shape, scheme))))
}

/// The `admitted` shapes that come after another, as many as are kept, in their order.
fn candidates(
    narrow: &[Narrow],
    scheme: Scheme,
    admitted: impl Fn(&Shape) -> bool,
    after: Option<Candidate>,
    kept: usize,
) -> Vec<Candidate> {
    let mut out = BinaryHeap::new();
    for (index, each) in (0..).zip(narrow) {
        for (ways, weight_columns) in
            WAYS.iter().flat_map(|ways| WEIGHT_COLUMNS.map(|columns| (*ways, columns)))
        {
            let shape = each.widened(ways, weight_columns);
            if shape.validate().is_ok() && admitted(&shape) {
                let has_long_proof = proof_bytes(&shape) > PROOF_BYTES;
                let cost = Cost::of(&shape, scheme);
                let candidate = Candidate { has_long_proof, cost, narrow: index, ways, weight_columns };
                if Some(candidate) > after {
                    out.push(candidate);
                }
                if out.len() > kept {
                    out.pop();
                }
            }
        }
    }
    out.into_sorted_vec()
}

impl<'a> Search<'a> {
    fn of(base: &'a Base) -> Result<Self, PlanError> {
        let mut forms = vec![base.solutions.forms(&base.expanded, MAX_SHIFT)];
        check_classes(&forms[0])?;
        for cap in SHIFTS {
            let capped = base.solutions.forms(&base.expanded, cap);
            if forms.iter().all(|forms| forms.shift != capped.shift) && check_classes(&capped).is_ok() {
                forms.push(capped);
            }
        }
        let (mut networks, mut variants) = (Vec::<Network>::new(), Vec::new());
        for lanes in LANES {
            let inputs = base.inputs(lanes as usize);
            let place = networks.iter().position(|network| network.inputs == inputs);
            let place = place.unwrap_or_else(|| {
                networks.push(base.network(inputs));
                networks.len() - 1
            });
            let network = &networks[place];
            let shifts = forms.iter().enumerate();
            for ((index, forms), threshold_lanes) in
                shifts.flat_map(|each| THRESHOLD_LANES.map(|threshold_lanes| (each, threshold_lanes)))
            {
                let lanes_per_bank = LanesPerBank {
                    linear: lanes as usize,
                    threshold: threshold_lanes as usize,
                    pair: pair_lanes(lanes) as usize,
                };
                let Network { homes, slices, inputs, .. } = network;
                let blocks =
                    Placement::blocks(&base.expanded, homes, slices, &inputs.runs, forms, lanes_per_bank);
                let needs_thresholds = blocks.demand(BankKind::Threshold).0 > 0;
                if needs_thresholds || threshold_lanes == THRESHOLD_LANES[0] {
                    variants.push(Variant { forms: index, network: place, lanes, threshold_lanes, blocks });
                }
            }
        }
        let least = networks.iter().map(LeastLength::of).collect();
        let (lengths, unplaced) = (HashMap::new(), HashSet::new());
        Ok(Self { forms, networks, variants, least, unplaced, lengths, expanded: &base.expanded })
    }

    fn narrow(&self) -> Vec<Narrow> {
        let variants = self.variants.iter().enumerate();
        let shapes = variants.flat_map(|(index, variant)| {
            let shapes =
                variant.sizes().flat_map(|k| variant.shapes(self.expanded, &self.forms[variant.forms], k));
            shapes.map(move |shape| Narrow { shape, variant: index })
        });
        shapes.collect()
    }

    /// The first of the `admitted` shapes that holds the network.
    fn first(
        &mut self,
        narrow: &[Narrow],
        scheme: Scheme,
        admitted: impl Fn(&Shape) -> bool,
    ) -> Option<Choice> {
        let (mut last, mut kept) = (None, KEPT);
        loop {
            let candidates = candidates(narrow, scheme, &admitted, last, kept);
            let choice = candidates.iter().find_map(|candidate| {
                let Narrow { variant, .. } = narrow[candidate.narrow as usize];
                let shape =
                    narrow[candidate.narrow as usize].widened(candidate.ways, candidate.weight_columns);
                self.complete(&shape, variant)
            });
            if choice.is_some() || candidates.is_empty() {
                return choice;
            }
            last = candidates.last().copied();
            kept *= MORE;
        }
    }

    /// Places the network of a variant in a shape, if it fits.
    fn complete(&mut self, shape: &Shape, index: usize) -> Option<Choice> {
        let variant = &self.variants[index];
        let capacity = usable_rows(shape.k);
        let banks = shape.banks.as_ref()?;
        let ways = banks.ways as usize;
        let packing = Packing { base_bits: banks.base_bits, slots: banks.slots() as usize };
        let packings = ti_vec![packing; self.expanded.nodes.len()];
        let key = (index, packing.slots, banks.ways);
        let columns = shape.weight_columns as usize;
        let fits = |lengths: &Lengths| lengths.rows(columns) + Region::FIRST_ROW < capacity;
        // What is known to be too long need not be placed.
        if self.least[variant.network].rows(ways) + Region::FIRST_ROW >= capacity {
            return None;
        }
        if self.lengths.get(&key).is_some_and(|lengths| !fits(lengths)) {
            return None;
        }
        let counts = BankKind::ALL.map(|kind| shape.banks(kind) as usize);
        let tried = (index, counts, capacity);
        if self.unplaced.contains(&tried) {
            return None;
        }
        let Some(placement) = variant.blocks.placed(counts, capacity) else {
            self.unplaced.insert(tried);
            return None;
        };
        let network = &self.networks[variant.network];
        // The rows of operands depend on the placement; their number does not.
        let equations = steps::attempt(|| sources(network, &placement, &packings, ways).equations());
        let lengths = self.lengths.entry(key).or_insert_with(|| Lengths::of(&equations));
        if !fits(lengths) {
            return None;
        }
        let region = Region::of(&[], equations, columns);
        (rows(network, &placement, &region) <= capacity).then(|| Choice {
            shape: shape.clone(),
            forms: self.forms[variant.forms].clone(),
            network: network.clone(),
            placement,
            packings,
            region,
        })
    }
}

fn sources<'a>(
    network: &'a Network,
    placement: &'a Placement,
    packings: &'a TiSlice<NodeId, Packing>,
    ways: usize,
) -> Sources<'a> {
    Sources { network, placement, packings, ways, is_flat: false }
}

impl Variant {
    /// Numbers of rows worth trying: from those that need few banks to the first that hold four times too much.
    fn sizes(&self) -> impl Iterator<Item = u32> + '_ {
        let (rows, largest) = self.blocks.demand(BankKind::Linear);
        let holds =
            move |k: &u32| largest <= usable_rows(*k) && rows.div_ceil(usable_rows(*k)) <= MAX_BANKS as usize;
        let first = (MIN_K..=MAX_K).find(|k| rows <= usable_rows(*k)).unwrap_or(MAX_K);
        (MIN_K..=(first + 2).clamp(TABLES_FIT, MAX_K)).filter(holds)
    }

    /// Shapes of 2^k rows with the fewest banks, one way and one weight column.
    fn shapes(&self, expanded: &Expanded, forms: &Forms, k: u32) -> Vec<Shape> {
        let capacity = usable_rows(k);
        let banks = |kind| {
            let (rows, largest) = self.blocks.demand(kind);
            let count = u32::try_from(rows.div_ceil(capacity)).ok();
            count.filter(|count| largest <= capacity && *count <= MAX_BANKS)
        };
        let [Some(linear), Some(thresholds), Some(maxima), Some(products)] = BankKind::ALL.map(banks) else {
            return Vec::new();
        };
        let threshold_lanes = thresholds * self.threshold_lanes;
        let distance_bits = forms.distance_bits;
        let plain = |limb_bits: u32| Shape {
            k,
            linear_lanes: linear.max(1) * self.lanes,
            threshold_lanes,
            shift: forms.shift,
            limb_bits,
            excess_bits: None,
            threshold_limbs: if threshold_lanes > 0 { distance_bits.div_ceil(limb_bits) } else { 0 },
            table_sets: 1,
            weight_columns: 1,
            banks: None,
        };
        // The narrowest limbs for every number of limbs.
        let narrowest = |bits: u32| (1..=MAX_LIMBS).map(move |limbs| bits.div_ceil(limbs).max(1));
        let distances = narrowest(distance_bits).filter(|_| threshold_lanes > 0);
        let widths: BTreeSet<u32> = narrowest(forms.shift).chain(distances).collect();
        widths
            .into_iter()
            .filter(|width| *width <= MAX_LIMB_BITS.min(k + 1))
            .map(plain)
            .flat_map(|shape| splits(forms, shape))
            .flat_map(|shape| self.complete(expanded, forms, shape, [maxima, products], capacity))
            .collect()
    }

    /// The shape with its tables and the base of its claims, and the same with one more bank: blocks do not split,
    /// so the fewest banks may be too few.
    fn complete(
        &self,
        expanded: &Expanded,
        forms: &Forms,
        shape: Shape,
        [maximum_banks, product_banks]: [u32; 2],
        capacity: usize,
    ) -> Vec<Shape> {
        let with_forms =
            expanded.nodes.iter_enumerated().filter(|(id, _)| !forms.nodes[*id].channels.is_empty());
        let bits = with_forms.map(|(id, node)| Packing::of(node, forms, id, &shape).base_bits).max();
        // A model that only copies claims nothing.
        let base_bits = bits.unwrap_or(1);
        let banks = Some(BankShape {
            lanes: self.lanes,
            threshold_lanes: self.threshold_lanes,
            pair_lanes: pair_lanes(self.lanes),
            maximum_banks,
            product_banks,
            base_bits,
            ways: 1,
        });
        let shape = Shape { banks, ..shape };
        let sets = entry_count(forms, &shape).div_ceil(capacity as u64);
        let Some(table_sets) = u32::try_from(sets).ok().filter(|sets| *sets <= MAX_TABLE_SETS) else {
            return Vec::new();
        };
        let shape = Shape { table_sets, ..shape };
        let more = Shape { linear_lanes: shape.linear_lanes + self.lanes, ..shape.clone() };
        let more_thresholds = (shape.threshold_lanes > 0).then(|| Shape {
            threshold_lanes: shape.threshold_lanes + self.threshold_lanes,
            ..shape.clone()
        });
        let shapes = [Some(shape), Some(more), more_thresholds];
        shapes.into_iter().flatten().filter(|shape| shape.validate().is_ok()).collect()
    }
}

/// Maxima and products are few beside the channels they are taken of.
fn pair_lanes(lanes: u32) -> u32 {
    lanes.div_ceil(4)
}

/// The shape with the excess split where the tables are smallest, if that makes them smaller, and whole.
fn splits(forms: &Forms, shape: Shape) -> Vec<Shape> {
    let split = |bits| Shape { excess_bits: Some(bits), ..shape.clone() };
    let least = if forms.functions.is_empty() { 1 } else { FUNCTION_EXCESS_BITS };
    let split = (least..=MAX_LIMB_BITS).map(split).min_by_key(|shape| entry_count(forms, shape));
    let split = split.filter(|split| entry_count(forms, split) < entry_count(forms, &shape));
    [split, Some(shape)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing::networks::Builder, testing::networks::Scale, testing::networks::Slide};

    #[test]
    fn candidates_in_parts_are_all_of_them_in_order() {
        let mut network = Builder::new(1, 3, 2, [4, 4]);
        let scale = Scale { multipliers: vec![0.021], zero_point: 0, clamp: (-128, 127) };
        network.convolution(2, 1, Slide::SAME, &scale);
        let expanded = Expanded::of(&network.finish());
        let narrow = Search::of(&Base::of(&expanded).unwrap()).unwrap().narrow();
        let some = |after, kept| candidates(&narrow, Scheme::Kzg, |_| true, after, kept);
        let all = some(None, usize::MAX);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        let mut parts: Vec<Candidate> = Vec::new();
        loop {
            let part = some(parts.last().copied(), all.len() / 3);
            if part.is_empty() {
                break;
            }
            parts.extend(part);
        }
        assert_eq!(parts, all);
    }
}
