//! Slices: the parts of a plane that every operator treats alike.
//!
//! A slice is a maximal set of positions of a plane that the same taps read with the same shift of exponents.
//! Its evaluation `X = sum_e x'[e] s^exponent(e)` is all the operators need of it: a tap's contribution is a
//! sum of `W s^shift X` over slices. Borders, strides and several readers all end up as more slices, never as
//! garbage: what a tap does not read is not in its slices.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use crate::{
    ir::TensorId,
    network::{
        homes::{Cell, Home, Homes, Plane},
        maps::Map,
        products::{MatrixProduct, Side},
    },
};

/// A reader of elements: taps of maps, or one element of a model output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reader {
    /// A tap of a map.
    Tap { map: usize, tap: usize },
    /// A matrix product: a slice of a factor, by its number.
    Factor { map: usize, side: Side, slice: usize },
    /// An element of the statement: its public input and byte.
    Byte { instance: usize, byte: usize },
}

/// What reads a slice: the reader and `output exponent - input exponent`.
pub(crate) type Use = (Reader, i64);

/// The slices of a stored tensor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    /// Per plane and position the exponent the evaluation uses. Most planes have the same ones.
    pub(crate) exponents: Vec<Arc<[u64]>>,
    /// Per plane and position its slice, numbered by first occurrence. Most planes have the same ones.
    pub(crate) classes: Vec<Arc<[usize]>>,
    /// Per plane and slice its readers.
    pub(crate) uses: Vec<Vec<Vec<Use>>>,
}

impl Slices {
    fn count(&self) -> usize {
        self.uses.iter().map(Vec::len).sum()
    }

    /// Splits slices so that the planes of a run, which share rows, have the same ones.
    pub(crate) fn join(&mut self, run: &[usize]) {
        let positions = self.classes[run[0]].len();
        let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut joint = Vec::with_capacity(positions);
        let mut firsts = Vec::new();
        for position in 0..positions {
            let key: Vec<usize> = run.iter().map(|plane| self.classes[*plane][position]).collect();
            let fresh = numbers.len();
            joint.push(*numbers.entry(key).or_insert_with(|| {
                firsts.push(position);
                fresh
            }));
        }
        let joint: Arc<[usize]> = joint.into();
        for &plane in run {
            let uses = firsts.iter().map(|position| self.uses[plane][self.classes[plane][*position]].clone());
            self.uses[plane] = uses.collect();
            self.classes[plane].clone_from(&joint);
        }
    }
}

/// Who reads each element of each tensor, with the output's exponent.
type Readings = Vec<Vec<Vec<(Reader, u64)>>>;

/// The slices of all stored tensors. `outputs` are the statement's bytes of model outputs.
pub(crate) fn slices(homes: &Homes, maps: &[Map], outputs: &[(Cell, Reader)]) -> Vec<Slices> {
    let mut readings: Readings = homes
        .stored
        .iter()
        .map(|home| home.as_ref().map_or_else(Vec::new, |home| vec![Vec::new(); home.spots.len()]))
        .collect();
    for (map_index, map) in maps.iter().enumerate() {
        let home = homes.home(map.output);
        for (tap_index, tap) in map.taps.iter().enumerate() {
            let exponents = &home.planes[tap.first_plane].exponents;
            let reader = Reader::Tap { map: map_index, tap: tap_index };
            for (cell, position) in &tap.pairs {
                if let Cell::Stored { tensor, element } = cell {
                    readings[tensor.0][*element].push((reader, exponents[*position]));
                }
            }
        }
    }
    let factors = factors(maps);
    for (tensor, (map, product, side)) in &factors {
        for (element, readings) in readings[*tensor].iter_mut().enumerate() {
            readings.push(product.reading(*map, *side, element));
        }
    }
    for (cell, reader) in outputs {
        if let (Cell::Stored { tensor, element }, Reader::Byte { instance, .. }) = (cell, reader) {
            readings[tensor.0][*element].push((*reader, *instance as u64));
        }
    }
    let tensors = (0..homes.stored.len()).map(TensorId);
    tensors
        .map(|tensor| match &homes.stored[tensor.0] {
            None => Slices::default(),
            Some(home) if let Some((map, product, side)) = factors.get(&tensor.0) => {
                let exponent = |element: &usize| product.reading(*map, *side, *element).1;
                let exponents = |plane: &Plane| plane.elements.iter().map(exponent).collect();
                split(home, exponents, &readings[tensor.0])
            }
            Some(home) => {
                // Sums over whole planes want equal exponents, taps of a window those of the image.
                let image = split(home, |plane| plane.read.clone(), &readings[tensor.0]);
                let flat = split(home, |plane| vec![0; plane.elements.len()], &readings[tensor.0]);
                if flat.count() < image.count() { flat } else { image }
            }
        })
        .collect()
}

