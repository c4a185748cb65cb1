//! Used proofs in a store that all instances share.

use std::sync::Arc;

use super::UsedProof;
use super::dpop::Dpop;
use super::replay::{Answer, UsedProofs};
use crate::clock::NumericDate;
use crate::facade::tracing;
use crate::key::crypto;
use crate::store::ProofStore;

#[cfg_attr(feature_labels, doc(cfg(feature = "login")))]
impl Dpop {
    /// Remembers used proofs in this store, so that a proof which one instance has seen is refused by all. Each request with a
    /// proof then costs one round trip. A store that does not answer is a 503. The memory of this process.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use jwt_core::RedisStore;
    /// use jwt_core::binding::Dpop;
    ///
    /// let store = Arc::new(RedisStore::connect("redis://127.0.0.1").await?);
    /// let dpop = Dpop::new().replay_store(store);
    /// # let _ = dpop;
    /// # Ok(()) }
    /// ```
    pub fn replay_store(self, store: Arc<dyn ProofStore>) -> Self {
        self.remembered_by(Arc::new(Stored(store)))
    }
}

struct Stored(Arc<dyn ProofStore>);

impl UsedProofs for Stored {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> Answer {
        let store = self.0.clone();
        Answer::Later(Box::pin(async move {
            let attempt = crypto::random::<8>()?;
            match store.first_use(UsedProof { attempt, ..proof }, now).await {
                Ok(first) => Some(first),
                Err(error) => {
                    tracing::error!(target: "jwt", reason = %error, "the store did not do what a request needs");
                    None
                }
            }
        }))
    }
}
