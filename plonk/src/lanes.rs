//! Eight field elements at once, as five 52-bit limbs in five vectors.
//!
//! Montgomery form with R = 2^260. Products are those of Gueron and Krasnov, "Software implementation of modular
//! exponentiation, using advanced vector instructions architectures" (WAIFI 2012): a row of 52 x 52-bit products,
//! low halves, then high halves one limb up. R / p = 84.6 leaves 6 bits: sums and differences need no reduction for
//! a while, see [`arithmetic`](crate::arithmetic).

mod exchange;
mod field;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod points;
#[cfg(test)]
pub(crate) mod portable;
#[cfg(test)]
mod tests;
mod words;

use halo2_proofs::halo2curves::bn256::{Fq, Fr};

use crate::arithmetic::{Backend, Kernel};
pub(crate) use field::LaneField;
#[cfg(target_arch = "x86_64")]
pub(crate) use ifma::Ifma;

/// Computes eight elements at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes<W>(pub(crate) W);

#[cfg(target_arch = "x86_64")]
impl Backend for Lanes<Ifma> {
    type R = LaneField<Ifma, Fr>;
    type Q = LaneField<Ifma, Fq>;

    #[inline(always)]
    fn scalars(self) -> Self::R {
        LaneField::new(self.0)
    }

    #[inline(always)]
    fn coordinates(self) -> Self::Q {
        LaneField::new(self.0)
    }

    fn vectorize<K: Kernel<Self>>(self, kernel: K) -> K::Output {
        self.0.vectorize(Vectorized { backend: self, kernel })
    }
}

/// A kernel in the form in which `pulp` takes it.
#[cfg(target_arch = "x86_64")]
struct Vectorized<B, K> {
    backend: B,
    kernel: K,
}

#[cfg(target_arch = "x86_64")]
impl<B: Backend, K: Kernel<B>> pulp::NullaryFnOnce for Vectorized<B, K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.kernel.run(self.backend)
    }
}

#[cfg(test)]
impl Backend for Lanes<portable::Portable> {
    type R = LaneField<portable::Portable, Fr>;
    type Q = LaneField<portable::Portable, Fq>;

    fn scalars(self) -> Self::R {
        LaneField::new(self.0)
    }

    fn coordinates(self) -> Self::Q {
        LaneField::new(self.0)
    }

    fn vectorize<K: Kernel<Self>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}
