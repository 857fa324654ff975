//! Scalars as signed digits, and digits sorted by bucket.

use ff::PrimeField;
use halo2_proofs::halo2curves::bn256::Fr;

use super::Windows;
use crate::{
    limbs::{Limbs, Limbs4, subtract},
    watch::{Stop, Watch},
};

/// Scalars or digits between two questions whether to go on.
const UNWATCHED: usize = 1 << 14;

/// `(p - 1) / 2`.
const HALF: Limbs4 = {
    let p = <Fr as Limbs>::P;
    [p[0] >> 1 | p[1] << 63, p[1] >> 1 | p[2] << 63, p[2] >> 1 | p[3] << 63, p[3] >> 1]
};

/// `min(v, p - v)`, and whether it is the latter.
#[inline(always)]
pub(crate) fn magnitude(scalar: &Fr) -> (Limbs4, bool) {
    let repr = scalar.to_repr();
    let bytes: &[u8] = repr.as_ref();
    let mut v = [0; 4];
    for (limb, bytes) in v.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    }
    let (_, larger) = subtract(HALF, v);
    if larger { (subtract(<Fr as Limbs>::P, v).0, true) } else { (v, false) }
}

/// Whether a scalar needs more than one word.
#[inline(always)]
pub(crate) fn is_wide(magnitude: &Limbs4) -> bool {
    magnitude[1] | magnitude[2] | magnitude[3] != 0
}

/// A digit that is not 0: its bucket, one less than its magnitude; and its point, doubled, plus 1 if it is negative.
#[derive(Clone, Copy, Debug)]
struct Digit {
    bucket: u32,
    entry: u32,
}

/// The digits of one pass.
#[derive(Debug, Default)]
pub(super) struct Digits {
    digits: Vec<Digit>,
    /// Buckets from 0 to the highest that is used.
    buckets: usize,
}

impl Digits {
    pub(super) fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }

    /// Writes the digits of the windows `w = stride j + remainder`, whose points are multiple j of the base.
    pub(super) fn write(
        &mut self,
        scalars: &[Fr],
        windows: Windows,
        remainder: usize,
        bases: usize,
        watch: &dyn Watch,
    ) -> Result<(), Stop> {
        self.digits.clear();
        let half = 1u64 << (windows.bits - 1);
        let mut largest = 0;
        for (i, scalar) in scalars.iter().enumerate() {
            if i.is_multiple_of(UNWATCHED) {
                watch.check()?;
            }
            let (v, negative) = magnitude(scalar);
            let sign = u32::from(negative);
            if !is_wide(&v) && v[0] <= half {
                if v[0] != 0 && remainder == 0 {
                    largest = largest.max(v[0]);
                    self.digits.push(Digit { bucket: v[0] as u32 - 1, entry: (i as u32) << 1 | sign });
                }
                continue;
            }
            let mut carry = 0;
            for window in 0..windows.count() {
                let digit = window_of(&v, window, windows.bits) + carry;
                let over = digit > half;
                let size = if over { (1 << windows.bits) - digit } else { digit };
                carry = u64::from(over);
                if size != 0 && window % windows.stride == remainder {
                    largest = largest.max(size);
                    let point = (window / windows.stride * bases + i) as u32;
                    self.digits.push(Digit {
                        bucket: size as u32 - 1,
                        entry: point << 1 | (u32::from(over) ^ sign),
                    });
                }
            }
        }
        self.buckets = largest as usize;
        Ok(())
    }
}

/// Bits `bits window` and up, `bits` of them.
#[inline(always)]
fn window_of(v: &Limbs4, window: usize, bits: u32) -> u64 {
    let at = window * bits as usize;
    let (limb, shift) = (at / 64, at % 64);
    let mut digit = v[limb] >> shift;
    if shift + bits as usize > 64 && limb < 3 {
        digit |= v[limb + 1] << (64 - shift);
    }
    digit & ((1 << bits) - 1)
}

/// Entries in segments, one segment a sum.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) entries: Vec<u32>,
    /// Where each segment starts, and the end of the last.
    pub(super) starts: Vec<u32>,
}

impl Sorted {
    /// One segment per bucket (counting sort).
    pub(super) fn sort(&mut self, digits: &Digits, watch: &dyn Watch) -> Result<(), Stop> {
        let mut counts = vec![0u32; digits.buckets + 1];
        for digits in digits.digits.chunks(UNWATCHED) {
            watch.check()?;
            for digit in digits {
                counts[digit.bucket as usize + 1] += 1;
            }
        }
        for b in 1..counts.len() {
            counts[b] += counts[b - 1];
        }
        self.starts.clear();
        self.starts.extend_from_slice(&counts);
        self.entries.clear();
        self.entries.resize(digits.digits.len(), 0);
        for digits in digits.digits.chunks(UNWATCHED) {
            watch.check()?;
            for digit in digits {
                let slot = &mut counts[digit.bucket as usize];
                self.entries[*slot as usize] = digit.entry;
                *slot += 1;
            }
        }
        Ok(())
    }

    /// Segments.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Begins anew without segments.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.starts.clear();
        self.starts.push(0);
    }

    /// Ends a segment with the entries pushed since the last.
    pub(super) fn end_segment(&mut self) {
        self.starts.push(self.entries.len() as u32);
    }
}
