//! What may be promised of transactions, and what breaks it.

/// What is promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// Some order of the transactions explains everything.
    Serializable,
    /// And in it no transaction stands behind one that began after it had ended.
    StrictSerializable,
}

/// An anomaly, and the transactions that show it.
pub(super) struct Anomaly {
    pub(super) why: String,
    /// By number.
    pub(super) shown: Vec<usize>,
}
