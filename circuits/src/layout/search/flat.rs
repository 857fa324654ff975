//! The cheapest columns for a flat circuit: over the number of rows, the limb width and the encoding of saturation. The
//! lanes and the weight columns are then the fewest that hold the network.

use lemma_verifier::{
    scheme::Scheme,
    shape::{
        BankKind, MAX_K, MAX_LIMB_BITS, MAX_SHIFT, MAX_WEIGHT_COLUMNS, MIN_K, Shape, TABLES_IN_SUM,
        usable_rows,
    },
};
use typed_index_collections::TiVec;

use crate::{
    cost::Cost,
    equations::{Equation, Lengths, Region, Sources, packed_statement},
    error::PlanError,
    forms::{
        Forms, Packing,
        tables::{check_classes, entry_count},
    },
    index::NodeId,
    layout::search::{Choice, splits},
    network::{Base, Network},
    place::{Flat, Placement},
    steps,
};

/// The cheapest choice among the `admitted` shapes, `None` if the network fits no shape.
///
/// # Errors
/// When there are too many classes of channels.
pub(crate) fn cheapest(
    base: &Base,
    scheme: Scheme,
    admitted: impl Fn(&Shape) -> bool,
) -> Result<Option<Choice>, PlanError> {
    let search = Search::of(base)?;
    let mut best: Option<(Cost, Held)> = None;
    for k in MIN_K..=MAX_K {
        for shape in search.shapes(k).into_iter().filter(&admitted) {
            let promising =
                |shape: &Shape| best.as_ref().is_none_or(|(cost, _)| Cost::of(shape, scheme) < *cost);
            if !promising(&shape) {
                continue;
            }
            let Some(held) = search.complete(shape) else { continue };
            if promising(&held.shape) {
                best = Some((Cost::of(&held.shape, scheme), held));
            }
        }
    }
    Ok(best.map(|(_, held)| search.chosen(held)))
}

/// A network, and what it needs whatever the shape.
pub(crate) struct Search<'a> {
    base: &'a Base,
    network: Network,
    forms: Forms,
    bytes: usize,
    /// Channels of the linear form and of thresholds.
    channels: [usize; 2],
}

/// A shape with what it holds.
pub(crate) struct Held {
    pub(crate) shape: Shape,
    placement: Placement,
    packings: TiVec<NodeId, Packing>,
    equations: Vec<Equation>,
    lengths: Lengths,
}

impl<'a> Search<'a> {
    pub(crate) fn of(base: &'a Base) -> Result<Self, PlanError> {
        let forms = base.solutions.forms(&base.expanded, MAX_SHIFT);
        check_classes(&forms)?;
        let network = base.flat_network();
        let mut channels = [0; 2];
        for map in network.maps.iter() {
            for plane in &network.homes.home(map.output).planes {
                match forms.nodes[map.node].form(plane.channel).bank() {
                    BankKind::Linear => channels[0] += 1,
                    BankKind::Threshold => channels[1] += 1,
                    BankKind::Maximum | BankKind::Product => unreachable!("flat networks have no pairs"),
                }
            }
        }
        let bytes = base.expanded.statement_lengths().sum();
        Ok(Self { base, network, forms, bytes, channels })
    }

    /// Candidate shapes of 2^k rows with a lower bound for the number of lanes and one weight column.
    fn shapes(&self, k: u32) -> Vec<Shape> {
        let (rows, forms) = (usable_rows(k), &self.forms);
        let [linear, threshold] = self.channels;
        let threshold_lanes = threshold.div_ceil(rows);
        let needs_linear = forms.has_linear() || threshold_lanes == 0;
        let lanes = (self.bytes + linear + threshold).div_ceil(rows);
        let linear_lanes = lanes.saturating_sub(threshold_lanes).max(usize::from(needs_linear));
        let (Ok(linear_lanes), Ok(threshold_lanes)) = (linear_lanes.try_into(), threshold_lanes.try_into())
        else {
            return Vec::new();
        };
        let with_limbs = |limb_bits: u32| Shape { k, linear_lanes, threshold_lanes, ..self.shape(limb_bits) };
        let fits = |shape: Shape| {
            let sets = u32::try_from(entry_count(forms, &shape).div_ceil(rows as u64)).ok()?;
            let shape = Shape { table_sets: sets, ..self.with_distances(shape) };
            (sets <= TABLES_IN_SUM && shape.validate().is_ok()).then_some(shape)
        };
        let split = |shape: Shape| if shape.linear_lanes > 0 { splits(forms, shape) } else { vec![shape] };
        (1..=MAX_LIMB_BITS.min(k)).map(with_limbs).flat_map(split).filter_map(fits).collect()
    }

