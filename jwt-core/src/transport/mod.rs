//! Connections to other services: which addresses may be used, which certificates are trusted, and what clients say of their
//! failures.

pub(crate) mod address;
#[cfg(feature = "remote")]
pub(crate) mod bucket;
#[cfg(any(feature = "redis-tls", feature = "remote"))]
pub(crate) mod certificates;
pub(crate) mod form;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What an HTTP client says of its failure.
#[derive(Clone)]
pub struct TransportError(Arc<dyn Error + Send + Sync>);

impl TransportError {
    pub(crate) fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for TransportError {
    /// With its causes: the first one alone seldom says more than that something went wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
