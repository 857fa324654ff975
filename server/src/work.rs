//! Who works: what a job is, who runs which job when, and the processes that prove and plan.

pub mod crash_points;
pub mod dispatch;
pub mod jobs;
pub(crate) mod planning;
pub(crate) mod prediction;
pub(crate) mod protocol;
pub mod worker;
