//! Sums of many short lists of points: all of them at once, level by level.

use rayon::prelude::*;

use super::{
    digits::Sorted,
    kernels::{Add, BATCH, Remembered, memory},
};
use crate::{
    arithmetic::{Arithmetic, Backend, Point, Points},
    watch::{Stop, Watch},
};
use halo2_proofs::halo2curves::bn256::Fq;

/// Points that are summed at once: they and their sums stay in the cache.
const GROUP: usize = 1 << 14;

/// A sum per segment, where the segment holds a point.
pub(super) struct Sums<B: Backend> {
    pub(super) points: Vec<Point<B>>,
    pub(super) present: Vec<bool>,
}

impl<B: Backend> Default for Sums<B> {
    fn default() -> Self {
        Self { points: Vec::new(), present: Vec::new() }
    }
}

impl<B: Backend> Sums<B> {
    fn reset(&mut self, count: usize) {
        self.points.resize(count, filler::<B>());
        self.present.clear();
        self.present.resize(count, false);
    }
}

/// Some point, for places that are written before they are read.
fn filler<B: Backend>() -> Point<B> {
    <B::Q as Points>::point(&Fq::one(), &Fq::from(2))
}

/// A list within a buffer.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u32,
    len: u32,
}

/// Buffers of a sum.
pub(super) struct Tree<B: Backend> {
    a: Vec<u32>,
    b: Vec<u32>,
    out: Vec<u32>,
    segments: Vec<Segment>,
    buffers: [Vec<Point<B>>; 2],
    remembered: Vec<Remembered<B>>,
}

impl<B: Backend> Default for Tree<B> {
    fn default() -> Self {
        Self {
            a: Vec::new(),
            b: Vec::new(),
            out: Vec::new(),
            segments: Vec::new(),
            buffers: [Vec::new(), Vec::new()],
            remembered: Vec::new(),
        }
    }
}

/// Ranges of segments of about [`GROUP`] points.
fn groups(starts: &[u32]) -> Vec<std::ops::Range<usize>> {
    let count = starts.len() - 1;
    let mut groups = Vec::new();
    let mut first = 0;
    while first < count {
        let mut last = first + 1;
        while last < count && ((starts[last + 1] - starts[first]) as usize) < GROUP {
            last += 1;
        }
        groups.push(first..last);
        first = last;
    }
    groups
}

/// Sums every segment, on all threads. Whether no two points of equal x met.
pub(super) fn sum_on_all<B: Backend, const SIGNS: bool>(
    backend: B,
    source: &[Point<B>],
    sorted: &Sorted,
    sums: &mut Sums<B>,
    watch: &dyn Watch,
) -> Result<bool, Stop> {
    sums.reset(sorted.len());
    let (mut points, mut present) = (&mut sums.points[..], &mut sums.present[..]);
    let mut tasks = Vec::new();
    for group in groups(&sorted.starts) {
        let (these, rest) = points.split_at_mut(group.len());
        let (there, others) = present.split_at_mut(group.len());
        (points, present) = (rest, others);
        tasks.push((group, these, there));
    }
    tasks
        .into_par_iter()
        .map_init(Tree::<B>::default, |tree, (group, points, present)| {
            let starts = &sorted.starts[group.start..group.end + 1];
            watch.check()?;
            Ok(tree.sum_group::<SIGNS>(backend, source, &sorted.entries, starts, points, present))
        })
        .try_reduce(|| true, |a, b| Ok(a && b))
}

