//! Multi-scalar multiplication over bases that are known long before.
//!
//! A [`Table`] keeps the multiples `2^(c w) G_i` of its bases for windows w of c bits, so that
//! `sum_i s_i G_i` is one sum of points per bucket, `sum_d d B_d`, where bucket d holds the multiples whose signed
//! digit is d. Points are added in affine coordinates, many at a time with one inversion (Montgomery's trick), in a
//! tree per bucket; `sum_d d B_d` itself is split into rows and columns, `d = hi 2^h + lo`, so that it is two
//! more sums of the same kind and a few hundred additions.
//!
//! With a `stride` above 1 only every stride-th window is kept: less memory, a bucket sum for each of the
//! others. A stride of all windows is the multiplication without a table.

mod comb;
mod digits;
mod kernels;
mod repeated;
#[cfg(test)]
mod tests;
mod tree;
mod weighted;

use std::sync::{Arc, Mutex};

use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::{Curve, Group},
    },
};
use rayon::prelude::*;

use crate::{
    arithmetic::{Backend, Point, Points},
    watch::{Stop, Watch},
};
pub(crate) use comb::Comb;
pub(crate) use digits::magnitude;
use digits::{Digits, Sorted};
pub(crate) use kernels::{AddAll, double_all};
use repeated::Repeated;
use tree::{Sums, Tree};
use weighted::weighted_sum;

/// Bits of the largest magnitude of a scalar, `(p - 1) / 2`, and one for the sign.
const SCALAR_BITS: usize = 254;

/// An affine point in the library's form.
pub(crate) fn affine<B: Backend>(point: &Point<B>) -> G1Affine {
    let (x, y) = <B::Q as Points>::coordinates(point);
    G1Affine { x, y }
}

/// A point of the library, which must not be the identity, in a backend's form.
pub(crate) fn prepared<B: Backend>(point: &G1Affine) -> Point<B> {
    <B::Q as Points>::point(&point.x, &point.y)
}

/// Affine forms by one inversion.
pub(crate) fn normalized(points: &[G1]) -> Vec<G1Affine> {
    let mut out = vec![G1Affine::default(); points.len()];
    G1::batch_normalize(points, &mut out);
    out
}

/// Window and stride of a table: `2^window` is twice the number of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Bits of a window.
    pub(crate) bits: u32,
    /// One multiple is kept for so many windows.
    pub(crate) stride: usize,
}

impl Windows {
    /// What is fastest for so many bases: every window kept.
    pub(crate) fn for_bases(bases: usize) -> Self {
        let k = bases.next_power_of_two().ilog2();
        // Additions: 254 / c a base, and two for each of 2^(c-1) buckets.
        Self { bits: k.clamp(5, 16), stride: 1 }
    }

    /// Nothing kept but the bases.
    pub(crate) fn without_table(bases: usize) -> Self {
        let k = bases.next_power_of_two().ilog2();
        // Here every window has buckets of its own.
        let bits = (k.saturating_sub(2)).clamp(3, 14);
        Self { bits, stride: SCALAR_BITS.div_ceil(bits as usize) }
    }

    /// Digits of a scalar.
    pub(crate) fn count(self) -> usize {
        SCALAR_BITS.div_ceil(self.bits as usize)
    }

    /// Multiples that are kept of each base.
    pub(crate) fn kept(self) -> usize {
        self.count().div_ceil(self.stride)
    }
}

/// Bases with their multiples.
pub(crate) struct Table<B: Backend> {
    backend: B,
    windows: Windows,
    bases: usize,
    /// Multiple j of base i at `bases j + i`.
    points: Vec<Point<B>>,
    workspaces: Arc<Workspaces<B>>,
}

/// Buffers that multiplications leave for the next ones.
pub(crate) struct Workspaces<B: Backend>(Mutex<Vec<Workspace<B>>>);

impl<B: Backend> Default for Workspaces<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B: Backend> Workspaces<B> {
    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Workspace<B>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Frees all that are not in use.
    pub(crate) fn clear(&self) {
        self.spare().clear();
    }
}

/// Buffers of one multiplication.
struct Workspace<B: Backend> {
    digits: Digits,
    sorted: Sorted,
    buckets: Sums<B>,
    lines: Sums<B>,
    tree: Tree<B>,
}

impl<B: Backend> Default for Workspace<B> {
    fn default() -> Self {
        Self {
            digits: Digits::default(),
            sorted: Sorted::default(),
            buckets: Sums::default(),
            lines: Sums::default(),
            tree: Tree::default(),
        }
    }
}

/// How a multiplication uses the threads of its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// On the calling thread; others multiply at the same time.
    One,
    /// Bucket sums on all threads.
    All,
}

impl<B: Backend> Table<B> {
    /// Makes the multiples of bases, none of which is the identity.
    pub(crate) fn new(
        backend: B,
        bases: &[G1Affine],
        windows: Windows,
        workspaces: &Arc<Workspaces<B>>,
    ) -> Self {
        let mut points: Vec<Point<B>> = Vec::with_capacity(bases.len() * windows.kept());
        points.extend(bases.iter().map(prepared::<B>));
        for j in 1..windows.kept() {
            let mut multiple = points[(j - 1) * bases.len()..].to_vec();
            multiple.par_chunks_mut(1 << 12).for_each(|points| {
                for _ in 0..windows.bits as usize * windows.stride {
                    double_all(backend, points);
                }
            });
            points.append(&mut multiple);
        }
        Self::of_points(backend, windows, bases.len(), points, workspaces)
    }

