//! What planning a network may take, judged from its shapes alone: a small file can describe a huge network.

mod estimate;

use crate::{
    error::{Fitting, PlanError, Resource},
    ir::{Model, Op},
};

use estimate::{Amounts, Scaled, Taken};

/// What a plan may take. The same model with the same budget has a plan everywhere or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Peak memory, in bytes.
    pub bytes: u64,
    /// CPU time on the reference machine, in seconds.
    pub seconds: u64,
}

impl Budget {
    /// More than any plan takes.
    pub const UNLIMITED: Self = Self { bytes: u64::MAX, seconds: u64::MAX };
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: 4 << 30, seconds: 600 }
    }
}

/// Checks that planning a model takes no more than it may, by an upper bound from its shapes: no part of the plan is made.
///
/// # Errors
/// [`PlanError::OverBudget`] names what it would take, what it may take and what would fit.
pub fn check_size(model: &Model, budget: &Budget) -> Result<(), PlanError> {
    let amounts = Amounts::of(model);
    let taken = amounts.taken(Scaled::FULL);
    let memory = if amounts.has_numbers() { taken.bytes } else { u64::MAX };
    let checked =
        [(Resource::Memory, memory, budget.bytes), (Resource::Time, taken.seconds(), budget.seconds)];
    match checked.into_iter().find(|(_, needed, limit)| needed > limit) {
        None => Ok(()),
        Some((resource, needed, limit)) => {
            let fits = fitting(model, amounts, budget);
            Err(PlanError::OverBudget { resource, needed, limit, fits })
        }
    }
}

impl Taken {
    fn seconds(self) -> u64 {
        self.nanoseconds.div_ceil(1_000_000_000)
    }

    fn fits(self, budget: &Budget) -> bool {
        self.bytes <= budget.bytes && self.seconds() <= budget.seconds
    }
}

fn fitting(model: &Model, amounts: Amounts, budget: &Budget) -> Fitting {
    let largest = |scaled: fn(u8) -> Scaled| {
        let fits = |percent: &u8| amounts.taken(scaled(*percent)).fits(budget);
        (1..100).rev().find(fits).unwrap_or(0)
    };
    let has_images = model.nodes.iter().any(|node| matches!(node.op, Op::Convolution(_) | Op::MaxPool(_)));
    Fitting {
        side: if has_images { largest(|side| Scaled { side: side.into(), ..Scaled::FULL }) } else { 0 },
        channels: largest(|channels| Scaled { channels: channels.into(), ..Scaled::FULL }),
    }
}

#[cfg(test)]
mod tests;
