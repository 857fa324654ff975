//! Who reads each element of some tensors.
//!
//! There are more readings than anything else in a network, as many as pairs of a tap and an output position: each
//! takes 8 bytes, and is listed only while the slices of its tensor are made.

use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    index::{MapId, Position, TapId},
    ir::TensorId,
    network::{
        homes::Cell,
        slices::{Reader, Sources},
    },
    steps,
};

/// The readers of the elements of some tensors. Readers are numbered: the taps of all maps in order, then the bytes
/// of outputs.
pub(crate) struct Readings<'a> {
    sources: &'a Sources<'a>,
    /// The number of the first tap of each map, then the number of taps.
    first_taps: TiVec<MapId, usize>,
    /// Per tap the exponents of its outputs.
    exponents: Vec<&'a TiSlice<Position, u64>>,
    /// Per tensor the number of its first element, `None` of tensors that are not looked at.
    pub(crate) firsts: Vec<Option<usize>>,
    /// Per element where its readings begin, and at last where they end.
    starts: Vec<usize>,
    /// A reader and the position it reads the element for.
    entries: Vec<[u32; 2]>,
}

/// A number of a reader or position.
pub(crate) fn narrow(index: impl Into<usize>) -> u32 {
    u32::try_from(index.into()).expect("the budget bounds taps and activations")
}

impl<'a> Readings<'a> {
    pub(crate) fn of(sources: &'a Sources<'a>, tensors: &[TensorId]) -> Self {
        let mut firsts = vec![None; sources.homes.stored.len()];
        let mut elements = 0;
        for tensor in tensors {
            firsts[tensor.0] = Some(elements);
            elements += sources.homes.home(*tensor).len();
        }
        let (mut first_taps, mut exponents) = (ti_vec![0], Vec::new());
        for map in sources.maps {
            let planes = &sources.homes.home(map.output).planes;
            exponents.extend(map.taps.iter().map(|tap| &*planes[tap.first_plane].exponents));
            first_taps.push(exponents.len());
        }
        let mut readings = Self {
            sources,
            first_taps,
            exponents,
            firsts,
            starts: vec![0; elements + 1],
            entries: Vec::new(),
        };
        readings.list();
        readings
    }

    /// Counts, then lists: lists that grow take several times as much.
    fn list(&mut self) {
        let mut starts = std::mem::take(&mut self.starts);
        self.for_each(|element, _| starts[element + 1] += 1);
        for element in 1..starts.len() {
            starts[element] += starts[element - 1];
        }
        let mut entries = vec![[0; 2]; starts.last().copied().unwrap_or_default()];
        let mut next = starts.clone();
        self.for_each(|element, entry| {
            entries[next[element]] = entry;
            next[element] += 1;
        });
        steps::count(starts.len() + entries.len());
        (self.starts, self.entries) = (starts, entries);
    }

    /// Calls `visit` for every reading, with the number of the element; readers in order.
    fn for_each(&self, mut visit: impl FnMut(usize, [u32; 2])) {
        let Sources { homes, maps, read, outputs } = *self.sources;
        let element = |cell: Cell| match cell {
            Cell::Stored { tensor, element } => self.firsts[tensor.0].map(|first| first + element),
            Cell::Constant(_) => None,
        };
        let is_looked_at = |tensor: &TensorId| self.firsts[tensor.0].is_some();
        for ((map, read), first) in maps.iter().zip(read).zip(&self.first_taps) {
            if !read.iter().any(is_looked_at) {
                continue;
            }
            for (number, tap) in (*first..).zip(&map.taps) {
                let number = narrow(number);
                map.for_each_pair(homes, tap, |cell, position| {
                    if let Some(element) = element(cell) {
                        visit(element, [number, narrow(position)]);
                    }
                });
            }
        }
        for (number, (cell, _)) in (self.exponents.len()..).zip(outputs) {
            if let Some(element) = element(*cell) {
                visit(element, [narrow(number), 0]);
            }
        }
    }

    /// The readings of an element.
    pub(crate) fn of_element(&self, number: usize) -> &[[u32; 2]] {
        &self.entries[self.starts[number]..self.starts[number + 1]]
    }

    /// The exponent an element is read for.
    pub(crate) fn exponent(&self, [number, position]: [u32; 2]) -> u64 {
        match self.exponents.get(number as usize) {
            Some(exponents) => exponents[Position::from(position as usize)],
            None => match self.reader(number) {
                Reader::Byte { instance, .. } => instance as u64,
                Reader::Tap { .. } | Reader::Factor { .. } => unreachable!("bytes follow the taps"),
            },
        }
    }

    /// A reader by its number.
    pub(crate) fn reader(&self, number: u32) -> Reader {
        let number = number as usize;
        match number.checked_sub(self.exponents.len()) {
            Some(byte) => self.sources.outputs[byte].1,
            None => {
                let map = self.first_taps.partition_point(|first| *first <= number) - 1;
                Reader::Tap { map, tap: TapId::from(number - self.first_taps[map]) }
            }
        }
    }

    /// A number no reader has, and none after it.
    pub(crate) fn end(&self) -> usize {
        self.exponents.len() + self.sources.outputs.len()
    }
}
