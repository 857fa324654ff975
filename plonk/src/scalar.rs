//! The library's field elements, one by one: any processor.

use ff::Field;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};

use crate::{
    arithmetic::{Arithmetic, Backend, Exchange, Kernel, Points},
    limbs::Limbs,
};

/// Computes element by element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl<F: Limbs> Arithmetic<F> for Scalar {
    const LANES: usize = 1;
    type Pack = F;
    type Constant = F;

    #[inline(always)]
    fn constant(element: &F) -> F {
        *element
    }

    #[inline(always)]
    fn set(&self, constant: &F) -> F {
        *constant
    }

    #[inline(always)]
    fn zero() -> F {
        F::ZERO
    }

    #[inline(always)]
    fn modulus(&self, _: u64) -> F {
        F::ZERO
    }

    #[inline(always)]
    fn mul_raw(&self, a: &F, b: &F) -> F {
        *a * b
    }

    #[inline(always)]
    fn carry(&self, a: &F) -> F {
        *a
    }

    #[inline(always)]
    fn reduce(&self, a: &F) -> F {
        *a
    }

    #[inline(always)]
    fn add_raw(&self, a: &F, b: &F) -> F {
        *a + b
    }

    #[inline(always)]
    fn sub_raw(&self, a: &F, b: &F, _: &F) -> F {
        *a - b
    }

    #[inline(always)]
    fn gather(&self, elements: &[F], _: usize, at: usize) -> F {
        elements[at]
    }

    #[inline(always)]
    fn scatter(&self, pack: &F, elements: &mut [F], _: usize, at: usize) {
        elements[at] = *pack;
    }
}

impl Exchange for Scalar {
    fn rows_factor() -> Fr {
        Fr::ONE
    }

    fn as_packs(elements: Vec<Fr>) -> Result<Vec<Fr>, Vec<Fr>> {
        Ok(elements)
    }

    #[inline(always)]
    fn rows(&self, elements: &[Fr], _: usize, at: usize) -> [Fr; 8] {
        let mut rows = [Fr::ZERO; 8];
        rows[0] = elements[at];
        rows
    }

    #[inline(always)]
    fn transpose(&self, packs: &[Fr; 8]) -> [Fr; 8] {
        *packs
    }

    #[inline(always)]
    fn up(&self, pack: &Fr) -> Fr {
        *pack
    }

    #[inline(always)]
    fn down(&self, pack: &Fr) -> Fr {
        *pack
    }
}

/// Affine coordinates, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Affine {
    x: Fq,
    y: Fq,
}

impl Points for Scalar {
    type Point = Affine;

    fn point(x: &Fq, y: &Fq) -> Affine {
        Affine { x: *x, y: *y }
    }

    fn coordinates(point: &Affine) -> (Fq, Fq) {
        (point.x, point.y)
    }

    #[inline(always)]
    fn negated(point: &Affine) -> Affine {
        Affine { x: point.x, y: -point.y }
    }

    #[inline(always)]
    fn load<const SIGNS: bool>(&self, points: &[Affine], entries: &[u32]) -> (Fq, Fq) {
        let point = points[(entries[0] >> 1) as usize];
        let negative = SIGNS && entries[0] & 1 == 1;
        (point.x, if negative { -point.y } else { point.y })
    }

    #[inline(always)]
    fn store(&self, x: &Fq, y: &Fq, points: &mut [Affine], at: &[u32]) {
        points[at[0] as usize] = Affine { x: *x, y: *y };
    }

    #[inline(always)]
    fn touch(&self, points: &[Affine], entries: &[u32]) {
        let mut read = 0;
        for entry in entries {
            read ^= points[(entry >> 1) as usize].x.limbs()[0];
        }
        std::hint::black_box(read);
    }

    #[inline(always)]
    fn invert(&self, pack: &Fq) -> Option<Fq> {
        pack.invert().into()
    }
}

impl Backend for Scalar {
    type R = Self;
    type Q = Self;

    #[inline(always)]
    fn scalars(self) -> Self {
        self
    }

    #[inline(always)]
    fn coordinates(self) -> Self {
        self
    }

    fn vectorize<K: Kernel<Self>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}
