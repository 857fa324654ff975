//! How lookups name the sets of values in the table, as far as gates do.

/// What a pair of bytes is claimed in: `2^16 a' + b'`.
pub const PAIR_BASE: i64 = 1 << 16;

/// A split excess looks up its high part under the tag times this factor, so that one fixed column serves
/// both lookups and tag 0 stays 0.
pub const SECOND_TAG_FACTOR: i64 = 1 << 20;

/// Tag of the range `0..2^0`; classes of channels have the tags below it.
pub const FIRST_RANGE: i64 = 1 << 16;

/// Tag of the range `0..2^width`.
pub fn range_tag(width: u32) -> i64 {
    FIRST_RANGE.saturating_add(width.into())
}
