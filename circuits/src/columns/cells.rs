//! The hint cells of a lane, by the form of its channels, and the fixed columns their lookups read.

/// The hint cells of a lane.
#[derive(Clone, Debug)]
pub(crate) enum LaneColumns {
    Linear(LinearCells),
    Threshold(ThresholdCells),
    Maximum(MaximumCells),
    Product(ProductCells),
}

impl LaneColumns {
    /// Fixed: the table tag of the activation. Lanes of the linear form share it.
    pub(crate) fn tag(&self) -> usize {
        match self {
            Self::Linear(lane) => lane.tag,
            Self::Threshold(lane) => lane.tag,
            Self::Maximum(lane) => lane.tag,
            Self::Product(lane) => lane.tag,
        }
    }

    /// The activation column.
    pub(crate) fn activation(&self) -> usize {
        match self {
            Self::Linear(lane) => lane.activation,
            Self::Threshold(lane) => lane.activation,
            Self::Maximum(lane) => lane.activation,
            Self::Product(lane) => lane.activation,
        }
    }
}

/// The cells of a channel in the linear form and the fixed columns its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct LinearCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the excess `E`, in one or two parts, low part first.
    pub(crate) excess: Vec<usize>,
    /// Advice, phase 0: limbs of the remainder, low limb first.
    pub(crate) limbs: Vec<usize>,
    /// Fixed: table tag of the activation.
    pub(crate) tag: usize,
    /// Fixed: 1 where the row holds a channel.
    pub(crate) channel: usize,
}

/// The cells of a channel requantized by thresholds and the fixed columns its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the threshold `t_y`.
    pub(crate) threshold: usize,
    /// Advice, phase 0: limbs of `acc - t_y`.
    pub(crate) distance: Vec<usize>,
    /// Advice, phase 0: limbs of `T_{y+1} - 1 - acc`.
    pub(crate) complement: Vec<usize>,
    /// Fixed: table tag of the activation.
    pub(crate) tag: usize,
    /// Fixed: 1 where the row holds a channel.
    pub(crate) channel: usize,
}

/// The cells of a maximum and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct MaximumCells {
    /// Advice, phase 0: the maximum `y'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: `y' - a'` and `y' - b'`.
    pub(crate) distances: [usize; 2],
    /// Fixed: table tag.
    pub(crate) tag: usize,
}

/// The cells of a product and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub(crate) struct ProductCells {
    /// Advice, phase 0: the product `a' b'`.
    pub(crate) activation: usize,
    /// Advice, phase 0: the bytes `a'` and `b'`.
    pub(crate) factors: [usize; 2],
    /// Fixed: table tag.
    pub(crate) tag: usize,
}
