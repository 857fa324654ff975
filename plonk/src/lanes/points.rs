//! Curve points in lanes.
//!
//! A point is one cache line: x and y in lane form as four 64-bit limbs each, below 2p.

use ff::{Field, PrimeField};
use halo2_proofs::halo2curves::bn256::Fq;

use super::{
    field::{LaneField, Limbs8},
    words::Words,
};
use crate::{
    arithmetic::{Arithmetic, Points},
    limbs::{Limbs, Limbs4, Limbs5, canonical, join, subtract},
};

/// Limbs of x, then of y.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct PointLine([u64; 8]);

impl PointLine {
    fn halves(&self) -> (Limbs4, Limbs4) {
        let v = self.0;
        ([v[0], v[1], v[2], v[3]], [v[4], v[5], v[6], v[7]])
    }
}

/// 2p.
const TWICE: Limbs4 = {
    let p = <Fq as Limbs>::P;
    [p[0] << 1, p[1] << 1 | p[0] >> 63, p[2] << 1 | p[1] >> 63, p[3] << 1 | p[2] >> 63]
};

impl<W: Words> LaneField<W, Fq> {
    #[inline(always)]
    fn line(points: &[PointLine], entry: u32) -> W::V {
        W::of_array(points[(entry >> 1) as usize].0)
    }
}

impl<W: Words> Points for LaneField<W, Fq> {
    type Point = PointLine;

    fn point(x: &Fq, y: &Fq) -> PointLine {
        let (x, y) = (join(x.lane_limbs()), join(y.lane_limbs()));
        PointLine([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]])
    }

    fn coordinates(point: &PointLine) -> (Fq, Fq) {
        let (x, y) = point.halves();
        // Lane form of a is the library's form of 16 a.
        let sixteenth = Fq::TWO_INV.square().square();
        (Fq::of_limbs(canonical::<Fq>(x)) * sixteenth, Fq::of_limbs(canonical::<Fq>(y)) * sixteenth)
    }

    fn negated(point: &PointLine) -> PointLine {
        let (x, y) = point.halves();
        let (y, _) = subtract(TWICE, y);
        PointLine([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]])
    }

    #[inline(always)]
    fn load<const SIGNS: bool>(&self, points: &[PointLine], entries: &[u32]) -> (Limbs8<W>, Limbs8<W>) {
        let e: &[u32; 8] = entries.try_into().expect("an entry for every lane");
        let lines = [
            Self::line(points, e[0]),
            Self::line(points, e[1]),
            Self::line(points, e[2]),
            Self::line(points, e[3]),
            Self::line(points, e[4]),
            Self::line(points, e[5]),
            Self::line(points, e[6]),
            Self::line(points, e[7]),
        ];
        let t = self.transpose8(&lines);
        let x = self.split(&[t[0], t[1], t[2], t[3]]);
        let mut y = self.split(&[t[4], t[5], t[6], t[7]]);
        if SIGNS {
            let mut negative = 0;
            for (lane, entry) in e.iter().enumerate() {
                negative |= ((entry & 1) as u8) << lane;
            }
            let negated = self.sub(&[self.words.splat(0); 5], &y, &self.modulus(2));
            for l in 0..5 {
                y[l] = self.words.blend(negative, y[l], negated[l]);
            }
        }
        (x, y)
    }

    #[inline(always)]
    fn store(&self, x: &Limbs8<W>, y: &Limbs8<W>, points: &mut [PointLine], at: &[u32]) {
        let (x, y) = (self.join(x), self.join(y));
        let lines = self.transpose8(&[x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]]);
        for lane in 0..8 {
            points[at[lane] as usize] = PointLine(W::to_array(lines[lane]));
        }
    }

    #[inline(always)]
    fn touch(&self, points: &[PointLine], entries: &[u32]) {
        let mut read = self.mask;
        for entry in entries {
            read = self.words.or(read, Self::line(points, *entry));
        }
        std::hint::black_box(W::to_array(read));
    }

    #[inline(always)]
    fn invert(&self, pack: &Limbs8<W>) -> Option<Limbs8<W>> {
        let inverses = invert_all(&self.to_elements(pack))?;
        let mut out = [[0; 8]; 5];
        for (lane, inverse) in inverses.iter().enumerate() {
            for l in 0..5 {
                out[l][lane] = inverse[l];
            }
        }
        Some([
            W::of_array(out[0]),
            W::of_array(out[1]),
            W::of_array(out[2]),
            W::of_array(out[3]),
            W::of_array(out[4]),
        ])
    }
}

/// Inverses in lane form by one inversion (Montgomery's trick); outside of what is vectorized.
#[inline(never)]
fn invert_all(elements: &[Limbs4; 8]) -> Option<[Limbs5; 8]> {
    let elements = elements.map(|limbs| Fq::of_limbs(canonical::<Fq>(limbs)));
    let mut before = [Fq::ONE; 8];
    let mut product = Fq::ONE;
    for (before, element) in before.iter_mut().zip(&elements) {
        *before = product;
        product *= element;
    }
    let mut inverse = Option::<Fq>::from(product.invert())?;
    let mut out = [[0; 5]; 8];
    for i in (0..8).rev() {
        out[i] = (inverse * before[i]).lane_limbs();
        inverse *= elements[i];
    }
    Some(out)
}
