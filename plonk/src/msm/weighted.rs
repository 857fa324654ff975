//! The weighted sum of buckets.

use halo2_proofs::halo2curves::{bn256::G1, group::Group};

use super::{
    affine,
    digits::Sorted,
    tree::{Sums, Tree},
};
use crate::{
    arithmetic::Backend,
    watch::{Stop, Watch},
};

/// `sum_b (b + 1) B_b`. With `b + 1 = hi 2^h + lo` it is `2^h sum_hi hi R_hi + sum_lo lo C_lo` of the sums R of rows
/// and C of columns. Nothing if two points of equal x met.
pub(super) fn weighted_sum<B: Backend>(
    backend: B,
    bits: u32,
    buckets: &Sums<B>,
    sorted: &mut Sorted,
    lines: &mut Sums<B>,
    tree: &mut Tree<B>,
    watch: &dyn Watch,
) -> Result<Option<G1>, Stop> {
    let shift = bits / 2;
    let (width, last) = (1usize << shift, buckets.present.len());
    let rows = last >> shift;
    sorted.clear();
    for row in 1..=rows {
        for weight in row * width..((row + 1) * width).min(last + 1) {
            push(sorted, buckets, weight);
        }
        sorted.end_segment();
    }
    for column in 1..width {
        for weight in (column..=last).step_by(width) {
            push(sorted, buckets, weight);
        }
        sorted.end_segment();
    }
    if !tree.sum::<false>(backend, &buckets.points, sorted, lines, watch)? {
        return Ok(None);
    }
    let mut sum = running_sum(lines, 0..rows);
    for _ in 0..shift {
        sum = sum.double();
    }
    Ok(Some(sum + running_sum(lines, rows..rows + width - 1)))
}

/// Adds the bucket of this weight to the segment.
fn push<B: Backend>(sorted: &mut Sorted, buckets: &Sums<B>, weight: usize) {
    if buckets.present[weight - 1] {
        sorted.entries.push((weight as u32 - 1) << 1);
    }
}

/// `sum_i (i + 1) L_i` over a range of lines.
fn running_sum<B: Backend>(lines: &Sums<B>, range: std::ops::Range<usize>) -> G1 {
    let (mut running, mut total) = (G1::identity(), G1::identity());
    for i in range.rev() {
        if lines.present[i] {
            running += affine::<B>(&lines.points[i]);
        }
        total += running;
    }
    total
}
