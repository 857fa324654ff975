//! Scalars that occur many times.
//!
//! Bases with the same scalar can be added up first: an addition a base, not one a digit, and digits once for each
//! different scalar. Copies of powers are of this kind, a hundred different values on all rows.

use std::collections::{HashMap, HashSet};

use halo2_proofs::halo2curves::bn256::Fr;

use super::digits::{Sorted, is_wide, magnitude};
use crate::limbs::{Limbs, Limbs4};

/// One scalar in so many is looked at before all are.
const SAMPLED: usize = 32;

/// Fewer scalars are not worth a look.
const FEWEST: usize = 512;

/// Scalars that occur more than once.
pub(super) struct Repeated {
    /// Each once.
    pub(super) scalars: Vec<Fr>,
    /// Per scalar a segment with the entries of its bases.
    pub(super) bases: Sorted,
    /// All scalars, with 0 in the place of those that are repeated.
    pub(super) others: Vec<Fr>,
}

/// Digits make it worthwhile to be added up.
fn counts(scalar: &Fr) -> bool {
    is_wide(&magnitude(scalar).0)
}

impl Repeated {
    /// Groups equal scalars where most are repeated, judged by a sample.
    pub(super) fn find(scalars: &[Fr]) -> Option<Self> {
        if scalars.len() < FEWEST || !worthwhile(scalars) {
            return None;
        }
        let mut places: HashMap<Limbs4, u32> = HashMap::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for (i, scalar) in scalars.iter().enumerate().filter(|(_, scalar)| counts(scalar)) {
            let place = *places.entry(scalar.limbs()).or_insert(groups.len() as u32);
            match groups.get_mut(place as usize) {
                Some(group) => group.push(i as u32),
                None => groups.push(vec![i as u32]),
            }
        }
        let mut repeated = Self { scalars: Vec::new(), bases: Sorted::default(), others: scalars.to_vec() };
        repeated.bases.clear();
        for group in groups.into_iter().filter(|group| group.len() > 1) {
            repeated.scalars.push(scalars[group[0] as usize]);
            for i in group {
                repeated.others[i as usize] = Fr::zero();
                repeated.bases.entries.push(i << 1);
            }
            repeated.bases.end_segment();
        }
        Some(repeated)
    }
}

/// Whether less than half of a sample is new.
fn worthwhile(scalars: &[Fr]) -> bool {
    // Scalars that follow each other are looked at in runs that do not fall together with any period of two powers.
    let sample: Vec<Limbs4> =
        scalars.iter().step_by(SAMPLED - 1).filter(|scalar| counts(scalar)).map(Limbs::limbs).collect();
    let different: HashSet<&Limbs4> = sample.iter().collect();
    sample.len() * SAMPLED > FEWEST && different.len() * 2 < sample.len()
}