impl<B: Backend> Tree<B> {
    /// Sums every segment. Whether no two points of equal x met.
    pub(super) fn sum<const SIGNS: bool>(
        &mut self,
        backend: B,
        source: &[Point<B>],
        sorted: &Sorted,
        sums: &mut Sums<B>,
        watch: &dyn Watch,
    ) -> Result<bool, Stop> {
        sums.reset(sorted.len());
        for group in groups(&sorted.starts) {
            watch.check()?;
            let starts = &sorted.starts[group.start..group.end + 1];
            let points = &mut sums.points[group.clone()];
            let present = &mut sums.present[group];
            if !self.sum_group::<SIGNS>(backend, source, &sorted.entries, starts, points, present) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sum_group<const SIGNS: bool>(
        &mut self,
        backend: B,
        source: &[Point<B>],
        entries: &[u32],
        starts: &[u32],
        sums: &mut [Point<B>],
        present: &mut [bool],
    ) -> bool {
        let len = (starts[starts.len() - 1] - starts[0]) as usize;
        // A level leaves half the points, rounded up in every segment.
        let left = len.min((len + starts.len()) / 2);
        // Place 0 takes what fills up the last pack.
        for buffer in &mut self.buffers {
            buffer.resize(buffer.len().max(left + 1), filler::<B>());
        }
        let [mut sources, mut targets] = std::mem::take(&mut self.buffers);
        let distinct = self.first_level::<SIGNS>(backend, source, entries, starts, &mut sources);
        let distinct = distinct && self.other_levels(backend, &mut sources, &mut targets);
        if distinct {
            for (i, segment) in self.segments.iter().enumerate() {
                present[i] = segment.len == 1;
                if present[i] {
                    sums[i] = sources[segment.start as usize];
                }
            }
        }
        self.buffers = [sources, targets];
        distinct
    }

    fn clear(&mut self) {
        self.a.clear();
        self.b.clear();
        self.out.clear();
    }

    fn push(&mut self, a: u32, b: u32, out: u32) {
        self.a.push(a);
        self.b.push(b);
        self.out.push(out);
    }

    /// Adds neighbours in every segment, from the table to a buffer.
    fn first_level<const SIGNS: bool>(
        &mut self,
        backend: B,
        source: &[Point<B>],
        entries: &[u32],
        starts: &[u32],
        target: &mut [Point<B>],
    ) -> bool {
        self.clear();
        self.segments.clear();
        let mut at = 1;
        for bounds in starts.windows(2) {
            let segment = &entries[bounds[0] as usize..bounds[1] as usize];
            let start = at;
            for pair in segment.chunks_exact(2) {
                self.push(pair[0], pair[1], at);
                at += 1;
            }
            if segment.len() % 2 == 1 {
                let entry = segment[segment.len() - 1];
                let point = source[(entry >> 1) as usize];
                let negative = SIGNS && entry & 1 == 1;
                target[at as usize] = if negative { <B::Q as Points>::negated(&point) } else { point };
                at += 1;
            }
            self.segments.push(Segment { start, len: at - start });
        }
        self.add::<SIGNS>(backend, source, target)
    }

    /// Adds neighbours until no segment holds two points. The sums are in `sources`.
    fn other_levels(&mut self, backend: B, sources: &mut Vec<Point<B>>, targets: &mut Vec<Point<B>>) -> bool {
        while self.segments.iter().any(|segment| segment.len > 1) {
            self.clear();
            let mut at = 1;
            let mut segments = std::mem::take(&mut self.segments);
            for segment in &mut segments {
                let start = at;
                for i in 0..segment.len / 2 {
                    self.push((segment.start + 2 * i) << 1, (segment.start + 2 * i + 1) << 1, at);
                    at += 1;
                }
                if segment.len % 2 == 1 {
                    targets[at as usize] = sources[(segment.start + segment.len - 1) as usize];
                    at += 1;
                }
                *segment = Segment { start, len: at - start };
            }
            self.segments = segments;
            if !self.add::<false>(backend, sources, targets) {
                return false;
            }
            std::mem::swap(sources, targets);
        }
        true
    }

    /// Carries out the additions that were pushed.
    fn add<const SIGNS: bool>(&mut self, backend: B, source: &[Point<B>], sums: &mut [Point<B>]) -> bool {
        let Some((&a, &b)) = self.a.last().zip(self.b.last()) else { return true };
        while !self.a.len().is_multiple_of(<B::Q as Arithmetic<Fq>>::LANES) {
            self.push(a, b, 0);
        }
        if self.remembered.is_empty() {
            self.remembered = memory::<B>();
        }
        for ((a, b), out) in self.a.chunks(BATCH).zip(self.b.chunks(BATCH)).zip(self.out.chunks(BATCH)) {
            let remembered = &mut self.remembered;
            if !backend.vectorize(Add::<B, SIGNS> { source, a, b, out, sums, remembered }) {
                return false;
            }
        }
        true
    }
}
