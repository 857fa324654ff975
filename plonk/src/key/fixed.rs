//! Columns that no proof changes, in one of two forms.

use std::borrow::Cow;

use halo2_proofs::halo2curves::bn256::Fr;

use crate::{
    arithmetic::{Backend, Pack},
    columns::weighted_sum,
    fft::Fft,
    watch::{Stop, Unwatched, Watch},
};

/// A column that no proof changes.
pub(crate) enum FixedColumn<B: Backend> {
    /// By its coefficients, in reversed order.
    Coefficients(Vec<Pack<B>>),
    /// By its values on every coset, with padding. Those on the first coset say as much as coefficients.
    Cosets(Vec<Vec<Pack<B>>>),
}

impl<B: Backend> FixedColumn<B> {
    /// Puts values on all cosets, written to `room`, in the place of coefficients.
    pub(super) fn keep_cosets(&mut self, fft: &Fft<B>, mut room: Vec<Vec<Pack<B>>>) {
        let Self::Coefficients(coefficients) = self else { return };
        for (coset, out) in room.iter_mut().enumerate() {
            fft.extend(coefficients, coset, out, &Unwatched).expect("nobody stops it");
        }
        *self = Self::Cosets(room);
    }

    /// Values on a coset with padding, if they are kept.
    pub(crate) fn on_coset(&self, coset: usize) -> Option<&[Pack<B>]> {
        match self {
            Self::Coefficients(_) => None,
            Self::Cosets(cosets) => Some(&cosets[coset]),
        }
    }

    /// The coefficients, computed where they are not kept.
    pub(crate) fn coefficients(&self, fft: &Fft<B>, watch: &dyn Watch) -> Result<Cow<'_, [Pack<B>]>, Stop> {
        match self {
            Self::Coefficients(coefficients) => Ok(Cow::Borrowed(coefficients)),
            Self::Cosets(cosets) => Ok(Cow::Owned(interpolated_sum(
                fft,
                &[Fr::one()],
                &[fft.without_padding(&cosets[0])],
                watch,
            )?)),
        }
    }
}

/// The coefficients of `sum_j weights[j] P_j` of polynomials by their values on the first coset.
pub(crate) fn interpolated_sum<B: Backend>(
    fft: &Fft<B>,
    weights: &[Fr],
    values: &[&[Pack<B>]],
    watch: &dyn Watch,
) -> Result<Vec<Pack<B>>, Stop> {
    let vanishing = fft.vanishing();
    let weights: Vec<Fr> = weights.iter().map(|weight| *weight * vanishing).collect();
    let mut sum = weighted_sum(fft.backend(), &weights, values, watch)?;
    fft.quotient(&mut sum, 0, watch)?;
    Ok(sum)
}
