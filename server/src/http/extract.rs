//! Reading requests: every refusal is a [`Problem`].
//!
//! Bodies are capped before they are read, must arrive within a time limit, and take their memory from one budget
//! that all requests share.

mod body;
mod header;
mod parameter;
mod wording;

pub(crate) use body::{BodyBudget, BytesBody, JsonBody};
pub(crate) use header::{IdempotencyKey, MAX_WAIT, Preferences, context_of};
pub(crate) use parameter::{PathId, Query};