/// The factors of matrix products, by tensor; nothing else reads them.
fn factors(maps: &[Map]) -> HashMap<usize, (usize, &MatrixProduct, Side)> {
    let mut out = HashMap::new();
    for (index, map) in maps.iter().enumerate() {
        let Some(product) = &map.product else { continue };
        for side in [Side::Lhs, Side::Rhs] {
            out.insert(product.factors[side as usize].0, (index, product, side));
        }
    }
    out
}

fn split(home: &Home, exponents: impl Fn(&Plane) -> Vec<u64>, readings: &[Vec<(Reader, u64)>]) -> Slices {
    let mut slices = Slices::default();
    let (mut all_exponents, mut all_classes) = (HashSet::new(), HashSet::new());
    for plane in &home.planes {
        let exponents = shared(&mut all_exponents, exponents(plane));
        let mut numbers: HashMap<Vec<Use>, usize> = HashMap::new();
        let mut uses = Vec::new();
        let mut classes = Vec::with_capacity(plane.elements.len());
        for (element, exponent) in plane.elements.iter().zip(&*exponents) {
            let shift = |(reader, output): &(Reader, u64)| (*reader, *output as i64 - *exponent as i64);
            let key: Vec<Use> = readings[*element].iter().map(shift).collect();
            let fresh = uses.len();
            classes.push(*numbers.entry(key).or_insert_with_key(|key| {
                uses.push(key.clone());
                fresh
            }));
        }
        slices.exponents.push(exponents);
        slices.classes.push(shared(&mut all_classes, classes));
        slices.uses.push(uses);
    }
    slices
}

/// One copy of equal lists.
fn shared<T: Clone + Eq + Hash>(all: &mut HashSet<Arc<[T]>>, list: Vec<T>) -> Arc<[T]> {
    match all.get(&list[..]) {
        Some(known) => known.clone(),
        None => {
            let list: Arc<[T]> = list.into();
            all.insert(list.clone());
            list
        }
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
    pub(crate) plane: usize,
    pub(crate) terms: Vec<Term>,
}

/// The terms of every plane of every stored tensor, for the readers of one equation.
pub(crate) fn terms(slices: &[Slices], reads: impl Fn(&Reader) -> bool) -> Vec<Track> {
    let mut out = Vec::new();
    for (tensor, slices) in slices.iter().enumerate() {
        for (plane, uses) in slices.uses.iter().enumerate() {
            let mut terms: BTreeMap<Use, Vec<usize>> = BTreeMap::new();
            for (class, uses) in uses.iter().enumerate() {
                for reader in uses.iter().filter(|(reader, _)| reads(reader)) {
                    let classes = terms.entry(*reader).or_default();
                    classes.push(class);
                }
            }
            if !terms.is_empty() {
                let term = |((reader, shift), classes)| Term { reader, shift, classes };
                let (tensor, terms) = (TensorId(tensor), terms.into_iter().map(term).collect());
                out.push(Track { tensor, plane, terms });
            }
        }
    }
    out
}
