//! What the tests and the measurements of the stores share: a Redis of their own, a clock that obeys, the stores.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod clock;
mod server;

use std::sync::Arc;

use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{Algorithm, Authenticator, KeySet, MemoryStore, RedisStore, SigningKey, VerifiedToken};

pub use clock::TestClock;
pub use server::{RedisServer, redis_is_installed};

/// A store under test, and the server that it may need.
pub struct Stores {
    /// The sign-ins.
    pub sign_ins: Arc<dyn SignInStore>,
    /// The revocations.
    pub revocations: Arc<dyn RevocationStore>,
    /// Its server, which ends with it.
    pub server: Option<RedisServer>,
}

impl Stores {
    /// In memory.
    pub fn memory() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { sign_ins: store.clone(), revocations: store, server: None }
    }

    /// On a Redis that is started for it; `None` where none is installed.
    pub async fn redis() -> Option<Self> {
        if !redis_is_installed() {
            return None;
        }
        let server = RedisServer::start();
        let store = Arc::new(RedisStore::connect(&server.url()).await.expect("the server has just been started"));
        Some(Self { sign_ins: store.clone(), revocations: store, server: Some(server) })
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A proved token with these claims and an `exp` far away.
pub fn proved(mut claims: serde_json::Value) -> VerifiedToken<()> {
    let secret = b"a secret of at least thirty-two bytes";
    claims["exp"] = 4_000_000_000_u64.into();
    let token = SigningKey::secret(Algorithm::HS256, secret).expect("long enough").sign(&claims).expect("an object");
    let verifier = Authenticator::<()>::builder()
        .keys(KeySet::hs256(secret).expect("long enough"))
        .any_audience()
        .build_verifier()
        .expect("keys and audience are set");
    verifier.verify(token).expect("it was just signed")
}
