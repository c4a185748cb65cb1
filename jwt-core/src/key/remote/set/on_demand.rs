//! Keys of an issuer of which it is not known whether it exists: fetched when a token asks for them, and not before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// How the keys of such an issuer are fetched, for as long as there are none.
#[derive(Debug, Clone)]
pub(crate) struct OnDemand {
    /// The longest time that passes after a try before a token can cause the next one. It is shorter after the first tries.
    pub(crate) longest_pause: Duration,
    /// Whose turn it is, where many are fetched at once.
    pub(crate) turns: Option<Arc<Semaphore>>,
    /// Where the metadata is looked for, in this order: numbers of [`metadata::addresses`](crate::key::remote::metadata). `None`
    /// for everywhere.
    pub(crate) places: Option<Box<[usize]>>,
}
