use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::claims::ClaimsType;
use serde_json::{Value, json};

use super::clock::TestClock;
use super::server::IssuerServer;
use super::token::TestToken;
use crate::authenticator::AuthenticatorBuilder;
use crate::key::algorithm::Algorithm;
use crate::key::public_jwk::PublicJwk;
use crate::key::{KeySet, SigningKey};

/// An issuer of tokens for tests. Its keys are made when it is, and die with it. A clone is the same issuer.
///
/// Signs by Ed25519, is called `https://issuer.test` and issues for the audience `test`, unless told otherwise.
#[derive(Clone)]
pub struct TestIssuer {
    name: Arc<str>,
    audience: Arc<str>,
    algorithm: Algorithm,
    clock: TestClock,
    keys: Arc<Mutex<Keys>>,
}

/// The newest key signs; all of them are published.
struct Keys {
    made: usize,
    published: Vec<TestKey>,
}

#[derive(Clone)]
struct TestKey {
    kid: String,
    signing: SigningKey,
}

impl TestIssuer {
    /// An issuer with an Ed25519 key.
    pub fn new() -> Self {
        Self::with_algorithm(Algorithm::EdDSA)
    }

    /// An issuer with a key for that algorithm. An RSA key takes up to some seconds.
    ///
    /// # Panics
    /// For RSA, ES512 and ML-DSA with the pure-Rust backend, which makes no such keys.
    pub fn with_algorithm(algorithm: Algorithm) -> Self {
        let first = TestKey::generate(algorithm, 1);
        Self {
            name: "https://issuer.test".into(),
            audience: "test".into(),
            algorithm,
            clock: TestClock::new(),
            keys: Arc::new(Mutex::new(Keys { made: 1, published: vec![first] })),
        }
    }

    /// The same issuer under another name: the `iss` of its tokens.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same issuer for another audience: the `aud` of its tokens.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.audience = audience.into();
        self
    }

    /// The same issuer by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: TestClock) -> Self {
        self.clock = clock;
        self
    }

    /// Its name, `iss`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whom it issues for, `aud`.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The clock by which its tokens live and die.
    pub fn clock(&self) -> TestClock {
        self.clock.clone()
    }

    /// A builder that trusts this issuer: keys, issuer, audience and clock are set, the rest are the defaults.
    pub fn builder<C: ClaimsType>(&self) -> AuthenticatorBuilder<C> {
        AuthenticatorBuilder::new().keys(self.keys()).issuer(&*self.name).audience(&*self.audience).clock(self.clock())
    }

    /// A good token about `subject`, to be changed in any way before it is [made](TestToken::compact).
    pub fn token(&self, subject: &str) -> TestToken {
        TestToken::new(self.clone(), subject)
    }

    /// The keys as they are now, to be trusted in the place of the real ones.
    ///
    /// # Panics
    /// Never, since there is always one.
    pub fn keys(&self) -> KeySet {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let verifying = keys.published.iter().map(|key| key.signing.verifying_key());
        KeySet::new(verifying).expect("there is always a key")
    }

    /// The public keys as they are now, as the text of a JWK Set (RFC 7517 §5). Secrets are not in it.
    pub fn jwks(&self) -> String {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let public: Vec<Value> = keys.published.iter().filter_map(TestKey::jwk).collect();
        json!({"keys": public}).to_string()
    }

    /// Signs with a new key from now on. The keys until now stay published until they are [retired](Self::retire).
    pub fn rotate(&self) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.made += 1;
        let next = TestKey::generate(self.algorithm, keys.made);
        keys.published.push(next);
    }

    /// Publishes the newest key only.
    pub fn retire(&self) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let old = keys.published.len().saturating_sub(1);
        keys.published.drain(..old);
    }

    /// Serves the keys on a free port of loopback. The name of the issuer becomes the address of the server, as
    /// discovery wants it (RFC 8414 §3.3).
    ///
    /// # Panics
    /// Where no port is free.
    pub fn serve(self) -> IssuerServer {
        IssuerServer::start(self)
    }

    /// The key that signs, and its name.
    pub(super) fn signing(&self) -> (SigningKey, String) {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = keys.published.last().expect("there is always a key");
        (newest.signing.clone(), newest.kid.clone())
    }

    /// A key of the same kind that nobody trusts.
    pub(super) fn stranger(&self) -> SigningKey {
        TestKey::generate(self.algorithm, 0).signing
    }
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("name", &self.name)
            .field("audience", &self.audience)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl TestKey {
    fn generate(algorithm: Algorithm, number: usize) -> Self {
        let kid = format!("test-{number}");
        let signing = SigningKey::generate(algorithm).expect("this backend makes such keys");
        Self { signing: signing.with_kid(kid.as_str()), kid }
    }

    /// The public key (RFC 7518 §6, RFC 8037 §2); `None` for a secret.
    fn jwk(&self) -> Option<Value> {
        let mut jwk = serde_json::to_value(PublicJwk::of(&self.signing)?).ok()?;
        jwk["kid"] = self.kid.as_str().into();
        jwk["alg"] = self.signing.algorithm().as_str().into();
        jwk["use"] = "sig".into();
        Some(jwk)
    }
}
