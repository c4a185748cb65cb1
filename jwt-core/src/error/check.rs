//! The reasons that checks and policies of the application give.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The reason that a check or a policy of the application gave; [`downcast_ref`](Self::downcast_ref) yields it back, typed.
#[derive(Clone)]
pub struct CheckError(Arc<dyn CheckReason>);

pub(crate) trait CheckReason: Error + Any + Send + Sync {}

impl<E: Error + Send + Sync + 'static> CheckReason for E {}

impl CheckError {
    pub(crate) fn new(reason: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(reason))
    }

    /// The reason as the check gave it.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl fmt::Debug for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
