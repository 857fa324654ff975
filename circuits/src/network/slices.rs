//! Slices: the parts of a plane that every operator treats alike.
//!
//! A slice is a maximal set of positions of a plane that the same taps read with the same shift of exponents.
//! Its evaluation `X = sum_e x'[e] s^exponent(e)` is all the operators need of it: a tap's contribution is a
//! sum of `W s^shift X` over slices. Borders, strides and several readers all end up as more slices, never as
//! garbage: what a tap does not read is not in its slices.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use typed_index_collections::{TiSlice, TiVec};

use crate::{
    index::{MapId, PlaneId, TapId},
    ir::TensorId,
    network::{
        homes::{Cell, Home, Homes, Plane},
        maps::Map,
        products::{MatrixProduct, Side},
        readings::{Readings, narrow},
        shared::{ByPosition, Shared, by_position},
    },
    steps,
};

/// A reader of elements: taps of maps, or one element of a model output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reader {
    /// A tap of a map.
    Tap { map: MapId, tap: TapId },
    /// A matrix product: a slice of a factor, by its number.
    Factor { map: MapId, side: Side, slice: usize },
    /// An element of the statement: its public input and byte.
    Byte { instance: usize, byte: usize },
}

impl Reader {
    /// The taps of a map.
    pub(crate) fn taps(map: MapId) -> Range<Self> {
        let first = |map| Self::Tap { map, tap: TapId::default() };
        first(map)..first(map + 1)
    }

    /// The factors of a map's matrix product.
    pub(crate) fn factors(map: MapId) -> Range<Self> {
        let first = |map| Self::Factor { map, side: Side::Lhs, slice: 0 };
        first(map)..first(map + 1)
    }

    /// The statement.
    pub(crate) fn bytes() -> Range<Self> {
        Self::Byte { instance: 0, byte: 0 }..Self::Byte { instance: usize::MAX, byte: 0 }
    }
}

/// What reads a slice: the reader and `output exponent - input exponent`.
pub(crate) type Use = (Reader, i64);

/// The slices of a stored tensor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    /// The exponents the evaluation uses. Equal lists are kept once.
    pub(crate) exponents: TiVec<PlaneId, ByPosition<u64>>,
    /// The slice of each position, numbered by first occurrence. Equal lists are kept once.
    pub(crate) classes: TiVec<PlaneId, ByPosition<usize>>,
    /// Per slice its readers.
    pub(crate) uses: TiVec<PlaneId, Vec<Vec<Use>>>,
}

impl Slices {
    fn count(&self) -> usize {
        self.uses.iter().map(Vec::len).sum()
    }

    /// Splits slices so that the planes of a run, which share rows, have the same ones.
    pub(crate) fn join(&mut self, run: &[PlaneId]) {
        let positions = self.classes[run[0]].keys();
        let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut joint = Vec::with_capacity(positions.len());
        let mut firsts = Vec::new();
        for position in positions {
            let key: Vec<usize> = run.iter().map(|plane| self.classes[*plane][position]).collect();
            let fresh = numbers.len();
            joint.push(*numbers.entry(key).or_insert_with(|| {
                firsts.push(position);
                fresh
            }));
        }
        let joint = by_position(joint);
        for &plane in run {
            let uses = firsts.iter().map(|position| self.uses[plane][self.classes[plane][*position]].clone());
            self.uses[plane] = uses.collect();
            self.classes[plane].clone_from(&joint);
        }
    }
}

/// What slices are made from.
pub(crate) struct Sources<'a> {
    pub(crate) homes: &'a Homes,
    pub(crate) maps: &'a TiSlice<MapId, Map>,
    /// The stored tensors each map reads.
    pub(crate) read: &'a TiSlice<MapId, Vec<TensorId>>,
    /// The statement's bytes of model outputs.
    pub(crate) outputs: &'a [(Cell, Reader)],
}

impl Sources<'_> {
    /// The slices of the stored tensors that are `wanted`; none of the others.
    pub(crate) fn slices(&self, wanted: impl Fn(TensorId) -> bool) -> Vec<Arc<Slices>> {
        let is_stored = |tensor: &TensorId| self.homes.stored[tensor.0].is_some() && wanted(*tensor);
        let tensors: Vec<TensorId> = (0..self.homes.stored.len()).map(TensorId).filter(is_stored).collect();
        let readings = Readings::of(self, &tensors);
        let factors = factors(self.maps);
        let none = Arc::new(Slices::default());
        let mut out = vec![none; self.homes.stored.len()];
        for tensor in tensors {
            let split = Split {
                readings: &readings,
                home: self.homes.home(tensor),
                first: readings.firsts[tensor.0].unwrap_or_default(),
                factor: factors.get(&tensor).copied(),
            };
            out[tensor.0] = Arc::new(split.slices());
        }
        out
    }
}

/// A map with a matrix product, and which factor of it.
type Factor<'a> = (MapId, &'a MatrixProduct, Side);

/// The factors of matrix products, by tensor; nothing else reads them.
fn factors(maps: &TiSlice<MapId, Map>) -> HashMap<TensorId, Factor<'_>> {
    let mut out = HashMap::new();
    for (id, map) in maps.iter_enumerated() {
        let Some(product) = &map.product else { continue };
        for side in [Side::Lhs, Side::Rhs] {
            out.insert(product.factors[side as usize], (id, product, side));
        }
    }
    out
}

