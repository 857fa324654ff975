//! Keys, proofs, artifacts and offline verification for Lemma circuits.
