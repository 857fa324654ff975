//! The hint cells of a lane, by the form of its channels, and the fixed columns their lookups read.

use crate::index::{AdviceColumn, FixedColumn};

/// The hint cells of a lane.
#[derive(Clone, Debug)]
pub enum LaneColumns {
    /// A model input, or a channel in the linear form.
    Linear(LinearCells),
    /// A channel requantized by thresholds.
    Threshold(ThresholdCells),
    /// An elementwise maximum.
    Maximum(MaximumCells),
    /// An elementwise product.
    Product(ProductCells),
}

impl LaneColumns {
    /// Fixed: the table tag of the activation. Lanes of the linear form share it.
    pub fn tag(&self) -> FixedColumn {
        match self {
            Self::Linear(lane) => lane.tag,
            Self::Threshold(lane) => lane.tag,
            Self::Maximum(lane) => lane.tag,
            Self::Product(lane) => lane.tag,
        }
    }

    /// The activation column.
    pub fn activation(&self) -> AdviceColumn {
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
pub struct LinearCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub activation: AdviceColumn,
    /// Advice, phase 0: the excess `E`, in one or two parts, low part first.
    pub excess: Vec<AdviceColumn>,
    /// Advice, phase 0: limbs of the remainder, low limb first.
    pub limbs: Vec<AdviceColumn>,
    /// Fixed: table tag of the activation.
    pub tag: FixedColumn,
    /// Fixed: 1 where the row holds a channel.
    pub channel: FixedColumn,
}

/// The cells of a channel requantized by thresholds and the fixed columns its lookups read.
#[derive(Clone, Debug)]
pub struct ThresholdCells {
    /// Advice, phase 0: the activation byte `y'`.
    pub activation: AdviceColumn,
    /// Advice, phase 0: the threshold `t_y`.
    pub threshold: AdviceColumn,
    /// Advice, phase 0: limbs of `acc - t_y`.
    pub distance: Vec<AdviceColumn>,
    /// Advice, phase 0: limbs of `T_{y+1} - 1 - acc`.
    pub complement: Vec<AdviceColumn>,
    /// Fixed: table tag of the activation.
    pub tag: FixedColumn,
    /// Fixed: 1 where the row holds a channel.
    pub channel: FixedColumn,
}

/// The cells of a maximum and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub struct MaximumCells {
    /// Advice, phase 0: the maximum `y'`.
    pub activation: AdviceColumn,
    /// Advice, phase 0: `y' - a'` and `y' - b'`.
    pub distances: [AdviceColumn; 2],
    /// Fixed: table tag.
    pub tag: FixedColumn,
}

/// The cells of a product and the fixed column its lookups read.
#[derive(Clone, Debug)]
pub struct ProductCells {
    /// Advice, phase 0: the product `a' b'`.
    pub activation: AdviceColumn,
    /// Advice, phase 0: the bytes `a'` and `b'`.
    pub factors: [AdviceColumn; 2],
    /// Fixed: table tag.
    pub tag: FixedColumn,
}