/// Readers by their numbers, and how far they move exponents.
type Key = [(u32, i64)];

/// A stored tensor that is split.
struct Split<'a> {
    readings: &'a Readings<'a>,
    home: &'a Home,
    /// The number of its first element.
    first: usize,
    /// The matrix product that reads it, and as which factor.
    factor: Option<Factor<'a>>,
}

impl Split<'_> {
    fn slices(&self) -> Slices {
        if let Some((_, product, side)) = self.factor {
            let exponent = |element: &usize| product.exponent(side, *element);
            let exponents = |plane: &Plane| by_position(plane.elements.iter().map(exponent));
            return self.with(exponents, usize::MAX).unwrap_or_default();
        }
        // Sums over whole planes want equal exponents, taps of a window those of the image.
        let image = self.with(|plane| plane.read.clone(), usize::MAX).unwrap_or_default();
        let count = image.count();
        // Every plane has a slice.
        if count == self.home.planes.len() {
            return image;
        }
        self.with(|plane| by_position(plane.elements.iter().map(|_| 0)), count).unwrap_or(image)
    }

    /// The slices with these exponents, if they are fewer than so many.
    fn with(&self, exponents: impl Fn(&Plane) -> ByPosition<u64>, fewer: usize) -> Option<Slices> {
        let mut slices = Slices::default();
        let (mut all_exponents, mut all_classes) = (Shared::default(), Shared::default());
        let mut count = 0;
        let mut key = Vec::new();
        for plane in &self.home.planes {
            steps::count(plane.elements.len());
            let exponents = all_exponents.one(exponents(plane));
            let mut numbers: HashMap<Box<Key>, usize> = HashMap::new();
            let mut uses: Vec<Vec<Use>> = Vec::new();
            let mut classes = Vec::with_capacity(plane.elements.len());
            let mut last: Option<(Box<Key>, usize)> = None;
            for (element, exponent) in plane.elements.iter().zip(exponents.iter()) {
                self.key(*element, *exponent, &mut key);
                // Most elements are read as the one before is.
                if let Some((_, class)) = last.as_ref().filter(|(last, _)| **last == *key) {
                    classes.push(*class);
                    continue;
                }
                let class = numbers.get(&key[..]).copied().unwrap_or_else(|| {
                    numbers.insert(key[..].into(), uses.len());
                    uses.push(self.uses(*element, &key));
                    uses.len() - 1
                });
                last = Some((key[..].into(), class));
                classes.push(class);
                if count + uses.len() >= fewer {
                    return None;
                }
            }
            count += uses.len();
            slices.exponents.push(exponents);
            slices.classes.push(all_classes.one(by_position(classes)));
            slices.uses.push(uses);
        }
        Some(slices)
    }

    /// Who reads an element, and how far exponents move.
    fn key(&self, element: usize, exponent: u64, key: &mut Vec<(u32, i64)>) {
        key.clear();
        let readings = self.readings;
        let readers = readings.of_element(self.first + element).iter();
        key.extend(readers.map(|entry| (entry[0], readings.exponent(*entry) as i64 - exponent as i64)));
        if let Some((map, product, side)) = self.factor {
            let (reader, output) = product.reading(map, side, element);
            let Reader::Factor { slice, .. } = reader else { unreachable!("products read factors") };
            key.push((narrow(readings.end() + slice), output as i64 - exponent as i64));
        }
    }

    fn uses(&self, element: usize, key: &Key) -> Vec<Use> {
        let reader = |number: u32| match self.factor {
            Some((map, product, side)) if number as usize >= self.readings.end() => {
                product.reading(map, side, element).0
            }
            _ => self.readings.reader(number),
        };
        key.iter().map(|(number, shift)| (reader(*number), *shift)).collect()
    }
}

/// A sum of slices of one plane that one reader weighs alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) reader: Reader,
    /// Exponent of s the sum is multiplied with, possibly negative.
    pub(crate) shift: i64,
    /// Slices, ascending.
    pub(crate) classes: Vec<usize>,
}

/// The terms of a plane.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) tensor: TensorId,
    pub(crate) plane: PlaneId,
    pub(crate) terms: Vec<Term>,
}

/// The terms of every plane of these tensors, for the readers of one equation; readers are in order in each slice.
pub(crate) fn terms(slices: &[Arc<Slices>], tensors: &[TensorId], readers: Range<Reader>) -> Vec<Track> {
    let mut out = Vec::new();
    for &tensor in tensors {
        for (plane, uses) in slices[tensor.0].uses.iter_enumerated() {
            let mut terms: BTreeMap<Use, Vec<usize>> = BTreeMap::new();
            for (class, uses) in uses.iter().enumerate() {
                steps::count(1);
                let [first, end] =
                    [readers.start, readers.end].map(|bound| uses.partition_point(|(of, _)| *of < bound));
                for reader in &uses[first..end] {
                    steps::count(1);
                    terms.entry(*reader).or_default().push(class);
                }
            }
            if !terms.is_empty() {
                let term = |((reader, shift), classes)| Term { reader, shift, classes };
                let terms = terms.into_iter().map(term).collect();
                out.push(Track { tensor, plane, terms });
            }
        }
    }
    out
}
