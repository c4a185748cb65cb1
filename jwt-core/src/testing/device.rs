//! What a browser signs that binds a login to its key: for tests of applications, since few browsers do it yet.

use serde_json::{Value, json};

use crate::SigningKey;
use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::public_jwk::PublicJwk;

/// The key of a simulated browser that binds a login to it (Device Bound Session Credentials). It signs by ES256.
///
/// ```
/// use jwt_core::testing::TestDevice;
///
/// let device = TestDevice::new();
/// // The `challenge` of `Secure-Session-Registration`, and of `Secure-Session-Challenge`.
/// let registration = device.registration("a challenge");
/// let refresh = device.refresh("another challenge");
/// assert!(registration.len() > refresh.len()); // it has the public key in its header
/// ```
#[derive(Debug, Clone)]
pub struct TestDevice(SigningKey);

impl TestDevice {
    /// With a new key.
    ///
    /// # Panics
    /// Where the operating system gives no random numbers.
    #[expect(clippy::new_without_default, reason = "each has another key")]
    pub fn new() -> Self {
        Self(SigningKey::ephemeral(Algorithm::ES256).expect("there are random numbers"))
    }

    /// The proof of a registration, for the field `Secure-Session-Response`.
    ///
    /// # Panics
    /// Never: an EC key has a JWK.
    pub fn registration(&self, challenge: &str) -> String {
        let jwk = PublicJwk::of(&self.0).expect("it is no secret");
        self.signed(&json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk}), &json!({"jti": challenge}))
    }

    /// The proof of a refresh.
    pub fn refresh(&self, challenge: &str) -> String {
        self.signed(&json!({"alg": "ES256", "typ": "dbsc+jwt"}), &json!({"jti": challenge}))
    }

    /// Whatever is in header and claims.
    ///
    /// # Panics
    /// Never: a key of this process signs.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let segment = |part: &Value| base64url::encode(part.to_string());
        let message = [segment(header), segment(claims)].join(".");
        let signature = self.0.signature(message.as_bytes()).expect("the key is of this process");
        [message, base64url::encode(signature)].join(".")
    }
}