    /// A shape without lanes.
    pub(crate) fn shape(&self, limb_bits: u32) -> Shape {
        Shape { shift: self.forms.shift, limb_bits, linear_lanes: 0, ..Shape::default() }
    }

    /// The shape with as many limbs as its threshold lanes need.
    pub(crate) fn with_distances(&self, shape: Shape) -> Shape {
        let limbs = self.forms.distance_bits.div_ceil(shape.limb_bits);
        Shape { threshold_limbs: if shape.threshold_lanes > 0 { limbs } else { 0 }, ..shape }
    }

    /// Finds the lanes and weight columns the placement really needs.
    fn complete(&self, shape: Shape) -> Option<Held> {
        let capacity = usable_rows(shape.k);
        let held = self.with_lanes(shape, capacity)?;
        let fits = |columns: usize| held.fits(columns, self.instances());
        let (mut too_few, mut enough) = (0, MAX_WEIGHT_COLUMNS as usize);
        if !fits(enough) {
            return None;
        }
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            if fits(middle) { enough = middle } else { too_few = middle }
        }
        let shape = Shape { weight_columns: u32::try_from(enough).ok()?, ..held.shape.clone() };
        shape.validate().is_ok().then_some(Held { shape, ..held })
    }

    /// Chunks of bytes do not split over lanes, so the lower bound may be one lane short.
    fn with_lanes(&self, shape: Shape, capacity: usize) -> Option<Held> {
        let more_linear = Shape { linear_lanes: shape.linear_lanes + 1, ..shape.clone() };
        let more_threshold = Shape { threshold_lanes: shape.threshold_lanes + 1, ..shape.clone() };
        let mut candidates = vec![shape.clone()];
        if shape.linear_lanes > 0 {
            candidates.push(more_linear);
        }
        if shape.threshold_lanes > 0 {
            candidates.push(more_threshold);
        }
        candidates.into_iter().find_map(|shape| self.placed(shape, capacity))
    }

    /// The network in lanes of at most `capacity` rows.
    pub(crate) fn placed(&self, shape: Shape, capacity: usize) -> Option<Held> {
        let (expanded, forms, network) = (&self.base.expanded, &self.forms, &self.network);
        let packings = Packing::all(expanded, forms, &shape);
        let lanes = [shape.linear_lanes, shape.threshold_lanes].map(|lanes| lanes as usize);
        let placement = Flat { expanded, network, forms, packings: &packings }.placed(lanes, capacity)?;
        let sources = Sources { network, placement: &placement, packings: &packings, ways: 1, is_flat: true };
        let equations = steps::attempt(|| sources.equations());
        let lengths = Lengths::of(&equations);
        Some(Held { shape, placement, packings, equations, lengths })
    }

    pub(crate) fn instances(&self) -> usize {
        self.network.instances
    }

    pub(crate) fn chosen(self, held: Held) -> Choice {
        let Held { shape, placement, packings, equations, .. } = held;
        let region = Region::of(&packed_statement(&placement), equations, shape.weight_columns as usize);
        Choice { shape, forms: self.forms, network: self.network, placement, packings, region }
    }
}

impl Held {
    /// Whether the equations fit the rows with so many weight columns, after the rows of the public inputs and before
    /// the row that holds the last product sum.
    pub(crate) fn fits(&self, weight_columns: usize, instances: usize) -> bool {
        Region::FIRST_ROW + instances + self.lengths.rows(weight_columns) < usable_rows(self.shape.k)
    }
}
