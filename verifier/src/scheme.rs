//! Polynomial commitment schemes.

use serde::{Deserialize, Serialize};

/// The polynomial commitment scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Inner product argument: transparent.
    Ipa,
    /// KZG with SHPLONK: smaller and faster, needs a structured reference string.
    Kzg,
}
