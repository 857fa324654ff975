//! Numbers that say which of many, where planning counts them; columns and rows are counted in [`lemma_verifier::index`].

lemma_verifier::indices! {
    pub(crate) struct;
    /// A node of the expanded network.
    NodeId = "node";
    /// A linear map of the network: a node that computes something.
    MapId = "map";
    /// A tap of a map.
    TapId = "tap";
    /// A block of the placement.
    BlockId = "block";
    /// A plane of a block, by its place in it.
    Member = "member";
    /// An equation of the region, counted from 1.
    EquationId = "equation";
    /// A claim of a group, by its place in it.
    SlotId = "slot";
    /// A plane of a tensor.
    PlaneId = "plane";
    /// An element of a plane, by its place in it.
    Position = "position";
}