    /// A table from all multiples of its bases, those of the first window first.
    pub(crate) fn of_points(
        backend: B,
        windows: Windows,
        bases: usize,
        points: Vec<Point<B>>,
        workspaces: &Arc<Workspaces<B>>,
    ) -> Self {
        assert_eq!(points.len(), bases * windows.kept(), "points of a table");
        assert!(points.len() <= (u32::MAX >> 1) as usize, "entries have 31 bits");
        Self { backend, windows, bases, points, workspaces: workspaces.clone() }
    }

    /// All multiples, those of the first window first.
    pub(crate) fn points(&self) -> &[Point<B>] {
        &self.points
    }

    /// Window and stride.
    pub(crate) fn windows(&self) -> Windows {
        self.windows
    }

    /// How many bases there are.
    pub(crate) fn bases(&self) -> usize {
        self.bases
    }

    /// `sum_i scalars[i] G_i` over the first bases.
    ///
    /// Its time depends on the scalars: zeros and small ones are cheap.
    ///
    /// # Errors
    /// When the watch says so.
    pub(crate) fn multiply(&self, scalars: &[Fr], spread: Spread, watch: &dyn Watch) -> Result<G1, Stop> {
        assert!(scalars.len() <= self.bases, "{} scalars of {} bases", scalars.len(), self.bases);
        let mut workspace = self.workspaces.spare().pop().unwrap_or_default();
        let sum = match Repeated::find(scalars) {
            Some(repeated) => self.multiply_repeated(&repeated, spread, watch, &mut workspace),
            None => self.multiply_with(scalars, spread, watch, &mut workspace),
        };
        self.workspaces.spare().push(workspace);
        match sum? {
            Some(sum) => Ok(sum),
            None => Ok(self.multiply_slowly(scalars)),
        }
    }

    /// The library's multiplication, for bases among which equal points meet.
    fn multiply_slowly(&self, scalars: &[Fr]) -> G1 {
        let bases: Vec<G1Affine> = self.points[..scalars.len()].iter().map(affine::<B>).collect();
        best_multiexp(scalars, &bases)
    }

    /// The sum over bases with repeated scalars, and over the others.
    fn multiply_repeated(
        &self,
        repeated: &Repeated,
        spread: Spread,
        watch: &dyn Watch,
        workspace: &mut Workspace<B>,
    ) -> Result<Option<G1>, Stop> {
        let Workspace { lines, tree, .. } = workspace;
        if !tree.sum::<false>(self.backend, &self.points, &repeated.bases, lines, watch)? {
            return Ok(None);
        }
        let sums = lines.points.clone();
        let windows = Windows::without_table(sums.len());
        let table = Self::of_points(self.backend, windows, sums.len(), sums, &self.workspaces);
        let first = table.multiply_with(&repeated.scalars, spread, watch, workspace)?;
        let second = self.multiply_with(&repeated.others, spread, watch, workspace)?;
        Ok(first.zip(second).map(|(first, second)| first + second))
    }

    /// Nothing if two points of equal x met: then an addition is a doubling, or has no affine result.
    fn multiply_with(
        &self,
        scalars: &[Fr],
        spread: Spread,
        watch: &dyn Watch,
        workspace: &mut Workspace<B>,
    ) -> Result<Option<G1>, Stop> {
        let mut total = G1::identity();
        for remainder in (0..self.windows.stride).rev() {
            for _ in 0..if remainder + 1 < self.windows.stride { self.windows.bits } else { 0 } {
                total = total.double();
            }
            match self.pass(scalars, remainder, spread, watch, workspace)? {
                Some(sum) => total += sum,
                None => return Ok(None),
            }
        }
        Ok(Some(total))
    }

    /// The digits of the windows that leave this remainder divided by the stride.
    fn pass(
        &self,
        scalars: &[Fr],
        remainder: usize,
        spread: Spread,
        watch: &dyn Watch,
        workspace: &mut Workspace<B>,
    ) -> Result<Option<G1>, Stop> {
        let Workspace { digits, sorted, buckets, lines, tree } = workspace;
        digits.write(scalars, self.windows, remainder, self.bases, watch)?;
        if digits.is_empty() {
            return Ok(Some(G1::identity()));
        }
        sorted.sort(digits, watch)?;
        let distinct = match spread {
            Spread::One => tree.sum::<true>(self.backend, &self.points, sorted, buckets, watch)?,
            Spread::All => tree::sum_on_all::<B, true>(self.backend, &self.points, sorted, buckets, watch)?,
        };
        if !distinct {
            return Ok(None);
        }
        weighted_sum(self.backend, self.windows.bits, buckets, sorted, lines, tree, watch)
    }
}

/// The prefix sums of points, none of them the identity: `sum_i v_i G_i = sum_i (v_i - v_(i+1)) (G_0 + .. + G_i)`.
pub(crate) fn prefix_sums(bases: &[G1Affine]) -> Option<Vec<G1Affine>> {
    let mut sum = G1::identity();
    let sums: Vec<G1> = bases
        .iter()
        .map(|base| {
            sum += base;
            sum
        })
        .collect();
    let sums = normalized(&sums);
    sums.iter()
        .all(|sum| !bool::from(halo2_proofs::halo2curves::group::prime::PrimeCurveAffine::is_identity(sum)))
        .then_some(sums)
}
